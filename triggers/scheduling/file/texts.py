"""Checks the texts of a request: the schedule must know their template names, and the app their settings."""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from ..faults import FaultList, nearest
from ..templates import Field, Setting, tokens
from ..times.shifts import shift_problem
from .structure import RequestTextAt

_DIRECTIVES: Final = r"%[aAwdbBmyYHIpMSfzZjUWcxXGuV%]"
"""The directives of Python's strftime."""

_BRACED: Final = re.compile(r"(?<!\{)\{([A-Za-z_ .-]+?)((?:\s*[+-]\s*[0-9]+\s*[A-Za-z]*)*)\s*(:[^{}]*)?\}(?!\})")
"""Plain text that looks like a template."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

COMMON_NAMES = frozenset({"scheduled_time", "run_key"})
"""Template names that every schedule has."""
TIME_NAMES = frozenset({"previous_time"})
"""Template names of time-based schedules."""
BLOB_NAMES = frozenset({"blob.path", "blob.name", "blob.folder", "blob.size", "blob.etag", "blob.last_modified"})
"""Template names of change-based schedules without `batch`."""
BATCH_NAMES = frozenset({"batch.count"})
FOLDER_BATCH_NAMES = frozenset({"blob.folder"})
SET_NAMES = frozenset({"batch.missing"})
"""Template names of batches that expect a file for each glob."""
TIME_VALUED = frozenset({"scheduled_time", "previous_time", "blob.last_modified", "upstream.scheduled_time"})
"""The names that accept a shift and a strftime format."""
UPSTREAM_NAMES = frozenset(
    {
        "upstream.run_key",
        "upstream.run_id",
        "upstream.scheduled_time",
        "upstream.blob.path",
        "upstream.experiment_name",
    }
)
"""Template names of chained schedules; a name without a value is empty."""
ALL_NAMES = COMMON_NAMES | TIME_NAMES | BLOB_NAMES | BATCH_NAMES | SET_NAMES | UPSTREAM_NAMES


def known_names(
    kind: str | None, *, batch: bool, batch_by_folder: bool = False, batch_of_globs: bool = False
) -> frozenset[str]:
    """The template names that a schedule can fill; `kind` is the key of its trigger."""
    if kind in ("recurrence", "cron"):
        return COMMON_NAMES | TIME_NAMES
    if kind == "after":
        return COMMON_NAMES | UPSTREAM_NAMES
    if kind != "change":
        return COMMON_NAMES
    if not batch:
        return COMMON_NAMES | BLOB_NAMES
    names = COMMON_NAMES | BATCH_NAMES | (FOLDER_BATCH_NAMES if batch_by_folder else frozenset())
    return names | (SET_NAMES if batch_of_globs else frozenset())


def check_templates(texts: Iterable[RequestTextAt], names: AbstractSet[str], faults: FaultList) -> None:
    """Report templates that this schedule cannot fill, and formats of names that are not times."""
    for place in texts:
        for token in tokens(place.text):
            if isinstance(token, Setting):
                continue
            if problem := _problem(token, names) if isinstance(token, Field) else _misspelled(token, names):
                faults.add(place.path, place.text, problem)


def _misspelled(text: str, names: AbstractSet[str]) -> str | None:
    """A hint at what plain text in braces was meant as: a name with spaces around it, or with hyphens."""
    for found in _BRACED.finditer(text):
        name = found[1].strip().replace("-", "_").replace(" ", "_")
        shift = "".join(found[2].split())
        if name in names and f"{name}{shift}{found[3] or ''}" != found[0][1:-1]:
            return f"{found[0]} is plain text; write {{{name}{shift}{(found[3] or '').rstrip()}}}"
    return None


def check_settings(texts: Iterable[RequestTextAt], settings: Mapping[str, str], faults: FaultList) -> None:
    """Report missing app settings. The schedule stays; its runs wait as `unsent` until the setting exists."""
    for place in texts:
        for token in tokens(place.text):
            if isinstance(token, Setting) and token.name not in settings:
                sentence = f"the app setting {token.name} does not exist; add it"
                faults.add(place.path, place.text, sentence, lacks=token.name)


_OF_DOTNET: Final = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dddd": "%A", "ddd": "%a", "dd": "%d",
    "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "tt": "%p",
}  # fmt: skip
"""Parts of a .NET time format, as in Data Factory, Logic Apps and bindings of Azure Functions."""


def _as_strftime(token: Field) -> str:
    meant = re.sub("|".join(_OF_DOTNET), lambda part: _OF_DOTNET[part[0]], token.format or "")
    return f"write {{{token.name}{token.shift}:{meant if '%' in meant else '%Y-%m-%d'}}}"


def _problem(token: Field, names: AbstractSet[str]) -> str | None:
    if token.name not in names:
        elsewhere = " in this kind of schedule" if token.name in ALL_NAMES else nearest(token.name, sorted(names))
        return f"{{{token.name}}} is not a template name{elsewhere}; for literal braces, write {{{{{token.name}}}}}"
    if token.name not in TIME_VALUED and (token.shift or token.format is not None):
        return f"{{{token.name}}} is not a time, so it takes {'no shift' if token.shift else 'no format'}"
    if problem := shift_problem(token.shift):
        return problem
    if _CONTROLS.search(token.format or ""):
        return f"{{{token.name}:…}} has an invisible character in its format; remove it"
    if token.format and "%" not in token.format:
        return f"{{{token.name}{token.shift}:{token.format}}} contains no strftime directive; {_as_strftime(token)}"
    _, percent, rest = re.sub(_DIRECTIVES, "", token.format or "").partition("%")
    if percent:
        return f"%{rest[:1]} is not a strftime directive"
    if token.format == "":
        return f"{{{token.name}:}} has an empty format; write, for example, {{{token.name}:%Y-%m-%d}}"
    return None
