"""What exports state indirectly: secrets behind references, containers, delays, numbers as text."""

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


def differences_at(result: Result, place: str) -> list[tuple[str, str]]:
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
def test_a_secret_in_a_logic_app_is_in_no_output(tmp_path: Path, document: Any) -> None:
    result = of_document(tmp_path, "logic-app", document)

    assert len(result.schedules) == 1
    assert SECRET not in everything(result)


def test_a_secret_in_data_factory_parameters_is_in_no_output(tmp_path: Path) -> None:
    inner = pipeline("train", ml("a", who="@pipeline().parameters.client_secret"), client_secret=SECRET)
    outer = pipeline("outer", execute("train", client_secret=f"{SECRET}2"))

    result = of_document(tmp_path, "data-factory", [inner, outer, hourly("outer", password=f"{SECRET}3")])

    assert len(result.schedules) == 1
    assert SECRET not in everything(result)


def test_a_signature_in_a_batch_endpoint_url_is_not_copied(tmp_path: Path) -> None:
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
def test_dependencies_on_containers_and_inside_them_become_chains(
    tmp_path: Path, activities: list[dict[str, Any]], upstream: dict[str, str | None]
) -> None:
    result = of_document(tmp_path, "data-factory", [pipeline("p", *activities), hourly("p")])

    assert upstream_of(result) == upstream


def test_an_activity_whose_name_has_the_same_ending_is_not_mistaken_for_the_previous_one(tmp_path: Path) -> None:
    other = {"name": "in", "type": "Copy"}
    document = pipeline("p", ml("train-in"), other, ml("score", "in", "train-in"))

    result = of_document(tmp_path, "data-factory", [document, hourly("p")])

    assert upstream_of(result)["p-score"] == "p-train-in"
    assert ("lost", "the activity in is not imported, so the run does not wait for it") in differences_at(
        result, "dependsOn"
    )


def test_pipelines_that_all_execute_each_other_are_read_quickly(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(8)]
    documents = [pipeline(one, *(execute(other) for other in names if other != one)) for one in names]
    documents[0]["properties"]["activities"].append(ml("a"))

    result = of_document(tmp_path, "data-factory", documents)

    assert [one.name for one in result.schedules] == ["p0"]


def test_numbers_written_as_text_are_read_as_numbers(tmp_path: Path) -> None:
    activity = {**ml("a"), "policy": {"retry": "3", "retryIntervalInSeconds": "60"}}
    document = pipeline("p", activity)
    document["properties"]["concurrency"] = "2"

    result = of_document(tmp_path, "data-factory", [document, hourly("p")])

    [one] = result.schedules
    assert one.keys["rerun"] == {"states": ["failed"], "attempts": 3, "delay": "60s"}
    assert one.keys["max_concurrent_runs"] == 2


def test_the_trigger_name_is_filled_in_for_a_timed_schedule_only(tmp_path: Path) -> None:
    documents = [
        pipeline("p", ml("a", by="@pipeline().TriggerName")),
        pipeline("q", ml("b", by="@pipeline().TriggerName")),
    ]

    timed, manual = of_document(tmp_path, "data-factory", [*documents, hourly("p")]).schedules

    assert timed.keys["pipeline_parameters"] == {"by": "hourly-p"}
    assert "pipeline_parameters" not in manual.keys


def test_sdk_v1_numbers_written_as_text_are_read_and_unsent_fields_are_reported(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "sdk_v1.json").read_text())
    watching = next(one for one in document if one.get("DataStoreTriggerInfo"))
    watching["DataStoreTriggerInfo"]["PollingInterval"] = "15"
    watching["PipelineSubmissionInfo"] |= {"DisplayName": "a run", "RunType": "Schedule", "Properties": {"x": "1"}}

    result = of_document(tmp_path, "sdk-v1", [watching])

    [one] = result.schedules
    assert one.keys["change"]["polling_interval"] == 15
    assert [verdict for verdict, _ in differences_at(result, "DataStoreTriggerInfo.PollingInterval")] == ["changed"]
    for name in ("DisplayName", "RunType", "Properties"):
        assert [verdict for verdict, _ in differences_at(result, f"PipelineSubmissionInfo.{name}")] == ["lost"]


def test_an_sdk_v1_schedule_without_datastore_is_left_to_the_user(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "sdk_v1.json").read_text())
    watching = next(one for one in document if one.get("DataStoreTriggerInfo"))
    watching["DataStoreTriggerInfo"]["DataStoreName"] = None

    result = of_document(tmp_path, "sdk-v1", [watching])

    assert "# DECIDE: name the datastore whose files are watched" in result.text


def test_v2_settings_and_input_types_are_reported(tmp_path: Path) -> None:
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
    assert [verdict for verdict, _ in differences_at(result, "create_job.settings.default_compute")] == ["changed"]
    assert differences_at(result, "create_job.settings.continue_on_step_failure")[0][0] == "kept"
    assert [verdict for verdict, _ in differences_at(result, "create_job.inputs.table")] == ["changed"]
    assert [verdict for verdict, _ in differences_at(result, "create_job.inputs.table.type")] == ["lost"]


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
def test_importing_into_a_file_keeps_its_lines_in_every_style(tmp_path: Path, present: str) -> None:
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


def test_importing_into_a_file_in_flow_style_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text("{pipelines: {}, schedules: {}}\n")

    done = imported_into(file)

    assert (done.code, file.read_text()) == (1, "{pipelines: {}, schedules: {}}\n")
    assert "the new schedules cannot be added to the file as it is written" in done.err


def test_importing_into_a_symbolic_link_keeps_the_link(tmp_path: Path) -> None:
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
def test_the_report_says_how_to_stop_a_trigger_only_if_it_is_enabled(
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


def test_expressions_in_sdk_v1_are_translated_in_parameters_only(tmp_path: Path) -> None:
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
        assert [
            verdict for verdict, _ in differences_at(result, f"PipelineSubmissionInfo.parameterassignments.{name}")
        ] == ["lost"]


def test_v2_macros_become_templates(tmp_path: Path) -> None:
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
    assert [verdict for verdict, _ in differences_at(result, "create_job.inputs.at")] == ["changed"]
    assert [verdict for verdict, _ in differences_at(result, "create_job.inputs.of")] == ["lost"]


def test_utcnow_in_a_run_for_a_changed_file_is_imported_without_failure(tmp_path: Path) -> None:
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


def test_a_chained_activity_gets_the_parameters_of_its_pipelines_trigger(tmp_path: Path) -> None:
    activities = [ml("a", env="@pipeline().parameters.env"), ml("b", "a", env="@pipeline().parameters.env")]
    documents = [pipeline("p", *activities, env="prod"), hourly("p", env="dev")]

    one, two = of_document(tmp_path, "data-factory", documents).schedules
    differing = {**hourly("p", env="test"), "name": "other"}
    result = of_document(tmp_path, "data-factory", [*documents, differing])

    assert (one.keys["pipeline_parameters"], two.keys["pipeline_parameters"]) == ({"env": "dev"}, {"env": "dev"})
    [chained] = [each for each in result.schedules if each.draft.upstream]
    assert "pipeline_parameters" not in chained.keys
    assert any("the_triggers_differ" in sentence for _, sentence in differences_at(result, "parameters.env"))


def test_each_target_that_is_not_in_the_export_gets_its_own_setting(tmp_path: Path) -> None:
    activities = []
    for name in ("a", "b"):
        activity = ml(name)
        activity["typeProperties"]["mlPipelineId"] = f"@pipeline().parameters.id_{name}"
        activities.append(activity)

    one, two = of_document(tmp_path, "data-factory", [pipeline("p", *activities), hourly("p")]).schedules

    assert one.pipeline != two.pipeline
    assert one.draft.pipeline["published_pipeline"] != two.draft.pipeline["published_pipeline"]


def test_linked_service_parameters_are_resolved(tmp_path: Path) -> None:
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
def test_a_boolean_written_as_text_is_read_and_other_text_is_reported(tmp_path: Path, flag: Any, kept: Any) -> None:
    document = workflow(HOURLY, {"ContinueRunOnStepFailure": flag, "ParameterAssignments": {"a": None}})

    result = of_document(tmp_path, "logic-app", document)

    [one] = result.schedules
    assert one.keys.get("continue_on_step_failure") is kept
    place = "actions.HTTP.inputs.body.ContinueRunOnStepFailure"
    assert [verdict for verdict, _ in differences_at(result, place)] == ["lost" if kept is None else "kept"]
    assert [verdict for verdict, _ in differences_at(result, "actions.HTTP.inputs.body.ParameterAssignments.a")] == [
        "lost"
    ]


def test_a_start_in_year_1_is_left_out(tmp_path: Path) -> None:
    document = sdk_v1_with()
    document[0]["Recurrence"] |= {"StartTime": "0001-01-01T00:00:00Z", "TimeZone": "Pacific Standard Time"}

    result = of_document(tmp_path, "sdk-v1", document)

    assert [verdict for verdict, _ in differences_at(result, "Recurrence.StartTime")] == ["changed"]
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
def test_a_secret_is_recognized_by_its_name_or_by_its_form(tmp_path: Path, value: tuple[str, str]) -> None:
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


def test_a_pipeline_name_with_brackets_is_matched_to_its_trigger(tmp_path: Path) -> None:
    result = of_document(tmp_path, "data-factory", [pipeline("train (prod)", ml("a")), hourly("train (prod)")])

    assert ["recurrence" in one.keys for one in result.schedules] == [True]


@pytest.mark.parametrize(("ignored", "least"), [(None, 0), (False, 0), (True, None)])
def test_empty_files_start_runs_unless_the_source_ignored_them(tmp_path: Path, ignored: Any, least: int | None) -> None:
    properties: dict[str, Any] = {"blobPathBeginsWith": "/data/blobs/in/", "events": ["Microsoft.Storage.BlobCreated"]}
    reference = {"pipelineReference": {"referenceName": "p"}}
    properties |= {} if ignored is None else {"ignoreEmptyBlobs": ignored}
    trigger = {"type": "BlobEventsTrigger", "pipelines": [reference], "typeProperties": properties}

    [one] = of_document(
        tmp_path, "data-factory", [pipeline("p", ml("a")), {"name": "t", "properties": trigger}]
    ).schedules

    assert one.keys["change"].get("min_size") == least


def test_the_first_monthly_window_ends_a_month_after_its_start(tmp_path: Path) -> None:
    properties = {"frequency": "Month", "interval": 1, "startTime": "2027-01-31T00:00:00Z", "maxConcurrency": 1}
    reference = {"pipelineReference": {"referenceName": "p"}}
    trigger = {"type": "TumblingWindowTrigger", "pipeline": reference, "typeProperties": properties}

    [one] = of_document(
        tmp_path, "data-factory", [pipeline("p", ml("a")), {"name": "t", "properties": trigger}]
    ).schedules

    assert one.keys["recurrence"]["start_time"] == "2027-02-28T00:00:00"


def test_an_item_of_another_loop_is_not_taken_for_the_triggers_file(tmp_path: Path) -> None:
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
def test_a_report_never_overwrites_a_source_or_the_target_file(tmp_path: Path, report: str) -> None:
    (tmp_path / "schedules.yaml").write_text(PRESENT)
    source = tmp_path / "source.json"
    source.write_text((SAMPLES / "sdk_v1.json").read_text())
    arguments = ["sdk-v1", str(source), "--into", str(tmp_path / "schedules.yaml"), "--report", str(tmp_path / report)]

    done = run_command("import", *arguments, settings={})

    assert done.code == 1
    assert "--report:" in done.err
    assert (tmp_path / "schedules.yaml").read_text() == PRESENT
    assert source.read_text() == (SAMPLES / "sdk_v1.json").read_text()


def test_the_defaults_of_the_target_file_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text(f"defaults:\n  max_concurrent_runs: 1\n{PRESENT}")

    done = imported_into(file)

    assert done.code == 3
    assert "the defaults of the file apply to it: max_concurrent_runs" in done.err


@pytest.mark.parametrize(
    "present",
    [
        f"\ufeff{PRESENT}",
        PRESENT.replace("schedules:\n", "schedules:\r\n"),
    ],
    ids=["a byte order mark", "mixed line ends"],
)
def test_a_byte_order_mark_and_line_ends_are_kept(tmp_path: Path, present: str) -> None:
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


def test_nested_conditions_are_never_merged_into_alternative_globs(tmp_path: Path) -> None:
    csv = "@endsWith(triggerBody()?['Name'], '.csv')"
    other = "@startsWith(triggerBody()?['Name'], 'a')"

    result = of_document(tmp_path, "logic-app", conditioned(csv, other))

    [one] = result.schedules
    globs = one.keys["change"].get("include", [])
    verdicts = {each.place: each.verdict.value for each in one.draft.differences if each.place.endswith(".expression")}
    assert len(verdicts) == 2
    assert len(globs) < 2  # two globs would be alternatives, but both conditions must hold
    assert globs or set(verdicts.values()) == {"lost"}


def test_sdk_v1_week_days_given_as_numbers_count_from_sunday(tmp_path: Path) -> None:
    document = sdk_v1_with()
    document[0]["Recurrence"] |= {"Frequency": "Week", "Schedule": {"Hours": [6], "WeekDays": [0, 3]}}

    [one] = of_document(tmp_path, "sdk-v1", document).schedules

    assert one.keys["recurrence"]["week_days"] == ["Wednesday", "Sunday"]


def test_arm_template_parameters_are_resolved_or_left_to_the_user(tmp_path: Path) -> None:
    known = of_document(tmp_path, "logic-app", template_with({"type": "string", "defaultValue": "night"}))
    unknown = of_document(tmp_path, "logic-app", template_with({"type": "string"}))

    assert known.schedules[0].keys["pipeline_parameters"] == {"who": "night"}
    assert "pipeline_parameters" not in unknown.schedules[0].keys
    assert "# DECIDE" in unknown.text
