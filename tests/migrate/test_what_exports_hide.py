"""What an export says in a roundabout way: secrets behind references, containers, delays, numbers as text."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import Done, run_command
from import_sources import HOURLY, SAMPLES, execute, hourly, ml, of_document, pipeline, workflow

from triggers.migrate.importing import Result
from triggers.migrate.report import as_json, markdown, plain
from triggers.scheduling.file.loading import load

SECRET = "aHVudGVyMi1odW50ZXIy"


def everything(result: Result) -> str:
    return result.text + markdown(result) + "\n".join(plain(result)) + json.dumps(as_json(result))


def told(result: Result, place: str) -> list[tuple[str, str]]:
    return [
        (one.verdict.value, one.sentence)
        for each in result.schedules
        for one in each.draft.differences
        if one.place.lower() == place.lower()
    ]


def logic_app_with(parameter: dict[str, Any], reference: str) -> Any:
    document = workflow(HOURLY, {"ParameterAssignments": {"who": reference}})
    document["definition"]["parameters"] = {"credential": parameter}
    return document


def template_with(parameter: dict[str, Any]) -> Any:
    document = workflow(HOURLY, {"ParameterAssignments": {"who": "[parameters('who')]"}})
    resource = {"type": "Microsoft.Logic/workflows", "name": "w", "properties": document}
    return {"parameters": {"who": parameter}, "resources": [resource]}


@pytest.mark.parametrize(
    "document",
    [
        template_with({"type": "securestring", "defaultValue": SECRET}),
        template_with({"type": "string", "defaultValue": f"AccountKey={SECRET}"}),
        logic_app_with({"type": "SecureString", "defaultValue": SECRET}, "@parameters('credential')"),
        logic_app_with({"type": "String", "defaultValue": f"Bearer {SECRET}"}, "@{parameters('credential')}"),
        workflow(HOURLY, {"ParameterAssignments": {"api_key": SECRET}}),
        workflow(HOURLY, {"ParameterAssignments": {"Storage-Account-Key": SECRET}}),
        workflow(HOURLY, {"Tags": {"access_token": SECRET}}),
    ],
)
def test_a_secret_of_a_logic_app_is_in_no_output(tmp_path: Path, document: Any) -> None:
    result = of_document(tmp_path, "logic-app", document)

    assert len(result.schedules) == 1
    assert SECRET not in everything(result)


def test_a_secret_of_data_factory_s_parameters_is_in_no_output(tmp_path: Path) -> None:
    inner = pipeline("train", ml("a", who="@pipeline().parameters.client_secret"), client_secret=SECRET)
    outer = pipeline("outer", execute("train", client_secret=f"{SECRET}2"))

    result = of_document(tmp_path, "data-factory", [inner, outer, hourly("outer", password=f"{SECRET}3")])

    assert len(result.schedules) == 1
    assert SECRET not in everything(result)


def test_a_signature_in_a_batch_endpoint_s_address_is_not_copied(tmp_path: Path) -> None:
    address = "https://x.westeurope.inference.ml.azure.com/jobs"
    action = {
        "actionType": "InvokeBatchEndpoint",
        "endpointInvocationDefinition": {"url": f"{address}?sig={SECRET}", "deploymentName": "blue"},
    }
    rule = {"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "startTime": "2026-01-01T00:00:00"}
    result = of_document(tmp_path, "job-schedule", {"name": "s", "properties": {"trigger": rule, "action": action}})

    [one] = result.schedules
    assert one.draft.pipeline == {"batch_endpoint": address, "deployment": "blue"}
    assert SECRET not in everything(result)


def in_container(name: str, *activities: dict[str, Any], after: tuple[str, ...] = ()) -> dict[str, Any]:
    depends = [{"activity": one, "dependencyConditions": ["Succeeded"]} for one in after]
    return {
        "name": name,
        "type": "ForEach",
        "dependsOn": depends,
        "typeProperties": {"items": "@pipeline().parameters.all", "activities": list(activities)},
    }


def upstream_of(result: Result) -> dict[str, str | None]:
    return {one.name: one.keys["after"]["schedule"] if "after" in one.keys else None for one in result.schedules}


@pytest.mark.parametrize(
    ("activities", "upstream"),
    [
        ([ml("a"), in_container("loop", ml("b"), after=("a",))], {"p-a": None, "p-b": "p-a"}),
        ([in_container("loop", ml("a")), ml("b", "loop")], {"p-a": None, "p-b": "p-a"}),
        ([in_container("a", ml("a")), ml("b", "a")], {"p-a": None, "p-b": "p-a"}),
        (
            [ml("a"), in_container("outer", in_container("inner", ml("b")), after=("a",)), ml("c", "outer")],
            {"p-a": None, "p-b": "p-a", "p-c": "p-b"},
        ),
    ],
)
def test_what_waits_for_a_container_or_in_one_waits_here(
    tmp_path: Path, activities: list[dict[str, Any]], upstream: dict[str, str | None]
) -> None:
    result = of_document(tmp_path, "data-factory", [pipeline("p", *activities), hourly("p")])

    assert upstream_of(result) == upstream


def test_an_activity_whose_name_ends_alike_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    other = {"name": "in", "type": "Copy"}
    document = pipeline("p", ml("train-in"), other, ml("score", "in", "train-in"))

    result = of_document(tmp_path, "data-factory", [document, hourly("p")])

    assert upstream_of(result)["p-score"] == "p-train-in"
    assert ("lost", "the activity in is not imported: the run does not wait for it") in told(result, "dependsOn")


def test_pipelines_that_all_execute_each_other_are_read_in_no_time(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(8)]
    documents = [pipeline(one, *(execute(other) for other in names if other != one)) for one in names]
    documents[0]["properties"]["activities"].append(ml("a"))

    result = of_document(tmp_path, "data-factory", documents)

    assert [one.name for one in result.schedules] == ["p0"]


def test_numbers_as_text_are_numbers(tmp_path: Path) -> None:
    activity = {**ml("a"), "policy": {"retry": "3", "retryIntervalInSeconds": "60"}}
    document = pipeline("p", activity)
    document["properties"]["concurrency"] = "2"

    result = of_document(tmp_path, "data-factory", [document, hourly("p")])

    [one] = result.schedules
    assert one.keys["rerun"] == {"states": ["failed"], "attempts": 3, "delay": "60s"}
    assert one.keys["max_concurrent_runs"] == 2


def test_the_trigger_s_name_is_known_and_a_program_has_none(tmp_path: Path) -> None:
    documents = [
        pipeline("p", ml("a", by="@pipeline().TriggerName")),
        pipeline("q", ml("b", by="@pipeline().TriggerName")),
    ]

    timed, manual = of_document(tmp_path, "data-factory", [*documents, hourly("p")]).schedules

    assert timed.keys["pipeline_parameters"] == {"by": "hourly-p"}
    assert "pipeline_parameters" not in manual.keys


def test_sdk_v1_s_numbers_as_text_and_what_is_not_sent(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "sdk_v1.json").read_text())
    watching = next(one for one in document if one.get("DataStoreTriggerInfo"))
    watching["DataStoreTriggerInfo"]["PollingInterval"] = "15"
    watching["PipelineSubmissionInfo"] |= {"DisplayName": "a run", "RunType": "Schedule", "Properties": {"x": "1"}}

    result = of_document(tmp_path, "sdk-v1", [watching])

    [one] = result.schedules
    assert one.keys["change"]["polling_interval"] == 15
    assert [verdict for verdict, _ in told(result, "DataStoreTriggerInfo.PollingInterval")] == ["changed"]
    for name in ("DisplayName", "RunType", "Properties"):
        assert [verdict for verdict, _ in told(result, f"PipelineSubmissionInfo.{name}")] == ["lost"]


def test_sdk_v1_without_a_datastore_is_left_to_a_person(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "sdk_v1.json").read_text())
    watching = next(one for one in document if one.get("DataStoreTriggerInfo"))
    watching["DataStoreTriggerInfo"]["DataStoreName"] = None

    result = of_document(tmp_path, "sdk-v1", [watching])

    assert "# DECIDE: name the datastore whose files are watched" in result.text


def test_v2_s_settings_and_types_are_told(tmp_path: Path) -> None:
    rule = {"type": "recurrence", "frequency": "day", "interval": 1, "start_time": "2026-01-01T00:00:00"}
    uri = "azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/d/paths/a/b"
    job = {
        "type": "pipeline",
        "job": "./pipeline.yml",
        "tags": {"team": "a"},
        "settings": {"default_compute": "cpu", "continue_on_step_failure": True},
        "inputs": {"table": {"type": "mltable", "path": uri}, "rate": {"type": "number", "value": 3}},
    }
    result = of_document(tmp_path, "job-schedule", {"name": "s", "trigger": rule, "create_job": job})

    [one] = result.schedules
    assert (one.keys["continue_on_step_failure"], one.keys["tags"]) == (True, {"team": "a"})
    assert one.keys["datapaths"] == {"table": {"datastore": "d", "path": "a/b"}}
    assert [verdict for verdict, _ in told(result, "create_job.settings.default_compute")] == ["changed"]
    assert told(result, "create_job.settings.continue_on_step_failure")[0][0] == "kept"
    assert [verdict for verdict, _ in told(result, "create_job.inputs.table")] == ["changed"]
    assert [verdict for verdict, _ in told(result, "create_job.inputs.table.type")] == ["lost"]


def schedules_of(text: str) -> set[str]:
    config = load(text, "schedules.yaml", {})
    return {*config.schedules, *config.left_out}


def imported_into(file: Path) -> Done:
    return run_command("import", "sdk-v1", str(SAMPLES / "sdk_v1.json"), "--into", str(file), settings={})


PRESENT = """pipelines:
  p: {endpoint: 'https://x.api.azureml.ms/pipelines/v1.0/PipelineRuns/PipelineSubmit/1'}
schedules:
  one: {pipeline: p, manual: {}, description: "x"}
"""


@pytest.mark.parametrize(
    "present",
    [
        PRESENT,
        PRESENT.rstrip(),
        PRESENT.replace("\n", "\r\n"),
        PRESENT.replace("schedules:", '"schedules":'),
        f"---\n{PRESENT}...\n",
        f"{PRESENT}# the end\n",
        PRESENT.replace('"x"', '"a\u2028b"'),
        PRESENT.replace("  p:", "    p:").replace("  one:", "    one:"),
        "pipelines: {}\nschedules: {}  # none yet\n",
    ],
)
def test_a_file_keeps_its_lines_however_it_is_written(tmp_path: Path, present: str) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_bytes(present.encode())

    done = imported_into(file)

    after = file.read_bytes().decode()
    assert done.code == 3
    assert [one.name for one in tmp_path.iterdir()] == ["schedules.yaml"]
    assert ("\r\n" in after, "\n" in after.replace("\r\n", "")) == ("\r\n" in present, "\r\n" not in present)
    before = [re.sub(r"^(\w+:) \{\}", r"\1", line) for line in present.splitlines()]
    assert [line for line in before if line not in after.splitlines()] == []
    alone = run_command("import", "sdk-v1", str(SAMPLES / "sdk_v1.json"), settings={})
    assert len(schedules_of(after)) == len(schedules_of(present)) + len(schedules_of(alone.out))
    assert schedules_of(after) >= schedules_of(present)


def test_a_file_in_one_line_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text("{pipelines: {}, schedules: {}}\n")

    done = imported_into(file)

    assert (done.code, file.read_text()) == (1, "{pipelines: {}, schedules: {}}\n")
    assert "the new schedules do not fit into the file as it is written" in done.err


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(PRESENT)
    (tmp_path / "schedules.yaml").symlink_to(tmp_path / "real.yaml")

    done = imported_into(tmp_path / "schedules.yaml")

    assert done.code == 3
    assert (tmp_path / "schedules.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text().startswith(PRESENT.partition("schedules:")[0])


@pytest.mark.parametrize(
    ("kind", "document", "stop"),
    [
        ("data-factory", [pipeline("p", ml("a")), hourly("p")], "az datafactory trigger stop --name hourly-p"),
        ("logic-app", workflow(HOURLY), "disable the Logic App source"),
    ],
)
def test_what_runs_there_is_to_be_stopped_and_what_stands_still_is_not(
    tmp_path: Path, kind: str, document: Any, stop: str
) -> None:
    [running] = of_document(tmp_path, kind, document).schedules
    if kind == "logic-app":
        document = {"name": "source", "properties": {**document, "state": "Disabled"}}
    else:
        document[1]["properties"]["runtimeState"] = "Stopped"
    [still] = of_document(tmp_path, kind, document).schedules

    assert running.draft.stop.startswith(stop)
    assert still.draft.stop == ""


def sdk_v1_with(**parameters: str) -> Any:
    rule = {"Frequency": "Day", "Interval": 1, "StartTime": "2026-01-01T00:00:00", "Schedule": {"Hours": [6]}}
    body = {"ExperimentName": "@night", "ParameterAssignments": parameters}
    return [{"Name": "s", "PipelineId": "p", "Recurrence": rule, "PipelineSubmissionInfo": body, "ScheduleType": 0}]


def test_sdk_v1_s_parameters_may_be_expressions_and_nothing_else(tmp_path: Path) -> None:
    document = sdk_v1_with(
        day="@formatDateTime(subtractFromTime(utcNow(),1,'Day'),'yyyy-MM-dd')",
        at="@trigger().scheduledTime",
        by="@createdBy()",
        run="@runId()",
        mail="night@example.org",
    )

    result = of_document(tmp_path, "sdk-v1", document)

    [one] = result.schedules
    parameters = one.keys["pipeline_parameters"]
    assert parameters == {"day": "{scheduled_time-1d:%Y-%m-%d}", "at": "{scheduled_time}", "mail": "night@example.org"}
    assert one.keys["experiment_name"] == "@night"
    for name in ("by", "run"):
        assert [verdict for verdict, _ in told(result, f"PipelineSubmissionInfo.parameterassignments.{name}")] == [
            "lost"
        ]


def test_v2_s_macros_are_the_run_s_own(tmp_path: Path) -> None:
    rule = {"type": "cron", "expression": "0 6 * * *", "start_time": "2026-01-01T00:00:00"}
    inputs = {
        "at": "${{creation_context.trigger_time}}",
        "to": "out/${{ name }}.csv",
        "of": "${{parent.inputs.x}}",
        "is": "$x",
    }
    job = {"type": "pipeline", "job": "./pipeline.yml", "inputs": inputs}

    result = of_document(tmp_path, "job-schedule", {"name": "s", "trigger": rule, "create_job": job})

    [one] = result.schedules
    parameters = one.keys["pipeline_parameters"]
    assert parameters == {"at": "{scheduled_time}", "to": "out/{run_key}.csv", "is": "$x"}
    assert [verdict for verdict, _ in told(result, "create_job.inputs.at")] == ["changed"]
    assert [verdict for verdict, _ in told(result, "create_job.inputs.of")] == ["lost"]


def test_the_present_time_of_a_changed_file_s_run_is_told_apart(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "logic_app_blobs.json").read_text())
    [call] = [one for one in document["definition"]["actions"].values() if one["type"] == "Http"] or [None]
    if call is None:
        [call] = [
            each
            for one in document["definition"]["actions"].values()
            for each in one.get("actions", {}).values()
            if each["type"] == "Http"
        ]
    call["inputs"]["body"]["ParameterAssignments"] = {"now": "@utcNow()"}

    result = of_document(tmp_path, "logic-app", document)

    assert len(result.schedules) == 1
    assert result.failures == []


def test_a_chained_activity_has_the_parameters_of_its_pipeline_s_trigger(tmp_path: Path) -> None:
    activities = [ml("a", env="@pipeline().parameters.env"), ml("b", "a", env="@pipeline().parameters.env")]
    documents = [pipeline("p", *activities, env="prod"), hourly("p", env="dev")]

    one, two = of_document(tmp_path, "data-factory", documents).schedules
    differing = {**hourly("p", env="test"), "name": "other"}
    result = of_document(tmp_path, "data-factory", [*documents, differing])

    assert (one.keys["pipeline_parameters"], two.keys["pipeline_parameters"]) == ({"env": "dev"}, {"env": "dev"})
    [chained] = [each for each in result.schedules if each.draft.upstream]
    assert "pipeline_parameters" not in chained.keys
    assert any("the_triggers_differ" in sentence for _, sentence in told(result, "parameters.env"))


def test_targets_that_the_file_does_not_hold_have_a_setting_each(tmp_path: Path) -> None:
    activities = []
    for name in ("a", "b"):
        activity = ml(name)
        activity["typeProperties"]["mlPipelineId"] = f"@pipeline().parameters.id_{name}"
        activities.append(activity)

    one, two = of_document(tmp_path, "data-factory", [pipeline("p", *activities), hourly("p")]).schedules

    assert one.pipeline != two.pipeline
    assert one.draft.pipeline["published_pipeline"] != two.draft.pipeline["published_pipeline"]


def test_the_parameters_of_a_linked_service_are_resolved(tmp_path: Path) -> None:
    service = {
        "name": "ml",
        "properties": {
            "type": "AzureMLService",
            "typeProperties": {
                "subscriptionId": "s",
                "resourceGroupName": "@{linkedService().group}",
                "mlWorkspaceName": "@{linkedService().ws}",
            },
        },
    }
    activities = [
        {**ml(name), "linkedServiceName": {"referenceName": "ml", "parameters": {"ws": f"{name}-ws"}}}
        for name in ("dev", "prod")
    ]

    found = of_document(tmp_path, "data-factory", [pipeline("p", *activities), service, hourly("p")]).schedules

    workspaces = [one.draft.pipeline["workspace"] for one in found]
    assert [one["name"] for one in workspaces] == ["dev-ws", "prod-ws"]
    assert [one["resource_group"] for one in workspaces] == ["%P_DEV_RESOURCE_GROUP%", "%P_PROD_RESOURCE_GROUP%"]


@pytest.mark.parametrize(("flag", "kept"), [("true", True), ("False", False), (True, True), ("@x", None)])
def test_a_flag_as_text_is_one_and_another_text_is_told(tmp_path: Path, flag: Any, kept: Any) -> None:
    document = workflow(HOURLY, {"ContinueRunOnStepFailure": flag, "ParameterAssignments": {"a": None}})

    result = of_document(tmp_path, "logic-app", document)

    [one] = result.schedules
    assert one.keys.get("continue_on_step_failure") is kept
    place = "actions.HTTP.inputs.body.ContinueRunOnStepFailure"
    assert [verdict for verdict, _ in told(result, place)] == ["lost" if kept is None else "kept"]
    assert [verdict for verdict, _ in told(result, "actions.HTTP.inputs.body.ParameterAssignments.a")] == ["lost"]


def test_a_start_before_all_calendars_is_left_out(tmp_path: Path) -> None:
    document = sdk_v1_with()
    document[0]["Recurrence"] |= {"StartTime": "0001-01-01T00:00:00Z", "TimeZone": "Pacific Standard Time"}

    result = of_document(tmp_path, "sdk-v1", document)

    assert [verdict for verdict, _ in told(result, "Recurrence.StartTime")] == ["changed"]
    assert len(result.schedules) == 1


@pytest.mark.parametrize(
    "value",
    [
        ("storageKey", f"{SECRET}=="),
        ("databricksToken", "dapi0123456789abcdef0123456789abcdef"),
        ("db_pass", "hunter2hunter2"),
        ("appconfig", f"Endpoint=https://x.azconfig.io;Id=a;Secret={SECRET}"),
        ("db", f"postgresql://user:{SECRET}@host/db"),
        ("at", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
        ("args", f"--password {SECRET} --verbose"),
    ],
    ids=lambda value: value[0],
)
def test_a_secret_is_known_by_its_name_or_by_its_look(tmp_path: Path, value: tuple[str, str]) -> None:
    result = of_document(tmp_path, "sdk-v1", sdk_v1_with(**dict([value]), partition_key="country"))

    [one] = result.schedules
    assert value[1] not in everything(result)
    assert one.keys["pipeline_parameters"] == {"partition_key": "country"}
    assert [each.place.rpartition(".")[2] for each in result.secrets] == [value[0]]


@pytest.mark.parametrize(
    "around",
    [
        {"type": "Foreach", "foreach": f'@json(\'[{{"password":"{SECRET}"}}]\')'},
        {"type": "If", "expression": {"and": [{"equals": ["@parameters('token')", SECRET]}]}},
    ],
    ids=["loop", "condition"],
)
def test_a_secret_around_the_call_is_not_shown(tmp_path: Path, around: dict[str, Any]) -> None:
    [(name, call)] = workflow(HOURLY)["definition"]["actions"].items()

    result = of_document(
        tmp_path, "logic-app", workflow(HOURLY, actions={"Around": {**around, "actions": {name: call}}})
    )

    assert len(result.schedules) == 1
    assert SECRET not in everything(result)


def test_names_in_brackets_are_found(tmp_path: Path) -> None:
    result = of_document(tmp_path, "data-factory", [pipeline("train (prod)", ml("a")), hourly("train (prod)")])

    assert ["recurrence" in one.keys for one in result.schedules] == [True]


@pytest.mark.parametrize(("ignored", "least"), [(None, 0), (False, 0), (True, None)])
def test_empty_files_start_what_they_started(tmp_path: Path, ignored: Any, least: int | None) -> None:
    properties: dict[str, Any] = {"blobPathBeginsWith": "/data/blobs/in/", "events": ["Microsoft.Storage.BlobCreated"]}
    reference = {"pipelineReference": {"referenceName": "p"}}
    properties |= {} if ignored is None else {"ignoreEmptyBlobs": ignored}
    trigger = {"type": "BlobEventsTrigger", "pipelines": [reference], "typeProperties": properties}

    [one] = of_document(
        tmp_path, "data-factory", [pipeline("p", ml("a")), {"name": "t", "properties": trigger}]
    ).schedules

    assert one.keys["change"].get("min_size") == least


def test_a_month_s_first_window_ends_a_month_after_its_start(tmp_path: Path) -> None:
    properties = {"frequency": "Month", "interval": 1, "startTime": "2027-01-31T00:00:00Z", "maxConcurrency": 1}
    reference = {"pipelineReference": {"referenceName": "p"}}
    trigger = {"type": "TumblingWindowTrigger", "pipeline": reference, "typeProperties": properties}

    [one] = of_document(
        tmp_path, "data-factory", [pipeline("p", ml("a")), {"name": "t", "properties": trigger}]
    ).schedules

    assert one.keys["recurrence"]["start_time"] == "2027-02-28T00:00:00"


def test_a_loop_over_something_else_is_not_the_trigger_s_file(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "logic_app_blobs.json").read_text())
    call = {
        "type": "Http",
        "inputs": {
            "method": "POST",
            "uri": "https://x.api.azureml.ms/PipelineRuns/PipelineSubmit/1",
            "body": {"ParameterAssignments": {"n": "@items('Other')?['Name']"}},
        },
    }
    document["definition"]["actions"] = {"Other": {"type": "Foreach", "foreach": "@body('x')", "actions": {"H": call}}}

    [one] = of_document(tmp_path, "logic-app", document).schedules

    assert "pipeline_parameters" not in one.keys


@pytest.mark.parametrize("report", ["schedules.yaml", "source.json"])
def test_a_report_replaces_nothing_that_is_read_or_written(tmp_path: Path, report: str) -> None:
    (tmp_path / "schedules.yaml").write_text(PRESENT)
    source = tmp_path / "source.json"
    source.write_text((SAMPLES / "sdk_v1.json").read_text())
    arguments = ["sdk-v1", str(source), "--into", str(tmp_path / "schedules.yaml"), "--report", str(tmp_path / report)]

    done = run_command("import", *arguments, settings={})

    assert done.code == 1
    assert "--report:" in done.err
    assert (tmp_path / "schedules.yaml").read_text() == PRESENT
    assert source.read_text() == (SAMPLES / "sdk_v1.json").read_text()


def test_the_defaults_of_the_file_are_told(tmp_path: Path) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text(f"defaults:\n  max_concurrent_runs: 1\n{PRESENT}")

    done = imported_into(file)

    assert done.code == 3
    assert "the file's defaults apply to it: max_concurrent_runs" in done.err


@pytest.mark.parametrize(
    "present",
    [
        f"\ufeff{PRESENT}",
        PRESENT.replace("schedules:\n", "schedules:\r\n"),
    ],
    ids=["a byte order mark", "mixed line ends"],
)
def test_marks_and_ends_of_lines_stay(tmp_path: Path, present: str) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_bytes(present.encode())

    done = imported_into(file)

    assert done.code == 3
    after = file.read_bytes().decode()
    assert [line for line in present.split("\n") if line not in after.split("\n")] == []
    assert after.count("\r") == present.count("\r")


def conditioned(*conditions: Any) -> Any:
    document = json.loads((SAMPLES / "logic_app_blobs.json").read_text())
    [(name, call)] = workflow(HOURLY)["definition"]["actions"].items()
    inner: dict[str, Any] = {name: call}
    for number, condition in enumerate(conditions):
        inner = {f"If{number}": {"type": "If", "expression": condition, "actions": inner}}
    document["definition"]["actions"] = inner
    return document


def test_conditions_within_each_other_hold_together(tmp_path: Path) -> None:
    csv = "@endsWith(triggerBody()?['Name'], '.csv')"
    other = "@startsWith(triggerBody()?['Name'], 'a')"

    result = of_document(tmp_path, "logic-app", conditioned(csv, other))

    [one] = result.schedules
    globs = one.keys["change"].get("include", [])
    verdicts = {each.place: each.verdict.value for each in one.draft.differences if each.place.endswith(".expression")}
    assert len(verdicts) == 2
    assert len(globs) < 2  # either of two globs would do, where both conditions have to hold
    assert globs or set(verdicts.values()) == {"lost"}


def test_days_as_numbers_count_from_sunday(tmp_path: Path) -> None:
    document = sdk_v1_with()
    document[0]["Recurrence"] |= {"Frequency": "Week", "Schedule": {"Hours": [6], "WeekDays": [0, 3]}}

    [one] = of_document(tmp_path, "sdk-v1", document).schedules

    assert one.keys["recurrence"]["week_days"] == ["Wednesday", "Sunday"]


def test_the_parameters_of_an_arm_template_are_resolved_or_left_to_a_person(tmp_path: Path) -> None:
    known = of_document(tmp_path, "logic-app", template_with({"type": "string", "defaultValue": "night"}))
    unknown = of_document(tmp_path, "logic-app", template_with({"type": "string"}))

    assert known.schedules[0].keys["pipeline_parameters"] == {"who": "night"}
    assert "pipeline_parameters" not in unknown.schedules[0].keys
    assert "# DECIDE" in unknown.text
