"""Turns schedules of other services into schedules.yaml and reports what will differ; it makes no network calls."""
