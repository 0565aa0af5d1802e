"""Loads a schedules file: turns text and app settings into a Config with everything valid and all errors.

An error in the schedule itself (its keys, its trigger) leaves the schedule out. An error in a setting that its request
needs does not: its function must exist to receive events, and its runs wait as `unsent` until the setting is fixed.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from ..config import Config, Schedule, Target
from ..faults import Fault, FaultList, nearest, place_of
from ..templates import MissingSetting, expand
from .as_meant import as_names
from .chains import without_broken_chains
from .defaults import Defaults, checked_defaults
from .indentation import note_misplaced
from .keys import PipelineKeys, WorkspaceKeys
from .private_settings import check_private, public
from .schedule_rules import checked_schedule
from .structure import Converter
from .targets import checked_target, checked_workspace
from .texts import check_settings
from .yaml_text import INVALID, Tree, parse

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z", re.ASCII)
_RESERVED: Final = frozenset({"host", "reconcile", "registry", "run_status_changed", "storage_renamed"})
_SECTIONS: Final = ("workspace", "pipelines", "defaults", "schedules")


def load(text: str, file: str, settings: Mapping[str, str]) -> Config:
    """Load a whole file; `file` is its name in error messages, `settings` are the current app settings."""
    tree, faults = parse(text, file)
    if isinstance(tree, dict):
        note_misplaced(tree, faults)
    sections = _sections(tree, faults)
    converter = Converter(faults, settings, connections=_connections(sections, settings))
    targets = _targets(sections, converter)
    defaults = checked_defaults(sections.get("defaults"), converter)
    check_settings([*converter.texts, *defaults.texts], settings, faults)
    schedules = without_broken_chains(_schedules(sections, defaults, targets, converter), sections, faults)
    ordered = sorted(faults, key=lambda fault: fault.line or 0)
    names = sections.get("schedules")
    return Config(
        schedules=schedules,
        faults=tuple(ordered),
        left_out=tuple(name for name in names if name not in schedules) if isinstance(names, dict) else (),
        settings=public(settings, converter.connections),
        file=file,
        lines=faults.lines,
        pipelines={name: target for name, target in targets.items() if target is not None},
    )


def unreadable(file: str, message: str) -> Config:
    """The Config of a file that could not be read at all."""
    fault = Fault(file=file, path="", value="", message=message)
    return Config(schedules={}, faults=(fault,), left_out=(), settings={}, file=file, lines={})


def _sections(tree: Tree, faults: FaultList) -> dict[str, Tree]:
    if isinstance(tree, dict):
        for key in [key for key in tree if key not in _SECTIONS]:
            faults.add(key, None, f"unknown key{nearest(key, list(_SECTIONS))}")
        for key in ("pipelines", "schedules"):
            if key not in tree:
                faults.add(key, None, "the key is missing")
        return tree
    if tree is None:
        faults.add("", None, "the file is empty; it needs the keys pipelines and schedules")
    elif tree is not INVALID:
        faults.add("", tree, "expected a mapping with the keys pipelines and schedules")
    return {}


def _mapping(sections: dict[str, Tree], key: str, faults: FaultList) -> dict[str, Tree]:
    section = sections.get(key)
    if isinstance(section, dict):
        return section
    if key in sections and section is not INVALID:
        faults.add(key, section, f"expected a mapping of names to values{as_names(section)}")
    return {}


def _connections(sections: dict[str, Tree], settings: Mapping[str, str]) -> frozenset[str]:
    """The connections that the schedules name, the default one, and the ledger's."""
    named = {"AzureWebJobsStorage", settings.get("LEDGER_CONNECTION") or "AzureWebJobsStorage"}
    schedules = sections.get("schedules")
    for schedule in schedules.values() if isinstance(schedules, dict) else ():
        change = schedule.get("change") if isinstance(schedule, dict) else None
        connection = change.get("connection") if isinstance(change, dict) else None
        if isinstance(connection, str):
            with suppress(MissingSetting):
                named.add(expand(connection, settings))
    return frozenset(named)


def _targets(sections: dict[str, Tree], converter: Converter) -> dict[str, Target | None]:
    """All named pipelines; a faulty one is None."""
    faults, settings = converter.faults, converter.settings
    keys = sections.get("workspace")
    given = converter.convert(keys, WorkspaceKeys, "workspace") if keys is not None else None
    leaks = check_private(converter.texts, settings, converter.connections, faults)
    workspace = None if leaks else checked_workspace(given, settings, faults)
    found: dict[str, Target | None] = {}
    for name, tree in _mapping(sections, "pipelines", faults).items():
        part = converter.fresh()
        pipeline = part.convert(tree, PipelineKeys, f"pipelines.{name}")
        converter.texts += part.texts
        found[name] = None
        if not check_private(part.texts, settings, converter.connections, faults) and pipeline is not None:
            found[name] = checked_target(
                name, pipeline, workspace, settings, faults, workspace_is_given=keys is not None
            )
    return found


def _schedules(
    sections: dict[str, Tree], defaults: Defaults, targets: Mapping[str, Target | None], converter: Converter
) -> dict[str, Schedule]:
    faults = converter.faults
    found: dict[str, Schedule] = {}
    names: dict[str, str] = {}
    for name, tree in _mapping(sections, "schedules", faults).items():
        free = _is_free(name, names, faults)
        names.setdefault(name.casefold(), name)
        if isinstance(tree, dict):
            try:
                schedule = checked_schedule(name, tree, defaults, targets, converter.fresh())
            except Exception as error:  # noqa: BLE001  an error of ours must affect only this schedule
                faults.add(
                    f"schedules.{name}",
                    None,
                    f"this could not be checked because of a bug in the app; please report it: {place_of(error)}",
                )
                schedule = None
            if schedule is not None and free:
                found[name] = schedule
        elif tree is not INVALID:
            faults.add(f"schedules.{name}", tree, "expected a mapping of keys to values")
    return found


def _is_free(name: str, taken: Mapping[str, str], faults: FaultList) -> bool:
    """True if the name can be used for a function; otherwise an error is added."""
    path, folded = f"schedules.{name}", name.casefold()
    if not _NAME.match(name):
        rule = "starts with a letter, contains only letters, digits, - and _, and has at most 100 characters"
        faults.add(path, name, f"a schedule's name {rule}")
    elif folded in _RESERVED or folded.startswith("api_"):
        faults.add(path, name, "a function of the app already has this name; choose another")
    elif folded in taken:
        faults.add(path, name, f"differs from {taken[folded]!r} only in upper and lower case; choose another")
    else:
        return True
    return False
