"""The dashboard: its files, and how they become the one page that is served."""
