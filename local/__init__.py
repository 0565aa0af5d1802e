"""Runs everything on one machine: stand-ins for the Functions host and Azure ML, and the demo. Never deployed."""
