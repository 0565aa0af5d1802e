"""The ledger's records other than runs, and how they are read from rows. Every reader raises CorruptRow."""

from datetime import UTC, datetime

from msgspec import Struct

from ..scheduling.azure_devops import AzureDevOps
from ..scheduling.overlap import OpenRun, is_made_up_for, ranks_at
from ..scheduling.pauses import Pause
from ..scheduling.run import Run, RunKind, RunState, is_repeated, is_rerun, previous_of
from ..scheduling.run_states import REPORTED_STATES
from .ports import Columns, Create, Operation, Replace, StoredRow
from .rows import (
    CorruptRow,
    columns_of,
    document_of,
    filter_columns,
    number_of,
    pauses_of,
    readable_or,
    state_of,
    text_of,
    time_of,
)


class Registration(Struct, frozen=True, kw_only=True):
    """A schedule that has been seen; occurrences before `first_seen` start nothing."""

    schedule: str
    first_seen: datetime


class Delivery(Struct, frozen=True, kw_only=True):
    """A run's end that still has to be reported: to the run's webhook, or to a waiting Azure DevOps task."""

    schedule: str
    row_key: str
    run_key: str
    state: RunState | None = None
    """For a webhook: the state in which the run ended."""
    task: AzureDevOps | None = None
    """None if it is for the webhook."""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    """On the ledger's clock; None for at once."""
    since: datetime | None = None
    """On the ledger's clock: when the task registered, or when the webhook was first tried; None if not yet."""


class Mark(Struct, frozen=True, kw_only=True):
    """The instant up to which every occurrence of a time-based schedule has a row."""

    until: datetime
    trigger_digest: str | None
    """Digest of the trigger that it was written for; None if version 0.1.0 wrote the mark, or it was unreadable."""
    trigger_digest_0_1: str | None = None
    """The digest as computed by version 0.1.0, which may read it in a rolling deployment or after a rollback."""
    version: str | None = None
    """ETag of the row that was read; None if it is not stored yet."""


class TimerState(Struct, frozen=True, kw_only=True):
    """The data by which the occurrences of a time-based schedule are decided."""

    mark: Mark | None
    pauses: tuple[Pause, ...]
    at: datetime
    """On the ledger's clock."""


class Pauses(Struct, frozen=True, kw_only=True):
    """A schedule's pauses, oldest first."""

    intervals: tuple[Pause, ...] = ()
    version: str | None = None
    """ETag of the row that was read; None if the schedule was never paused."""


def registration_of(row: StoredRow) -> Registration:
    """The registration in a row; an unreadable time is replaced by the row's own."""
    first_seen = readable_or(lambda one: time_of(one, "first_seen"), row, row.written_at)
    if first_seen is None:
        raise CorruptRow(row.row_key, "neither first_seen nor the row's own time is known")
    return Registration(schedule=row.row_key[2:], first_seen=first_seen)


def registration_columns(first_seen: datetime) -> Columns:
    """The columns of a registration's row."""
    return {"first_seen": first_seen.isoformat()}


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
    """The columns of a mark's row."""
    digests = {"trigger": mark.trigger_digest, "trigger_digest": mark.trigger_digest_0_1}
    return {"until": mark.until.isoformat(), **{name: one for name, one in digests.items() if one is not None}}


def pauses_in(row: StoredRow) -> tuple[Pause, ...]:
    """The pauses in a row; if unreadable, one pause that lasts until the schedule is resumed."""
    begin = row.written_at or datetime.fromtimestamp(0, UTC)
    note = "its pauses in the ledger cannot be read: check what it has missed, then resume it"
    return readable_or(pauses_of, row, (Pause(begin=begin, note=note),))


def deliveries_of(before: Run | None, after: Run) -> list[Operation]:
    """The delivery of a run's end to its webhook, if one is due; a skipped occurrence never was a run."""
    if after.webhook is None or (before is not None and before.state is after.state):
        return []
    key, state = after.key, after.state
    if (never_ran := previous_of(after)) is not None:
        if after.reruns is not None and after.reruns.tells_each:
            return []
        key, state = never_ran.key, RunState(never_ran.state)
    elif after.state not in REPORTED_STATES or (is_repeated(after) and after.reruns and not after.reruns.tells_each):
        return []
    row_key = f"n:{key}:{state.value}"
    owed = Delivery(schedule=after.schedule, row_key=row_key, run_key=key, state=state)
    return [Replace(row_key, delivery_columns(owed))]


def callback_of(schedule: str, run_key: str, task: AzureDevOps, since: datetime) -> Operation:
    """The delivery of a new run's end to the task that waits for it."""
    row_key = f"n:{run_key}:callback"
    owed = Delivery(schedule=schedule, row_key=row_key, run_key=run_key, task=task, since=since)
    return Create(row_key, delivery_columns(owed))


def delivery_columns(delivery: Delivery) -> Columns:
    """The columns of a delivery's row."""
    times = {"since": delivery.since, "until": delivery.next_attempt_at}
    return {
        "run_key": delivery.run_key,
        **({} if delivery.state is None else {"state": delivery.state.value}),
        "attempts": delivery.attempts,
        **{name: at.isoformat() for name, at in times.items() if at is not None},
        **({} if delivery.task is None else columns_of(delivery.task)),
    }


def delivery_of(schedule: str, row: StoredRow) -> Delivery:
    """The delivery in a row."""
    is_callback = row.row_key.endswith(":callback")
    return Delivery(
        schedule=schedule,
        row_key=row.row_key,
        run_key=text_of(row, "run_key"),
        state=None if is_callback else state_of(row),
        task=document_of(row, AzureDevOps) if is_callback else None,
        attempts=number_of(row, "attempts"),
        next_attempt_at=time_of(row, "until") if "until" in row.columns else None,
        since=time_of(row, "since") if is_callback or "since" in row.columns else None,
    )


def open_run_of(run: Run) -> OpenRun:
    """A run in the form that its open row has."""
    return OpenRun(
        key=run.key,
        state=run.state,
        ranks_at=ranks_at(run),
        due_at=run.due_at,
        submitted_at=run.submitted_at,
        run_id=run.run_id,
        is_denied=run.denied_since is not None,
        created_at=run.created_at,
        next_attempt_at=run.next_attempt_at,
        decided_at=run.history[-1].at if run.history else None,
        written_at=run.written_at,
        first_look_up_at=run.first_look_up_at,
        by_person=run.by_person,
        is_made_up_for=is_made_up_for(run),
        is_rerun=is_rerun(run),
    )


def open_columns(run: Run) -> Columns:
    """The columns of the row that exists while the run is open; passes decide by it without reading the run."""
    times = {
        "created_at": run.created_at,
        "next_attempt_at": run.next_attempt_at,
        "decided_at": run.history[-1].at if run.history else None,
    }
    of_service = {"azureml_id": run.run_id} if run.run_id else {}
    denied = {"denied": True} if run.denied_since else {}
    known = {name: at.isoformat() for name, at in times.items() if at is not None}
    return {**filter_columns(run), **of_service, **denied, **known}


def open_of(row: StoredRow) -> OpenRun:
    """The open run in a row."""

    def time(column: str) -> datetime | None:
        return time_of(row, column) if column in row.columns else None

    return OpenRun(
        key=row.row_key[2:],
        state=state_of(row),
        ranks_at=time("ranks_at"),
        due_at=time("due_at"),
        submitted_at=time("submitted_at"),
        run_id=str(row.columns["azureml_id"]) if row.columns.get("azureml_id") else None,
        is_denied=bool(row.columns.get("denied")),
        created_at=time("created_at"),
        next_attempt_at=time("next_attempt_at"),
        decided_at=time("decided_at"),
        written_at=row.written_at,
        first_look_up_at=time("first_look_up_at"),
        by_person=bool(row.columns.get("by_person")),
        is_made_up_for=bool(row.columns.get("made_up_for"))
        or row.columns.get("kind") == RunKind.REPLAY.value
        or (bool(row.columns.get("by_person")) and row.columns.get("kind") != RunKind.REQUEST.value),
        is_rerun=bool(row.columns.get("rerun")),
    )
