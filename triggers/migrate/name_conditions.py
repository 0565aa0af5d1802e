"""Conditions on a file's name, as `include` and `exclude`."""

import re
from collections.abc import Mapping
from typing import Any, Final

from .drafts import Draft
from .expressions import Call, Get, Literal, Node, Unreadable, canonical, parsed
from .literals import literal, one_line

_NAMES: Final = re.compile(
    r"(triggerbody\(\)|triggeroutputs\(\)\.body|item\(\)|items\('[^']*'\))\.(name|displayname|path)\Z", re.IGNORECASE
)
_SHOWN: Final = 120


def read_condition(draft: Draft, condition: Any, place: str, *, is_positive: bool) -> None:
    """Put a condition into the draft's globs; what has no counterpart is noted."""
    if condition is None:
        return
    tests = _tests(condition, is_positive=is_positive)
    change = draft.trigger.get("change")
    if tests is None or change is None:
        draft.lost(
            place,
            f"the condition {one_line(str(condition))[:_SHOWN]} has no counterpart: every occurrence starts a run",
        )
        draft.decide.append(f"{place} was {one_line(str(condition))[:_SHOWN]}: decide what it meant")
        return
    for glob, is_wanted in tests:
        change.setdefault("include" if is_wanted else "exclude", []).append(literal(glob))
    draft.kept(place, "is " + ", ".join(f"{'include' if wanted else 'exclude'} {glob}" for glob, wanted in tests))


def _tests(condition: Any, *, is_positive: bool) -> list[tuple[str, bool]] | None:
    """Globs and whether they are wanted; None where the condition is no such one."""
    if isinstance(condition, str):
        try:
            return _of_node(parsed(condition.removeprefix("@")), is_positive=is_positive)
        except Unreadable:
            return None
    if not isinstance(condition, Mapping) or len(condition) != 1:
        return None
    [(name, arguments)] = condition.items()
    name = str(name).lower()
    if name == "not":
        return _tests(arguments, is_positive=not is_positive)
    if name in ("and", "or") and isinstance(arguments, list):
        return _all(name, [_tests(one, is_positive=is_positive) for one in arguments], is_positive=is_positive)
    if not isinstance(arguments, list) or len(arguments) != 2:
        return None
    try:
        subject = parsed(str(arguments[0]).removeprefix("@").removeprefix("{").removesuffix("}"))
    except Unreadable:
        return None
    return _of_node(Call(name, (subject, Literal(arguments[1]))), is_positive=is_positive)


def _all(name: str, parts: list[list[tuple[str, bool]] | None], *, is_positive: bool) -> list[tuple[str, bool]] | None:
    """Several conditions in one; a negated `and` is an `or` of what is negated."""
    found = [one for part in parts for one in part or ()]
    if any(part is None for part in parts):
        return None
    wanted = [glob for glob, is_wanted in found if is_wanted]
    if (name == "or") == is_positive and len(parts) > 1:
        return found if len(wanted) == len(found) else None  # `include` is met by any of its globs, `exclude` too
    if len(wanted) < 2:
        return found
    begins = [glob for glob in wanted if glob.endswith("*") and not glob.startswith("*")]
    ends = [glob for glob in wanted if glob.startswith("*") and not glob.endswith("*")]
    if len(begins) != 1 or len(ends) != 1 or len(wanted) != 2:
        return None
    return [(begins[0][:-1] + ends[0], True), *((glob, False) for glob, is_wanted in found if not is_wanted)]


def _of_node(node: Node, *, is_positive: bool) -> list[tuple[str, bool]] | None:
    if not isinstance(node, Call):
        return None
    if node.name == "not" and len(node.arguments) == 1:
        return _of_node(node.arguments[0], is_positive=not is_positive)
    if node.name in ("and", "or"):
        return _all(
            node.name, [_of_node(one, is_positive=is_positive) for one in node.arguments], is_positive=is_positive
        )
    if len(node.arguments) != 2:
        return None
    subject, value = node.arguments
    if isinstance(subject, Call) and subject.name in ("tolower", "toupper") and subject.arguments:
        subject = subject.arguments[0]
    if not isinstance(subject, Get | Call) or not _NAMES.match(canonical(subject)) or not isinstance(value, Literal):
        return None
    text = _escaped(str(value.value))
    glob = {"endswith": f"*{text}", "startswith": f"{text}*", "contains": f"*{text}*", "equals": text}.get(node.name)
    return None if glob is None else [(glob, is_positive)]


def _escaped(text: str) -> str:
    """Text for which a glob stands that has no wildcards."""
    return re.sub(r"[*?\[]", lambda match: f"[{match[0]}]", text)
