"""Turns an occurrence into a run that Azure ML has accepted: build, claim, submit, settle."""
