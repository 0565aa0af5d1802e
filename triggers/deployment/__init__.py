"""What a deployment needs to know about the schedules; used only by `infra` and `doctor`."""
