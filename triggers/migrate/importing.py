"""Runs an import: files become drafts, drafts become a schedules file and a report."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ..scheduling.config import Config, TimeSchedule
from ..scheduling.file.loading import load
from ..scheduling.times.occurrences import next_after
from . import data_factory, job_schedule, logic_app, sdk_v1
from .documents import document, kind_of
from .drafts import Difference, Draft, Unimportable
from .literals import setting_name
from .names import unique_name
from .secrets import secrets_in
from .writing import text_of

FIRINGS: Final = 20
_ONE_BY_ONE: Final[Mapping[str, Callable[[Any, str], Iterator[Draft]]]] = {
    "logic-app": logic_app.drafts_of,
    "sdk-v1": sdk_v1.drafts_of,
    "job-schedule": job_schedule.drafts_of,
}
ORDER: Final = (
    "create the app settings listed here and assign the roles",
    "deploy; all imported schedules are disabled, so nothing runs twice",
    "stop the old triggers and note the time",
    "set status: Enabled and deploy again",
    "start what was due in between: triggers backfill SCHEDULE --from THE-STOP --to NOW",
)


@dataclass(frozen=True, kw_only=True)
class Firings:
    """The next firings after `after`, as far as source and import differ."""

    after: datetime
    only_there: list[datetime]
    only_here: list[datetime]


@dataclass(kw_only=True)
class Imported:
    """One schedule of the result."""

    name: str
    draft: Draft
    pipeline: str
    keys: dict[str, Any]
    firings: Firings | None = None
    """None if there is nothing to compare or nothing differs."""


@dataclass(kw_only=True)
class Result:
    """The result of an import."""

    schedules: list[Imported] = field(default_factory=list)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    secrets: list[Difference] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What could not be imported and why, a sentence each with its place."""
    text: str = ""

    @property
    def differs(self) -> bool:
        """True if anything differs from the sources."""
        return bool(self.secrets or self.failures) or any(
            one.draft.differs or one.firings is not None for one in self.schedules
        )


def imported(sources: Sequence[tuple[str, Path]], now: datetime, taken: Config | None = None) -> Result:
    """Import (kind, file) pairs; `taken` is the existing file to which the result will be added."""
    result = Result()
    found = list(_drafts(sources, result))
    result.failures += [one.failure for one in found if one.failure]
    drafts = [one for one in found if not one.failure]
    names = set() if taken is None else {one.lower() for one in (*taken.schedules, *taken.left_out)}
    pipelines = set() if taken is None else {one.lower() for one in taken.pipelines}
    _name(drafts, result, names, pipelines)
    _write(result, now)
    return result


def _drafts(sources: Sequence[tuple[str, Path]], result: Result) -> Iterator[Draft]:
    factory: dict[str, Any] = {}
    for kind, path in sources:
        with _telling(result, kind, path):
            found = document(path)
            result.secrets += secrets_in(found, f"{path}: ")
            if kind == "data-factory":
                factory[str(path)] = found
                continue
            drafts = list(_ONE_BY_ONE[kind](found, str(path)))
            if not drafts:
                raise Unimportable(f"{path}: it has no trigger, so there is nothing to import")
            yield from drafts
    if factory:
        with _telling(result, "data-factory", Path(next(iter(factory)))):
            yield from data_factory.drafts_of(factory)


@contextmanager
def _telling(result: Result, kind: str, path: Path) -> Iterator[None]:
    """Record an import error, so that the next file is still imported."""
    try:
        yield
    except Unimportable as error:
        result.failures.append(_with_kind(str(error), kind, path))
    except OverflowError as error:
        result.failures.append(f"{path}: it contains a time or number that is out of range: {error}")


def _with_kind(sentence: str, kind: str, path: Path) -> str:
    """An error about a file, with the kind that the file seems to be."""
    try:
        other = kind_of(document(path))
    except Unimportable:
        return sentence
    return (
        f"{sentence}; it looks like {other}: triggers import {other} {path}" if other not in (None, kind) else sentence
    )


def _name(drafts: Iterable[Draft], result: Result, names: set[str], pipelines: set[str]) -> None:
    """Name every draft and its pipeline; equal targets share an entry."""
    by_target: dict[str, str] = {}
    by_activity: dict[str, list[str]] = {}
    for draft in drafts:
        name = unique_name(draft.name, names)
        names.add(name.lower())
        by_activity.setdefault(draft.activity or draft.name, []).append(name)
        target = json.dumps(draft.pipeline, sort_keys=True)
        if target not in by_target:
            by_target[target] = unique_name(name, pipelines)
            pipelines.add(by_target[target].lower())
            result.pipelines[by_target[target]] = draft.pipeline
        keys = _keys(draft, by_target[target])
        result.schedules.append(Imported(name=name, draft=draft, pipeline=by_target[target], keys=keys))
        result.settings |= draft.settings
    for one in result.schedules:
        if "after" in one.keys and one.draft.upstream is not None:
            found = by_activity.get(one.draft.upstream, [])
            one.keys["after"]["schedule"] = found[0] if len(found) == 1 else found


def _keys(draft: Draft, pipeline: str) -> dict[str, Any]:
    change = draft.trigger.get("change")
    if change is not None and "datastore" not in change:
        name = setting_name(draft.name, "datastore")
        change["datastore"] = draft.setting(name, "Azure ML's name for the datastore of the watched container")
    return {"pipeline": pipeline, **draft.trigger, **draft.keys, "status": "Disabled"}


def _write(result: Result, now: datetime) -> None:
    """Write the file, leaving out schedules with errors, until it has none."""
    while True:
        result.text = _text(result)
        config = load(result.text, "the imported file", {})
        faults = [fault for fault in config.faults if fault.lacks is None]
        faulty = {one.name for one in result.schedules for fault in faults if _is_about(one, fault.path)}
        if not faulty:
            break
        for one in [each for each in result.schedules if each.name in faulty]:
            why = next(fault for fault in faults if _is_about(one, fault.path))
            result.failures.append(f"{one.draft.source}: {one.name} is left out: {why.path}: {why.message}")
        result.schedules = [one for one in result.schedules if one.name not in faulty]
        used = {one.pipeline for one in result.schedules}
        result.pipelines = {name: one for name, one in result.pipelines.items() if name in used}
    for one in result.schedules:
        one.firings = _firings(one, config, now)


def _is_about(one: Imported, path: str) -> bool:
    return any(
        path == start or path.startswith(f"{start}.")
        for start in (f"schedules.{one.name}", f"pipelines.{one.pipeline}")
    )


def _text(result: Result) -> str:
    head = ["Imported; the schedules are disabled. How to switch over:"]
    head += [f"  {number}. {step}" for number, step in enumerate(ORDER, 1)]
    if result.settings:
        head += ["App settings to create:", *(f"  {name}: {holds}" for name, holds in sorted(result.settings.items()))]
    schedules = [
        (one.name, [f"from {one.draft.source}", *(f"DECIDE: {what}" for what in one.draft.decide)], one.keys)
        for one in result.schedules
    ]
    if not schedules:
        return "pipelines: {}\nschedules: {}\n"
    return text_of(head, result.pipelines, schedules)


def _firings(one: Imported, config: Config, now: datetime) -> Firings | None:
    schedule, rule = config.schedules.get(one.name), one.draft.rule
    if rule is None or not isinstance(schedule, TimeSchedule):
        return None
    there, here = rule(now, FIRINGS), list(next_after(schedule.trigger, now, FIRINGS))
    until = min((found[-1] for found in (there, here) if len(found) == FIRINGS), default=None)
    within = [[at for at in found if until is None or at <= until] for found in (there, here)]
    only_there = [at for at in within[0] if at not in within[1]]
    only_here = [at for at in within[1] if at not in within[0]]
    return Firings(after=now, only_there=only_there, only_here=only_here) if only_there or only_here else None
