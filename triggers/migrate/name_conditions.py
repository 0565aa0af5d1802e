"""Translates conditions on a file's name to `include` and `exclude`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import Any, Final

from .drafts import Draft
from .expressions import Call, Get, Literal, Node, Unreadable, canonical, is_expression, parsed
from .literals import literal
from .secrets import shown

_NAMES: Final = re.compile(
    r"(triggerbody\(\)|triggeroutputs\(\)\.body|item\(\)|items\('[^']*'\))\.(name|displayname|path)\Z", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition of a source, and whether it must hold or must not."""

    value: Any
    place: str
    is_positive: bool = True


def read_conditions(draft: Draft, conditions: Sequence[Condition]) -> None:
    """Put conditions that must all hold into the draft's globs; conditions without a counterpart are noted."""
    found = [one for one in conditions if one.value is not None]
    change = draft.trigger.get("change")
    below = "" if change is None else f"/{change['container']}/{change.get('path_on_datastore', '')}".rstrip("/") + "/"
    tests = [_tests(one.value, below, is_positive=one.is_positive) for one in found]
    known = [test for test in tests if test is not None] if change is not None else []
    merged = _all("and", list(known), is_positive=True)
    for one, test in zip(found, tests, strict=True):
        if test is None or change is None or merged is None:
            _left_out(draft, one)
        else:
            said = ", ".join(f"{'include' if wanted else 'exclude'} {glob}" for glob, wanted in test)
            draft.changed(one.place, f"becomes {said}; unlike the source, it is case-sensitive")
    for glob, is_wanted in merged or () if change is not None else ():
        assert change is not None, "nothing else has globs"
        change.setdefault("include" if is_wanted else "exclude", []).append(literal(glob))


def _left_out(draft: Draft, one: Condition) -> None:
    text = shown(one.value if isinstance(one.value, str) else json.dumps(one.value))
    draft.lost(one.place, f"the condition {text} has no counterpart, so every occurrence starts a run")
    draft.decide.append(f"{one.place} was {text}: decide how to replace it")


def _tests(condition: Any, below: str, *, is_positive: bool) -> list[tuple[str, bool]] | None:
    """Globs, each with True to include or False to exclude; None if the condition has no counterpart."""
    if isinstance(condition, str):
        try:
            return _of_node(parsed(condition.removeprefix("@")), below, is_positive=is_positive)
        except Unreadable:
            return None
    if not isinstance(condition, Mapping) or len(condition) != 1:
        return None
    [(name, arguments)] = condition.items()
    name = str(name).lower()
    if name == "not":
        return _tests(arguments, below, is_positive=not is_positive)
    if name in ("and", "or") and isinstance(arguments, list):
        return _all(name, [_tests(one, below, is_positive=is_positive) for one in arguments], is_positive=is_positive)
    if not isinstance(arguments, list) or len(arguments) != 2:
        return None
    try:
        subject = parsed(str(arguments[0]).removeprefix("@").removeprefix("{").removesuffix("}"))
    except Unreadable:
        return None
    value = arguments[1]
    if not isinstance(value, str) or is_expression(value):
        return None
    return _of_node(Call(name, (subject, Literal(value))), below, is_positive=is_positive)


def _all(name: str, parts: list[list[tuple[str, bool]] | None], *, is_positive: bool) -> list[tuple[str, bool]] | None:
    """Combine conditions into one; a negated `and` is an `or` of the negated conditions."""
    found = [one for part in parts for one in part or ()]
    if any(part is None for part in parts):
        return None
    wanted = [glob for glob, is_wanted in found if is_wanted]
    if (name == "or") == is_positive and len(parts) > 1:
        return found if len(wanted) == len(found) else None  # any one glob of `include` or `exclude` suffices
    if sum(any(is_wanted for _, is_wanted in part or ()) for part in parts) < 2:
        return found
    begins = [glob for glob in wanted if glob.endswith("*") and not glob.startswith("*")]
    ends = [glob for glob in wanted if glob.startswith("*") and not glob.endswith("*")]
    if len(begins) != 1 or len(ends) != 1 or len(wanted) != 2:
        return None
    return [(begins[0][:-1] + ends[0], True), *((glob, False) for glob, is_wanted in found if not is_wanted)]


def _of_node(node: Node, below: str, *, is_positive: bool) -> list[tuple[str, bool]] | None:
    if not isinstance(node, Call):
        return None
    if node.name == "not" and len(node.arguments) == 1:
        return _of_node(node.arguments[0], below, is_positive=not is_positive)
    if node.name in ("and", "or"):
        return _all(
            node.name,
            [_of_node(one, below, is_positive=is_positive) for one in node.arguments],
            is_positive=is_positive,
        )
    if len(node.arguments) != 2:
        return None
    subject, value = node.arguments
    if isinstance(subject, Call) and subject.name in ("tolower", "toupper") and subject.arguments:
        subject = subject.arguments[0]
    if not isinstance(subject, Get | Call) or not _NAMES.match(canonical(subject)) or not isinstance(value, Literal):
        return None
    text = str(value.value or "")
    if canonical(subject).lower().endswith(".path"):
        if node.name not in ("startswith", "equals") or not text.startswith(below):
            return None if node.name != "endswith" or "/" in text else [(f"*{escape(text)}", is_positive)]
        text = text[len(below) :]
    text = escape(text)
    if not text or "/" in text:
        return None
    glob = {"endswith": f"*{text}", "startswith": f"{text}*", "contains": f"*{text}*", "equals": text}.get(node.name)
    return None if glob is None else [(glob, is_positive)]
