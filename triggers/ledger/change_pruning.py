"""Deletes rows about changes when the ledger no longer has to keep them."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from .change_records import INCOMPLETE
from .ports import ROWS_A_TRANSACTION, Delete, Replace, Table
from .rename_rows import RENAMED
from .rows import REGISTRY, after_prefix

_PRUNED: Final = ("c:", "m:", "v:", INCOMPLETE, RENAMED)


class Pruned(NamedTuple):
    """The result of a call of `prune`."""

    deleted: int
    is_all: bool
    """True if every kind of row was read to its end."""


def prune(table: Table, schedule: str, making: Collection[str], written_before: datetime, limit: int) -> Pruned:
    """Delete rows of changes and members written before a time, except those of batches being made.

    Reads at most `limit` rows of each kind. The next call continues after them, and starts over at the end.
    """
    cursors = table.get(REGISTRY, f"x:{schedule}")
    cursor, deleted = {}, 0
    for prefix in _PRUNED:
        kind = prefix.removesuffix(":")
        first = str(cursors.columns.get(kind)) if cursors else prefix
        first = first if first.startswith(prefix) else prefix
        rows = list(table.query(schedule, first, after_prefix(prefix), limit))
        cursor[kind] = rows[-1].row_key if len(rows) == limit else prefix
        old = [row for row in rows if row.written_at is not None and row.written_at < written_before]
        # Keep what still waits for its batch or run, for example in a long pause.
        old = [row for row in old if row.columns.get("run_key") != "" and row.row_key.split(":")[1] not in making]
        for start in range(0, len(old), ROWS_A_TRANSACTION):
            piece = old[start : start + ROWS_A_TRANSACTION]
            if table.write(schedule, [Delete(row.row_key, row.etag) for row in piece]) is not None:
                deleted += len(piece)  # otherwise one of them was written meanwhile: next time
    is_all = all(first in _PRUNED for first in cursor.values())
    if cursors is not None or not is_all:
        table.write(REGISTRY, [Replace(f"x:{schedule}", cursor)])
    return Pruned(deleted, is_all=is_all)
