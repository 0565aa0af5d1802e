"""Checks one schedule: which keys fit its kind, what they mean together, and which templates its texts may use."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import json

from ..config import (
    LARGEST_REQUEST,
    AfterTrigger,
    ChangeTrigger,
    DataPathKind,
    Schedule,
    Target,
    Trigger,
)
from ..faults import FaultList, nearest
from ..templates import MissingSetting, expand
from ..times.time_zones import UTC_ZONE
from ..web_address import url_problem
from .batch_rules import check_batch
from .defaults import CHANGE_ONLY, TIME_ONLY, TRIGGERS, Defaults
from .keys import AfterKeys, ChangeKeys, ScheduleKeys
from .leaf_checks import duration, reading_instant
from .made_schedule import made_schedule
from .private_settings import check_private
from .structure import Converter
from .target_rules import RULES, cannot_be_canceled, cannot_be_followed
from .texts import check_settings, check_templates, known_names
from .time_rules import checked_cron, checked_recurrence, with_exclusion
from .yaml_text import Tree


def checked_schedule(
    name: str, own: dict[str, Tree], defaults: Defaults, targets: Mapping[str, Target | None], converter: Converter
) -> Schedule | None:
    """The schedule of one entry of the file; None, with errors, if anything other than a missing setting is wrong."""
    path, faults = f"schedules.{name}", converter.faults
    before = len(faults)
    kind = _kind(own, path, faults)
    unfit = _unfit(kind)
    for key in [key for key in own if key in unfit and kind]:
        fitting = "time" if key in TIME_ONLY else "change"
        faults.add(f"{path}.{key}", None, f"is valid only in {fitting}-based schedules")
    target = targets.get(str(own.get("pipeline", defaults.keys.get("pipeline"))))
    refused = {} if target is None else RULES[target.kind].refused
    for key in [key for key in own if key in refused]:
        faults.add(f"{path}.{key}", None, f"is valid only with {refused[key]}")
    unfit |= refused.keys()
    names = _names(kind, own, defaults)
    merged, inherited = defaults.under(own, unfit if _takes_batches(own) else unfit | CHANGE_ONLY, names)
    parts = converter.parts(merged, ScheduleKeys, path)
    texts = [text for text in converter.texts if not _is_under(text.path, path, inherited)]
    in_change = [text for text in texts if text.path.startswith(f"{path}.change.")]
    check_templates([text for text in texts if text not in in_change], names, faults)
    check_templates(in_change, frozenset(), faults)
    check_private(texts, converter.settings, converter.connections, faults)
    target = _target(parts, merged, path, targets, faults)
    trigger = _trigger(kind, parts, path, faults)
    check_batch(parts, path, faults)
    _check_parameters(parts, path, faults)
    _check_timeout(parts, path, target, converter.settings, faults)
    _check_rerun(parts, path, target, converter.settings, faults)
    _check_webhook(parts.get("webhook"), path, converter.settings, faults)
    whole = len(faults) == before and parts.keys() == merged.keys()
    check_settings(texts, converter.settings, faults)
    if not whole or target is None or (trigger is None and kind != "manual"):
        return None
    if _is_too_large(parts, path, faults):
        return None
    written = {str(kind): own.get(str(kind)), **({"exclude": merged["exclude"]} if merged.get("exclude") else {})}
    return made_schedule(name, ScheduleKeys(**parts), target, trigger, written)


_SENT: Final = ("experiment_name", "description", "tags", "pipeline_parameters", "datapaths", "datasets", "run_source")
_LARGEST: Final = LARGEST_REQUEST // 2
"""Filled templates and the parameters of manual triggers make it longer."""


def _is_too_large(parts: Mapping[str, Any], path: str, faults: FaultList) -> bool:
    """True, with an error, if the request is too large for a row of the ledger."""
    size = len(json.encode({key: parts[key] for key in _SENT if key in parts}).decode())
    if size > _LARGEST:
        faults.add(path, None, f"its request has {size:,} characters, but the ledger can store at most {_LARGEST:,}")
    return size > _LARGEST


def _unfit(kind: str | None) -> frozenset[str]:
    """Keys that have no meaning in a schedule of this kind."""
    if kind in ("recurrence", "cron", None):
        return CHANGE_ONLY
    return TIME_ONLY if kind == "change" else TIME_ONLY | CHANGE_ONLY


def _kind(own: dict[str, Tree], path: str, faults: FaultList) -> str | None:
    kinds = [key for key in TRIGGERS if own.get(key) is not None]
    if len(kinds) == 1:
        return kinds[0]
    found = ", ".join(kinds) or ("none; write manual: {}" if "manual" in own else "none")
    faults.add(path, None, f"expected exactly one of {', '.join(TRIGGERS)}; found {found}")
    return None


def _target(
    parts: dict[str, Any],
    merged: dict[str, Tree],
    path: str,
    targets: Mapping[str, Target | None],
    faults: FaultList,
) -> Target | None:
    """The named pipeline; errors in the pipeline itself are reported at its place in the file."""
    pipeline = parts.get("pipeline")
    if merged.get("pipeline") is None:
        faults.add(f"{path}.pipeline", None, "the key is missing")
    elif pipeline is not None and pipeline not in targets:
        faults.add(f"{path}.pipeline", pipeline, f"no such entry in pipelines{nearest(pipeline, list(targets))}")
    return targets.get(pipeline or "")


def _trigger(kind: str | None, parts: dict[str, Any], path: str, faults: FaultList) -> Trigger | None:
    keys = parts.get(kind or "")
    if keys is None:
        return None
    if kind in ("recurrence", "cron"):
        checked = checked_recurrence if kind == "recurrence" else checked_cron
        rules = checked(keys, f"{path}.{kind}", faults)
        return rules and with_exclusion(rules, parts.get("exclude"), f"{path}.exclude", faults)
    if kind == "manual":
        return None
    if kind == "after":
        return _after(keys, f"{path}.after", faults)
    return _change(keys, f"{path}.change", faults)


def _change(keys: ChangeKeys, path: str, faults: FaultList) -> ChangeTrigger | None:
    if not keys.include:
        faults.add(f"{path}.include", keys.include, "an empty list includes nothing; leave the key out")
        return None
    if keys.expected_every is not None and not duration(keys.expected_every):
        faults.add(f"{path}.expected_every", keys.expected_every, "must be longer than 0s; write 25h, for example")
        return None
    return ChangeTrigger(
        datastore=keys.datastore,
        connection=keys.connection,
        container=keys.container,
        folder=keys.path_on_datastore.strip("/"),
        recursive=keys.recursive,
        include=tuple(keys.include),
        exclude=tuple(keys.exclude),
        min_size=keys.min_size,
        data_path_parameter_name=keys.data_path_parameter_name,
        data_path=DataPathKind(keys.data_path),
        polling_interval=duration(f"{keys.polling_interval}m"),
        start=None if keys.start_time is None else reading_instant(keys.start_time, UTC_ZONE),
        starts_unchanged=keys.unchanged == "start",
        expected_every=None if keys.expected_every is None else duration(keys.expected_every),
    )


def _after(keys: AfterKeys, path: str, faults: FaultList) -> AfterTrigger | None:
    """The trigger `after`; whether its schedules exist and form no circle is checked later."""
    names = [keys.schedule] if isinstance(keys.schedule, str) else keys.schedule
    for key, given in (("schedule", names), ("states", keys.states)):
        if not given:
            faults.add(f"{path}.{key}", given, "an empty list starts nothing; write at least one")
            return None
    return AfterTrigger(schedules=tuple(dict.fromkeys(names)), states=frozenset(keys.states))


def _check_parameters(parts: dict[str, Any], path: str, faults: FaultList) -> None:
    """Report parameters with more than one value, and datasets without exactly one of id and name."""
    datasets, datapaths = parts.get("datasets") or {}, parts.get("datapaths") or {}
    for name, dataset in datasets.items():
        if (dataset.id is None) == (dataset.name is None):
            faults.add(f"{path}.datasets.{name}", None, "expected exactly one of id and name")
        elif dataset.id is not None and dataset.version is not None:
            faults.add(
                f"{path}.datasets.{name}.version",
                dataset.version,
                "is valid only with name; an id already names one version",
            )
    change = parts.get("change")
    if change is not None and change.data_path_parameter_name in datapaths:
        sentence = "is already set by change.data_path_parameter_name; keep one of them"
        faults.add(f"{path}.datapaths.{change.data_path_parameter_name}", None, sentence)
    changed = None if change is None else change.data_path_parameter_name
    for name in parts.get("pipeline_parameters") or {}:
        if name in datasets or name in datapaths or name == changed:
            faults.add(f"{path}.pipeline_parameters.{name}", None, "is also a data path or dataset; keep one of them")


def _check_timeout(
    parts: dict[str, Any], path: str, target: Target | None, settings: Mapping[str, str], faults: FaultList
) -> None:
    """Report a timeout without effect: a run can be canceled only where it is polled, and only while it is."""
    timeout = parts.get("timeout")
    if timeout is None:
        return
    days = settings.get("RUN_TRACKING_DAYS", "30")
    if not duration(timeout):
        faults.add(f"{path}.timeout", timeout, "must be longer than 0s; leave the key out for no limit")
    elif days.isdigit() and duration(timeout) >= duration(f"{days}d"):
        faults.add(
            f"{path}.timeout",
            timeout,
            f"must be less than {days} days, because runs are not polled longer (RUN_TRACKING_DAYS)",
        )
    elif target is not None and (cannot_be_followed(target, settings) or cannot_be_canceled(target)):
        where = f"pipelines.{parts.get('pipeline')}.workspace"
        faults.add(f"{path}.timeout", timeout, f"its runs can be neither polled nor canceled; add {where}")


def _check_rerun(
    parts: dict[str, Any], path: str, target: Target | None, settings: Mapping[str, str], faults: FaultList
) -> None:
    """Report a rerun without effect: a run has not failed if its end cannot be found out."""
    rerun = parts.get("rerun")
    if rerun is None:
        return
    if not rerun.states:
        faults.add(f"{path}.rerun.states", rerun.states, "an empty list repeats nothing; leave the key out")
    elif "timeout" in rerun.states and parts.get("timeout") is None:
        faults.add(f"{path}.rerun.states", rerun.states, "timeout needs the key `timeout`, as in timeout: 12h")
    elif target is not None and cannot_be_followed(target, settings):
        where = f"pipelines.{parts.get('pipeline')}.workspace"
        faults.add(f"{path}.rerun", None, f"the ends of its runs cannot be polled; add {where}")


def _check_webhook(webhook: str | None, path: str, settings: Mapping[str, str], faults: FaultList) -> None:
    """Check the webhook's URL; a missing setting is reported elsewhere."""
    try:
        problem = webhook and url_problem(expand(webhook, settings))
    except MissingSetting:
        return
    if problem:
        faults.add(f"{path}.webhook", webhook, problem.replace("a token", "the end of a run"))


def _names(kind: str | None, own: dict[str, Tree], defaults: Defaults) -> frozenset[str]:
    batch = own.get("batch", defaults.keys.get("batch"))
    batched = isinstance(batch, dict) and _takes_batches(own)
    batch = batch if isinstance(batch, dict) else {}
    return known_names(
        kind,
        batch=batched,
        batch_by_folder=batch.get("group_by") == "folder",
        batch_of_globs=isinstance(batch.get("expect"), list),
    )


def _takes_batches(own: dict[str, Tree]) -> bool:
    """True if a `batch` from `defaults` fits: a run of many changes needs a folder or a manifest to point to."""
    change = own.get("change")
    return "batch" in own or (isinstance(change, dict) and change.get("data_path", "file") != "file")


def _is_under(text_path: str, schedule_path: str, inherited: set[str]) -> bool:
    below = text_path.removeprefix(f"{schedule_path}.")
    return any(below == key or below.startswith(f"{key}.") for key in inherited)
