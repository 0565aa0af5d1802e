"""A seeded simulator: the real engine with a clock, ledger, endpoint, run history and storage that all fail."""
