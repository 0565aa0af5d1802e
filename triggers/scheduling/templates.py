"""Text with `%SETTING%` and `{template}` in it: parsed, checked, filled once, and expanded last.

Filling gives *stored text*: templates are replaced, settings remain as `%NAME%`, and every other percent sign is
doubled. This is what the ledger stores, so that it contains no setting's value, and a blob called `%KEY%` keeps its
name.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Struct

from .times.shifts import shifted

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
_SHIFT = r"(?:[+-][0-9][0-9A-Za-z]*)*"
_TOKEN: Final = re.compile(
    rf"(?P<percent>%%)|%(?P<setting>[A-Za-z_][A-Za-z0-9_]+)%"
    rf"|\{{(?P<literal>\{{{_NAME}{_SHIFT}(?::[^{{}}]*)?\}})\}}"
    rf"|\{{(?P<name>{_NAME})(?P<shift>{_SHIFT})(?::(?P<format>[^{{}}]*))?\}}"
)
_STORED: Final = re.compile(r"%%|%([A-Za-z_][A-Za-z0-9_]+)%")


class Stored(str):
    """A value that is stored text already: settings in it are filled in later."""

    __slots__ = ()


Value: TypeAlias = str | int | datetime
"""The value of a template name; a datetime is in the schedule's zone already."""


class MissingSetting(LookupError):
    """An app setting that a text needs does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the app setting {name} does not exist")
        self.name = name


class Setting(Struct, frozen=True):
    """`%name%` in a text."""

    name: str


class Field(Struct, frozen=True):
    """`{name}` or `{name-1d:format}` in a text; format is None if there is no colon."""

    name: str
    format: str | None
    shift: str = ""


def tokens(text: str) -> Iterator[str | Setting | Field]:
    """The text in pieces, in order; plain strings are literal, with their escapes resolved."""
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() > end:
            yield text[end : match.start()]
        end = match.end()
        if match["percent"]:
            yield "%"
        elif match["setting"]:
            yield Setting(match["setting"])
        elif match["literal"]:
            yield match["literal"]
        else:
            yield Field(match["name"], match["format"], match["shift"])
    if end < len(text):
        yield text[end:]


def names_in(text: str) -> set[str]:
    """The template names that a text uses."""
    return {token.name for token in tokens(text) if isinstance(token, Field)}


def expand(stored: str, settings: Mapping[str, str]) -> str:
    """Fill the settings into stored text; raises MissingSetting. The values of settings are not expanded again."""

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        if name not in settings:
            raise MissingSetting(name)
        return settings[name]

    return _STORED.sub(replacement, stored)


def fill(text: str, values: Mapping[str, Value]) -> str:
    """Return stored text: templates filled in, settings not; raises KeyError for a name without a value."""
    pieces = []
    for token in tokens(text):
        if isinstance(token, Setting):
            pieces.append(f"%{token.name}%")
        elif isinstance(token, Field):
            value = values[token.name]
            pieces.append(value if isinstance(value, Stored) else escaped(_formatted(token, value)))
        else:
            pieces.append(escaped(token))
    return "".join(pieces)


def escaped(text: str) -> str:
    """Stored text that expands to exactly `text`."""
    return text.replace("%", "%%")


def readable(stored: str) -> str:
    """Stored text for people: settings by name, percent signs not doubled."""
    return _STORED.sub(lambda match: "%" if match[1] is None else match[0], stored)


def _formatted(field: Field, value: Value) -> str:
    if not isinstance(value, datetime):
        return str(value)
    try:
        moment = shifted(value, field.shift)
    except (OverflowError, ValueError):
        raise KeyError(f"{field.name}{field.shift}") from None  # no calendar has that day
    return moment.strftime(field.format) if field.format else moment.isoformat(timespec="seconds")
