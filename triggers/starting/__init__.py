"""From an occurrence to a run that Azure ML has accepted: build, claim, submit, settle."""
