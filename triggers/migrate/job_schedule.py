"""Reads job schedules of SDK and CLI v2: YAML, REST answers, and the output of `az ml schedule show`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .dialects import JOBS
from .drafts import Draft, Unimportable, unread
from .literals import one_line, setting_name
from .recurrences import bounds_of, given_in
from .recurring import put_recurrence
from .submissions import read_inputs, target_of
from .texts import Texts, keep_rest, lowered, members, note_flag, unwrapped, workspace_keys
from .translating import Context

_ID: Final = re.compile(
    r"/subscriptions/(?P<subscription_id>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)/.*/workspaces/(?P<name>[^/]+)",
    re.IGNORECASE,
)
_SCHEDULE: Final = (
    "$schema",
    "name",
    "id",
    "type",
    "display_name",
    "description",
    "tags",
    "trigger",
    "create_job",
    "action",
    "is_enabled",
    "properties",
    "creation_context",
    "provisioning_state",
    "systemdata",
    "resource_group",
    "resourcegroup",
)
_OTHERS: Final = ("createmonitor", "importdata")
_ABOUT_IT: Final = (
    "$schema",
    "id",
    "properties",
    "systemdata",
    "system_data",
    "creation_context",
    "provisioning_state",
)
"""Keys that the service adds to a schedule."""
_JOB: Final = (
    "$schema",
    "type",
    "job_type",
    "name",
    "display_name",
    "description",
    "tags",
    "experiment_name",
    "inputs",
    "settings",
    "job",
    "component",
    "jobs",
    "outputs",
    "source_job_id",
    "compute",
    "is_archived",
    "properties",
    "services",
    "status",
    "identity",
    "component_id",
    "compute_id",
)


_OF_THE_JOB: Final = ("compute", "compute_id", "display_name", "identity", "outputs", "services")
_INVOCATION: Final = ("url", "scoring_uri", "inputs", "input_data", "deployment_name", "endpoint_name", "type")


def drafts_of(document: Any, file: str) -> Iterator[Draft]:
    """A draft for each schedule. Raises Unimportable if there is none."""
    listed = document if isinstance(document, list) else lowered(document).get("value", [document])
    found = False
    for number, one in enumerate(listed if isinstance(listed, list) else []):
        schedule = members(_snake(one))
        if isinstance(schedule.get("properties"), dict) and "trigger" in schedule["properties"]:
            schedule = {**schedule, **schedule["properties"]}
        if isinstance(schedule.get("trigger"), dict):
            found = True
            place = f"[{number}]" if isinstance(document, list) else ""
            yield _draft(schedule, f"{file}{place}", number)
    if not found:
        raise Unimportable(f"{file}: contains no job schedule: expected the keys `trigger` and `create_job`")


def _snake(value: Any) -> Any:
    """The value with keys in snake case, as in the YAML; names of inputs and tags are kept."""
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(key)).lower()
        is_named = name in ("inputs", "tags", "outputs", "jobs")
        found[name] = one if is_named else [_snake(each) for each in one] if isinstance(one, list) else _snake(one)
    return found


def _draft(schedule: Mapping[str, Any], source: str, number: int) -> Draft:
    name = str(schedule.get("name") or schedule.get("display_name") or f"schedule-{number}")
    draft = Draft(name=name, source=source)
    unread(draft, "schedule", schedule, _SCHEDULE)
    if schedule.get("is_enabled") is False:
        draft.kept("is_enabled", "the schedule is disabled")
    else:
        known = _workspace_of(schedule)
        draft.stop = (
            f"az ml schedule disable --name {name} --workspace-name {known.get('name', 'WORKSPACE')} "
            f"--resource-group {known.get('resource_group', 'GROUP')}"
        )
    texts = Texts(draft=draft, context=None)
    if (description := texts.text(schedule.get("description"), "description")) is not None:
        draft.keys["description"] = description
    if tags := texts.mapping(schedule.get("tags"), "tags"):
        draft.keys["tags"] = tags
    _read_trigger(draft, schedule["trigger"])
    _read_action(draft, texts, schedule)
    keep_rest(draft, {key: value for key, value in schedule.items() if key not in (*_ABOUT_IT, "action")}, "")
    return draft


def _workspace_of(schedule: Mapping[str, Any]) -> dict[str, str]:
    known = _ID.search(str(schedule.get("id", "")))
    return known.groupdict() if known else {}


def _read_trigger(draft: Draft, trigger: Mapping[str, Any]) -> None:
    kind = str(trigger.get("type", trigger.get("trigger_type", ""))).lower()
    found = {key.replace("_", ""): value for key, value in trigger.items()}
    pattern = found.get("schedule")
    if isinstance(pattern, dict):
        found["schedule"] = {key.replace("_", ""): value for key, value in pattern.items()}
    if kind == "cron" or "expression" in found:
        _read_cron(draft, found)
        return
    given = given_in(draft, found, "trigger")
    if given is not None and given.frequency in ("Minute", "Hour"):
        if given.hours or given.minutes or given.week_days or given.month_days:
            draft.changed(
                "trigger.schedule",
                "v2 ignores hours, minutes and days if the frequency is minute or hour; they are ignored here too",
            )
        given.hours, given.minutes, given.week_days, given.month_days = [], [], [], []
    put_recurrence(draft, given, "trigger")


def _read_cron(draft: Draft, found: Mapping[str, Any]) -> None:
    fields = str(unwrapped(found.get("expression")) or "").split()
    bounds = given_in(draft, {**found, "frequency": "day", "interval": 1}, "trigger")
    if len(fields) != 5 or bounds is None:
        draft.lost("trigger.expression", f"{one_line(str(found.get('expression')))!r} does not have five fields")
        draft.trigger = {"manual": {}}
        return
    line = " ".join([fields[0], fields[1], "*", "*", fields[4]])
    if fields[2:4] != ["*", "*"]:
        written = " ".join(fields)
        draft.changed(
            "trigger.expression",
            f"v2 ignores days and months: it runs {written!r} as {line!r}, and so does this schedule; "
            f"write {written!r} if the days and months should count",
        )
        draft.decide.append(f"trigger.expression was {written}: v2 ran it as {line}")
    keys: dict[str, Any] = {"expression": line}
    keys |= bounds_of(bounds)
    draft.trigger = {"cron": keys}


def _read_action(draft: Draft, texts: Texts, schedule: Mapping[str, Any]) -> None:
    action = schedule.get("action")
    workspace = _workspace_of(schedule)
    job: Any = schedule.get("create_job")
    kind = str(members(action).get("action_type", "")).lower()
    if kind in _OTHERS or {"create_monitor", "import_data"} & set(schedule):
        draft.failure = f"{draft.source}: {draft.name} starts a monitor or an import, not a pipeline"
        return
    if isinstance(action, dict):
        if str(action.get("action_type", "")).lower() == "invokebatchendpoint":
            _read_endpoint(draft, texts, action)
            return
        job = action.get("job_definition", job)
    component = re.sub(r"[^A-Za-z0-9_-]+", "-", draft.name).strip("-") or "pipeline"
    draft.pipeline = {"component": f"azureml:{component}:1", "workspace": workspace_keys(draft, **workspace)}
    given = _snake(job) if isinstance(job, dict) else {}
    what = _job_in_words(job, given)
    draft.changed("create_job", f"{what}: this app starts pipeline components, so it must be registered as one")
    draft.before.append(
        f"register the pipeline as a component: az ml component create --name {component} --version 1 "
        f"--file PIPELINE.yml (PIPELINE.yml: {what}, with `type: pipeline` and its inputs)"
    )
    unread(draft, "create_job", given, _JOB)
    if (experiment := texts.text(given.get("experiment_name"), "create_job.experiment_name")) is not None:
        draft.keys["experiment_name"] = experiment
    settings = lowered(given.get("settings"))
    goes_on = settings.pop("continue_on_step_failure", None)
    stays = {
        **{key: given.get(key) for key in _OF_THE_JOB},
        **{f"settings.{key}": one for key, one in settings.items()},
    }
    for key, one in stays.items():
        if one:
            draft.changed(f"create_job.{key}", "belongs to the pipeline; write it in PIPELINE.yml")
    if tags := texts.mapping(given.get("tags"), "create_job.tags"):
        draft.keys["tags"] = {**draft.keys.get("tags", {}), **tags}
    note_flag(draft, goes_on, "create_job.settings.continue_on_step_failure", "continue_on_step_failure")
    read_inputs(_inputs(draft), given.get("inputs"), "create_job.inputs")


def _job_in_words(job: Any, given: Mapping[str, Any]) -> str:
    if isinstance(job, str):
        return f"the job {one_line(job)}"
    inner = given.get("job") or given.get("component") or given.get("source_job_id") or given.get("component_id")
    return f"the job {one_line(str(inner))}" if isinstance(inner, str) else "the job that is written in the schedule"


def _read_endpoint(draft: Draft, texts: Texts, action: Mapping[str, Any]) -> None:
    given = lowered(action.get("endpoint_invocation_definition"))
    address = unwrapped(given.get("url", given.get("scoring_uri")))
    name = setting_name(draft.name, "batch_endpoint")
    known = target_of(address, {}) if isinstance(address, str) else None
    draft.pipeline = known or {"batch_endpoint": draft.setting(name, "the scoring URL of the batch endpoint")}
    if deployment := texts.text(given.get("deployment_name"), "endpoint_invocation_definition.deployment_name"):
        draft.pipeline["deployment"] = deployment
    unread(draft, "endpoint_invocation_definition", given, _INVOCATION)
    draft.before.append("give the function app's identity a role on the batch endpoint with which it may start jobs")
    inputs = given.get("inputs", given.get("input_data"))
    read_inputs(_inputs(draft), inputs, "endpoint_invocation_definition.inputs")


def _inputs(draft: Draft) -> Texts:
    """The translator for inputs, which may contain macros."""
    of_clock = {} if draft.clock is None else {"creation_context.trigger_time": "{scheduled_time}"}
    known = {"name": "{run_key}", **of_clock}
    return Texts(draft=draft, context=Context(known=known, zone="UTC"), dialect=JOBS)
