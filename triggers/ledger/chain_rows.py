"""The rows by which ends of runs reach the schedules that follow: written in the transaction of the end.

A row names no follower: each process works on it by its own file, and notes in a column whom it has served.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..scheduling.chain import upstream_of
from ..scheduling.run import Run, RunState, is_repeated, previous_of
from ..scheduling.upstream import Upstream
from .ports import Delete, Merge, Operation, Replace, StoredRow, Table
from .rows import after_prefix, columns_of, document_of, readable

ENDS = "e:"


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of a run, with the schedules that have been served."""

    row_key: str
    upstream: Upstream
    done: frozenset[str]
    """By the names of columns."""

    def is_done(self, follower: str) -> bool:
        """Whether a follower needs nothing more."""
        return done_column(follower) in self.done


def ends_of(before: Run | None, after: Run, followed: Mapping[str, frozenset[str]]) -> list[Operation]:
    """The row of a run's end, where a schedule follows that state of its schedule."""
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
    """The ends of runs, and what has come of them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def ends(self, schedule: str) -> list[End]:
        """The ends of a schedule's runs that others follow, as far as they are kept."""
        return list(readable(end_of, self._table.query(schedule, ENDS, after_prefix(ENDS))))

    def note_done(self, end: End, follower: str) -> None:
        """Note that a follower has been served."""
        self._table.write(end.upstream.schedule, [Merge(end.row_key, {done_column(follower): True})])

    def drop(self, end: End) -> None:
        """Forget an end."""
        self._table.write(end.upstream.schedule, [Delete(end.row_key)])

    def chained(self, follower: str) -> set[str]:
        """The keys of all runs of a chained schedule that ends have started or skipped."""
        first = f"k:{follower}~after~"
        rows = self._table.query(follower, first, after_prefix(first), columns=("state",))
        return {row.row_key[2:] for row in rows}


def done_column(follower: str) -> str:
    """A column's name has neither hyphens nor more than 255 characters."""
    return f"done_{hashlib.sha256(follower.encode()).hexdigest()[:32]}"
