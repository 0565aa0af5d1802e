"""What a schedules file means, as typed, frozen objects; `loading.py` makes them, everything else only reads them.

msgspec's structs instead of dataclasses: making a dataclass costs a cold start 0.5 ms, a struct a tenth of that.
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
"""Characters of a request as JSON that fit into a row of the ledger next to the other columns of a run."""


class PipelineKind(Enum):
    """What Azure ML calls the thing that is started; the values are the keys of the file."""

    ENDPOINT = "endpoint"
    PUBLISHED_PIPELINE = "published_pipeline"
    PIPELINE_ENDPOINT = "pipeline_endpoint"
    BATCH_ENDPOINT = "batch_endpoint"
    COMPONENT = "component"


class Catchup(Enum):
    """Which missed occurrences are started within the catch-up window."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class Overlap(Enum):
    """What becomes of an occurrence while a run of its schedule is open."""

    ALLOW = "allow"
    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    """It waits; a newer one takes its place."""
    BUFFER_ALL = "buffer_all"
    """They wait, and start one after the other."""
    CANCEL_OTHER = "cancel_other"
    """The open run is canceled for it."""


class TriggerOverrides(Enum):
    """What a person's trigger may change of a run."""

    NONE = "none"
    LISTED = "listed"
    """The pipeline parameters that the schedule names."""
    ANY = "any"


class DataPathKind(Enum):
    """What RelativePath points at."""

    FILE = "file"
    FOLDER = "folder"
    MANIFEST = "manifest"


class Target(Struct, frozen=True, kw_only=True):
    """Where a run is submitted; every text is stored text (settings not put in), so that the ledger can keep it."""

    kind: PipelineKind
    name: str
    """The URL, id, name or component: the value of the key `kind`."""
    version: str | None = None
    """Of a pipeline endpoint; None: its default."""
    deployment: str | None = None
    """Of a batch endpoint; None: its default."""
    workspace: "Workspace | None" = None
    """None for the kinds that are named by a URL."""


class Workspace(Struct, frozen=True, kw_only=True):
    """An Azure ML workspace, in stored text."""

    subscription_id: str
    resource_group: str
    name: str
    api: str


class Datapath(Struct, frozen=True, kw_only=True):
    """The value of a DataPath parameter."""

    datastore: str
    path: str
    is_folder: bool | None = None
    """None: told by the path, whose last part has a dot in it when it is a file."""


class Dataset(Struct, frozen=True, kw_only=True):
    """The value of a dataset parameter: an id, or a name with or without version."""

    id: str | None
    name: str | None
    version: str | None


class ParameterType(Enum):
    """What a pipeline parameter's value is, where it is not text."""

    NUMBER = "number"
    BOOLEAN = "boolean"


class RequestTemplate(Struct, frozen=True, kw_only=True):
    """What the POST will say, templates not filled and settings not put in."""

    experiment_name: str
    description: str | None
    tags: Mapping[str, str]
    pipeline_parameters: Mapping[str, str]
    parameter_types: Mapping[str, ParameterType]
    """Of those whose value the file writes as a number or a boolean; published pipelines get text for all."""
    datapaths: Mapping[str, Datapath]
    datasets: Mapping[str, Dataset]
    continue_on_step_failure: bool | None
    """None: the pipeline's own setting."""
    parent_run_id: str | None
    run_source: str | None = None

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text of it, with its place in the file below the schedule."""
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
    """How long (from the claim) and how often a submission that was certainly not accepted is tried."""

    max_age: timedelta
    max_attempts: int


class Rerun(Struct, frozen=True, kw_only=True):
    """Which ends of runs are followed by another attempt, how often, and when."""

    states: frozenset[str]
    """`failed` and `timeout`."""
    attempts: int
    delay: timedelta
    """Before the first of them; it doubles."""
    tells_each: bool


DEFAULT_RETRY: Final = Retry(max_age=timedelta(hours=24), max_attempts=185)
"""Of a schedule that says nothing else, and of one that has left the file: its delays grow to 15 minutes."""


class ChangeTrigger(Struct, frozen=True, kw_only=True):
    """Which blobs start a run when they are added or modified."""

    datastore: str
    connection: str
    container: str
    folder: str
    """Below the container, without slashes around it; empty: the container's root."""
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    min_size: int
    data_path_parameter_name: str | None
    """None: the run starts with the pipeline's own data path."""
    data_path: DataPathKind
    polling_interval: timedelta
    """Between sweeps; zero: never."""
    start: datetime | None
    """An instant; changes before it are not ours."""
    starts_unchanged: bool = False
    """Whether an upload of the same bytes starts a run too, when an event tells it."""
    expected_every: timedelta | None = None
    """A longer time without a change is told."""


class CommonSchedule(Struct, frozen=True, kw_only=True):
    """What a schedule of any kind says."""

    kind: ClassVar[str]
    """Its kind, as answers tell it."""
    kind_in_words: ClassVar[str]

    name: str
    pipeline: str
    target: Target
    request: RequestTemplate
    written: Mapping[str, object]
    """The trigger's key as the file has it."""
    enabled: bool
    overlap: Overlap
    retry: Retry
    timeout: timedelta | None
    """How long Azure ML may take for a run, from the claim on."""
    rerun: Rerun | None
    max_concurrent_runs: int | None
    trigger_overrides: TriggerOverrides
    webhook: str | None

    @property
    def zone(self) -> ZoneInfo:
        """In which times are written into the request."""
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
        """In which times are written into the request."""
        return self.trigger.zone


class ChangeSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule that starts runs when blobs change."""

    kind = "change"
    kind_in_words = "change-based"

    trigger: ChangeTrigger
    batch: Batch | None


class ManualSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule of which only people and programs start runs."""

    kind = "manual"
    kind_in_words = "manual"


class AfterTrigger(Struct, frozen=True, kw_only=True):
    """After runs of any of these schedules that end in any of these states, values of RunState, a run starts."""

    schedules: tuple[str, ...]
    states: frozenset[str]


Trigger: TypeAlias = TimeTrigger | ChangeTrigger | AfterTrigger


class AfterSchedule(CommonSchedule, frozen=True, kw_only=True):
    """A schedule that starts runs after those of other schedules."""

    kind = "after"
    kind_in_words = "chained"

    trigger: AfterTrigger


Schedule: TypeAlias = TimeSchedule | ChangeSchedule | ManualSchedule | AfterSchedule
"""One schedule, checked."""


class Config(Struct, frozen=True, kw_only=True):
    """A loaded file: the schedules that can be registered, everything wrong, and the settings as they were at load."""

    schedules: Mapping[str, Schedule]
    faults: tuple[Fault, ...]
    left_out: tuple[str, ...]
    """The names in the file that are no schedules for a fault of theirs, or of what they build on."""
    settings: Mapping[str, str]
    file: str
    """Its name, as faults and warnings tell it."""
    lines: Mapping[str, int]
    """Where in it a path stands, counted from 1."""
    pipelines: Mapping[str, Target] = {}
    """What can be started, by its name, also what no schedule uses; without the entries that are faulty."""
