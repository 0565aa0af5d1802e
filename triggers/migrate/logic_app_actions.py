"""Reads the actions of a workflow: which start a pipeline, under which conditions, and with which values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from .drafts import Draft
from .expressions import is_expression
from .literals import literal, setting_name
from .name_conditions import Condition
from .secrets import is_secret, names_a_secret
from .submissions import target_of
from .texts import items, lowered, members
from .translating import Context, NoCounterpart, Value, translated


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One workflow of a file."""

    name: str
    place: str
    definition: Mapping[str, Any]
    parameters: Mapping[str, Any]
    """Their values, if the file has them."""
    secret: frozenset[str]
    """The parameters that hold secrets."""
    is_enabled: bool

    @cached_property
    def known(self) -> "KnownValues":
        """The values of its references."""
        return _known_values(self)


class KnownValues(NamedTuple):
    """The values of parameters and of constant variables and compositions; and which of them are secrets."""

    values: Mapping[str, Value]
    secret: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class PipelineCall:
    """An HTTP action that starts a pipeline."""

    name: str
    inputs: Mapping[str, Any]
    """With keys in lower case."""
    action: Mapping[str, Any]
    conditions: tuple[Condition, ...]
    """The conditions above it."""
    loops: tuple[tuple[str, str], ...]
    """The loops around it: their places, and what they iterate over or wait for."""

    @property
    def file_loops(self) -> list[str]:
        """The names, in lower case, of the loops over the trigger's files."""
        return [place.removeprefix("actions.").lower() for place, over in self.loops if is_over_files(over)]

    def target(self, workflow: Workflow, draft: Draft) -> dict[str, Any]:
        """The entry of `pipelines`; if the file lacks the address, an app setting holds it."""
        address = _address(self.inputs.get("uri"), workflow)
        found = None if address is None else target_of(address, self.inputs.get("headers"))
        if found is not None:
            return found
        name = setting_name(draft.name, "endpoint")
        place = f"actions.{self.name}.inputs.uri"
        draft.changed(place, f"is not in the file, so it becomes the app setting {name}")
        return {"endpoint": draft.setting(name, f"the address that {place} has: a pipeline's REST endpoint")}


def is_over_files(over: str) -> bool:
    """True if a loop iterates over the files that the trigger found."""
    return over.lower().startswith(("@trigger", "@{trigger"))


def _address(value: Any, workflow: Workflow) -> str | None:
    if not isinstance(value, str):
        return None
    context = Context(known=workflow.known.values, secret=workflow.known.secret, zone="UTC")
    try:
        return translated(value, context).replace("%%", "%")
    except NoCounterpart:
        return None


def calls_in(workflow: Workflow) -> Iterator[PipelineCall]:
    """Every call of a pipeline, anywhere in the workflow."""
    actions = workflow.definition.get("actions")
    yield from _walk(members(actions), workflow)


def _walk(
    actions: Mapping[str, Any],
    workflow: Workflow,
    above: tuple[Condition, ...] = (),
    loops: tuple[tuple[str, str], ...] = (),
) -> Iterator[PipelineCall]:
    for name, action in actions.items():
        if not isinstance(action, dict):
            continue
        kind, inputs = str(action.get("type", "")).lower(), lowered(action.get("inputs"))
        if kind == "http" and _submits(inputs, workflow):
            yield PipelineCall(name=name, inputs=inputs, action=action, conditions=above, loops=loops)
        around = loops
        if kind in ("foreach", "until"):
            around = (*loops, (f"actions.{name}", str(action.get("foreach", action.get("expression", "")))))
        for inner, condition in _parts(name, action, kind):
            inside = above if condition is None else (*above, condition)
            yield from _walk(inner, workflow, inside, around)


def _parts(name: str, action: Mapping[str, Any], kind: str) -> Iterator[tuple[Mapping[str, Any], Condition | None]]:
    """The actions within an action, each with the condition under which they run."""
    expression, place = action.get("expression"), f"actions.{name}.expression"
    if kind == "until" or expression is None:
        yield _actions_in(action), None
    else:
        yield _actions_in(action), Condition(value=expression, place=place)
        yield _actions_in(action.get("else")), Condition(value=expression, place=place, is_positive=False)
    for case in members(action.get("cases")).values():
        yield _actions_in(case), Condition(value=f"the case {members(case).get('case')!r} of {expression}", place=place)
    yield _actions_in(action.get("default")), Condition(value=f"no case of {expression}", place=place)


def _actions_in(action: Any) -> Mapping[str, Any]:
    found = action.get("actions") if isinstance(action, dict) else None
    return found if isinstance(found, dict) else {}


def _submits(inputs: Mapping[str, Any], workflow: Workflow) -> bool:
    """True if an HTTP action starts a pipeline, judging by its address or, if the file lacks that, its body."""
    if str(inputs.get("method", "")).upper() != "POST":
        return False
    address = _address(inputs.get("uri"), workflow)
    if address is not None and not address.startswith("["):
        return target_of(address, None) is not None
    body = lowered(inputs.get("body"))
    return bool(set(body) & {"experimentname", "parameterassignments", "datapathassignments"})


def _known_values(workflow: Workflow) -> KnownValues:
    found: dict[str, Value] = {}
    for name, value in workflow.parameters.items():
        _put(found, f"parameters({name!r})", value)
    every = list(_all_actions(members(workflow.definition.get("actions"))))
    for name, action in every:
        kind, inputs = str(action.get("type", "")).lower(), action.get("inputs")
        if kind == "compose":
            _put(found, f"outputs({name!r})", inputs)
        elif kind == "initializevariable":
            for one in items(lowered(inputs).get("variables")):
                _put(found, f"variables({str(lowered(one).get('name'))!r})", lowered(one).get("value"))
    for _, action in every:
        if str(action.get("type", "")).lower() in _CHANGES_A_VARIABLE:
            found.pop(f"variables({str(lowered(action.get('inputs')).get('name'))!r})".lower(), None)
    declared = {f"parameters({name!r})".lower() for name in workflow.secret}
    named = {
        name for name, value in found.items() if names_a_secret(_LAST_NAME.findall(name)[-1]) or is_secret("", value)
    }
    return KnownValues(found, frozenset(named | declared))


_LAST_NAME: Final = re.compile(r"[A-Za-z0-9_ -]+")


_CHANGES_A_VARIABLE: Final = (
    "setvariable",
    "incrementvariable",
    "decrementvariable",
    "appendtostringvariable",
    "appendtoarrayvariable",
)


def _put(found: dict[str, Value], name: str, value: Any) -> None:
    """Note a plain value, or those within an object. Values that are expressions are unknown."""
    if isinstance(value, str) and not is_expression(value):
        found[name.lower()] = literal(value)
    elif isinstance(value, bool | int | float):
        found[name.lower()] = str(value)
    elif isinstance(value, dict):
        for key, one in value.items():
            _put(found, f"{name}.{key}", one)


def _all_actions(actions: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, action in actions.items():
        if isinstance(action, dict):
            yield name, action
            for inner, _ in _parts(name, action, "until"):
                yield from _all_actions(inner)
            yield from _all_actions(_actions_in(action.get("else")))
