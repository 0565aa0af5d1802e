"""Checks the texts of a request: their template names must exist for the schedule, their settings in the app."""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from ..faults import FaultList, nearest
from ..templates import Field, Setting, tokens
from .structure import RequestTextAt

_DIRECTIVES: Final = r"%[aAwdbBmyYHIpMSfzZjUWcxXGuV%]"
"""Those of Python's strftime."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

TIME_NAMES = frozenset({"scheduled_time", "run_key"})
"""Template names that every schedule knows."""
BLOB_NAMES = frozenset({"blob.path", "blob.name", "blob.folder", "blob.size", "blob.etag", "blob.last_modified"})
"""Template names of change-based schedules without `batch`."""
BATCH_NAMES = frozenset({"batch.count"})
FOLDER_BATCH_NAMES = frozenset({"blob.folder"})
TIME_VALUED = frozenset({"scheduled_time", "blob.last_modified"})
"""The names that take a strftime format."""
ALL_NAMES = TIME_NAMES | BLOB_NAMES | BATCH_NAMES


def known_names(*, change: bool, batch: bool, batch_by_folder: bool) -> frozenset[str]:
    """The template names that a schedule of this kind can fill."""
    if not change:
        return TIME_NAMES
    if not batch:
        return TIME_NAMES | BLOB_NAMES
    return TIME_NAMES | BATCH_NAMES | (FOLDER_BATCH_NAMES if batch_by_folder else frozenset())


def check_templates(texts: Iterable[RequestTextAt], names: AbstractSet[str], faults: FaultList) -> None:
    """Note templates that this schedule cannot fill, and formats where no time is."""
    for place in texts:
        for token in tokens(place.text):
            if isinstance(token, Field) and (problem := _problem(token, names)):
                faults.add(place.path, place.text, problem)


def check_settings(texts: Iterable[RequestTextAt], settings: Mapping[str, str], faults: FaultList) -> None:
    """Note app settings that do not exist. The schedule stays: its runs wait as `unsent` until the setting is there."""
    for place in texts:
        for token in tokens(place.text):
            if isinstance(token, Setting) and token.name not in settings:
                faults.add(place.path, place.text, f"the app setting {token.name} does not exist; add it")


def names_in(text: str) -> set[str]:
    """The template names that a text uses."""
    return {token.name for token in tokens(text) if isinstance(token, Field)}


def _problem(token: Field, names: AbstractSet[str]) -> str | None:
    if token.name not in names:
        elsewhere = " in this kind of schedule" if token.name in ALL_NAMES else nearest(token.name, sorted(names))
        return f"{{{token.name}}} means nothing{elsewhere}; for plain braces write {{{{{token.name}}}}}"
    if token.format is not None and token.name not in TIME_VALUED:
        return f"{{{token.name}}} is no time and takes no format"
    if _CONTROLS.search(token.format or ""):
        return f"{{{token.name}:…}} has a character in its format that cannot be seen; leave it out"
    _, percent, rest = re.sub(_DIRECTIVES, "", token.format or "").partition("%")
    if percent:
        return f"%{rest[:1]} is no part of a strftime format"
    if token.format == "":
        return f"{{{token.name}:}} lacks its format, as in {{{token.name}:%Y-%m-%d}}"
    return None
