"""What HTTP callers get: routes, their description, health and the dashboard."""
