"""The commands of the command line, a module per topic; `__main__.py` runs them."""
