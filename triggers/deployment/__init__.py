"""What a deployment needs to know of the schedules; only `infra` and the doctor read it."""
