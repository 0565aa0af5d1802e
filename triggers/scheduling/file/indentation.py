"""Finds keys that are indented like the key they belong under, and reports them as one error.

For example:

schedules:
  nightly:
  pipeline: train

"""

from collections.abc import Callable
from typing import Final

from ..faults import FaultList
from .as_meant import keys_of
from .keys import (
    BatchKeys,
    ChangeKeys,
    CommonKeys,
    CronKeys,
    FileKeys,
    PipelineKeys,
    RecurrenceKeys,
    RetryKeys,
    ScheduleKeys,
    WorkspaceKeys,
)
from .yaml_text import INVALID, Tree

_OF_A_SCHEDULE: Final = {
    "recurrence": keys_of(RecurrenceKeys),
    "cron": keys_of(CronKeys),
    "change": keys_of(ChangeKeys),
    "batch": keys_of(BatchKeys),
    "retry": keys_of(RetryKeys),
}
_NAMES: Final = frozenset({"tags", "pipeline_parameters", "datapaths", "datasets"})
"""The keys of a schedule below which any name is allowed."""


def note_misplaced(sections: dict[str, Tree], faults: FaultList) -> None:
    """Report misplaced keys as errors and put INVALID in their place, so that nothing more is said about them."""
    _note(sections, "", _belongs_to_section, faults)
    for section, keys in (("pipelines", keys_of(PipelineKeys)), ("schedules", keys_of(ScheduleKeys))):
        entries = sections.get(section)
        if isinstance(entries, dict):
            _note(entries, section, lambda _, key, keys=keys: key in keys, faults)  # type: ignore[misc]
            for name, entry in entries.items():
                if isinstance(entry, dict) and section == "schedules":
                    _note(entry, f"{section}.{name}", _belongs_in_schedule, faults)


def _belongs_to_section(section: str, key: str) -> bool:
    if key in keys_of(FileKeys):
        return False
    if section == "workspace":
        return key in keys_of(WorkspaceKeys)
    return key in keys_of(CommonKeys) if section == "defaults" else section in {"pipelines", "schedules"}


def _belongs_in_schedule(owner: str, key: str) -> bool:
    if key in keys_of(ScheduleKeys):
        return False
    return key in _OF_A_SCHEDULE.get(owner, ()) or owner in _NAMES


def _note(mapping: dict[str, Tree], path: str, belongs: Callable[[str, str], bool], faults: FaultList) -> None:
    misplaced: dict[str, list[str]] = {}
    owner = None
    for key, value in mapping.items():
        if owner is not None and belongs(owner, key):
            misplaced.setdefault(owner, []).append(key)
        else:
            owner = key if value is None else None
    for owner, keys in misplaced.items():
        said = f"is empty, and {', '.join(keys)} {'is' if len(keys) == 1 else 'are'} at the same indentation"
        faults.add(
            f"{path}.{owner}" if path else owner,
            None,
            f"{said}; indent {'it' if len(keys) == 1 else 'them'} by two more spaces",
        )
        mapping[owner] = INVALID
        for key in keys:
            del mapping[key]
