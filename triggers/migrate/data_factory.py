"""Data Factory and Synapse: pipelines with AzureMLExecutePipeline activities, and the triggers that start them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .data_factory_chains import activity_name, chain, note_dependencies, upstream_of
from .data_factory_files import Factory, Start, activities_in, collect, starts_of
from .data_factory_targets import target
from .data_factory_triggers import read_trigger
from .drafts import Draft, Unimportable, unread
from .literals import literal
from .recurrences import duration_text
from .secrets import is_secret
from .spans import dotnet_span
from .submissions import read_body, read_datapaths, target_of
from .texts import Texts, is_declared_secret, items, keep_rest, lowered, members, note_flag, number_of, unwrapped
from .translating import Context, NoCounterpart, Value, translated

_ACTIVITY: Final = "azuremlexecutepipeline"
_ACTIVITY_KEYS: Final = (
    *("name", "type", "description", "dependson", "policy", "userproperties", "linkedservicename", "typeproperties"),
    *("state", "oninactivemarkas"),
)
_MOST_ATTEMPTS: Final = 20
_STOP: Final = {
    False: "az datafactory trigger stop --name {} --factory-name FACTORY --resource-group GROUP",
    True: "az synapse trigger stop --name {} --workspace-name WORKSPACE",
}
"""The command that stops a trigger; True for Synapse, False for Data Factory."""
_WEB: Final = ("webactivity", "webhook")
_WEB_PROPERTIES: Final = (
    "url",
    "method",
    "headers",
    "body",
    "authentication",
    "linkedservices",
    "datasets",
    "connectvia",
)
_PROPERTIES: Final = (
    "mlpipelineid",
    "mlpipelineendpointid",
    "version",
    "experimentname",
    "mlpipelineparameters",
    "mlparentrunid",
    "datapathassignments",
    "continueonstepfailure",
)


def drafts_of(documents: Mapping[str, Any]) -> Iterator[Draft]:
    """The drafts from files that refer to one another. Raises Unimportable if no activity starts a pipeline."""
    factory = Factory()
    for file, document in documents.items():
        collect(factory, document, file)
    found = False
    for name, pipeline in factory.pipelines.items():
        activities = [one for one, _ in activities_in(pipeline.get("activities")) if _is_ours(one)]
        for activity in activities:
            for draft in _drafts(factory, name, pipeline, activity, activities):
                found = True
                yield draft
    if not found:
        files = ", ".join(documents)
        raise Unimportable(f"{files}: no pipeline has an AzureMLExecutePipeline activity")


def _is_ours(activity: Mapping[str, Any]) -> bool:
    """True if an activity starts an Azure ML pipeline, directly or by a web request."""
    kind = str(activity.get("type", "")).lower()
    return kind == _ACTIVITY or (kind in _WEB and _web_target(activity) is not None)


def _web_target(activity: Mapping[str, Any]) -> dict[str, Any] | None:
    given = lowered(activity.get("typeProperties"))
    address = unwrapped(given.get("url"))
    if str(given.get("method", "")).upper() != "POST" or not isinstance(address, str):
        return None
    return target_of(address, given.get("headers"))


def _drafts(
    factory: Factory,
    name: str,
    pipeline: Mapping[str, Any],
    activity: Mapping[str, Any],
    others: list[Mapping[str, Any]],
) -> Iterator[Draft]:
    """A chained schedule for an activity that follows another; otherwise one per trigger, or a manual one if none."""
    wanted = activity_name(name, activity.get("name"), others)
    before = upstream_of(activity, others, pipeline)
    starts = [*starts_of(factory, name)] or [Start()]
    if before is not None:
        starts = [_one_of(starts)]
    for start in starts:
        several, trigger_name = len(starts) > 1, start.trigger
        file = factory.files[f"pipeline {name}"]
        draft = Draft(
            name=f"{wanted}-{trigger_name}" if several else wanted,
            source=f"{file}: pipeline {name}, activity {activity.get('name')}",
            activity=wanted,
        )
        known: Mapping[str, Value] = {}
        if before is not None:
            chain(draft, name, before, others)
        elif trigger_name is None:
            draft.trigger = {"manual": {}}
            draft.changed(f"pipeline {name}", "no trigger in these files starts it, so it is imported as manual")
        else:
            known = read_trigger(draft, trigger_name, factory.triggers[trigger_name])
            keep_rest(draft, factory.triggers[trigger_name].get("typeProperties"), f"trigger {trigger_name}")
            if str(factory.triggers[trigger_name].get("runtimeState", "Started")) == "Started":
                draft.stop = _STOP[factory.is_synapse].format(trigger_name)
        _read(factory, draft, name, pipeline, activity, known, start)
        note_dependencies(draft, activity, name, others)
        yield draft


def _one_of(starts: list[Start]) -> Start:
    """The start of a chained activity: that of its pipeline; parameters are unknown if there are several starts."""
    if len(starts) == 1:
        return starts[0]
    return Start(parameters={name: "@the_triggers_differ()" for one in starts for name in one.parameters})


def _read(
    factory: Factory,
    draft: Draft,
    name: str,
    pipeline: Mapping[str, Any],
    activity: Mapping[str, Any],
    known: Mapping[str, Value],
    start: Start,
) -> None:
    of_pipeline = _parameters_through(draft, pipeline, start, known, draft.zone)
    context = Context(
        known={
            "pipeline().runid": "{run_key}",
            "pipeline().pipeline": literal(name),
            **({} if start.trigger is None else {"pipeline().triggername": literal(start.trigger)}),
            **_of_upstream(activity, draft),
            **known,
            **of_pipeline,
        },
        zone=draft.zone,
    )
    texts, given = Texts(draft=draft, context=context), lowered(activity.get("typeProperties"))
    web = _web_target(activity)
    if web is not None:
        draft.pipeline = web
        _read_web(texts, given)
    else:
        _read_properties(factory, texts, activity, given)
    _policy(draft, lowered(activity.get("policy")))
    _concurrency(draft, pipeline)
    within = next((outer for one, outer in activities_in(pipeline.get("activities")) if one is activity), None)
    if within is not None:
        place = f"activity within {within.get('type')} {within.get('name')}"
        draft.lost(place, "its condition or loop is not imported: every occurrence starts one run")
    unread(draft, "activity", {str(key).lower(): one for key, one in activity.items()}, _ACTIVITY_KEYS)
    if str(activity.get("state", "Active")) != "Active":
        draft.changed("state", f"the activity is {activity['state']} in the source, so it does not run")
    keep_rest(draft, given, "")
    keep_rest(draft, activity.get("policy"), "policy")


def _read_properties(factory: Factory, texts: Texts, activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Read the type properties of an AzureMLExecutePipeline activity."""
    draft = texts.draft
    unread(draft, "typeProperties", given, _PROPERTIES)
    draft.pipeline = target(factory, texts, activity, given)
    for source, key in (("experimentname", "experiment_name"), ("mlparentrunid", "parent_run_id")):
        if given.get(source) is not None and (text := texts.text(given[source], source)) is not None:
            draft.keys[key] = text
    if values := texts.mapping(given.get("mlpipelineparameters"), "mlPipelineParameters"):
        draft.keys["pipeline_parameters"] = values
    read_datapaths(texts, given.get("datapathassignments"), "dataPathAssignments")
    note_flag(draft, given.get("continueonstepfailure"), "continueOnStepFailure", "continue_on_step_failure")


def _read_web(texts: Texts, given: Mapping[str, Any]) -> None:
    """Read a web request to Azure ML."""
    draft = texts.draft
    unread(draft, "typeProperties", given, _WEB_PROPERTIES)
    draft.kept("url", "the address that it POSTs to")
    if given.get("authentication") is not None:
        draft.changed("authentication", "the function app's own identity sends the request")
    if given.get("headers") is not None:
        draft.changed("headers", "not needed: the app sends its own")
    draft.before.append("give the function app's identity a role on the workspace with which it may submit runs")
    read_body(texts, given.get("body"), "body")


def _of_upstream(activity: Mapping[str, Any], draft: Draft) -> dict[str, Value]:
    """The values of references to the outputs of the activities that a chained activity follows."""
    if draft.upstream is None:
        return {}
    names = [str(lowered(one).get("activity")) for one in items(activity.get("dependsOn"))]
    return {
        f"activity({name!r}).output.{key}".lower(): "{upstream.run_id}"
        for name in names
        for key in ("mlPipelineRunId", "runId")
    }


def _parameters_through(
    draft: Draft, pipeline: Mapping[str, Any], start: Start, known: Mapping[str, Value], zone: str
) -> dict[str, Value]:
    """The values of a pipeline's parameters, including those that a parent pipeline passes."""
    if start.above is None:
        return _parameters(draft, pipeline, start.parameters, Context(known=known, zone=zone))
    draft.changed("pipeline", f"is executed by the pipeline {start.name}; the rest of that pipeline is not imported")
    of_parent = _parameters_through(draft, start.pipeline, start.above, known, zone)
    return _parameters(draft, pipeline, start.parameters, Context(known={**known, **of_parent}, zone=zone))


def _parameters(
    draft: Draft, pipeline: Mapping[str, Any], given: Mapping[str, Any], context: Context
) -> dict[str, Value]:
    """The values of a pipeline's parameters: the given ones, otherwise their defaults."""
    declared = members(pipeline.get("parameters"))
    values = {name: lowered(one).get("defaultvalue") for name, one in declared.items()}
    values |= {name: unwrapped(one) for name, one in given.items()}
    hidden = {name for name, one in declared.items() if is_declared_secret(one)}
    found: dict[str, Value] = {}
    for name, value in values.items():
        if name in hidden or is_secret(name, value):
            draft.lost(f"parameters.{name}", "is a secret, so it is not copied")
        elif isinstance(value, str):
            try:
                found[f"pipeline().parameters.{name}".lower()] = translated(value, context)
            except NoCounterpart as error:
                draft.lost(f"parameters.{name}", f"has no counterpart: {error}")
        elif isinstance(value, bool | int | float):
            found[f"pipeline().parameters.{name}".lower()] = str(value)
    for note in dict.fromkeys(context.notes):
        draft.changed("parameters", note)
    context.notes.clear()
    return found


def _policy(draft: Draft, policy: Mapping[str, Any]) -> None:
    unread(draft, "policy", policy, ("timeout", "retry", "retryintervalinseconds", "secureinput", "secureoutput"))
    timeout = unwrapped(policy.get("timeout"))
    if timeout is not None:
        span = dotnet_span(str(timeout))
        text = None if span is None else duration_text(span)
        if text is None:
            draft.lost("policy.timeout", f"{timeout!r} is not a time span")
        else:
            draft.keys["timeout"] = text
            draft.kept("policy.timeout", f"timeout: {text}")
    for key in ("secureinput", "secureoutput"):
        if policy.get(key):
            draft.lost(f"policy.{key}", "the inputs of a run are visible to everyone who may read runs")
    retry = number_of(policy.get("retry"))
    if retry is None and policy.get("retry") is not None:
        draft.lost("policy.retry", "is not a number")
        draft.decide.append("policy.retry: write `rerun`, or leave it out")
    if retry:
        seconds = number_of(policy.get("retryintervalinseconds")) or 30
        states = ["failed", "timeout"] if "timeout" in draft.keys else ["failed"]
        draft.keys["rerun"] = {"states": states, "attempts": min(retry, _MOST_ATTEMPTS), "delay": f"{seconds}s"}
        attempts = f"{min(retry, _MOST_ATTEMPTS)} of {retry} attempts"
        draft.changed("policy.retry", f"rerun: {attempts} after {seconds}s; in this app the delay doubles each time")


def _concurrency(draft: Draft, pipeline: Mapping[str, Any]) -> None:
    most = number_of(pipeline.get("concurrency"))
    if most and "max_concurrent_runs" not in draft.keys:
        draft.keys["max_concurrent_runs"] = most
        draft.changed("pipeline.concurrency", f"max_concurrent_runs: {most}; in this app only for this schedule")
