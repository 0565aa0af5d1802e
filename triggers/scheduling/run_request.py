"""Builds the request for one occurrence as stored text: templates filled in, settings not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct, json

from .batch import BatchFacts, manifest_path
from .change import BlobChange
from .config import (
    LARGEST_REQUEST,
    AfterSchedule,
    ChangeSchedule,
    Datapath,
    DataPathKind,
    Dataset,
    ParameterType,
    PipelineKind,
    Schedule,
    Target,
)
from .templates import Stored, Value, escaped, fill, names_in, readable
from .upstream import Upstream


class RunRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A built request; every text is stored text, so that a retry sends the same and no setting's value is stored."""

    target: Target
    experiment_name: str
    display_name: str
    description: str | None
    tags: Mapping[str, str]
    pipeline_parameters: Mapping[str, str]
    datapaths: Mapping[str, Datapath]
    datasets: Mapping[str, Dataset]
    continue_on_step_failure: bool | None
    parent_run_id: str | None
    parameter_types: Mapping[str, ParameterType] = {}
    """For pipeline parameters that a batch endpoint gets as numbers or booleans."""
    run_source: str | None = None
    """None for API."""


class Facts(Protocol):
    """The facts that templates are filled from; occurrences and runs both have them."""

    @property
    def key(self) -> str: ...
    @property
    def nominal_time(self) -> datetime | None: ...
    @property
    def previous_time(self) -> datetime | None: ...
    @property
    def blob(self) -> BlobChange | None: ...
    @property
    def batch(self) -> BatchFacts | None: ...
    @property
    def upstream(self) -> Upstream | None: ...


class Submission(Struct, frozen=True, kw_only=True):
    """One attempt to start a run; the key, the ledger and the attempt become tags, by which the run is found again."""

    request: RunRequest
    run_key: str
    ledger_id: str
    attempt: str
    """The claim's id."""


def too_large(request: RunRequest) -> str | None:
    """The reason why a request cannot be stored in the ledger; None if it can."""
    size = len(json.encode(request).decode())
    if size <= LARGEST_REQUEST:
        return None
    return f"the request has {size:,} characters, but the ledger can store at most {LARGEST_REQUEST:,}"


RUN_KEY_TAG: Final = "trigger_run_key"
LEDGER_TAG: Final = "trigger_ledger"
ATTEMPT_TAG: Final = "trigger_attempt"


def own_tags(submission: Submission) -> dict[str, str]:
    """The tags by which a run is found again, and distinguished from those of other ledgers in the same workspace."""
    return {RUN_KEY_TAG: submission.run_key, LEDGER_TAG: submission.ledger_id, ATTEMPT_TAG: submission.attempt}


def build_request(schedule: Schedule, of: Facts) -> RunRequest:
    """The request for one occurrence; raises KeyError for a template that these facts do not fill."""
    template = schedule.request
    values = _values(schedule, of)

    def filled(text: str) -> str:
        return fill(text, values)

    datapaths = {
        escaped(name): Datapath(datastore=filled(one.datastore), path=filled(one.path), is_folder=one.is_folder)
        for name, one in template.datapaths.items()
    }
    return RunRequest(
        target=schedule.target,
        experiment_name=filled(template.experiment_name),
        display_name=escaped(of.key),
        description=_optional(template.description, values),
        tags={escaped(name): filled(text) for name, text in template.tags.items()},
        pipeline_parameters={escaped(name): filled(text) for name, text in template.pipeline_parameters.items()},
        datapaths={**datapaths, **_changed_datapath(schedule, of)},
        datasets={
            escaped(name): Dataset(
                id=_optional(one.id, values), name=_optional(one.name, values), version=_optional(one.version, values)
            )
            for name, one in template.datasets.items()
        },
        continue_on_step_failure=template.continue_on_step_failure,
        parent_run_id=_optional(template.parent_run_id, values) or None,
        parameter_types={escaped(name): kind for name, kind in template.parameter_types.items()}
        if schedule.target.kind is PipelineKind.BATCH_ENDPOINT
        else {},
        run_source=_optional(template.run_source, values),
    )


def filled_parameters(schedule: Schedule, of: Facts) -> dict[str, str | None]:
    """The pipeline parameters that contain templates, in readable form; None for one that these facts do not fill."""
    values = {name: value for name, value in _values(schedule, of).items() if name != "run_key"}
    found: dict[str, str | None] = {}
    for name, text in schedule.request.pipeline_parameters.items():
        if not names_in(text):
            continue
        try:
            found[name] = readable(fill(text, values))
        except KeyError:
            found[name] = None
    return found


def _values(schedule: Schedule, of: Facts) -> Mapping[str, Value]:
    values: dict[str, Value] = {"run_key": of.key}
    for name, moment in (("scheduled_time", of.nominal_time), ("previous_time", of.previous_time)):
        if moment is not None:
            values[name] = moment.astimezone(schedule.zone)
    blob, batch = of.blob, of.batch
    if blob is not None:
        values |= {
            "blob.path": blob.path,
            "blob.name": blob.name,
            "blob.folder": blob.folder,
            "blob.size": blob.size,
            "blob.etag": blob.etag,
            "blob.last_modified": blob.last_modified.astimezone(schedule.zone),
        }
    if batch is not None:
        values |= {"batch.count": batch.count, "blob.folder": batch.group}
        values["batch.missing"] = ",".join(batch.missing or ())
    if isinstance(schedule, AfterSchedule):
        values |= _upstream_values(of.upstream, schedule)
    return values


def _upstream_values(upstream: Upstream | None, schedule: AfterSchedule) -> Mapping[str, Value]:
    """Empty values if a chained schedule is triggered without naming a run, or if that run lacks them."""
    nominal_time = upstream and upstream.nominal_time
    return {
        "upstream.run_key": (upstream and upstream.key) or "",
        "upstream.run_id": (upstream and upstream.run_id) or "",
        "upstream.scheduled_time": nominal_time.astimezone(schedule.zone) if nominal_time else "",
        "upstream.blob.path": (upstream and upstream.blob_path) or "",
        "upstream.experiment_name": Stored((upstream and upstream.experiment_name) or ""),
    }


def _changed_datapath(schedule: Schedule, of: Facts) -> dict[str, Datapath]:
    """The parameter that receives what changed; its path is relative to the container and is sent verbatim."""
    if not isinstance(schedule, ChangeSchedule) or schedule.trigger.data_path_parameter_name is None:
        return {}
    trigger = schedule.trigger
    if of.blob is None and of.batch is None:
        return {}
    path = _changed_path(schedule, of)
    name = fill(schedule.trigger.data_path_parameter_name, {})
    is_folder = trigger.data_path is DataPathKind.FOLDER
    return {name: Datapath(datastore=fill(trigger.datastore, {}), path=escaped(path), is_folder=is_folder)}


def _changed_path(schedule: ChangeSchedule, of: Facts) -> str:
    """A manifest, the changed file, or a folder: the file's, the group's, or, for everything, the watched one."""
    trigger = schedule.trigger
    if trigger.data_path is DataPathKind.MANIFEST:
        return manifest_path(schedule.name, of.key)
    if of.batch is not None:
        # What was gathered, even if the file now says otherwise.
        return of.batch.path if of.batch.path is not None else of.batch.group or trigger.folder
    assert of.blob is not None, "a change or a batch of them"
    return of.blob.folder if trigger.data_path is DataPathKind.FOLDER else of.blob.path


def _optional(text: str | None, values: Mapping[str, Value]) -> str | None:
    return None if text is None else fill(text, values)
