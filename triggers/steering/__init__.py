"""What people and programs ask of the app: the same answers for the HTTP API and for the command line."""
