"""The ledger: claims runs and records what became of them. One partition per schedule, and `registry` for all of them.

Every method raises LedgerUnavailable. Writes are conditional: the store, not the caller, decides who was first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import uuid4

from ..scheduling.overlap import OpenRun
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState
from ..scheduling.run_keys import nominal_time_in, schedule_of
from ..scheduling.run_states import ENDED_STATES, OPEN_STATES
from ..scheduling.shown import RunAnswer, run_answer
from .chain_rows import ends_of
from .list_rows import LIST, Listed, Listing, answer_of, list_columns, list_key, listed_key, listed_of
from .ports import Create, Delete, Merge, Operation, Replace, StoredRow, following
from .records import (
    Delivery,
    Mark,
    TimerState,
    deliveries_of,
    delivery_columns,
    delivery_of,
    mark_columns,
    mark_of,
    open_columns,
    open_of,
    open_run_of,
)
from .registry import OWN_PAUSES, Registry
from .rows import (
    CorruptRow,
    after_prefix,
    numbers_behind,
    readable,
    readable_or,
    replays_of,
    run_columns,
    run_of,
    shown_run_of,
)
from .slots import Slots, claim_in, slots_in

_LISTED: Final = 100
"""How many of a schedule's newest runs are searched for its newest occurrence."""
_RUNS_A_TRANSACTION: Final = 48
"""A transaction has at most 100 writes; an ended run has two rows."""


_MARK: Final = "mark"
_TIMER_ROWS: Final = 20
"""Between a schedule's mark and its pauses are the rows of open runs."""


def moved(mark: Mark) -> Operation:
    """The write that replaces the mark that was read; fits into the transaction of a claim."""
    return following(_MARK, mark_columns(mark), mark.version)


class Ledger(Registry):
    """Reads and writes the rows described in `rows.py`; safe to share between threads."""

    def insert(self, run: Run, beside: Sequence[Operation] = ()) -> Run | None:
        """Claim the run's key; returns the run as written, or None if the key already has a row.

        `beside` are other writes of the schedule in the same transaction; None also if a condition of theirs fails.
        """
        write_id = str(uuid4())
        return self._written(run, write_id, [*self.insert_operations(run, write_id), *beside])

    def insert_operations(self, run: Run, write_id: str | None = None) -> list[Operation]:
        """Operations that claim the run's key; their transaction fails if the key already has a row."""
        operations: list[Operation] = [
            Create(f"k:{run.key}", run_columns(run, write_id or str(uuid4()))),
            Create(f"{list_key(run.created_at)}:{run.key}", list_columns(run)),
        ]
        if run.state in OPEN_STATES:
            operations.append(Create(f"o:{run.key}", open_columns(run)))
        return [*operations, *deliveries_of(None, run), *ends_of(None, run, self.followed)]

    def update(self, before: Run, after: Run, beside: Sequence[Operation] = ()) -> Run | None:
        """Write the new state of a run; returns it as written, or None if it was written since `before` was read.

        `beside` is the same as for `insert`.
        """
        write_id = str(uuid4())
        return self._written(after, write_id, [*self.update_operations(before, after, write_id), *beside])

    def update_operations(self, before: Run, after: Run, write_id: str | None = None) -> list[Operation]:
        """Operations that write a run's new state; their transaction fails if the run was written since."""
        operations: list[Operation] = [
            Replace(f"k:{after.key}", run_columns(after, write_id or str(uuid4())), before.version),
            Replace(f"{list_key(after.created_at)}:{after.key}", list_columns(after)),
        ]
        if after.state in OPEN_STATES:
            operations.append(Replace(f"o:{after.key}", open_columns(after)))
        elif before.state in OPEN_STATES:
            operations.append(Delete(f"o:{after.key}"))
        return [*operations, *deliveries_of(before, after), *ends_of(before, after, self.followed)]

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        """At most `limit` open runs of a schedule, and the row that lets only one claim at a time take a slot."""
        # Read this row before the runs: any claim that takes a slot afterwards changes it.
        row = self.table.get(schedule, "slots")
        found = [self._open(schedule, one) for one in self.table.query(schedule, "o:", after_prefix("o:"), limit)]
        return slots_in(row, tuple(found), is_all=limit is None or len(found) < limit)

    def slots_after(self, schedule: str, before: Slots, settled: Run | None) -> Slots:
        """The slots after a run was sent; `settled` is None if another process was first.

        The open runs are read again unless this run's claim was the last to take a slot. The key cannot show that,
        because the run may have been claimed again.
        """
        row = self.table.get(schedule, "slots")
        if settled is None or claim_in(row) != settled.claim_id:
            return self.slots(schedule)
        others = [one for one in before.open_runs if one.key != settled.key]
        own = [open_run_of(settled)] if settled.state in OPEN_STATES else []
        return slots_in(row, (*others, *own), is_all=before.is_all)

    def put_off(self, delivery: Delivery, since: datetime, until: datetime) -> None:
        """Record that a delivery was not accepted, and when to try again."""
        later = replace(delivery, attempts=delivery.attempts + 1, since=since, next_attempt_at=until)
        self.table.write(delivery.schedule, [Replace(delivery.row_key, delivery_columns(later))])

    def drop(self, delivery: Delivery) -> None:
        """Delete a delivery that was accepted or given up."""
        self.table.write(delivery.schedule, [Delete(delivery.row_key)])

    def get(self, key: str) -> Run | None:
        """The run of a key, or None; also raises CorruptRow."""
        row = self._row(key)
        return None if row is None else run_of(row)

    def has(self, key: str) -> bool:
        """True if a key has a row, readable or not."""
        return self._row(key) is not None

    def replays(self, root: str) -> list[int]:
        """The numbers of an occurrence's replays that have a row, in ascending order."""
        return numbers_behind(f"k:{root}.r", self.table.query(schedule_of(root), *replays_of("k:", root)))

    def open_work(self, schedule: str) -> Iterator[Delivery | OpenRun]:
        """The reconciler's work for a schedule: ends that are to be reported, then open runs; one query."""
        for row in self.table.query(schedule, "n:", after_prefix("o:")):
            if row.row_key.startswith("o:"):
                yield self._open(schedule, row)
            else:
                yield from readable(lambda row: delivery_of(schedule, row), iter([row]))

    def _open(self, schedule: str, row: StoredRow) -> OpenRun:
        """An open run; if its row lacks something, the run itself is read."""
        key = row.row_key[2:]
        found = readable_or(open_of, row, OpenRun(key=key, state=RunState.UNREADABLE))
        if found.state is not RunState.UNREADABLE and found.ranks_at is not None and found.created_at is not None:
            return found
        own = self.table.get(schedule, f"k:{key}")
        return found if own is None else readable_or(lambda one: open_run_of(run_of(one)), own, found)

    def runs(self, keys: Sequence[str]) -> Iterator[Run]:
        """The runs of these keys, without missing and unreadable ones."""
        return readable(run_of, self._rows(keys))

    def open_runs(self, keys: Sequence[str]) -> Iterator[Run]:
        """The runs of open rows; an unreadable one is marked, so that it holds no slot until it is readable."""
        for row in self._rows(keys):
            if run := readable_or(run_of, row, None):
                yield run
            else:
                self._set_aside(row.row_key[2:])

    def _set_aside(self, key: str) -> None:
        schedule, unreadable = schedule_of(key), {"state": RunState.UNREADABLE.value}
        row = self.table.get(schedule, f"o:{key}")
        self.table.write(schedule, [Merge(f"o:{key}", unreadable)])
        found = None if row is None else readable_or(open_of, row, None)
        if found is not None and found.created_at is not None:
            self.table.write(schedule, [Merge(f"{list_key(found.created_at)}:{key}", unreadable)])

    def shown_runs(self, keys: Sequence[str]) -> list[Run]:
        """The runs of these keys, as shown to people: an unreadable one is in the state `unreadable`."""
        return [shown_run_of(row) for row in self._rows(keys)]

    def recent_runs(self, schedule: str, limit: int) -> list[Run]:
        """The newest runs of a schedule, newest first, as shown to people."""
        return self.shown_runs([one.key for one in self.listed(schedule, limit=limit).runs])

    def recent_answers(self, schedule: str, limit: int) -> list[RunAnswer]:
        """The newest runs of a schedule, newest first, as their list rows show them; one query."""
        return self.answers(self.listed(schedule, limit=limit, columns=None).runs)

    def answers(self, listed: Sequence[Listed]) -> list[RunAnswer]:
        """Runs as lists show them, without deleted ones; a run is read only if its list row does not contain it."""
        found: list[RunAnswer] = []
        for one in listed:
            answer = answer_of(one)
            found.extend([answer] if answer is not None else map(run_answer, self.shown_runs([one.key])))
        return found

    def listed(
        self,
        schedule: str,
        *,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        columns: Sequence[str] | None = ("state",),
    ) -> Listing:
        """At most `limit` runs of a schedule created in [since, until), newest first, after the place `after`.

        With None for `columns`, everything that lists show is read.
        """
        newest = LIST if until is None else f"{list_key(until)};"
        oldest = after_prefix(LIST) if since is None else f"{list_key(since)};"
        first = newest if after is None else max(newest, f"{after}!")  # "!" sorts before any character of a key
        rows = list(self.table.query(schedule, first, oldest, limit, columns))
        end = rows[-1].row_key if len(rows) == limit else None
        return Listing(runs=list(readable(self._listed, iter(rows))), end=end)

    def _listed(self, row: StoredRow) -> Listed:
        """A listed run; if its list row does not show a known state, the run itself is read."""
        found = Listed(place=row.row_key, key=listed_key(row), state=RunState.UNREADABLE, row=row)
        found = readable_or(listed_of, row, found)
        if found.state is not RunState.UNREADABLE:
            return found
        return next((replace(found, state=run.state) for run in self.shown_runs([found.key])), found)

    def prune(self, schedule: str, created_before: datetime, limit: int) -> int:
        """Delete at most `limit` ended runs of a schedule that were created before a time; returns how many.

        An unreadable run stays: it may be open for the version of the app that wrote it.
        """
        rows = self.table.query(schedule, list_key(created_before), after_prefix(LIST), columns=("state",))
        ended = (one for one in readable(self._listed, rows) if one.state in ENDED_STATES)
        past = list(islice(ended, limit))
        for start in range(0, len(past), _RUNS_A_TRANSACTION):
            piece = [(Delete(one.place), Delete(f"k:{one.key}")) for one in past[start : start + _RUNS_A_TRANSACTION]]
            if self.table.write(schedule, [delete for pair in piece for delete in pair]) is not None:
                continue
            for listed, own in piece:  # another instance is pruning too, or only the run was deleted
                if self.table.write(schedule, [listed, own]) is None:
                    self.table.write(schedule, [listed])
        return len(past)

    def timer_state(self, schedule: str) -> TimerState:
        """The data that a timer needs when it fires; one request if few runs are open."""
        found = self.table.read(schedule, _MARK, f"{OWN_PAUSES}!", _TIMER_ROWS)
        rows = {row.row_key: row for row in found.rows}
        paused = rows.get(OWN_PAUSES)
        if paused is None and len(rows) == _TIMER_ROWS:
            paused = self.table.get(schedule, OWN_PAUSES)
        return TimerState(
            mark=self._mark_in(schedule, rows.get(_MARK)),
            pauses=self._by_own_pauses(schedule, paused),
            at=found.at or self.now(),
        )

    def mark(self, schedule: str) -> Mark | None:
        """The mark of a time-based schedule; None before it is first written."""
        return self._mark_in(schedule, self.table.get(schedule, _MARK))

    def _mark_in(self, schedule: str, row: StoredRow | None) -> Mark | None:
        return None if row is None else readable_or(mark_of, row, None) or self._mark_by_runs(schedule, row)

    def _mark_by_runs(self, schedule: str, spoilt: StoredRow) -> Mark:
        """A replacement for an unreadable mark: the newest nominal time that has a row."""
        times = (nominal_time_in(one.key) for one in self.listed(schedule, limit=_LISTED).runs)
        newest = max((at for at in times if at is not None), default=spoilt.written_at)
        if newest is None:
            raise CorruptRow(spoilt.row_key, "no run of the schedule says up to when its occurrences have rows")
        return Mark(until=newest, trigger_digest=None, version=spoilt.etag)

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        """Replace the mark that was read; False if another caller was first."""
        return self.table.write(schedule, [moved(mark)]) is not None

    def _written(self, run: Run, write_id: str, operations: list[Operation]) -> Run | None:
        """Write all rows or none, the run's own first; None if another write came first."""
        written = self.table.write(run.schedule, operations)
        if written is not None:
            return replace(run, version=written.etag, written_at=written.at)
        # A write is repeated if its reply was lost, and may then find its own row.
        row = self.table.get(run.schedule, operations[0].row_key)
        return run_of(row) if row is not None and row.columns.get("written_by") == write_id else None

    def _row(self, key: str) -> StoredRow | None:
        return self.table.get(schedule_of(key), f"k:{key}")

    def _rows(self, keys: Sequence[str]) -> Iterator[StoredRow]:
        return (row for key in keys if (row := self._row(key)) is not None)
