"""Who may submit what: the rows that let one caller claim a run key, and keep what became of it."""
