"""The ledger's data about all schedules: its id, registrations, lives, pauses, holds, and the newest pass."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Final, Self
from uuid import uuid4

from ..scheduling.pauses import Pause, later
from ..scheduling.replacing import replace
from .change_records import SweepState, sweep_key
from .lives import LIFE, Life, life_columns, life_key, life_of
from .open_summary import OpenOf
from .ports import ROWS_A_TRANSACTION, Columns, Create, Merge, Replace, StoredRow, Table, following
from .records import Pauses, Registration, pauses_in, registration_columns, registration_of
from .rows import REGISTRY, CorruptRow, after_prefix, columns_of, document_of, readable, readable_or, text_of, time_of

_TRIES: Final = 5
"""A caller that lost this many races has seen as many holds written."""
_CURSOR: Final = "cursor"
_OPEN: Final = "open"
OWN_PAUSES: Final = "pause"
"""The schedule's own copy of its pauses. Version 0.1.0 only knows the registry's; a later one may only know this."""


class Registry:
    """The partition `registry` of a table; safe to share between threads."""

    followed: Mapping[str, frozenset[str]] = {}
    """For each schedule, the states of its runs that start runs of other schedules."""

    def following(self, followed: Mapping[str, frozenset[str]]) -> Self:
        """The same ledger, which then also records these ends."""
        if followed == self.followed:
            return self
        other = copy(self)
        other.followed = followed
        return other

    def __init__(self, table: Table) -> None:
        self.table = table
        self._incarnation = table.incarnation
        self._id: str | None = None
        self._registered: dict[str, Registration] = {}
        """Cached because a registration never changes, and every firing needs it."""
        self._pauses_copied: set[str] = set()
        """Schedules whose own copy of their pauses was once found as new as the registry's."""

    def ledger_id(self) -> str:
        """A GUID created with the ledger; keeps the runs of dev and prod apart if they share a workspace."""
        self._forget_a_table_that_is_gone()
        if self._id is None:
            # Read first: only the first process of a ledger has to create it.
            row = self.table.get(REGISTRY, "ledger")
            row = row or self._created_or_present(REGISTRY, "ledger", {"ledger_id": str(uuid4())})
            self._id = readable_or(_ledger_id_of, row, None) or self._copy_of_id(row)
        return self._id

    def _copy_of_id(self, spoilt: StoredRow) -> str:
        """Restore the id from the newest pass: a new id would not find the runs sent under the old one."""
        copy = self.table.get(REGISTRY, "reconcile")
        found = _ledger_id_of(spoilt if copy is None else copy)
        self.table.write(REGISTRY, [Replace("ledger", {"ledger_id": found}, spoilt.etag)])
        return found

    def register(self, schedule: str, first_seen: datetime) -> Registration:
        """Note a schedule before its first claim; a repeat changes nothing and returns the first registration."""
        self._forget_a_table_that_is_gone()
        if schedule not in self._registered:
            row = self._created_or_present(REGISTRY, f"s:{schedule}", registration_columns(first_seen))
            self._registered[schedule] = registration_of(row)
        return self._registered[schedule]

    def registrations(self) -> list[Registration]:
        """Every schedule ever seen, including those no longer in the file."""
        return list(readable(registration_of, self._query(REGISTRY, "s:")))

    def lives(self, schedule: str | None = None) -> list[Life]:
        """The lives of a schedule, or of all of them; one query."""
        return list(readable(life_of, self._query(REGISTRY, LIFE if schedule is None else life_key(schedule))))

    def registration(self, schedule: str) -> Registration | None:
        """The schedule's registration, which every version of the app writes when it first sees a schedule."""
        row = self.table.get(REGISTRY, f"s:{schedule}")
        return None if row is None else registration_of(row)

    def begin_life(self, life: Life, swept: SweepState | None, *, registers: bool) -> Life | None:
        """Replace the life that was read; returns it as written, or None if another caller was first.

        In the same transaction: the progress of its sweep, if it has one, and, with `registers`, the registration of
        its schedule, which then must not exist yet.
        """
        rows = [following(life.row_key, life_columns(life), life.version)]
        if registers:
            rows.append(Create(f"s:{life.schedule}", registration_columns(life.first_seen)))
        if swept is not None:
            rows.append(Replace(sweep_key(life.schedule, life.id), columns_of(replace(swept, row=None))))
        written = self.table.write(REGISTRY, rows)
        return None if written is None else replace(life, version=written.etag)

    def renew_lives(self, lives: Sequence[Life], seen_at: datetime) -> None:
        """Record that lives were seen; a life that was restarted meanwhile keeps its new start."""
        seen = [Merge(one.row_key, {"seen_at": seen_at.isoformat()}) for one in lives]
        for start in range(0, len(seen), ROWS_A_TRANSACTION):
            self.table.write(REGISTRY, seen[start : start + ROWS_A_TRANSACTION])

    def hold(self, target: str, until: datetime) -> None:
        """Record that a target sent Retry-After, with its end on the ledger's clock; a longer hold stays."""
        key = f"h:{target}"
        for _ in range(_TRIES):
            row = self.table.get(REGISTRY, key)
            held_until = None if row is None else readable_or(_until, row, None)
            if held_until is not None and held_until >= until:
                return
            one = following(key, {"until": until.isoformat()}, None if row is None else row.etag)
            if self.table.write(REGISTRY, [one]) is not None:
                return

    def holds(self) -> dict[str, datetime]:
        """The targets on hold (Retry-After), each with its end, which may have passed."""
        return dict(readable(lambda row: (row.row_key[2:], _until(row)), self._query(REGISTRY, "h:")))

    def pauses(self, schedule: str) -> Pauses:
        """The pauses of a schedule: two rows contain them, and the one with the later event counts."""
        row = self.table.get(REGISTRY, f"p:{schedule}")
        known = () if row is None else pauses_in(row)
        return Pauses(intervals=later(known, self._own_pauses(schedule)), version=None if row is None else row.etag)

    def all_pauses(self) -> dict[str, tuple[Pause, ...]]:
        """The pauses of every schedule that ever had one, from the registry."""
        return {row.row_key[2:]: pauses_in(row) for row in self._query(REGISTRY, "p:")}

    def set_pauses(self, schedule: str, pauses: Pauses) -> bool:
        """Replace the pauses that were read; False if another caller was first."""
        one = following(f"p:{schedule}", columns_of(pauses.intervals), pauses.version)
        if self.table.write(REGISTRY, [one]) is None:
            return False
        self._copy_pauses(schedule, pauses.intervals)
        return True

    def present_pauses(self, schedule: str) -> tuple[Pause, ...]:
        """The pauses of a schedule from its own copy; usually one read."""
        return self._by_own_pauses(schedule, self.table.get(schedule, OWN_PAUSES))

    def _by_own_pauses(self, schedule: str, row: StoredRow | None) -> tuple[Pause, ...]:
        """The pauses of a schedule whose own copy was read.

        The registry is read too, until this process has once found the copy up to date. What version 0.1.0 writes to
        the registry later is copied by the next pass.
        """
        self._forget_a_table_that_is_gone()
        own = () if row is None else pauses_in(row)
        if schedule in self._pauses_copied:
            return own
        registered = self.table.get(REGISTRY, f"p:{schedule}")
        found = later(() if registered is None else pauses_in(registered), own)
        if found == own:
            self._pauses_copied.add(schedule)
        return found

    def copied_pauses(self, schedule: str, registered: tuple[Pause, ...]) -> tuple[Pause, ...]:
        """The pauses of a schedule, given those in the registry; what only the registry has is copied."""
        own = self._own_pauses(schedule)
        found = later(registered, own)
        if found != own:
            self._copy_pauses(schedule, found)
        return found

    def _own_pauses(self, schedule: str) -> tuple[Pause, ...]:
        row = self.table.get(schedule, OWN_PAUSES)
        return () if row is None else pauses_in(row)

    def _copy_pauses(self, schedule: str, intervals: tuple[Pause, ...]) -> None:
        self.table.write(schedule, [Replace(OWN_PAUSES, columns_of(intervals))])

    def note_pass(self, at: datetime) -> None:
        """Record that a pass of the reconciler has ended."""
        columns = {"ended_at": at.isoformat(), "ledger_id": self.ledger_id()}
        self.table.write(REGISTRY, [Replace("reconcile", columns)])

    def last_pass(self) -> datetime | None:
        """When the newest pass of the reconciler ended; None before the first."""
        row = self.table.get(REGISTRY, "reconcile")
        return None if row is None else readable_or(lambda one: time_of(one, "ended_at"), row, None)

    def open_summary(self) -> dict[str, OpenOf]:
        """Summary of the open runs by schedule, as the newest pass found them."""
        row = self.table.get(REGISTRY, _OPEN)
        return {} if row is None else readable_or(lambda one: document_of(one, dict[str, OpenOf]), row, {})

    def set_open_summary(self, of_schedules: Mapping[str, OpenOf]) -> None:
        """Save the summary of a pass."""
        known = {name: one for name, one in of_schedules.items() if one != OpenOf(counts={})}
        self.table.write(REGISTRY, [Replace(_OPEN, columns_of(known))])

    def cursor(self) -> str | None:
        """The schedule whose turn came last in the newest pass."""
        row = self.table.get(REGISTRY, _CURSOR)
        return None if row is None else readable_or(lambda one: text_of(one, "schedule"), row, None)

    def set_cursor(self, schedule: str) -> None:
        """Save the schedule whose turn came last."""
        self.table.write(REGISTRY, [Replace(_CURSOR, {"schedule": schedule})])

    def now(self) -> datetime:
        """The time on the ledger's clock, which all instances share; costs a call."""
        return self.table.now()

    def _created_or_present(self, partition: str, row_key: str, columns: Columns) -> StoredRow:
        """Insert a row, or read the one that exists."""
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
            self._pauses_copied.clear()


def _until(row: StoredRow) -> datetime:
    return time_of(row, "until")


def _ledger_id_of(row: StoredRow) -> str:
    found = text_of(row, "ledger_id")
    if not found:
        raise CorruptRow(row.row_key, "ledger_id is empty")
    return found
