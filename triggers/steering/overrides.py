"""Checks the values that a caller gives for a single run in place of the schedule's."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..scheduling.change import path_out_of_scope
from ..scheduling.config import (
    LARGEST_REQUEST,
    ChangeSchedule,
    Datapath,
    Dataset,
    Schedule,
    TriggerOverrides,
)
from ..scheduling.file.target_rules import RULES
from ..scheduling.overrides import Overrides
from ..scheduling.templates import Setting, tokens
from .declined import BadInput, NotAllowed
from .questions import TriggerBody

_LARGEST: Final = LARGEST_REQUEST // 4
_OWN_TAGS: Final = "trigger_"
_KEYS: Final = (
    "experiment_name",
    "description",
    "tags",
    "datapaths",
    "datasets",
    "parent_run_id",
    "continue_on_step_failure",
    "run_source",
    "display_name",
)
_FREE: Final = frozenset({"experiment_name", "description", "tags", "parent_run_id", "run_source", "display_name"})
"""The keys that any caller may give if `trigger_overrides` is `listed`."""


def overrides_of(schedule: Schedule, body: TriggerBody) -> Overrides | None:
    """A caller's values, checked; None if only parameters are given. Raises NotAllowed and BadInput."""
    _check_allowed(schedule, body)
    given = {key: getattr(body, key, None) for key in _KEYS}
    given = {key: value for key, value in given.items() if value is not None and value != {}}
    if sum(_characters(one) for one in (*given.values(), body.pipeline_parameters)) > _LARGEST:
        raise BadInput(f"the values are too long: at most {_LARGEST:,} characters can be stored")
    for problem in _problems(schedule, body, given):
        raise BadInput(problem)
    if not given:
        return None
    return Overrides(
        experiment_name=body.experiment_name,
        display_name=given.get("display_name"),
        description=body.description,
        tags=body.tags,
        datapaths={name: _datapath(schedule, name, body) for name in body.datapaths},
        datasets={
            name: Dataset(id=one.id, name=one.name, version=None if one.version is None else str(one.version))
            for name, one in body.datasets.items()
        },
        parent_run_id=body.parent_run_id,
        continue_on_step_failure=body.continue_on_step_failure,
        run_source=given.get("run_source"),
    )


def _check_allowed(schedule: Schedule, body: TriggerBody) -> None:
    """Raise NotAllowed if the schedule's `trigger_overrides` do not allow a value."""
    allowed, template = schedule.trigger_overrides, schedule.request
    if allowed is TriggerOverrides.ANY:
        return
    _check_names(schedule, "pipeline_parameters", body.pipeline_parameters, template.pipeline_parameters)
    _check_names(schedule, "datapaths", body.datapaths, _datapaths_of(schedule))
    _check_names(schedule, "datasets", body.datasets, template.datasets)
    for key in _KEYS:
        is_free = allowed is TriggerOverrides.LISTED and key in _FREE
        if key not in ("datapaths", "datasets") and getattr(body, key, None) not in (None, {}) and not is_free:
            raise NotAllowed(f"{schedule.name}: {key} is not allowed: trigger_overrides is {allowed.value}")
    if body.blob is None or not isinstance(schedule, ChangeSchedule):
        return
    if because := path_out_of_scope(schedule.trigger, body.blob):
        raise NotAllowed(f"{schedule.name}: blob {body.blob!r}: {because}; to allow it, set trigger_overrides: any")


def _check_names(schedule: Schedule, key: str, given: Iterable[str], named: Iterable[str]) -> None:
    allowed = schedule.trigger_overrides
    named = [] if allowed is TriggerOverrides.NONE else list(named)
    unfit = [repr(name) for name in given if name not in named]
    if unfit:
        known = f"only {', '.join(map(repr, named))}" if named else "none"
        why = f"trigger_overrides {allowed.value} allows {known}"
        raise NotAllowed(f"{schedule.name}: {key}: {', '.join(unfit)} not allowed: {why}")


def _problems(schedule: Schedule, body: TriggerBody, given: Iterable[str]) -> Iterator[str]:
    """Errors in values that no schedule can accept, whatever it allows."""
    refused = RULES[schedule.target.kind].refused
    yield from (f"{key}: is valid only with {refused[key]}" for key in given if key in refused)
    for name in body.tags:
        if name.startswith(_OWN_TAGS):
            yield f"tags: {name!r} begins like a tag of the app; choose another name"
        elif name in schedule.request.tags:
            yield f"tags: {name!r} is a tag of the schedule and cannot be replaced; choose another name"
    for name, one in body.datasets.items():
        if (one.id is None) == (one.name is None):
            yield f"datasets: {name!r}: expected exactly one of id and name"
        elif one.id is not None and one.version is not None:
            yield f"datasets: {name!r}: version is valid only with name; an id already names one version"
    template = schedule.request
    kinds = {
        "pipeline_parameters": {*body.pipeline_parameters, *template.pipeline_parameters},
        "datapaths": {*body.datapaths, *_datapaths_of(schedule)},
        "datasets": {*body.datasets, *template.datasets},
    }
    for key, others in kinds.items():
        for other in kinds.keys() - {key}:
            for name in sorted(others & set(getattr(body, other))):
                yield f"{other}: {name!r} is one of {key}; give it there"


def _datapaths_of(schedule: Schedule) -> list[str]:
    """The names of a schedule's data paths, including the one that receives the changed file."""
    names = list(schedule.request.datapaths)
    changed = schedule.trigger.data_path_parameter_name if isinstance(schedule, ChangeSchedule) else None
    return names if changed is None else [*names, changed]


def _datapath(schedule: Schedule, name: str, body: TriggerBody) -> Datapath:
    """A caller's data path; another datastore than the schedule's needs `trigger_overrides: any`."""
    one = body.datapaths[name]
    own = schedule.request.datapaths.get(name)
    if own is not None:
        datastore = own.datastore
    else:
        datastore = schedule.trigger.datastore if isinstance(schedule, ChangeSchedule) else ""
    if schedule.trigger_overrides is TriggerOverrides.ANY:
        return Datapath(datastore=one.datastore, path=one.path)
    is_plain = not any(isinstance(token, Setting) for token in tokens(datastore))
    if is_plain and one.datastore != datastore:
        raise NotAllowed(f"{schedule.name}: datapaths: {name!r} must stay in the datastore {datastore!r}")
    return Datapath(datastore="" if own is not None else one.datastore, path=one.path)


def _characters(value: object) -> int:
    if isinstance(value, Mapping):
        return sum(len(str(name)) + _characters(one) for name, one in value.items())
    return len(str(value))
