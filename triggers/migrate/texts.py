"""Converts values of a source to values of the file: escapes literals, translates expressions, notes the rest."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from .dialects import WORKFLOWS, Dialect
from .drafts import Draft
from .literals import literal, one_line
from .secrets import LONGEST_SHOWN, is_secret, shown
from .translating import Context

_WHOLE = re.compile(r"\s*[0-9]{1,1000}\s*\Z")
_OF_A_TEMPLATE = re.compile(r"\[(?!\[)[A-Za-z]+\(.*\).*\]\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Translates the texts of one schedule, and notes what differs."""

    draft: Draft
    context: Context | None
    """None if there are no expressions."""
    dialect: Dialect = WORKFLOWS

    def text(self, value: Any, place: str) -> str | None:
        """Convert a text; None, with a note for the user, if it has no counterpart."""
        given = unwrapped(value)
        if not isinstance(given, str):
            return None if given is None else literal(str(given))
        if is_secret(place.rpartition(".")[2], given):
            return None  # its place is reported with the other secrets
        if _OF_A_TEMPLATE.match(given):
            self._leave_to_a_person(given, place, "an ARM template fills it in")
            return None
        try:
            if self.context is None:
                return literal(given)
            if not self.dialect.is_expression(given):
                return literal(self.dialect.plain(given))
            found = self.dialect.translated(given, self.context)
        except ValueError as error:
            self._leave_to_a_person(given, place, str(error))
            return None
        if is_secret("", found):
            self._leave_to_a_person("of a secret", place, "it is a secret")
            return None
        if _OF_A_TEMPLATE.match(found):
            self._leave_to_a_person(given, place, "an ARM template fills it in")
            return None
        self._note(given, found, place)
        return found

    def _leave_to_a_person(self, given: str, place: str, why: str) -> None:
        self.draft.lost(place, f"the expression {shown(given)} has no counterpart: {why}")
        self.draft.decide.append(f"{place} was {shown(given)}: write a value, or leave it out")

    def _note(self, given: str, found: str, place: str) -> None:
        assert self.context is not None, "there are expressions"
        notes = list(dict.fromkeys(self.context.notes))
        self.context.notes.clear()
        said = f"{one_line(given)[:LONGEST_SHOWN]} is {found}"
        if notes:
            self.draft.changed(place, f"{said}; {'; '.join(notes)}")
        else:
            self.draft.kept(place, said)

    def mapping(self, values: Any, place: str) -> dict[str, Any]:
        """Convert texts by name; numbers and booleans stay as they are."""
        given = unwrapped(values)
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            self._leave_to_a_person(str(given), place, "it is not an object")
            return {}
        found: dict[str, Any] = {}
        for name, value in given.items():
            plain = unwrapped(value)
            if is_secret(str(name), plain) or not _is_sayable(name, plain):
                self.draft.lost(f"{place}.{name}", "is a secret, or has no form in the file")
            elif isinstance(plain, bool | int | float):
                found[literal(str(name))] = plain
            elif plain is None:
                self.draft.lost(f"{place}.{name}", "is null, so it is not sent")
            elif isinstance(plain, dict | list):
                self.draft.lost(f"{place}.{name}", "is neither text nor a number")
            elif (text := self.text(plain, f"{place}.{name}")) is not None:
                found[literal(str(name))] = text
        return found


def _is_sayable(name: object, value: Any) -> bool:
    """True if a name and a value can be written: no infinite numbers, no lone surrogates."""
    if isinstance(value, float) and not isfinite(value):
        return False
    return not any("\ud800" <= one <= "\udfff" for one in f"{name}{value if isinstance(value, str) else ''}")


def unwrapped(value: Any) -> Any:
    """A value without Data Factory's {"value": …, "type": "Expression"}."""
    if isinstance(value, dict) and set(map(str.lower, map(str, value))) == {"value", "type"}:
        kind = next((one for key, one in value.items() if str(key).lower() == "type"), None)
        if str(kind).lower() in ("expression", "string", "int", "bool", "float", "object"):
            return next(one for key, one in value.items() if str(key).lower() == "value")
    return value


def note_flag(draft: Draft, value: Any, place: str, key: str) -> None:
    """Put a boolean, which may be written as text, into the draft's keys."""
    given = unwrapped(value)
    if given is None:
        return
    flag = {"true": True, "false": False}.get(str(given).lower())
    if flag is None:
        draft.lost(place, f"{shown(str(given))} is neither true nor false")
        draft.decide.append(f"{place} was {shown(str(given))}: write true or false, or leave it out")
    else:
        draft.keys[key] = flag
        draft.kept(place, str(flag).lower())


def is_declared_secret(declared: Any) -> bool:
    """True if a parameter of a template, workflow or pipeline is declared as a securestring or secureobject."""
    return str(lowered(declared).get("type", "")).lower().startswith("secure")


def number_of(value: Any) -> int | None:
    """A whole number, which may be written as text; None for anything else."""
    given = unwrapped(value)
    if isinstance(given, str) and _WHOLE.match(given):
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def lowered(value: Any) -> dict[str, Any]:
    """An object with its keys in lower case, because the services ignore case; empty for anything else."""
    return {str(key).lower(): one for key, one in value.items()} if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The items of a list; empty for anything else."""
    given = unwrapped(value)
    return given if isinstance(given, list) else []


def members(value: Any) -> Mapping[str, Any]:
    """The members of an object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def workspace_keys(draft: Draft, **known: str | None) -> dict[str, str]:
    """The `workspace` of an entry; values that the source lacks become app settings."""
    found = {}
    for key, setting in _WORKSPACE:
        value = known.get(key)
        found[key] = literal(value) if value else draft.setting(setting, f"the workspace's {key.replace('_', ' ')}")
    found["api"] = draft.setting("AZUREML_API", "https://REGION.api.azureml.ms, REGION being the workspace's")
    draft.before.append("give the function app's identity a role on the workspace with which it may submit runs")
    return found


_WORKSPACE = (
    ("subscription_id", "AZUREML_SUBSCRIPTION_ID"),
    ("resource_group", "AZUREML_RESOURCE_GROUP"),
    ("name", "AZUREML_WORKSPACE_NAME"),
)


def keep_rest(draft: Draft, value: Any, place: str) -> None:
    """Note as kept every field of a part of the source that has no note yet."""
    said = {one.place.lower() for one in draft.differences}
    for at, key, one in fields_of(value, place):
        lower = at.lower()
        is_noted = any(lower == each or lower.startswith((f"{each}.", f"{each}[")) for each in said)
        if not is_noted and not (isinstance(one, str) and is_secret(key, one)):
            draft.kept(at, "as it is")


def fields_of(value: Any, place: str, key: str = "") -> Iterator[tuple[str, str, Any]]:
    """The fields of an object that are not objects themselves, as (place, key, value)."""
    given = unwrapped(value)
    if isinstance(given, dict) and given:
        for name, one in given.items():
            yield from fields_of(one, f"{place}.{name}" if place else str(name), str(name))
    elif isinstance(given, list) and any(isinstance(one, dict) for one in given):
        for number, one in enumerate(given):
            yield from fields_of(one, f"{place}[{number}]", key)
    else:
        yield place, key, given
