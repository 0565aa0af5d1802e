"""The ledger: who may submit what, and what became of it. One partition a schedule, and one, `registry`, for them all.

Every method raises LedgerUnavailable. Writes are conditional: the store, not the caller, says who was first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import uuid4

from ..scheduling.overlap import OpenRun
from ..scheduling.pauses import Pause
from ..scheduling.run import OPEN_STATES, Run, RunState, schedule_of
from .ports import Create, Delete, Operation, Replace, StoredRow, Table, following
from .records import (
    Listing,
    Mark,
    Notice,
    Pauses,
    Registration,
    Slots,
    Waiter,
    listed_of,
    notice_of,
    notices_of,
    open_of,
    registration_of,
    waiter_columns,
    waiter_of,
)
from .rows import (
    REGISTRY,
    after_prefix,
    columns_of,
    list_columns,
    list_key,
    open_columns,
    pauses_of,
    readable,
    run_columns,
    run_of,
    time_of,
)

_RUNS_A_TRANSACTION: Final = 48
"""A transaction holds 100 rows; a run has two once it has ended."""


class Ledger:
    """Keeps the rows of `rows.py` in a table; safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._incarnation = table.incarnation
        self._id: str | None = None
        self._registered: dict[str, Registration] = {}
        """A registration never changes; without this, every firing would ask for it."""

    def ledger_id(self) -> str:
        """A GUID made once with the ledger: dev and prod may share a workspace, not each other's runs."""
        self._forget_a_table_that_is_gone()
        if self._id is None:
            columns = self._created_or_present(REGISTRY, "ledger", {"ledger_id": str(uuid4())}).columns
            self._id = str(columns["ledger_id"])
        return self._id

    def register(self, schedule: str, first_seen: datetime) -> Registration:
        """Note a schedule before its first claim; a repeat changes nothing and returns the first registration."""
        self._forget_a_table_that_is_gone()
        if schedule not in self._registered:
            row = self._created_or_present(REGISTRY, f"s:{schedule}", {"first_seen": first_seen.isoformat()})
            self._registered[schedule] = registration_of(row)
        return self._registered[schedule]

    def registrations(self) -> list[Registration]:
        """Every schedule ever seen, also those that have left the file since."""
        return list(readable(registration_of, self._query(REGISTRY, "s:")))

    def insert(self, run: Run, beside: Sequence[Operation] = ()) -> Run | None:
        """Claim the run's key: the run as written, or None when the key has a row already.

        `beside` are other writes of the schedule in the same transaction; None also when one of them does not fit.
        """
        write_id = str(uuid4())
        operations: list[Operation] = [
            Create(f"k:{run.key}", run_columns(run, write_id)),
            Create(f"{list_key(run.created_at)}:{run.key}", list_columns(run)),
        ]
        if run.state in OPEN_STATES:
            operations.append(Create(f"o:{run.key}", open_columns(run)))
        return self._written(run, write_id, [*operations, *notices_of(None, run), *beside])

    def update(self, before: Run, after: Run, beside: Sequence[Operation] = ()) -> Run | None:
        """Write what became of a run: as written, or None when somebody else has written since `before` was read.

        `beside` as with insert.
        """
        write_id = str(uuid4())
        return self._written(after, write_id, [*self.update_operations(before, after, write_id), *beside])

    def update_operations(self, before: Run, after: Run, write_id: str | None = None) -> list[Operation]:
        """What writes what became of a run, for a transaction that fails when somebody else has written since."""
        operations: list[Operation] = [
            Replace(f"k:{after.key}", run_columns(after, write_id or str(uuid4())), before.version),
            Replace(f"{list_key(after.created_at)}:{after.key}", list_columns(after)),
        ]
        if after.state in OPEN_STATES:
            operations.append(Replace(f"o:{after.key}", open_columns(after)))
        elif before.state in OPEN_STATES:
            operations.append(Delete(f"o:{after.key}"))
        return [*operations, *notices_of(before, after)]

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        """At most `limit` open runs of a schedule, with what lets only one claim at a time take a slot among them."""
        # The mark before the runs: whoever takes a slot after this was read changes it.
        row = self.table.get(schedule, "slots")
        found = [self._open(one) for one in self.table.query(schedule, "o:", after_prefix("o:"), limit)]
        version = None if row is None else row.etag
        return Slots(open_runs=tuple(found), version=version, is_all=limit is None or len(found) < limit)

    def put_off_waiter(self, waiter: Waiter, until: datetime) -> None:
        """Remember that a callback was not taken, and when it is to be tried again."""
        later = replace(waiter, attempts=waiter.attempts + 1, next_attempt_at=until)
        self.table.write(waiter.schedule, [Replace(waiter.row_key, waiter_columns(later))])

    def put_off(self, notice: Notice, since: datetime, until: datetime) -> None:
        """Remember that a webhook did not take a notice, and when it is to be tried again."""
        columns = {
            "run_key": notice.run_key,
            "state": notice.state.value,
            "attempts": notice.attempts + 1,
            "since": since.isoformat(),
            "until": until.isoformat(),
        }
        self.table.write(notice.schedule, [Replace(notice.row_key, columns)])

    def drop(self, notice: Notice | Waiter) -> None:
        """Forget who was to be told: it was taken, or given up."""
        self.table.write(notice.schedule, [Delete(notice.row_key)])

    def get(self, key: str) -> Run | None:
        """The run of a key, or None."""
        row = self.table.get(schedule_of(key), f"k:{key}")
        return None if row is None else run_of(row)

    def open_runs(self, schedule: str) -> Iterator[Run]:
        """The runs of a schedule that are not ended; costs what is open, not what is past."""
        # The rows come in pages: what was open when they were read may have ended since.
        keys = (one.key for one in self.open_rows(schedule))
        return (run for key in keys for run in self.runs([key]) if run.state in OPEN_STATES)

    def open_rows(self, schedule: str) -> Iterator[OpenRun]:
        """The open runs of a schedule, as far as they can be told without reading them."""
        return (one for one in self.open_work(schedule, "o:") if isinstance(one, OpenRun))

    def open_work(self, schedule: str, first: str = "n:") -> Iterator[Notice | Waiter | OpenRun]:
        """What the reconciler has to see to: who is to be told of an end, then the open runs; one query."""
        for row in self.table.query(schedule, first, after_prefix("o:")):
            if row.row_key.startswith("o:"):
                yield self._open(row)
            elif row.row_key.endswith(":callback"):
                yield from readable(lambda row: waiter_of(schedule, row), iter([row]))
            else:
                yield from readable(lambda row: notice_of(schedule, row), iter([row]))

    def _open(self, row: StoredRow) -> OpenRun:
        """An open run; one whose row somebody has spoilt is read itself when it is seen to."""
        return next(readable(open_of, iter([row])), OpenRun(key=row.row_key[2:], state=RunState.UNKNOWN))

    def runs(self, keys: Sequence[str]) -> Iterator[Run]:
        """The runs of these keys, as far as they are there."""
        rows = (self.table.get(schedule_of(key), f"k:{key}") for key in keys)
        return readable(run_of, (row for row in rows if row is not None))

    def recent_runs(self, schedule: str, limit: int) -> list[Run]:
        """The newest runs of a schedule, newest first."""
        return list(self.runs([one.key for one in self.listed(schedule, limit=limit).runs]))

    def listed(
        self,
        schedule: str,
        *,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
    ) -> Listing:
        """At most `limit` of a schedule's runs whose rows are of [since, until), newest first, behind a place."""
        newest = "t:" if until is None else f"{list_key(until)};"
        oldest = after_prefix("t:") if since is None else f"{list_key(since)};"
        first = newest if after is None else max(newest, f"{after}!")  # no character of a key comes before it
        rows = list(self.table.query(schedule, first, oldest, limit))
        end = rows[-1].row_key if len(rows) == limit else None
        return Listing(runs=list(readable(listed_of, iter(rows))), end=end)

    def now(self) -> datetime:
        """The time by the ledger's own clock, which all instances share; costs a call."""
        return self.table.now()

    def hold(self, target: str, until: datetime) -> None:
        """Remember that a target asked to be left alone until a time of the ledger's clock."""
        self.table.write(REGISTRY, [Replace(f"h:{target}", {"until": until.isoformat()})])

    def holds(self) -> dict[str, datetime]:
        """The targets that asked to be left alone, each until when; past ones may be among them."""
        return dict(readable(lambda row: (row.row_key[2:], time_of(row, "until")), self._query(REGISTRY, "h:")))

    def prune(self, schedule: str, created_before: datetime, limit: int) -> int:
        """Delete at most `limit` ended runs of a schedule that were created before a time; how many it were."""
        past = []
        for row in self.table.query(schedule, list_key(created_before), after_prefix("t:")):
            if RunState(row.columns["state"]) not in OPEN_STATES:
                past.append(row)
            if len(past) == limit:
                break
        for start in range(0, len(past), _RUNS_A_TRANSACTION):
            operations: list[Operation] = []
            for row in past[start : start + _RUNS_A_TRANSACTION]:
                operations += [Delete(row.row_key), Delete(f"k:{row.columns['key']}")]
            if self.table.write(schedule, operations) is None:
                return start  # another instance prunes too
        return len(past)

    def mark(self, schedule: str) -> Mark | None:
        """The mark of a time-based schedule; None before its first."""
        row = self.table.get(schedule, "mark")
        if row is None:
            return None
        return Mark(until=time_of(row, "until"), trigger_digest=str(row.columns["trigger_digest"]), version=row.etag)

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        """Write a mark that follows the one that was read; False when somebody else was first."""
        columns = {"until": mark.until.isoformat(), "trigger_digest": mark.trigger_digest}
        return self.table.write(schedule, [following("mark", columns, mark.version)]) is not None

    def pauses(self, schedule: str) -> Pauses:
        """The pauses of a schedule."""
        row = self.table.get(REGISTRY, f"p:{schedule}")
        return Pauses() if row is None else Pauses(intervals=pauses_of(row), version=row.etag)

    def all_pauses(self) -> dict[str, tuple[Pause, ...]]:
        """The pauses of every schedule that ever had one."""
        return dict(readable(lambda row: (row.row_key[2:], pauses_of(row)), self._query(REGISTRY, "p:")))

    def set_pauses(self, schedule: str, pauses: Pauses) -> bool:
        """Write pauses that follow those that were read; False when somebody else was first."""
        one = following(f"p:{schedule}", columns_of(pauses.intervals), pauses.version)
        return self.table.write(REGISTRY, [one]) is not None

    def note_pass(self, at: datetime) -> None:
        """Remember that a pass of the reconciler has ended."""
        self.table.write(REGISTRY, [Replace("reconcile", {"ended_at": at.isoformat()})])

    def last_pass(self) -> datetime | None:
        """When the newest pass of the reconciler ended."""
        row = self.table.get(REGISTRY, "reconcile")
        return None if row is None else time_of(row, "ended_at")

    def _written(self, run: Run, write_id: str, operations: list[Operation]) -> Run | None:
        """Write all rows or none; the first is the run's own. None when another write came first."""
        written = self.table.write(run.schedule, operations)
        if written is not None:
            return replace(run, version=written.etag, written_at=written.at)
        # A write whose answer was lost was repeated, and then met its own row.
        row = self.table.get(run.schedule, operations[0].row_key)
        return run_of(row) if row is not None and row.columns.get("written_by") == write_id else None

    def _created_or_present(self, partition: str, row_key: str, columns: dict[str, str]) -> StoredRow:
        """Insert a row, or read the one that is there already."""
        written = self.table.write(partition, [Create(row_key, columns)])
        if written is not None:
            return StoredRow(row_key, columns, written.etag, written.at)
        present = self.table.get(partition, row_key)
        assert present is not None, f"{row_key} could not be created, so it is there"
        return present

    def _query(self, partition: str, prefix: str) -> Iterator[StoredRow]:
        return self.table.query(partition, prefix, after_prefix(prefix))

    def _forget_a_table_that_is_gone(self) -> None:
        if self._incarnation != self.table.incarnation:
            self._incarnation, self._id = self.table.incarnation, None
            self._registered.clear()
