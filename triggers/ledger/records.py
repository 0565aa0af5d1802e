"""What the ledger keeps beside runs, and how it is read out of rows. Every reader raises CorruptRow."""

from dataclasses import dataclass
from datetime import datetime

from ..scheduling.azure_devops import AzureDevOps
from ..scheduling.overlap import OpenRun
from ..scheduling.pauses import Pause
from ..scheduling.run import TOLD_STATES, Run, RunKind, RunState
from .ports import Columns, Operation, Replace, StoredRow, following
from .rows import CorruptRow, columns_of, document_of, text_of, time_of


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A schedule that has been seen; occurrences before `first_seen` start nothing."""

    schedule: str
    first_seen: datetime


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A run as lists find it, without reading the run."""

    place: str
    """Where it stands in a list, newest first, of all schedules."""
    key: str
    state: RunState


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A piece of a list."""

    runs: list[Listed]
    end: str | None
    """The place of the last row that was read; None: there are no more."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """The end of a run that its webhook has not been told yet."""

    schedule: str
    row_key: str
    run_key: str
    state: RunState
    """In which the run ended."""
    attempts: int
    next_attempt_at: datetime | None
    """On the ledger's clock; None: at once."""
    since: datetime | None
    """When the run ended, on the ledger's clock; None until it was looked at."""


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """Somebody who waits for a run's end and wants to be called back."""

    schedule: str
    row_key: str
    run_key: str
    callback: AzureDevOps
    since: datetime
    """When it was asked for; a token is not kept for ever."""
    attempts: int
    next_attempt_at: datetime | None
    """On the ledger's clock; None: as soon as the run has ended."""


@dataclass(frozen=True, kw_only=True)
class Slots:
    """The open runs of a schedule, and the ledger's mark by which one claim at a time takes a slot."""

    open_runs: tuple[OpenRun, ...]
    version: str | None = None
    is_all: bool = True
    """False: there are more open runs than were asked for."""

    def taken(self, key: str) -> Operation:
        """What makes a claim fail when another one has taken a slot since this was read."""
        return following("slots", {"taken_by": key}, self.version)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The instant up to which every occurrence of a time-based schedule has a row."""

    until: datetime
    trigger_digest: str
    version: str | None = None
    """The ledger's mark of what was read; None for a mark that is not in it yet."""


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """A schedule's pauses, oldest first."""

    intervals: tuple[Pause, ...] = ()
    version: str | None = None
    """The ledger's mark of what was read; None for a schedule that was never paused."""


def registration_of(row: StoredRow) -> Registration:
    """The registration in a row."""
    return Registration(schedule=row.row_key[2:], first_seen=time_of(row, "first_seen"))


def notices_of(before: Run | None, after: Run) -> list[Operation]:
    """The notice that a run's webhook is owed for its end; a skipped occurrence never was a run."""
    if after.webhook is None or after.state not in TOLD_STATES or (before is not None and before.state is after.state):
        return []
    columns = {"run_key": after.key, "state": after.state.value, "attempts": 0}
    return [Replace(f"n:{after.key}:{after.state.value}", columns)]


def notice_of(schedule: str, row: StoredRow) -> Notice:
    """The notice in a row."""
    columns = row.columns
    return Notice(
        schedule=schedule,
        row_key=row.row_key,
        run_key=text_of(row, "run_key"),
        state=_state_of(row),
        attempts=int(columns.get("attempts") or 0),
        next_attempt_at=time_of(row, "until") if "until" in columns else None,
        since=time_of(row, "since") if "since" in columns else None,
    )


def waiter_key(run_key: str) -> str:
    """Where the row of somebody who waits for a run's end is."""
    return f"n:{run_key}:callback"


def waiter_columns(waiter: Waiter) -> Columns:
    """The row of somebody who waits."""
    columns = {"run_key": waiter.run_key, "since": waiter.since.isoformat(), "attempts": waiter.attempts}
    until = {} if waiter.next_attempt_at is None else {"until": waiter.next_attempt_at.isoformat()}
    return {**columns, **until, **columns_of(waiter.callback)}


def waiter_of(schedule: str, row: StoredRow) -> Waiter:
    """Somebody who waits, in a row."""
    columns = row.columns
    return Waiter(
        schedule=schedule,
        row_key=row.row_key,
        run_key=text_of(row, "run_key"),
        callback=document_of(row, AzureDevOps),
        since=time_of(row, "since"),
        attempts=int(columns.get("attempts") or 0),
        next_attempt_at=time_of(row, "until") if "until" in columns else None,
    )


def open_of(row: StoredRow) -> OpenRun:
    """What the row of an open run says."""

    def time(column: str) -> datetime | None:
        return time_of(row, column) if column in row.columns else None

    return OpenRun(
        key=row.row_key[2:],
        state=_state_of(row),
        due_at=time("due_at"),
        submitted_at=time("submitted_at"),
        first_look_up_at=time("first_look_up_at"),
        by_person=bool(row.columns.get("by_person")),
        is_request=row.columns.get("kind") == RunKind.REQUEST.value,
    )


def listed_of(row: StoredRow) -> Listed:
    """What a list row says of its run."""
    return Listed(place=row.row_key, key=text_of(row, "key"), state=_state_of(row))


def _state_of(row: StoredRow) -> RunState:
    try:
        return RunState(text_of(row, "state"))
    except ValueError as error:
        raise CorruptRow(f"the ledger's row {row.row_key!r} is not readable: {error!r}") from error
