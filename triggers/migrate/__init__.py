"""Turns schedules of other services into schedules.yaml, and says what will differ; it asks nobody."""
