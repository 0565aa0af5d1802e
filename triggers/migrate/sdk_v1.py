"""Reads schedules of SDK v1: the service's answers, and the YAML of Schedule.load_yaml."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .dialects import SDK_V1
from .drafts import Draft, Unimportable, unread
from .literals import literal, setting_name
from .recurring import read_recurrence
from .sentences import ONE_EACH, polled_there
from .submissions import read_body
from .texts import Texts, keep_rest, lowered, number_of, workspace_keys
from .translating import Context, Time

_ENTITY: Final = (
    "name",
    "id",
    "pipelineid",
    "pipelineendpointid",
    "provisioningstatus",
    "pipelinesubmissioninfo",
    "recurrence",
    "entitystatus",
    "scheduletype",
    "datastoretriggerinfo",
    "description",
    "etag",
    "createddate",
    "lastmodifieddate",
    "workspace",
)
_WATCHED: Final = ("datastorename", "pollinginterval", "datapathparametername", "pathondatastore")
_WRITTEN: Final = (
    "name",
    "description",
    "recurrence",
    "pipeline_parameters",
    "pipeline_id",
    "pipeline_endpoint_id",
    "experiment_name",
    "wait_for_provisioning",
    "wait_timeout",
    "datastore_name",
    "polling_interval",
    "data_path_parameter_name",
    "continue_on_step_failure",
    "path_on_datastore",
    "status",
)
_STEP_SETTINGS: Final = ("wait_for_provisioning", "wait_timeout")


def drafts_of(document: Any, file: str) -> Iterator[Draft]:
    """A draft for each schedule. Raises Unimportable if there is none."""
    listed = document if isinstance(document, list) else lowered(document).get("value", [document])
    found = False
    for number, one in enumerate(listed if isinstance(listed, list) else []):
        entity = lowered(one)
        place = f"[{number}]" if isinstance(document, list) else ""
        if "pipelinesubmissioninfo" in entity or "scheduletype" in entity:
            found = True
            yield _of_entity(entity, f"{file}{place}", number)
        elif "schedule" in entity or {"recurrence", "datastore_name"} & set(entity):
            found = True
            yield _of_yaml(lowered(entity.get("schedule", one)), f"{file}{place}", file)
    if not found:
        raise Unimportable(f"{file}: contains no schedule of SDK v1")


def _of_entity(entity: Mapping[str, Any], source: str, number: int) -> Draft:
    draft = Draft(name=str(entity.get("name") or f"schedule-{number}"), source=source)
    unread(draft, "schedule", entity, _ENTITY)
    status = str(entity.get("entitystatus", "Active"))
    if status.lower() not in ("active", "0"):
        draft.kept("EntityStatus", f"the schedule is {status}")
    else:
        draft.stop = f"disable the schedule {draft.name}: Schedule.get(workspace, {str(entity.get('id'))!r}).disable()"
    draft.pipeline = _target(
        draft, entity.get("pipelineid"), entity.get("pipelineendpointid"), lowered(entity.get("workspace"))
    )
    changed = lowered(entity.get("datastoretriggerinfo"))
    if changed:
        unread(draft, "DataStoreTriggerInfo", changed, _WATCHED)
        _watch(
            draft,
            str(changed.get("datastorename") or ""),
            changed.get("pathondatastore"),
            ("DataStoreTriggerInfo.PollingInterval", changed.get("pollinginterval")),
            changed.get("datapathparametername"),
        )
    else:
        _recur(draft, entity.get("recurrence"), "Recurrence")
    texts = Texts(draft=draft, context=None)
    read_body(texts, entity.get("pipelinesubmissioninfo"), "PipelineSubmissionInfo", _parameters(draft))
    keep_rest(draft, {key: value for key, value in entity.items() if key != "workspace"}, "")
    return draft


def _of_yaml(given: Mapping[str, Any], source: str, file: str) -> Draft:
    stem = file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    draft = Draft(name=str(given.get("name") or stem or "schedule"), source=source)
    unread(draft, "Schedule", given, _WRITTEN)
    draft.stop = "disable the old schedule: schedule.disable()"
    draft.pipeline = _target(draft, given.get("pipeline_id"), given.get("pipeline_endpoint_id"), {})
    if given.get("datastore_name"):
        _watch(
            draft,
            str(given["datastore_name"]),
            given.get("path_on_datastore"),
            ("polling_interval", given.get("polling_interval")),
            given.get("data_path_parameter_name"),
        )
    else:
        _recur(draft, _in_words_of_the_service(lowered(given.get("recurrence"))), "recurrence")
    body = {
        "ExperimentName": given.get("experiment_name"),
        "Description": given.get("description"),
        "ParameterAssignments": given.get("pipeline_parameters"),
        "ContinueRunOnStepFailure": given.get("continue_on_step_failure"),
    }
    texts = Texts(draft=draft, context=None)
    read_body(texts, {key: value for key, value in body.items() if value is not None}, "Schedule", _parameters(draft))
    keep_rest(draft, given, "Schedule")
    return draft


def _parameters(draft: Draft) -> Texts:
    """The translator for parameters, which may be expressions."""
    now = Time("scheduled_time")
    known = {} if draft.clock is None else {"trigger().scheduledtime": now, "trigger().starttime": now}
    return Texts(draft=draft, context=Context(known=known, zone=draft.zone), dialect=SDK_V1)


def _in_words_of_the_service(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {key.replace("_", ""): value for key, value in given.items() if value is not None}
    clock = str(found.pop("timeofday", "") or "")
    if ":" in clock:
        hour, _, minute = clock.partition(":")
        found["hours"], found["minutes"] = [hour], [minute]
    inner = {key: found.pop(key) for key in ("hours", "minutes", "weekdays") if key in found}
    return {**found, "schedule": inner}


def _target(draft: Draft, pipeline: Any, endpoint: Any, workspace: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: workspace.get(key) for key in ("subscription_id", "resource_group", "name")}
    keys = workspace_keys(draft, **known)
    if endpoint:
        return {"pipeline_endpoint": literal(str(endpoint)), "workspace": keys}
    name = setting_name(draft.name, "pipeline_id")
    found = literal(str(pipeline)) if pipeline else draft.setting(name, "the id of the published pipeline")
    return {"published_pipeline": found, "workspace": keys}


def _recur(draft: Draft, recurrence: Any, place: str) -> None:
    given = read_recurrence(draft, recurrence, place)
    if given is not None and given.start is not None and given.start.day > 28 and given.frequency == "Month":
        draft.changed(
            f"{place}.StartTime",
            f"day {given.start.day}: shorter months run on their last day in this app; undocumented in the SDK",
        )


def _watch(draft: Draft, datastore: str, path: Any, interval: tuple[str, Any], parameter: Any) -> None:
    if not datastore:
        draft.lost("DataStoreTriggerInfo.DataStoreName", "is missing")
        draft.decide.append("name the datastore whose files are watched")
    container = draft.setting(
        setting_name(datastore or draft.name, "container"), f"the container of the datastore {datastore}"
    )
    draft.settings["DataStorage__blobServiceUri"] = (
        "https://ACCOUNT.blob.core.windows.net, ACCOUNT being the datastore's"
    )
    draft.before.append("give the function app's identity the role Storage Blob Data Owner on the datastore's account")
    change: dict[str, Any] = {
        "datastore": literal(datastore or "DATASTORE"),
        "connection": "DataStorage",
        "container": container,
        "min_size": 0,
    }
    if folder := str(path or "").strip("/"):
        change["path_on_datastore"] = literal(folder)
    if parameter:
        change["data_path_parameter_name"] = literal(str(parameter))
    place, value = interval
    if minutes := number_of(value):
        change["polling_interval"] = minutes
        draft.changed(place, polled_there(minutes))
    draft.trigger = {"change": change}
    draft.kept("DataStoreTriggerInfo", ONE_EACH)
