"""The documentation as a site, built by Sphinx: `make site`. The pages stay where GitHub shows them; none is copied."""
