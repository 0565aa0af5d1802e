"""Reads workflow definitions of Logic Apps: ARM templates, or copies of the designer's code view."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .drafts import Draft, Unimportable, unread
from .literals import one_line
from .logic_app_actions import PipelineCall, Workflow, calls_in, is_over_files
from .logic_app_triggers import read_trigger
from .name_conditions import Condition, read_conditions
from .secrets import shown
from .submissions import read_body
from .texts import Texts, is_declared_secret, items, keep_rest, lowered, members, unwrapped
from .translating import Context, Value

_SETTLED: Final = ("method", "uri", "body", "headers", "authentication", "retrypolicy", "queries")


def drafts_of(document: Any, file: str) -> Iterator[Draft]:
    """A draft for each call of Azure ML in each workflow. Raises Unimportable if there is no workflow."""
    found = list(_workflows(document, file))
    if not found:
        raise Unimportable(f"{file}: contains no workflow: expected a definition with triggers and actions")
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
                yield from _workflow(one, f"resources[{number}]", _resource_name(one, number))
        return
    yield from _workflow(document, "", _file_name(file))


def _workflow(resource: Mapping[str, Any], place: str, name: str) -> Iterator[Workflow]:
    properties = members(resource.get("properties")) or resource
    definition = properties.get("definition", properties)
    if not isinstance(definition, dict) or not isinstance(definition.get("triggers"), dict):
        return
    declared = members(definition.get("parameters"))
    secret = frozenset(key for key, one in declared.items() if is_declared_secret(one))
    values = {
        key: one["defaultValue"] for key, one in declared.items() if isinstance(one, dict) and "defaultValue" in one
    }
    given = members(properties.get("parameters"))
    values |= {key: one["value"] for key, one in given.items() if isinstance(one, dict) and "value" in one}
    state = str(properties.get("state", "Enabled")).lower()
    yield Workflow(
        name=name,
        place=place,
        definition=definition,
        parameters=values,
        secret=secret,
        is_enabled=state not in ("disabled", "suspended"),
    )


def _resource_name(resource: Mapping[str, Any], number: int) -> str:
    name = resource.get("name", "")
    return f"workflow-{number}" if not isinstance(name, str) or name.startswith("[") else name


def _file_name(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2].partition(".")[0] or "workflow"


def _drafts(workflow: Workflow, file: str) -> Iterator[Draft]:
    calls = list(calls_in(workflow))
    if not calls:
        raise Unimportable(f"{file}: the workflow {workflow.name} has no HTTP action that calls a pipeline of Azure ML")
    for trigger_name, trigger in workflow.definition["triggers"].items():
        for call in calls:
            several = len(calls) > 1 or len(workflow.definition["triggers"]) > 1
            name = f"{workflow.name}-{call.name}" if several else workflow.name
            where = f"{workflow.place}." if workflow.place else ""
            draft = Draft(name=name, source=f"{file}: {where}definition.triggers.{trigger_name}")
            if workflow.is_enabled:
                draft.stop = f"disable the Logic App {workflow.name}"
            else:
                draft.kept("state", "the workflow is disabled")
            draft.pipeline = call.target(workflow, draft)
            known = read_trigger(draft, trigger_name, trigger, in_a_loop=bool(call.file_loops))
            texts = Texts(draft=draft, context=_context(workflow, draft, known, call))
            read_conditions(draft, [*_conditions_of(trigger, trigger_name), *call.conditions])
            _note_loops(draft, call)
            read_body(texts, call.inputs.get("body"), f"actions.{call.name}.inputs.body")
            _note_action(draft, call)
            keep_rest(draft, trigger, f"triggers.{trigger_name}")
            keep_rest(draft, call.action, f"actions.{call.name}")
            yield draft


def _context(workflow: Workflow, draft: Draft, known: Mapping[str, Value], call: PipelineCall) -> Context:
    return Context(
        secret=workflow.known.secret,
        known={
            **workflow.known.values,
            "workflow().run.name": "{run_key}",
            "guid()": "{run_key}",
            **known,
        },
        file_loops=frozenset(call.file_loops),
        zone=draft.zone,
    )


def _conditions_of(trigger: Any, name: str) -> Iterator[Condition]:
    """The conditions of a file trigger; other triggers' conditions are handled with the trigger."""
    if "path" in lowered(lowered(trigger).get("inputs")):
        for number, one in enumerate(items(lowered(trigger).get("conditions"))):
            yield Condition(value=lowered(one).get("expression"), place=f"triggers.{name}.conditions[{number}]")


def _note_loops(draft: Draft, call: PipelineCall) -> None:
    for place, over in call.loops:
        if not (is_over_files(over) and "change" in draft.trigger):
            draft.lost(place, f"the loop over {shown(over)} is not imported: every occurrence starts one run")


def _note_action(draft: Draft, call: PipelineCall) -> None:
    place = f"actions.{call.name}"
    unread(draft, f"{place}.inputs", call.inputs, _SETTLED)
    unread(draft, place, call.action, ("type", "inputs", "runAfter", "description", "metadata"))
    if call.inputs.get("headers"):
        draft.changed(f"{place}.inputs.headers", "the app sends its own headers")
    if call.inputs.get("queries"):
        draft.lost(f"{place}.inputs.queries", "have no counterpart")
    kind = str(lowered(unwrapped(call.inputs.get("authentication"))).get("type", ""))
    if kind:
        draft.changed(f"{place}.inputs.authentication", f"{kind}: the function app's own identity sends the request")
    draft.before.append("give the function app's identity a role on the workspace with which it may submit runs")
    if "retrypolicy" in call.inputs:
        draft.changed(
            f"{place}.inputs.retryPolicy", "the app retries what Azure ML definitely did not accept (`retry`)"
        )
    for name, ends in members(call.action.get("runAfter")).items():
        when = ", ".join(map(str, items(ends))) or "Succeeded"
        draft.lost(
            f"{place}.runAfter", f"the run does not wait for {one_line(name)} ({when}) but starts with the trigger"
        )
