"""A seeded simulator: the real engine over a clock, a ledger, an endpoint, a history and a storage that all fail."""
