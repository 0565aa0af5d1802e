"""What the ledger keeps beside runs, and how it is read out of rows. Every reader raises CorruptRow."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ..scheduling.azure_devops import AzureDevOps
from ..scheduling.overlap import OpenRun
from ..scheduling.pauses import Pause
from ..scheduling.run import TOLD_STATES, Run, RunKind, RunState, is_run_key
from .ports import Columns, Operation, Replace, StoredRow, following
from .rows import (
    LIST_KEY,
    CorruptRow,
    columns_of,
    document_of,
    number_of,
    pauses_of,
    readable_or,
    text_of,
    time_of,
)


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
    trigger_digest: str | None
    """For which trigger it was written; None: version 0.1.0 has written it, or it was not readable."""
    trigger_digest_0_1: str | None = None
    """The same for version 0.1.0, which may read it in a rolling deployment or after a rollback."""
    version: str | None = None
    """The ledger's mark of what was read; None for a mark that is not in it yet."""


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """A schedule's pauses, oldest first."""

    intervals: tuple[Pause, ...] = ()
    version: str | None = None
    """The ledger's mark of what was read; None for a schedule that was never paused."""


def registration_of(row: StoredRow) -> Registration:
    """The registration in a row; one that is not readable counts from when its row was written."""
    first_seen = readable_or(lambda one: time_of(one, "first_seen"), row, row.written_at)
    if first_seen is None:
        raise CorruptRow(row.row_key, "neither first_seen nor the row's own time is known")
    return Registration(schedule=row.row_key[2:], first_seen=first_seen)


def mark_of(row: StoredRow) -> Mark:
    """The mark in a row."""

    def text(column: str) -> str | None:
        return text_of(row, column) if column in row.columns else None

    return Mark(
        until=time_of(row, "until"),
        trigger_digest=text("trigger"),
        trigger_digest_0_1=text("trigger_digest"),
        version=row.etag,
    )


def mark_columns(mark: Mark) -> Columns:
    """The row of a mark."""
    digests = {"trigger": mark.trigger_digest, "trigger_digest": mark.trigger_digest_0_1}
    return {"until": mark.until.isoformat(), **{name: one for name, one in digests.items() if one is not None}}


def pauses_in(row: StoredRow) -> tuple[Pause, ...]:
    """The pauses in a row; where they are not readable, one that holds until somebody resumes the schedule."""
    begin = row.written_at or datetime.fromtimestamp(0, UTC)
    note = "its pauses in the ledger are not readable: look at what it has missed, then resume it"
    return readable_or(pauses_of, row, (Pause(begin=begin, note=note),))


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
        attempts=number_of(row, "attempts"),
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
        attempts=number_of(row, "attempts"),
        next_attempt_at=time_of(row, "until") if "until" in columns else None,
    )


def open_run_of(run: Run) -> OpenRun:
    """What the row of an open run would say."""
    return OpenRun(
        key=run.key,
        state=run.state,
        due_at=run.due_at,
        submitted_at=run.submitted_at,
        first_look_up_at=run.first_look_up_at,
        by_person=run.by_person,
        is_request=run.kind is RunKind.REQUEST,
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
    return Listed(place=row.row_key, key=listed_key(row), state=_state_of(row))


def listed_key(row: StoredRow) -> str:
    """The run that a list row is of: its own key says so."""
    key = row.row_key[len(LIST_KEY) :]
    if not is_run_key(key):
        raise CorruptRow(row.row_key, "its key names no run")
    return key


def _state_of(row: StoredRow) -> RunState:
    try:
        return RunState(text_of(row, "state"))
    except ValueError as error:
        raise CorruptRow(row.row_key, error) from error
