"""Time rules: recurrences, cron, time zones and timers."""
