"""Serves the requests of people and programs: the same answers for the HTTP API and the command line."""
