"""The schedules file: text to types, checks and warnings."""
