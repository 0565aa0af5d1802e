"""Warnings about a valid schedules file; shown by `validate`, and never a reason to fail."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from ..config import AfterSchedule, ChangeSchedule, Config, Overlap, Schedule, Target
from ..faults import Fault, FaultList
from ..templates import MissingSetting, expand, names_in, tokens
from .foreign_templates import foreign_templates
from .foresight import foreseen
from .glob_warnings import glob_warnings
from .target_rules import RULES, cannot_be_canceled, cannot_be_followed

_WITHOUT_AN_END: Final = frozenset({"untracked", "dead", "rejected"})
"""The end states of runs that cannot be polled in Azure ML."""

_OF_EXPERIMENTS: Final = r"[A-Za-z0-9_-]+"
"""https://learn.microsoft.com/python/api/azureml-core/azureml.core.experiment.experiment"""


def warnings_of(config: Config, now: datetime) -> list[Fault]:
    """All warnings, schedule by schedule; dates are those after `now`."""
    found = FaultList(config.file, config.lines)
    for schedule in config.schedules.values():
        for key, sentence in (
            *suspicions(schedule, config.settings),
            *foreign_templates(schedule.request),
            *foreseen(schedule, now),
            *_about_chain(schedule, config),
        ):
            found.add(f"schedules.{schedule.name}.{key}", None, sentence)
    return list(found)


def _about_chain(schedule: Schedule, config: Config) -> Iterator[tuple[str, str]]:
    """Expectations of a chained schedule that the schedules it follows will not meet."""
    if not isinstance(schedule, AfterSchedule):
        return
    upstreams = [one for name in schedule.trigger.schedules if (one := config.schedules.get(name)) is not None]
    for one in upstreams:
        if cannot_be_followed(one.target, config.settings) and not schedule.trigger.states & _WITHOUT_AN_END:
            states = ", ".join(sorted(schedule.trigger.states))
            yield (
                "after.states",
                f"runs of {one.name} become untracked as soon as they are accepted, so they never end as {states}",
            )
    parent, own = schedule.request.parent_run_id or "", schedule.request.experiment_name
    if "upstream.run_id" in names_in(parent) and "upstream.experiment_name" not in names_in(own):
        others = [one.request.experiment_name for one in upstreams if one.request.experiment_name != own]
        if others:
            sentence = f"{own!r} differs from {others[0]!r}, but Azure ML expects parent and child in one experiment"
            yield "experiment_name", f"{sentence}; write '{{upstream.experiment_name}}'"


def suspicions(schedule: Schedule, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Keys of the schedule, each with a sentence."""
    rules = RULES[schedule.target.kind]
    if rules.shape is not None and not _looks_like(rules.shape, schedule.target, settings):
        yield "pipeline", rules.misshapen
    elif cannot_be_followed(schedule.target, settings):
        yield (
            "pipeline",
            (
                "the app cannot tell from its endpoint where to poll its runs, as it can from "
                "…/pipelines/v1.0/subscriptions/…: each run becomes untracked as soon as it is accepted and then "
                "holds no slot; "
                f"add pipelines.{schedule.pipeline}.workspace"
            ),
        )
    if schedule.overlap is not Overlap.ALLOW and (schedule.max_concurrent_runs or 1) > 1:
        yield "max_concurrent_runs", f"has no effect: overlap {schedule.overlap.value} allows only one open run"
    if schedule.overlap is Overlap.CANCEL_OTHER and cannot_be_canceled(schedule.target):
        yield (
            "overlap",
            "runs of a batch endpoint can be canceled only with the key `workspace`, which is missing: new runs wait",
        )
    written = "".join(one for one in tokens(schedule.request.experiment_name) if isinstance(one, str))
    if odd := re.sub(_OF_EXPERIMENTS, "", written):
        yield (
            "experiment_name",
            f"contains {odd[0]!r}: Azure ML's SDK allows only letters, digits, _ and -; the service may reject the run",
        )
    if not isinstance(schedule, ChangeSchedule):
        return
    trigger = schedule.trigger
    if not trigger.polling_interval:
        yield (
            "change.polling_interval",
            "0: sweeps are off, so an upload whose event is lost starts nothing" + _asleep(settings),
        )
    if trigger.starts_unchanged:
        sentence = (
            "start: a pipeline that rewrites its own input, for instance to mark it, starts itself again and again"
        )
        yield "change.unchanged", sentence
    for key, sentence in glob_warnings(trigger):
        yield f"change.{key}", sentence


def _asleep(settings: Mapping[str, str]) -> str:
    """The warning that an app that scales to zero may miss its first event for good; empty if it does not apply."""
    if (
        settings.get("BLOB_TRIGGER_SOURCE") == "LogsAndContainerScan"
        or settings.get("ALWAYS_READY_INSTANCES", "0") != "0"
    ):
        return ""
    return (
        "; on Flex Consumption the first event after an idle time may be lost while the app starts: "
        "deploy with ALWAYS_READY_INSTANCES=1"
    )


def _looks_like(pattern: str, target: Target, settings: Mapping[str, str]) -> bool:
    try:
        return bool(re.search(pattern, expand(target.name, settings)))
    except MissingSetting:
        return True
