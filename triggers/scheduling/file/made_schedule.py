"""Makes the typed schedule from checked keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..config import (
    AfterSchedule,
    AfterTrigger,
    Catchup,
    ChangeSchedule,
    ChangeTrigger,
    Datapath,
    Dataset,
    ManualSchedule,
    Overlap,
    ParameterType,
    RequestTemplate,
    Rerun,
    Retry,
    Schedule,
    Target,
    TimeSchedule,
    Trigger,
    TriggerOverrides,
)
from ..gathering import Batch, Expect
from ..times.time_zones import zone
from .keys import BatchKeys, RerunKeys, ScheduleKeys
from .leaf_checks import duration, time_of_day


def made_schedule(
    name: str, keys: ScheduleKeys, target: Target, trigger: Trigger | None, written: Mapping[str, object]
) -> Schedule:
    """The schedule that checked keys describe; without a trigger it is a manual one."""
    common: dict[str, Any] = {
        "name": name,
        "pipeline": keys.pipeline or "",
        "target": target,
        "request": _request_template(name, keys),
        "written": written,
        "enabled": keys.status == "Enabled",
        "overlap": Overlap(keys.overlap),
        "retry": Retry(max_age=duration(keys.retry.max_age), max_attempts=keys.retry.max_attempts),
        "rerun": None if keys.rerun is None else _rerun(keys.rerun),
        "timeout": None if keys.timeout is None else duration(keys.timeout),
        "max_concurrent_runs": keys.max_concurrent_runs,
        "trigger_overrides": TriggerOverrides(keys.trigger_overrides),
        "webhook": keys.webhook,
    }
    if trigger is None:
        return ManualSchedule(**common)
    if isinstance(trigger, AfterTrigger):
        return AfterSchedule(**common, trigger=trigger)
    if isinstance(trigger, ChangeTrigger):
        return ChangeSchedule(**common, trigger=trigger, batch=None if keys.batch is None else _batch(keys.batch))
    return TimeSchedule(
        **common,
        trigger=trigger,
        catchup_window=duration(keys.catchup_window),
        catchup=Catchup(keys.catchup),
        jitter=duration(keys.jitter),
    )


def _rerun(keys: RerunKeys) -> Rerun:
    return Rerun(
        states=frozenset(keys.states),
        attempts=keys.attempts,
        delay=duration(keys.delay),
        tells_each=keys.notify == "each",
    )


def _batch(keys: BatchKeys) -> Batch:
    quiet, max_wait = waits_of(keys)
    return Batch(
        quiet=duration(quiet),
        max_wait=duration(max_wait),
        max_items=keys.max_items or 5000,
        group_by_folder=keys.group_by == "folder",
        expect=None if keys.expect is None else _expect(keys, keys.expect),
    )


def waits_of(keys: BatchKeys) -> tuple[str, str]:
    """`quiet` and `max_wait` from the file, or their defaults."""
    defaults = ("5m", "30m") if keys.expect is None else ("0s", "6h")
    return keys.quiet or defaults[0], keys.max_wait or defaults[1]


def _expect(keys: BatchKeys, expect: int | Sequence[str]) -> Expect:
    in_zone = zone(keys.time_zone or "UTC")
    assert in_zone is not None, "checked"
    return Expect(
        globs=() if isinstance(expect, int) else tuple(expect),
        number=expect if isinstance(expect, int) else None,
        by=None if keys.expect_by is None else time_of_day(keys.expect_by),
        zone=in_zone,
        starts_incomplete=keys.incomplete != "skip",
    )


def _request_template(name: str, keys: ScheduleKeys) -> RequestTemplate:
    datapaths, datasets = keys.datapaths or {}, keys.datasets or {}
    return RequestTemplate(
        experiment_name=keys.experiment_name or name,
        description=keys.description,
        tags=keys.tags or {},
        # As the SDK writes parameter values: str() of the Python value, 20 → "20", true → "True", 1.0 → "1.0".
        pipeline_parameters={key: str(value) for key, value in (keys.pipeline_parameters or {}).items()},
        parameter_types={
            key: ParameterType.BOOLEAN if isinstance(value, bool) else ParameterType.NUMBER
            for key, value in (keys.pipeline_parameters or {}).items()
            if not isinstance(value, str)
        },
        datapaths={key: Datapath(datastore=one.datastore, path=one.path) for key, one in datapaths.items()},
        datasets={
            key: Dataset(id=one.id, name=one.name, version=None if one.version is None else str(one.version))
            for key, one in datasets.items()
        },
        continue_on_step_failure=keys.continue_on_step_failure,
        parent_run_id=keys.parent_run_id,
        run_source=keys.run_source,
    )
