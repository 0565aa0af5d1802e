"""The keys of `schedules.yaml` and their plain types; the JSON schema for editors is generated from them.

How values work together is checked from `loading.py`. `RequestText` may contain `%SETTING%` and, in a schedule,
`{templates}`; both stay as written. In every other text, settings are filled in before it is checked.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, ClassVar, Final, TypeAlias

import msgspec
from msgspec import Meta

from ..config import DEFAULT_RETRY, Catchup, DataPathKind, Overlap, TriggerOverrides
from ..globs import glob_problem
from ..times.cron import fault_in
from ..times.exclusion import WEEK_DAYS, Move, holidays_problem
from ..times.recurrence import Frequency
from .leaf_checks import (
    connection_problem,
    container_problem,
    date_problem,
    duration_problem,
    month_day_problem,
    reading_problem,
    time_of_day_problem,
    version_problem,
    zone_problem,
)

FOLLOWED_STATES: Final = ("finished", "failed", "canceled", "untracked", "dead", "rejected")

Scalar: TypeAlias = str | int | float | bool
RequestText: TypeAlias = Annotated[str, Meta(min_length=1, extra={"request_text": True})]
Duration: TypeAlias = Annotated[str, Meta(description="90s, 15m, 2h or 1d", extra={"check": duration_problem})]
WallClock: TypeAlias = Annotated[
    str,
    Meta(
        description="2026-11-01T00:00:00 in the time zone, or with Z or an offset",
        extra={"check": reading_problem},
    ),
]
Glob: TypeAlias = Annotated[str, Meta(min_length=1, extra={"check": glob_problem})]
ZoneName: TypeAlias = Annotated[
    str, Meta(description="an IANA or Windows name; default UTC", extra={"check": zone_problem})
]
TimeOfDay: TypeAlias = Annotated[str, Meta(description="hh:mm", extra={"check": time_of_day_problem})]
OptionalVersion: TypeAlias = Annotated[str | int | None, Meta(extra={"request_text": True, "check": version_problem})]
OptionalText: TypeAlias = Annotated[str | None, Meta(extra={"request_text": True})]


def _one_of(words: type[Enum] | Sequence[str], *, either_case: bool = False) -> Meta:
    words = tuple(one.value for one in words) if isinstance(words, type) else tuple(words)
    shown = "|".join(f"[{word[0]}{word[0].lower()}]{word[1:]}" if either_case else word for word in words)
    extra: dict[str, Any] = {"words": words, "either_case": either_case}
    # Not `Meta(pattern=…)`: it would compile the pattern at each cold start, for editors alone.
    pattern = rf"^({shown}|%[A-Za-z_][A-Za-z0-9_]+%)$"
    return Meta(extra_json_schema={"pattern": pattern}, description=", ".join(words), extra=extra)


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every mapping in the file: unknown keys are errors."""

    stands_for: ClassVar[str | None] = None
    """The key that is meant if a single value is given instead of the mapping."""
    may_be_empty: ClassVar[bool] = False
    """True if the mapping means something without that key."""


class WorkspaceKeys(Keys, frozen=True, kw_only=True):
    """The workspace of pipelines that are named by id, name or component."""

    subscription_id: RequestText
    resource_group: RequestText
    name: RequestText
    api: Annotated[RequestText, Meta(description="https://<region>.api.azureml.ms")]


class PipelineKeys(Keys, frozen=True, kw_only=True):
    """What can be started: exactly one of the keys other than `version`, `deployment` and `workspace`."""

    stands_for = "endpoint"

    endpoint: Annotated[OptionalText, Meta(description="the REST endpoint, as the studio shows it")] = None
    published_pipeline: Annotated[OptionalText, Meta(description="the id of a published pipeline")] = None
    pipeline_endpoint: Annotated[OptionalText, Meta(description="the name or id of a pipeline endpoint")] = None
    version: Annotated[
        OptionalVersion, Meta(description="the version of the pipeline endpoint; default: its default version")
    ] = None
    batch_endpoint: Annotated[OptionalText, Meta(description="the scoring URI of a v2 batch endpoint")] = None
    deployment: Annotated[
        OptionalText, Meta(description="the deployment of the batch endpoint; default: its default deployment")
    ] = None
    component: Annotated[OptionalText, Meta(description="a v2 pipeline component, azureml:NAME:VERSION")] = None
    workspace: Annotated[
        WorkspaceKeys | None,
        Meta(description="the workspace in which its runs are polled; default: the key workspace of the file"),
    ] = None


class DatapathKeys(Keys, frozen=True, kw_only=True):
    """The value of a DataPath pipeline parameter."""

    stands_for = "path"

    datastore: RequestText
    path: Annotated[str, Meta(extra={"request_text": True}, description="relative to the datastore's container")]


class DatasetKeys(Keys, frozen=True, kw_only=True):
    """The value of a dataset pipeline parameter: its id, or its name and version."""

    stands_for = "name"

    id: OptionalText = None
    name: OptionalText = None
    version: OptionalVersion = None


class RecurrenceKeys(Keys, frozen=True, kw_only=True):
    """A recurrence in the terms of the SDK's ScheduleRecurrence."""

    stands_for = "frequency"

    frequency: Annotated[str, _one_of(Frequency, either_case=True)]
    interval: Annotated[int, Meta(ge=1, le=1_000_000)]
    hours: list[Annotated[int, Meta(ge=0, le=23)]] | None = None
    minutes: list[Annotated[int, Meta(ge=0, le=59)]] | None = None
    time_of_day: Annotated[TimeOfDay | None, Meta(description="04:30, instead of hours and minutes")] = None
    week_days: (
        list[
            Annotated[
                str,
                _one_of(WEEK_DAYS, either_case=True),
            ]
        ]
        | None
    ) = None
    month_days: list[Annotated[Scalar, Meta(extra={"check": month_day_problem})]] | None = None
    time_zone: ZoneName = "UTC"
    start_time: WallClock | None = None
    end_time: WallClock | None = None


CronLine: TypeAlias = Annotated[
    str, Meta(description="minute hour day-of-month month day-of-week", extra={"check": fault_in})
]


class CronKeys(Keys, frozen=True, kw_only=True):
    """A cron expression of five fields, or several: the schedule runs whenever one of them matches."""

    stands_for = "expression"

    expression: CronLine | list[CronLine]
    time_zone: ZoneName = "UTC"
    start_time: WallClock | None = None
    end_time: WallClock | None = None


class ExcludeKeys(Keys, frozen=True, kw_only=True):
    """Days on which a time-based schedule does not run, in its time zone."""

    dates: list[Annotated[str, Meta(description="2026-12-25", extra={"check": date_problem})]] = []
    week_days: list[Annotated[str, _one_of(WEEK_DAYS, either_case=True)]] = []
    holidays: Annotated[
        str | None,
        Meta(description="public holidays: DE, US-CA, … of the holidays package", extra={"check": holidays_problem}),
    ] = None
    move: Annotated[str, _one_of(Move)] = Move.NONE.value


class ChangeKeys(Keys, frozen=True, kw_only=True):
    """Which blobs start a run when they are added or modified."""

    datastore: Annotated[RequestText, Meta(description="Azure ML's name of the datastore: DataStoreName")]
    connection: Annotated[
        str, Meta(description="app-setting prefix of the storage account", extra={"check": connection_problem})
    ] = "AzureWebJobsStorage"
    container: Annotated[str, Meta(extra={"check": container_problem})]
    path_on_datastore: Annotated[str, Meta(description="a folder; default: the container's root")] = ""
    recursive: bool = False
    include: list[Glob] = msgspec.field(default_factory=lambda: ["**"])
    exclude: list[Glob] = []
    min_size: Annotated[int, Meta(ge=0, description="bytes")] = 1
    data_path_parameter_name: OptionalText = None
    data_path: Annotated[str, _one_of(DataPathKind)] = DataPathKind.FILE.value
    unchanged: Annotated[str, _one_of(("skip", "start"))] = "skip"
    expected_every: Annotated[
        Duration | None, Meta(description="a longer time without a change is reported as overdue")
    ] = None
    polling_interval: Annotated[int, Meta(ge=0, le=525_600, description="minutes between sweeps; 0: no sweeps")] = 5
    start_time: WallClock | None = None


class ManualKeys(Keys, frozen=True, kw_only=True):
    """Only people and programs start it; there are no keys."""


class AfterKeys(Keys, frozen=True, kw_only=True):
    """Starts a run after runs of other schedules."""

    stands_for = "schedule"

    schedule: str | list[str]
    states: list[Annotated[str, _one_of(FOLLOWED_STATES)]] = msgspec.field(default_factory=lambda: ["finished"])


class BatchKeys(Keys, frozen=True, kw_only=True):
    """How changes are gathered into one run."""

    stands_for = "quiet"
    may_be_empty = True

    quiet: Annotated[Duration | None, Meta(description="time without a new file; default: 5m, with expect 0s")] = None
    max_wait: Annotated[
        Duration | None, Meta(description="the longest time after the first file; default: 30m, with expect 6h")
    ] = None
    max_items: Annotated[Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="default: 5000")] = None
    group_by: Annotated[str, _one_of(("folder", "schedule"))] = "schedule"
    expect: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | list[Glob] | None,
        Meta(description="what makes a set complete: a number of files, or a glob for each"),
    ] = None
    expect_by: Annotated[TimeOfDay | None, Meta(description="the deadline, instead of max_wait")] = None
    time_zone: Annotated[ZoneName | None, Meta(description="the zone of expect_by; default: UTC")] = None
    incomplete: Annotated[str, _one_of(("start", "skip"))] | None = None


class RetryKeys(Keys, frozen=True, kw_only=True):
    """How long and how often to retry a submission that was certainly not accepted."""

    stands_for = "max_attempts"

    max_age: Duration = f"{DEFAULT_RETRY.max_age // timedelta(hours=1)}h"
    max_attempts: Annotated[int, Meta(ge=1, le=1000)] = DEFAULT_RETRY.max_attempts


class RerunKeys(Keys, frozen=True, kw_only=True):
    """Repeats runs that have failed or taken too long."""

    stands_for = "attempts"

    states: list[Annotated[str, _one_of(("failed", "timeout"))]] = msgspec.field(default_factory=lambda: ["failed"])
    attempts: Annotated[int, Meta(ge=1, le=100)]
    delay: Duration = "10m"
    notify: Annotated[str, _one_of(("last", "each"))] = "last"


class CommonKeys(Keys, frozen=True, kw_only=True):
    """The keys of a schedule that `defaults` may also have."""

    pipeline: str | None = None
    experiment_name: Annotated[OptionalText, Meta(description="default: the schedule's name")] = None
    description: OptionalText = None
    tags: dict[str, RequestText] | None = None
    pipeline_parameters: dict[str, Annotated[Scalar, Meta(extra={"request_text": True})]] | None = None
    datapaths: dict[str, DatapathKeys] | None = None
    datasets: dict[str, DatasetKeys] | None = None
    continue_on_step_failure: Annotated[bool | None, Meta(description="default: the pipeline's own setting")] = None
    parent_run_id: OptionalText = None
    run_source: Annotated[OptionalText, Meta(description="the RunSource that the studio shows; default: API")] = None
    status: Annotated[str, _one_of(("Enabled", "Disabled"), either_case=True)] = "Enabled"
    catchup_window: Duration = "1h"
    catchup: Annotated[str, _one_of(Catchup)] = Catchup.LATEST.value
    overlap: Annotated[str, _one_of(Overlap)] = Overlap.ALLOW.value
    jitter: Duration = "0s"
    exclude: ExcludeKeys | None = None
    retry: RetryKeys = RetryKeys()
    rerun: RerunKeys | None = None
    timeout: Annotated[Duration | None, Meta(description="runs that take longer are canceled")] = None
    max_concurrent_runs: Annotated[int, Meta(ge=1)] | None = None
    trigger_overrides: Annotated[str, _one_of(TriggerOverrides)] = TriggerOverrides.LISTED.value
    webhook: Annotated[OptionalText, Meta(description="called when a run ends; https")] = None
    batch: BatchKeys | None = None


class ScheduleKeys(CommonKeys, frozen=True, kw_only=True):
    """A schedule: exactly one of recurrence, cron, change, manual and after says when it starts its pipeline."""

    recurrence: RecurrenceKeys | None = None
    cron: CronKeys | None = None
    change: ChangeKeys | None = None
    manual: ManualKeys | None = None
    after: AfterKeys | None = None


class FileKeys(Keys, frozen=True, kw_only=True):
    """The whole of schedules.yaml."""

    workspace: WorkspaceKeys | None = None
    pipelines: dict[str, PipelineKeys]
    defaults: CommonKeys | None = None
    schedules: dict[str, ScheduleKeys]
