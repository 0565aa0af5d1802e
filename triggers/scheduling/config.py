"""The contents of a schedules file as typed, frozen objects; `loading.py` makes them, everything else only reads them.

They are msgspec structs: defining a dataclass adds 0.5 ms to a cold start, a struct a tenth of that.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, Final, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from .faults import Fault
from .gathering import Batch
from .times.occurrences import TimeTrigger
from .times.time_zones import UTC_ZONE

LARGEST_REQUEST: Final = 200_000
"""In characters of JSON: a row of the ledger can hold a request of this size and the rest of a run."""


class PipelineKind(Enum):
    """The kinds of things that Azure ML can start; the values are keys of the file."""

    ENDPOINT = "endpoint"
    PUBLISHED_PIPELINE = "published_pipeline"
    PIPELINE_ENDPOINT = "pipeline_endpoint"
    BATCH_ENDPOINT = "batch_endpoint"
    COMPONENT = "component"


class Catchup(Enum):
    """Which missed occurrences within the catch-up window are started."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class Overlap(Enum):
    """What happens to an occurrence while a run of its schedule is open."""

    ALLOW = "allow"
    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    """It waits; a newer one replaces it."""
    BUFFER_ALL = "buffer_all"
    """All of them wait, and start one after the other."""
    CANCEL_OTHER = "cancel_other"
    """It cancels the open run."""


class TriggerOverrides(Enum):
    """The changes that a manual trigger may make to a run."""

    NONE = "none"
    LISTED = "listed"
    """The pipeline parameters that the schedule names."""
    ANY = "any"


class DataPathKind(Enum):
    """The kinds of things that RelativePath can point to."""

    FILE = "file"
    FOLDER = "folder"
    MANIFEST = "manifest"


class Target(Struct, frozen=True, kw_only=True):
    """Where a run is submitted. Settings in its texts are not filled in: the ledger stores no setting's value."""

    kind: PipelineKind
    name: str
    """The URL, id, name or component: the value of the key `kind`."""
    version: str | None = None
    """The version of a pipeline endpoint; None for its default."""
    deployment: str | None = None
    """The deployment of a batch endpoint; None for its default."""
    workspace: "Workspace | None" = None
    """None for targets named by a URL, unless the file gives one."""


class Workspace(Struct, frozen=True, kw_only=True):
    """An Azure ML workspace; settings are not filled in."""

    subscription_id: str
    resource_group: str
    name: str
    api: str


class Datapath(Struct, frozen=True, kw_only=True):
    """The value of a DataPath parameter."""

    datastore: str
    path: str
    is_folder: bool | None = None
    """None if the path decides: it is a file if its last part contains a dot."""


class Dataset(Struct, frozen=True, kw_only=True):
    """The value of a dataset parameter: an id, or a name with or without version."""

    id: str | None
    name: str | None
    version: str | None


class ParameterType(Enum):
    """The type of a pipeline parameter's value that is not text."""

    NUMBER = "number"
    BOOLEAN = "boolean"


class RequestTemplate(Struct, frozen=True, kw_only=True):
    """The contents of the POST, with templates and settings not filled in."""

    experiment_name: str
    description: str | None
    tags: Mapping[str, str]
    pipeline_parameters: Mapping[str, str]
    parameter_types: Mapping[str, ParameterType]
    """For values that the file writes as a number or a boolean; published pipelines get text for all."""
    datapaths: Mapping[str, Datapath]
    datasets: Mapping[str, Dataset]
    continue_on_step_failure: bool | None
    """None for the pipeline's own setting."""
    parent_run_id: str | None
    run_source: str | None = None

    def texts(self) -> Iterator[tuple[str, str]]:
        """All its texts, each with its place in the file below the schedule."""
        single = ("experiment_name", "description", "run_source", "parent_run_id")
        yield from ((name, getattr(self, name)) for name in single if getattr(self, name) is not None)
        yield from ((f"tags.{name}", text) for name, text in self.tags.items())
        yield from ((f"pipeline_parameters.{name}", text) for name, text in self.pipeline_parameters.items())
        for name, datapath in self.datapaths.items():
            yield f"datapaths.{name}.datastore", datapath.datastore
            yield f"datapaths.{name}.path", datapath.path
        for name, dataset in self.datasets.items():
            for key in ("id", "name", "version"):
                if (text := getattr(dataset, key)) is not None:
                    yield f"datasets.{name}.{key}", text


class Retry(Struct, frozen=True, kw_only=True):
    """How long (from the claim) and how often to retry a submission that was certainly not accepted."""

    max_age: timedelta
    max_attempts: int


class Rerun(Struct, frozen=True, kw_only=True):
    """Which ends of runs lead to another attempt, how many attempts, and when."""

    states: frozenset[str]
    """`failed` and `timeout`."""
    attempts: int
    delay: timedelta
    """Before the first attempt; it doubles each time."""
    tells_each: bool


DEFAULT_RETRY: Final = Retry(max_age=timedelta(hours=24), max_attempts=185)
"""For a schedule without its own, and for one that has left the file; the delays grow to 15 minutes."""


class ChangeTrigger(Struct, frozen=True, kw_only=True):
    """Which blobs start a run when they are added or modified."""

    datastore: str
    connection: str
    container: str
    folder: str
    """Below the container, without slashes at its ends; empty for the container's root."""
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    min_size: int
    data_path_parameter_name: str | None
    """None if the run uses the pipeline's own data path."""
    data_path: DataPathKind
    polling_interval: timedelta
    """Between sweeps; zero for none."""
    start: datetime | None
    """An instant; changes before it start nothing."""
    starts_unchanged: bool = False
    """True if an upload of the same bytes also starts a run, when an event reports it."""
    expected_every: timedelta | None = None
    """A longer time without a change is reported."""


class CommonSchedule(Struct, frozen=True, kw_only=True):
    """The fields of every kind of schedule."""

    kind: ClassVar[str]
    """Its kind, as shown in answers."""
    kind_in_words: ClassVar[str]

    name: str
    pipeline: str
    target: Target
    request: RequestTemplate
    written: Mapping[str, object]
    """The trigger's key, as written in the file."""
    enabled: bool
    overlap: Overlap
    retry: Retry
    timeout: timedelta | None
    """How long Azure ML may take for a run, from the claim."""
    rerun: Rerun | None
    max_concurrent_runs: int | None
    trigger_overrides: TriggerOverrides
    webhook: str | None

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that are written into the request."""
        return UTC_ZONE


class TimeSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule that starts runs at times."""

    kind = "time"
    kind_in_words = "time-based"

    trigger: TimeTrigger
    catchup_window: timedelta
    catchup: Catchup
    jitter: timedelta

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that are written into the request."""
        return self.trigger.zone


class ChangeSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule that starts runs when blobs change."""

    kind = "change"
    kind_in_words = "change-based"

    trigger: ChangeTrigger
    batch: Batch | None


class ManualSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule whose runs are started only by people and programs."""

    kind = "manual"
    kind_in_words = "manual"


class AfterTrigger(Struct, frozen=True, kw_only=True):
    """Starts a run after runs of any of these schedules that end in any of these states, values of RunState."""

    schedules: tuple[str, ...]
    states: frozenset[str]


Trigger: TypeAlias = TimeTrigger | ChangeTrigger | AfterTrigger


class AfterSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule that starts runs after those of other schedules."""

    kind = "after"
    kind_in_words = "chained"

    trigger: AfterTrigger


Schedule: TypeAlias = TimeSchedule | ChangeSchedule | ManualSchedule | AfterSchedule
"""One checked schedule."""


class Config(Struct, frozen=True, kw_only=True):
    """A loaded file: its valid schedules, all its errors, and the settings at that time."""

    schedules: Mapping[str, Schedule]
    faults: tuple[Fault, ...]
    left_out: tuple[str, ...]
    """The names in the file that are not in `schedules`, because they or what they use has an error."""
    settings: Mapping[str, str]
    file: str
    """Its name, as shown in errors and warnings."""
    lines: Mapping[str, int]
    """Path → its line, counted from 1."""
    pipelines: Mapping[str, Target] = {}
    """Everything that can be started, by name, whether a schedule uses it or not; without faulty entries."""
