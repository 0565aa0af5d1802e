"""Deploys the app to Azure: templates and the steps around them. Runs on the machine that deploys; never deployed."""
