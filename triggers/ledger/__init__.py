"""The ledger: rows by which exactly one caller claims a run key, and which record what became of the run."""
