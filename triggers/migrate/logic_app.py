"""Logic Apps: workflow definitions, exported as ARM templates or copied from the designer's code view."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .drafts import Draft, Unimportable, unread
from .expressions import is_expression
from .literals import literal, setting_name
from .logic_app_triggers import read_trigger
from .name_conditions import read_condition
from .submissions import read_body, target_of
from .texts import Texts, items, keep_rest, lowered, members, unwrapped
from .translating import Context, NoCounterpart, Value, translated

_SETTLED: Final = ("method", "uri", "body", "headers", "authentication", "retrypolicy", "queries")


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One workflow of a file."""

    name: str
    place: str
    definition: Mapping[str, Any]
    parameters: Mapping[str, Any]
    """Their values, as far as the file has them."""
    is_enabled: bool


def drafts_of(document: Any, file: str) -> Iterator[Draft]:
    """A draft for each call of Azure ML in each workflow. Raises Unimportable where there is no workflow."""
    found = list(_workflows(document, file))
    if not found:
        raise Unimportable(f"{file}: holds no workflow: expected a definition with triggers and actions")
    for workflow in found:
        yield from _drafts(workflow, file)


def _workflows(document: Any, file: str) -> Iterator[Workflow]:
    if isinstance(document, list):
        for one in document:
            yield from _workflows(one, file)
        return
    if not isinstance(document, dict):
        return
    resources = document.get("resources")
    if isinstance(resources, list):
        for number, one in enumerate(resources):
            kind = str(one.get("type", "")).lower() if isinstance(one, dict) else ""
            if kind == "microsoft.logic/workflows":
                given = _template_values(document)
                yield from _workflow(one, f"resources[{number}]", _resource_name(one, given, number), given)
        return
    yield from _workflow(document, "", _file_name(file), {})


def _workflow(resource: Mapping[str, Any], place: str, name: str, given: Mapping[str, Any]) -> Iterator[Workflow]:
    properties = members(resource.get("properties")) or resource
    definition = properties.get("definition", properties)
    if not isinstance(definition, dict) or not isinstance(definition.get("triggers"), dict):
        return
    declared = members(definition.get("parameters"))
    values = {
        key: one["defaultValue"] for key, one in declared.items() if isinstance(one, dict) and "defaultValue" in one
    }
    for key, one in (
        (properties.get("parameters") or {}).items() if isinstance(properties.get("parameters"), dict) else ()
    ):
        if isinstance(one, dict) and "value" in one:
            values[key] = _template_text(one["value"], given)
    state = str(properties.get("state", "Enabled")).lower()
    yield Workflow(
        name=name,
        place=place,
        definition=definition,
        parameters=values,
        is_enabled=state not in ("disabled", "suspended"),
    )


def _template_values(template: Mapping[str, Any]) -> Mapping[str, Any]:
    declared = members(template.get("parameters"))
    return {
        key: one["defaultValue"]
        for key, one in declared.items()
        if isinstance(one, dict) and isinstance(one.get("defaultValue"), str | int | float | bool)
    }


def _template_text(value: Any, given: Mapping[str, Any]) -> Any:
    """A value of an ARM template, where it is one of its parameters."""
    if isinstance(value, str) and value.startswith("[parameters('") and value.endswith("')]"):
        return given.get(value[len("[parameters('") : -len("')]")], value)
    return value


def _resource_name(resource: Mapping[str, Any], given: Mapping[str, Any], number: int) -> str:
    name = _template_text(resource.get("name", ""), given)
    return f"workflow-{number}" if not isinstance(name, str) or name.startswith("[") else name


def _file_name(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2].partition(".")[0] or "workflow"


def _drafts(workflow: Workflow, file: str) -> Iterator[Draft]:
    calls = list(_calls(workflow))
    if not calls:
        raise Unimportable(f"{file}: the workflow {workflow.name} calls no pipeline of Azure ML by an HTTP action")
    for trigger_name, trigger in workflow.definition["triggers"].items():
        for call in calls:
            several = len(calls) > 1 or len(workflow.definition["triggers"]) > 1
            name = f"{workflow.name}-{call.name}" if several else workflow.name
            where = f"{workflow.place}." if workflow.place else ""
            draft = Draft(name=name, source=f"{file}: {where}definition.triggers.{trigger_name}")
            draft.stop = f"disable the Logic App {workflow.name}"
            if not workflow.is_enabled:
                draft.kept("state", "the workflow is disabled")
            draft.pipeline = call.target(workflow, draft)
            known = read_trigger(draft, trigger_name, trigger, in_a_loop=call.in_a_loop)
            texts = Texts(draft=draft, context=_context(workflow, draft, known))
            for condition, is_positive, place in call.conditions:
                read_condition(draft, condition, place, is_positive=is_positive)
            read_body(texts, call.inputs.get("body"), f"actions.{call.name}.inputs.body")
            _note_action(draft, call)
            keep_rest(draft, trigger, f"triggers.{trigger_name}")
            keep_rest(draft, call.action, f"actions.{call.name}")
            yield draft


@dataclass(frozen=True, kw_only=True)
class _Call:
    name: str
    inputs: Mapping[str, Any]
    """By keys in lower case."""
    action: Mapping[str, Any]
    conditions: tuple[tuple[Any, bool, str], ...]
    """The conditions above it, whether they have to hold, and where they are."""
    in_a_loop: bool
    """Whether it is made for each of the trigger's files."""

    def target(self, workflow: Workflow, draft: Draft) -> dict[str, Any]:
        """The entry of `pipelines`; of an address that the file does not hold, a setting."""
        address = _address(self.inputs.get("uri"), workflow)
        found = None if address is None else target_of(address, self.inputs.get("headers"))
        if found is not None:
            return found
        name = setting_name(workflow.name, "endpoint")
        place = f"actions.{self.name}.inputs.uri"
        draft.changed(place, f"is not in the file: the app setting {name} holds it")
        return {"endpoint": draft.setting(name, f"the address that {place} has: a pipeline's REST endpoint")}


def _address(value: Any, workflow: Workflow) -> str | None:
    context = Context(known=_parameter_values(workflow), zone="UTC")
    if not isinstance(value, str):
        return None
    try:
        return translated(value, context).replace("%%", "%")
    except NoCounterpart:
        return None


def _calls(workflow: Workflow) -> Iterator[_Call]:
    actions = workflow.definition.get("actions")
    yield from _walk(actions if isinstance(actions, dict) else {}, workflow, ())


def _walk(
    actions: Mapping[str, Any],
    workflow: Workflow,
    above: tuple[tuple[Any, bool, str], ...],
    *,
    in_a_loop: bool = False,
) -> Iterator[_Call]:
    for name, action in actions.items():
        if not isinstance(action, dict):
            continue
        inputs = lowered(action.get("inputs"))
        if str(action.get("type", "")).lower() == "http" and _submits(inputs, workflow):
            yield _Call(name=name, inputs=inputs, action=action, conditions=above, in_a_loop=in_a_loop)
        place = f"actions.{name}.expression"
        condition = action.get("expression")
        inside = above if condition is None else (*above, (condition, True, place))
        outside = above if condition is None else (*above, (condition, False, place))
        loops = in_a_loop or str(action.get("type", "")).lower() == "foreach"
        yield from _walk(_actions_in(action), workflow, inside, in_a_loop=loops)
        yield from _walk(_actions_in(action.get("else")), workflow, outside, in_a_loop=loops)
        for case in (action.get("cases") or {}).values() if isinstance(action.get("cases"), dict) else ():
            yield from _walk(_actions_in(case), workflow, (*above, (action.get("expression"), True, place)))


def _actions_in(action: Any) -> Mapping[str, Any]:
    found = action.get("actions") if isinstance(action, dict) else None
    return found if isinstance(found, dict) else {}


def _submits(inputs: Mapping[str, Any], workflow: Workflow) -> bool:
    """Whether an HTTP action starts a pipeline: by its address, or by its body where the address is not in the file."""
    if str(inputs.get("method", "")).upper() != "POST":
        return False
    address = _address(inputs.get("uri"), workflow)
    if address is not None and not address.startswith("["):
        return target_of(address, None) is not None
    body = lowered(inputs.get("body"))
    return bool(set(body) & {"experimentname", "parameterassignments", "datapathassignments"})


def _parameter_values(workflow: Workflow) -> dict[str, Value]:
    """What parameters, and variables and compositions that never change, stand for."""
    found: dict[str, Value] = {}
    for name, value in workflow.parameters.items():
        _put(found, f"parameters({name!r})", value)
    for name, action in _all_actions(members(workflow.definition.get("actions"))):
        kind, inputs = str(action.get("type", "")).lower(), action.get("inputs")
        if kind == "compose":
            _put(found, f"outputs({name!r})", inputs)
        elif kind == "initializevariable":
            for one in items(lowered(inputs).get("variables")):
                _put(found, f"variables({str(lowered(one).get('name'))!r})", lowered(one).get("value"))
    for _, action in _all_actions(members(workflow.definition.get("actions"))):
        if str(action.get("type", "")).lower() in _CHANGES_A_VARIABLE:
            found.pop(f"variables({str(lowered(action.get('inputs')).get('name'))!r})".lower(), None)
    return found


_CHANGES_A_VARIABLE: Final = (
    "setvariable",
    "incrementvariable",
    "decrementvariable",
    "appendtostringvariable",
    "appendtoarrayvariable",
)


def _put(found: dict[str, Value], name: str, value: Any) -> None:
    """Note a plain value, or those within an object; what is an expression itself is not known."""
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
            yield from _all_actions(_actions_in(action))
            yield from _all_actions(_actions_in(action.get("else")))


def _context(workflow: Workflow, draft: Draft, known: Mapping[str, Value]) -> Context:
    trigger = draft.trigger.get("recurrence", draft.trigger.get("cron", {}))
    return Context(
        known={
            **_parameter_values(workflow),
            "workflow().run.name": "{run_key}",
            "guid()": "{run_key}",
            **known,
        },
        zone=str(trigger.get("time_zone", "UTC")),
    )


def _note_action(draft: Draft, call: _Call) -> None:
    place = f"actions.{call.name}"
    unread(draft, f"{place}.inputs", call.inputs, _SETTLED)
    kind = str(lowered(unwrapped(call.inputs.get("authentication"))).get("type", ""))
    if kind:
        draft.changed(f"{place}.inputs.authentication", f"{kind}: the function app's own identity sends the request")
    draft.before.append("give the function app's identity a role on the workspace that may submit runs")
    if "retrypolicy" in call.inputs:
        draft.changed(f"{place}.inputs.retryPolicy", "the app retries what Azure ML certainly did not accept (`retry`)")
    if call.action.get("runAfter"):
        draft.changed(f"{place}.runAfter", "the actions before it are not imported")
