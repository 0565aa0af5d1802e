"""Forgets rows of changes that are older than the ledger's memory."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from .change_records import INCOMPLETE
from .ports import ROWS_A_TRANSACTION, Delete, Replace, Table
from .rename_rows import RENAMED
from .rows import REGISTRY, after_prefix

_PRUNED: Final = ("c:", "m:", "v:", INCOMPLETE, RENAMED)


class Pruned(NamedTuple):
    """What a call of `prune` came to."""

    deleted: int
    is_all: bool
    """Whether it has come to the end of every kind of row."""


def prune(table: Table, schedule: str, making: Collection[str], written_before: datetime, limit: int) -> Pruned:
    """Delete rows of changes and members that were written before a time, but for those of batches being made.

    At most `limit` rows a kind are looked at; the next call goes on behind them, and begins anew at the end.
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
        # What still waits for its batch or its run, in a long pause say, is not past.
        old = [row for row in old if row.columns.get("run_key") != "" and row.row_key.split(":")[1] not in making]
        for start in range(0, len(old), ROWS_A_TRANSACTION):
            piece = old[start : start + ROWS_A_TRANSACTION]
            if table.write(schedule, [Delete(row.row_key, row.etag) for row in piece]) is not None:
                deleted += len(piece)  # else somebody has written one of them meanwhile: next time
    is_all = all(first in _PRUNED for first in cursor.values())
    if cursors is not None or not is_all:
        table.write(REGISTRY, [Replace(f"x:{schedule}", cursor)])
    return Pruned(deleted, is_all=is_all)
