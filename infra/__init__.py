"""The app in Azure: templates, and what has to be done around them. Run on the machine that deploys, never deployed."""
