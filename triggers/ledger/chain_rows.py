"""Rows that carry the end of a run to the schedules that follow it, written in the transaction of that end.

A row does not name the followers: each process finds them in its own file, and adds a column for each one handled.
"""

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from ..scheduling.chain import upstream_of
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState, is_repeated, previous_of
from ..scheduling.upstream import Upstream
from .ports import Delete, Merge, Operation, Replace, StoredRow, Table
from .rows import after_prefix, columns_of, document_of, readable

ENDS = "e:"


class End(Struct, frozen=True, kw_only=True):
    """The end of a run, with the followers that have been handled."""

    row_key: str
    upstream: Upstream
    done: frozenset[str]
    """The names of their columns."""

    def is_done(self, follower: str) -> bool:
        """True if nothing is left to do for a follower."""
        return done_column(follower) in self.done


def ends_of(before: Run | None, after: Run, followed: Mapping[str, frozenset[str]]) -> list[Operation]:
    """The row of a run's end, if another schedule follows that state; `before` is None for a new run."""
    if before is not None and before.state is after.state:
        return []
    if (never_ran := previous_of(after)) is not None:
        after = replace(after, key=never_ran.key, state=RunState(never_ran.state), run_id=never_ran.run_id)
    state = after.state.value
    if is_repeated(after) or state not in followed.get(after.schedule, ()):
        return []
    return [Replace(f"{ENDS}{after.key}:{state}", columns_of(upstream_of(after)))]


def end_of(row: StoredRow) -> End:
    """The end in a row; raises CorruptRow."""
    done = frozenset(name for name in row.columns if name.startswith("done_"))
    return End(row_key=row.row_key, upstream=document_of(row, Upstream), done=done)


class ChainLedger:
    """Reads, updates and deletes the rows of runs' ends."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def ends(self, schedule: str) -> list[End]:
        """The ends of a schedule's runs that others follow, until they are dropped."""
        return list(readable(end_of, self._table.query(schedule, ENDS, after_prefix(ENDS))))

    def note_done(self, end: End, follower: str) -> None:
        """Record that a follower has been handled."""
        self._table.write(end.upstream.schedule, [Merge(end.row_key, {done_column(follower): True})])

    def drop(self, end: End) -> None:
        """Delete the row of an end."""
        self._table.write(end.upstream.schedule, [Delete(end.row_key)])

    def chained(self, follower: str) -> set[str]:
        """The keys of all runs, started or skipped, of a schedule that follows others."""
        first = f"k:{follower}~after~"
        rows = self._table.query(follower, first, after_prefix(first), columns=("state",))
        return {row.row_key[2:] for row in rows}


def done_column(follower: str) -> str:
    """The column for a follower: a digest, because names have no hyphens and at most 255 characters."""
    return f"done_{hashlib.sha256(follower.encode()).hexdigest()[:32]}"
