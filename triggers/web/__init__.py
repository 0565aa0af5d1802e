"""The HTTP API: its routes, their description, health and the dashboard."""
