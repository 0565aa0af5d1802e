"""What the command line does, a module for each matter; `__main__.py` reads the arguments."""
