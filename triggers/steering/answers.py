"""The JSON that the app answers with. The HTTP API, its description and the command line share these types."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from ..scheduling.run import Run

Utc: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, description="UTC, with Z")]
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class BlobAnswer(Struct, frozen=True, kw_only=True):
    """One version of a blob."""

    container: str
    path: str
    etag: str
    size: Count
    last_modified: Utc


class BatchAnswer(Struct, frozen=True, kw_only=True):
    """Many changes in one run."""

    group: str
    count: Count
    manifest: str | None


class EventAnswer(Struct, frozen=True, kw_only=True):
    """One line of a run's history."""

    at: Utc
    state: str
    reason: str | None


class RunAnswer(Struct, frozen=True, kw_only=True):
    """One occurrence and what became of it; absent values are null."""

    key: str
    schedule: str
    kind: str
    state: str
    reason: str | None
    nominal_time: Utc | None
    due_at: Utc | None
    blob: BlobAnswer | None
    batch: BatchAnswer | None
    pipeline: str
    run_id: str | None
    studio_url: str | None
    azureml_status: str | None
    attempts: Count
    next_attempt_at: Utc | None
    created_at: Utc
    submitted_at: Utc | None
    ended_at: Utc | None
    replay_of: str | None
    request_id: str | None
    requested_by: str | None
    note: str | None
    error: str | None
    history: list[EventAnswer]


class RunsAnswer(Struct, frozen=True, kw_only=True):
    """A page of runs, newest first; it may be empty and yet not be the last."""

    runs: list[RunAnswer]
    continuation: str | None


class NextAnswer(Struct, frozen=True, kw_only=True):
    """An occurrence that is to come."""

    nominal_time: Utc
    local_time: str
    clock_change: str | None


class ScheduleAnswer(Struct, frozen=True, kw_only=True):
    """A schedule of the file, and what it is about to do."""

    name: str
    kind: str
    trigger: dict[str, Any]
    """As written in the file: the key `recurrence`, `cron` or `change`."""
    pipeline: str
    status: str
    paused: bool
    pause_note: str | None
    next: list[NextAnswer]
    last_runs: list[RunAnswer]
    description: str | UnsetType | None = UNSET
    """This and what follows come with `details` only."""
    pipeline_parameters: dict[str, str] | UnsetType = UNSET
    """As written in the file: templates not filled, settings not put in."""
    trigger_overrides: str | UnsetType = UNSET
    """What a person's trigger may change: none, listed or any."""


class SchedulesAnswer(Struct, frozen=True, kw_only=True):
    """All schedules of the file."""

    schedules: list[ScheduleAnswer]


class ItemAnswer(Struct, frozen=True, kw_only=True):
    """One occurrence of a backfill."""

    key: str
    what: str
    """Its nominal time, or its blob's path."""
    why: str


class BackfillAnswer(Struct, frozen=True, kw_only=True):
    """What a backfill starts, or would start, and what needs none; the lists hold the first thousand of each."""

    dry_run: bool
    started: list[ItemAnswer]
    already: list[ItemAnswer]
    started_count: Count
    already_count: Count
    complete: bool
    """False: the time of one answer was up."""
    continue_from: Utc | None
    """Where a time-based schedule goes on, as `from`; None where the same request does."""


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """Why not."""

    error: str


class FaultAnswer(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with the file or the settings."""

    file: str
    path: str
    value: str
    message: str


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """Whether the app can do its work."""

    status: str
    version: str
    """Of the app, as `python -m triggers --version` shows it."""
    faults: list[FaultAnswer]
    warnings: list[str]
    ledger: str
    oldest_open: Utc | None
    last_reconcile: Utc | None
    counts: dict[str, Count]
    missed_by_events: dict[str, Count]


def run_answer(run: Run) -> RunAnswer:
    """A run as it is shown."""
    blob, batch = run.blob, run.batch
    return RunAnswer(
        key=run.key,
        schedule=run.schedule,
        kind=run.kind.value,
        state=run.state.value,
        reason=run.reason,
        nominal_time=utc(run.nominal_time),
        due_at=utc(run.due_at),
        blob=None
        if blob is None
        else BlobAnswer(
            container=blob.container,
            path=blob.path,
            etag=blob.etag,
            size=blob.size,
            last_modified=moment(blob.last_modified),
        ),
        batch=None if batch is None else BatchAnswer(group=batch.group, count=batch.count, manifest=batch.manifest),
        pipeline=run.pipeline,
        run_id=run.run_id,
        studio_url=run.studio_url,
        azureml_status=run.azureml_status,
        attempts=run.attempts,
        next_attempt_at=utc(run.next_attempt_at),
        created_at=moment(run.created_at),
        submitted_at=utc(run.submitted_at),
        ended_at=utc(run.ended_at),
        replay_of=run.replay_of,
        request_id=run.request_id,
        requested_by=run.requested_by,
        note=run.note,
        error=run.error,
        history=[EventAnswer(at=moment(one.at), state=one.state.value, reason=one.reason) for one in run.history],
    )


def moment(at: datetime) -> str:
    """An instant as answers tell it, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def utc(at: datetime | None) -> str | None:
    """As `moment`; None stays None."""
    return None if at is None else moment(at)
