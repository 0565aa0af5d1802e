"""What the app cannot do is reported with its place in the export, and everything else of the schedule is imported."""

import json
from pathlib import Path
from typing import Any

import pytest
from import_sources import HOURLY, NOW, SAMPLES, hourly, ml, of_document, pipeline, workflow

from triggers.migrate.importing import Result, imported
from triggers.scheduling.file.loading import load

WINDOWS = {"frequency": "Hour", "interval": 6, "startTime": "2026-01-01T00:00:00Z", "maxConcurrency": 1}
FILES = {"events": ["Microsoft.Storage.BlobCreated"], "scope": "/subscriptions/x/storageAccounts/acc"}


def reported(result: Result) -> list[str]:
    """The places and sentences of what is lost or changed; what is imported has to be a valid file."""
    assert result.failures == []
    assert [str(one) for one in load(result.text, "f", {}).faults if "app setting" not in str(one)] == []
    return [
        f"{one.place}: {one.sentence}"
        for each in result.schedules
        for one in each.draft.differences
        if one.verdict.value != "kept"
    ]


def factory(activities: list[dict[str, Any]], trigger: dict[str, Any] | None = None) -> Any:
    """An ARM template with one pipeline and its trigger."""
    parts = {"pipelines": pipeline("p", *activities), "triggers": trigger or hourly("p")}
    return {"resources": [{"type": f"Microsoft.DataFactory/factories/{kind}", **one} for kind, one in parts.items()]}


def triggered(kind: str, properties: dict[str, Any]) -> Any:
    reference = {"pipelineReference": {"referenceName": "p"}, "parameters": {}}
    whole = {"type": kind, "typeProperties": properties, "pipelines": [reference], "pipeline": reference}
    return factory([ml("a")], {"name": "t", "properties": whole})


@pytest.mark.parametrize(
    ("kind", "properties", "sentence"),
    [
        ("CustomEventsTrigger", {},
         "trigger t: a trigger of the type 'CustomEventsTrigger' has no counterpart, so the schedule is manual"),
        ("ScheduleTrigger", {"recurrence": {"frequency": "Fortnight"}},
         "trigger t.recurrence.frequency: 'Fortnight' is not a frequency of this app"),
        ("TumblingWindowTrigger", WINDOWS | {"endTime": "2026-12-01T00:00:00Z"},
         "trigger t.endTime: in the source, the last window ends by then; in this app, an "
         "occurrence at that time still runs"),
        ("TumblingWindowTrigger", WINDOWS | {"dependsOn": [{"type": "SelfDependencyTumblingWindowTriggerReference"}]},
         "trigger t.dependsOn: waits for windows of other triggers; in this app, `after` waits for the ends of runs"),
        ("TumblingWindowTrigger", WINDOWS | {"delay": "00:10:30"},
         "trigger t.delay: the delay 00:10:30 becomes 11m, because this app runs at full minutes"),
        ("TumblingWindowTrigger", WINDOWS | {"delay": "soon"},
         "trigger t.delay: the delay soon has no counterpart: in this app, a window starts its run when it ends"),
        ("BlobEventsTrigger", FILES | {"events": ["Microsoft.Storage.BlobDeleted"]},
         "trigger t.events: microsoft.storage.blobdeleted start nothing in this app, so the schedule is manual"),
        ("BlobEventsTrigger", FILES | {"blobPathEndsWith": ".csv"},
         "trigger t.blobPathBeginsWith: names no container: in the source, files of every container start it; "
         "in this app, files of one"),
        ("BlobEventsTrigger", FILES | {"blobPathBeginsWith": "/raw"},
         "trigger t.blobPathBeginsWith: the source watches every container that begins with 'raw'; "
         "this app watches only that one"),
    ],
)  # fmt: skip
def test_a_property_of_a_data_factory_trigger_without_a_counterpart_is_reported(
    tmp_path: Path, kind: str, properties: dict[str, Any], sentence: str
) -> None:
    result = of_document(tmp_path, "data-factory", triggered(kind, properties))

    assert sentence in reported(result)
    assert [one.name for one in result.schedules] == ["p"]


def test_a_delay_moves_the_windows_by_full_minutes(tmp_path: Path) -> None:
    bounded = WINDOWS | {"delay": "00:10:30", "endTime": "2026-12-01T00:00:00Z"}

    [one] = of_document(tmp_path, "data-factory", triggered("TumblingWindowTrigger", bounded)).schedules

    times = one.draft.trigger["recurrence"]
    assert (times["start_time"], times["end_time"]) == ("2026-01-01T06:11:00", "2026-12-01T00:11:00")


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (ml("c") | {"state": "Inactive"}, "state: the activity is Inactive in the source, so it does not run"),
        (ml("c") | {"policy": {"retry": "often"}}, "policy.retry: is not a number"),
        (ml("c") | {"policy": {"secureInput": True}},
         "policy.secureinput: the inputs of a run are visible to everyone who may read runs"),
        (ml("c") | {"dependsOn": [{"activity": "a", "dependencyConditions": ["Skipped", "Succeeded"]}]},
         "dependsOn: the condition Skipped has no counterpart: what does not run has no result in this app"),
        (ml("c", "a", "b"), "dependsOn: the run follows only p-a and does not wait for b"),
        ({"name": "S", "type": "Switch", "typeProperties": {"on": "x", "cases": [{"activities": [ml("c")]}]}},
         "activity within Switch S: its condition or loop is not imported: every occurrence starts one run"),
    ],
)  # fmt: skip
def test_a_property_of_an_activity_without_a_counterpart_is_reported(
    tmp_path: Path, last: dict[str, Any], sentence: str
) -> None:
    result = of_document(tmp_path, "data-factory", factory([ml("a"), ml("b"), last]))

    assert sentence in reported(result)
    assert len(result.schedules) == 3


@pytest.mark.parametrize(
    ("expression", "because"),
    [
        ("@formatDateTime(utcnow(),'o')", "the standard format 'o' has no counterpart"),
        ("@formatDateTime(utcnow(),'{yyyy}')", "the format '{yyyy}' contains a brace"),
        ("@formatDateTime(utcnow(),utcnow())", "a format that is not text"),
        ("@formatDateTime(concat('x'),'yyyy')", "concat('x') as a time"),
        ("@addDays()", "adddays with too few arguments"),
        ("@addDays(utcnow(),99999999)", "a shift of 99999999"),
        ("@addToTime(utcnow(),1,'fortnight')", "addtotime with such a unit"),
        ("@convertTimeZone(utcnow(),'W. Europe Standard Time','UTC')", "converttimezone from another zone than UTC"),
        ("@concat(", "it cannot be read: concat( has no end"),
        ("@a[b]", "it cannot be read: 'a' is not expected"),
        ("@#", "it cannot be read: '#' is not expected"),
        ("@json('{}')['a'", "it cannot be read: an index must be text or a number"),
        ("@{", "it cannot be read: it has no end"),
    ],
)
def test_an_expression_without_a_counterpart_is_reported(tmp_path: Path, expression: str, because: str) -> None:
    result = of_document(tmp_path, "data-factory", factory([ml("a", when=expression)]))

    [sentence] = reported(result)
    assert sentence == f"mlPipelineParameters.when: the expression {expression} has no counterpart: {because}"
    assert "pipeline_parameters" not in result.schedules[0].draft.keys


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("@@plain", "@plain"),
        ("@null", ""),
        ("@true", "True"),
        ("a @{concat('x{', '}')} b", "a x{} b"),
        ("@formatDateTime(trigger().scheduledTime,'d')", "{scheduled_time:%m/%d/%Y}"),
        ("@coalesce(null, 'x')", "x"),
    ],
)
def test_an_expression_with_a_counterpart_is_kept(tmp_path: Path, expression: str, text: str) -> None:
    result = of_document(tmp_path, "data-factory", factory([ml("a", when=expression)]))

    assert result.schedules[0].draft.keys["pipeline_parameters"] == {"when": text}


def call(**inputs: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(workflow(HOURLY)["definition"]["actions"]["HTTP"]))
    found["inputs"] |= inputs
    return found


def of_events(*kinds: str) -> dict[str, Any]:
    """Event Grid's trigger for files of a folder."""
    wanted = {
        "includedEventTypes": list(kinds),
        "subjectBeginsWith": "/blobServices/default/containers/raw/blobs/in/",
        "subjectEndsWith": ".csv",
    }
    path = "/subscriptions/x/providers/Microsoft.Storage.StorageAccounts/resource/eventSubscriptions"
    body = {"properties": {"topic": "/subscriptions/x/storageAccounts/acc", "filter": wanted}}
    return {"type": "ApiConnectionWebhook", "inputs": {"path": path, "body": body}}


IN_A_CASE = {"S": {"type": "Switch", "expression": "@x", "cases": {"c": {"case": "1", "actions": {"HTTP": call()}}}}}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (workflow(HOURLY | {"conditions": [{"expression": "@true"}]}),
         "triggers.T.conditions: has no counterpart for a time"),
        (workflow(of_events("Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted")),
         "triggers.T.inputs.body.properties.filter.includedEventTypes: events other than "
         "BlobCreated start nothing in this app"),
        (workflow(of_events("Microsoft.MachineLearningServices.RunCompleted")),
         "triggers.T: the events microsoft.machinelearningservices.runcompleted start nothing in "
         "this app; to follow a run, use `after`"),
        (workflow(HOURLY, actions={"HTTP": call(body="{")}),
         "actions.HTTP.inputs.body: the body is text that is not JSON"),
        (workflow(HOURLY, actions={"HTTP": call(body=[1])}), "actions.HTTP.inputs.body: the body is not a JSON object"),
        (workflow(HOURLY, actions={"HTTP": call(queries={"a": "b"})}),
         "actions.HTTP.inputs.queries: have no counterpart"),
        (workflow(HOURLY, {"DataSetDefinitionValueAssignments": {"d": {}}}),
         "actions.HTTP.inputs.body.datasetdefinitionvalueassignments.d: "
         "names neither a saved nor a registered dataset"),
        (workflow(HOURLY, actions=IN_A_CASE), "actions.S.expression: the condition the case '1' of "
                                              "@x has no counterpart, so every occurrence starts a run"),
    ],
)  # fmt: skip
def test_a_part_of_a_logic_app_without_a_counterpart_is_reported(tmp_path: Path, document: Any, sentence: str) -> None:
    assert sentence in reported(of_document(tmp_path, "logic-app", document))


def test_event_grids_trigger_watches_the_folder_of_its_filter(tmp_path: Path) -> None:
    [one] = of_document(tmp_path, "logic-app", workflow(of_events("Microsoft.Storage.BlobCreated"))).schedules

    change = one.draft.trigger["change"]
    assert (change["container"], change["path_on_datastore"], change["include"]) == ("raw", "in", ["**.csv"])


@pytest.mark.parametrize(
    ("trigger", "sentence"),
    [
        ({"triggerType": "Cron", "expression": "0 0 6 * * *"}, "trigger.expression: '0 0 6 * * *' does not have five "
                                                               "fields"),
        ({"triggerType": "Recurrence", "frequency": "hour", "interval": 1, "schedule": {"hours": [6], "minutes": [0]}},
         "trigger.schedule: v2 ignores hours, minutes and days if the frequency is minute or hour; "
         "they are ignored here too"),
    ],
)  # fmt: skip
def test_a_trigger_of_v2_without_a_counterpart_is_reported(
    tmp_path: Path, trigger: dict[str, Any], sentence: str
) -> None:
    document = json.loads((SAMPLES / "job_schedule.json").read_text())
    document["properties"]["trigger"] = trigger

    assert sentence in reported(of_document(tmp_path, "job-schedule", document))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"a": 1}', "contains no job schedule: expected the keys `trigger` and `create_job`"),
        ("ü".encode("latin-1"), "is not text in utf-8: byte 0"),
    ],
)
def test_a_file_that_is_no_export_is_a_failure(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "source.json"
    file.write_bytes(content)

    assert imported([("job-schedule", file)], NOW).failures == [f"{file}: {sentence}"]
