"""The JSON that the app answers with. The HTTP API, its description and the command line share these types."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ..scheduling.shown import Count, RunAnswer, Utc


class RunsAnswer(Struct, frozen=True, kw_only=True):
    """A page of runs, newest first; it may be empty and yet not be the last."""

    runs: list[RunAnswer]
    continuation: str | None


class SubmitAnswer(Struct, frozen=True, kw_only=True, rename={"id": "Id"}):
    """A run, as the caller of a published pipeline expects it."""

    id: str | None
    """Azure ML's id; null while it has not accepted the run."""
    key: str
    state: str
    studio_url: str | None


class NextAnswer(Struct, frozen=True, kw_only=True):
    """An occurrence that is to come."""

    nominal_time: Utc
    local_time: str
    clock_change: str | None
    expression: str | None
    """The line of cron that names it, the first of several; null of a recurrence."""
    moved_from: Utc | None
    """The occurrence of an excluded day that runs here instead, the newest of several."""


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
    pipeline_parameters_now: dict[str, str | None] | UnsetType = UNSET
    """Those that hold templates, filled as for a run that is triggered now; null where a file or a run is needed."""
    rules: dict[str, str] | UnsetType = UNSET
    """What the file says beside the trigger (`overlap`, `batch`, `rerun`, …), by key; defaults are left out."""
    trigger_overrides: str | UnsetType = UNSET
    """What a person's trigger may change: none, listed or any."""


class SchedulesAnswer(Struct, frozen=True, kw_only=True):
    """All schedules of the file."""

    schedules: list[ScheduleAnswer]


class VersionAnswer(Struct, frozen=True, kw_only=True):
    """A version of a file, and what became of it."""

    etag: str
    last_modified: Utc
    state: str | None
    """Of its run, or its batch's; null: it has none, or not yet."""
    reason: str | None
    key: str | None
    """Of that run."""


class ExplainAnswer(Struct, frozen=True, kw_only=True):
    """Why something did, or did not, start."""

    schedule: str
    sentence: str
    """All in one."""
    decisions: list[str]
    """In the order in which they were made."""
    run: RunAnswer | None
    """The run, or the row that says why there is none; of several attempts the newest."""
    versions: list[VersionAnswer]
    """Of a file: the present version and the last ones that the ledger knows, newest first."""


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
    overdue: dict[str, Utc | None] = {}
    """The schedules that have heard of no change for longer than `expected_every` or by `expect_by`: their last."""
