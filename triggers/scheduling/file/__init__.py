"""The schedules file: from text to types, with checks and warnings."""
