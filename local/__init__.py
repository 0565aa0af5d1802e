"""One machine: stand-ins for the Functions host and for Azure ML, and the demo. Never deployed."""
