"""The app's JSON answers. The HTTP API, its description and the command line share these types."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ..scheduling.shown import Count, RunAnswer, Utc


class RunsAnswer(Struct, frozen=True, kw_only=True):
    """A page of runs, newest first. It may be empty without being the last."""

    runs: list[RunAnswer]
    continuation: str | None


class SubmitAnswer(Struct, frozen=True, kw_only=True, rename={"id": "Id"}):
    """A run, in the form that callers of a published pipeline expect."""

    id: str | None
    """Azure ML's id; null while it has not accepted the run."""
    key: str
    state: str
    studio_url: str | None


class NextAnswer(Struct, frozen=True, kw_only=True):
    """A future occurrence."""

    nominal_time: Utc
    local_time: str
    clock_change: str | None
    expression: str | None
    """The line of `cron` that produces it, the first if there are several; null for a recurrence."""
    moved_from: Utc | None
    """The occurrence on an excluded day that runs at this time instead, the newest if there are several."""


class ScheduleAnswer(Struct, frozen=True, kw_only=True):
    """A schedule of the file, with its next occurrences and newest runs."""

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
    """This and the following fields are returned only with `details`."""
    pipeline_parameters: dict[str, str] | UnsetType = UNSET
    """As written in the file, before templates and settings are inserted."""
    pipeline_parameters_now: dict[str, str | None] | UnsetType = UNSET
    """Those with templates, filled in as for a run triggered now; null if a file or another run is needed for it."""
    rules: dict[str, str] | UnsetType = UNSET
    """The schedule's other keys (`overlap`, `batch`, `rerun`, …) in words; defaults are left out."""
    trigger_overrides: str | UnsetType = UNSET
    """What a manual trigger may change: none, listed or any."""


class SchedulesAnswer(Struct, frozen=True, kw_only=True):
    """All schedules of the file."""

    schedules: list[ScheduleAnswer]


class VersionAnswer(Struct, frozen=True, kw_only=True):
    """A version of a file, and what happened to it."""

    etag: str
    last_modified: Utc
    state: str | None
    """The state of its run, or of its batch's run; null if it has none, or none yet."""
    reason: str | None
    key: str | None
    """The key of that run."""


class ExplainAnswer(Struct, frozen=True, kw_only=True):
    """Why something did or did not start."""

    schedule: str
    sentence: str
    """A summary."""
    decisions: list[str]
    """The decisions in the order in which they were made, a sentence each."""
    run: RunAnswer | None
    """The run, or the record of why there is none; the newest if there are several attempts."""
    versions: list[VersionAnswer]
    """For a file: its current version and the last ones that the ledger knows, newest first."""


class ItemAnswer(Struct, frozen=True, kw_only=True):
    """One occurrence of a backfill."""

    key: str
    what: str
    """Its nominal time, or the path of its file."""
    why: str


class BackfillAnswer(Struct, frozen=True, kw_only=True):
    """What a backfill starts or would start, and what needs no new run. Each list holds at most 1,000 items."""

    dry_run: bool
    started: list[ItemAnswer]
    already: list[ItemAnswer]
    started_count: Count
    already_count: Count
    complete: bool
    """False if the time for one answer ran out."""
    continue_from: Utc | None
    """The `from` of the next request for a time-based schedule; null if repeating the same request continues."""


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """Why the request failed."""

    error: str


class FaultAnswer(Struct, frozen=True, kw_only=True):
    """One error in the file or the settings."""

    file: str
    path: str
    value: str
    message: str


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """The app's health."""

    status: str
    version: str
    """The app's version, as `python -m triggers --version` shows it."""
    faults: list[FaultAnswer]
    warnings: list[str]
    ledger: str
    oldest_open: Utc | None
    last_reconcile: Utc | None
    counts: dict[str, Count]
    missed_by_events: dict[str, Count]
    overdue: dict[str, Utc | None] = {}
    """Schedules whose changes are overdue by `expected_every` or `expect_by`, with the time of their last change."""
