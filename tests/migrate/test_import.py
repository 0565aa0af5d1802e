"""Importing schedules from other services: realistic exports, and files that are no exports."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import utc
from command_line import ROOT, Done, run_command
from hypothesis import given, settings
from hypothesis import strategies as st
from import_sources import HOURLY, NOW, SAMPLES, execute, hourly, ml, of_document, pipeline, workflow

from local.azureml import IDENTITY_HEADER, AzureMl
from local.azureml_calls import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE_NAME
from local.azureml_workspace import workspace_of
from triggers.migrate.documents import DEEPEST
from triggers.migrate.importing import Result, imported
from triggers.migrate.literals import literal
from triggers.migrate.names import unique_name
from triggers.migrate.report import as_json, markdown, plain
from triggers.migrate.texts import fields_of
from triggers.migrate.writing import scalar
from triggers.scheduling.config import Config, TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.file.yaml_text import parse
from triggers.scheduling.templates import expand, fill
from triggers.scheduling.times.occurrences import between

FILES = {
    "logic_app_blobs.json": "logic-app",
    "logic_app_template.json": "logic-app",
    "logic_app_window.json": "logic-app",
    "data_factory.json": "data-factory",
    "data_factory_events.json": "data-factory",
    "sdk_v1.json": "sdk-v1",
    "sdk_v1.yaml": "sdk-v1",
    "job_schedule.yml": "job-schedule",
    "job_schedule.json": "job-schedule",
}


def of_samples(*names: str) -> Result:
    return imported([(FILES.get(name, "data-factory"), SAMPLES / name) for name in names], NOW)


def config_of(result: Result) -> Config:
    return load(result.text, "imported.yaml", {})


@pytest.mark.parametrize("name", FILES)
def test_imported_schedules_are_valid_and_disabled(name: str) -> None:
    result = of_samples(name)
    config = config_of(result)

    assert [str(fault) for fault in config.faults if fault.lacks is None] == []
    assert {one.name for one in result.schedules} == set(config.schedules) | set(config.left_out)
    assert result.failures == []
    assert all(one.keys["status"] == "Disabled" for one in result.schedules)


@pytest.mark.parametrize("name", FILES)
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    assert of_samples(name).text == of_samples(name).text


@pytest.mark.parametrize("name", [one for one in FILES if one.endswith(".json") and "template" not in one])
def test_the_report_mentions_every_field(name: str) -> None:
    result = of_samples(name)
    told = {one.place.lower() for each in result.schedules for one in each.draft.differences}

    assert len(told) > 4
    document = json.loads((SAMPLES / name).read_text())
    if name == "logic_app_blobs.json":
        definition = document["definition"]
        fields = [at for at, _, _ in fields_of(definition["triggers"], "triggers")]
        missing = [at for at in fields if not any(at.lower().startswith(one) for one in told)]
        assert missing == []


def test_no_secret_is_copied_and_its_place_is_reported() -> None:
    result = of_samples("logic_app_template.json", "data_factory.json")
    everything = result.text + markdown(result) + "\n".join(plain(result)) + json.dumps(as_json(result))

    assert not any(secret in everything for secret in ("c2VjcmV0LWtleQ", "eyJ0eXAi", "hunter2"))
    assert [one.place.rpartition(": ")[2] for one in result.secrets] == [
        "resources[0].properties.parameterValues.accessKey",
        "resources[1].properties.definition.actions.HTTP.inputs.headers.Authorization",
        "resources[0].properties.typeProperties.servicePrincipalKey.value",
    ]


def test_the_articles_logic_app_becomes_a_change_based_schedule() -> None:
    [one] = of_samples("logic_app_blobs.json").schedules

    assert one.keys["change"] == {
        "connection": "Storagemystorage1",
        "container": "azureml-blobstore",
        "min_size": 0,
        "path_on_datastore": "incoming",
        "polling_interval": 3,
        "include": ["*.csv"],
        "exclude": ["tmp_*"],
        "datastore": "workspaceblobstore",
        "data_path_parameter_name": "input_datapath",
    }
    assert one.keys["run_source"] == "SDK"
    assert one.keys["pipeline_parameters"]["percent"] == "100%% {{scheduled_time}}"
    assert "odd" not in one.keys["pipeline_parameters"]
    assert "base64" in one.draft.decide[0]


def test_a_tumbling_windows_delay_is_subtracted_in_its_templates() -> None:
    first, second = (one for one in of_samples("data_factory.json").schedules)

    assert first.keys["recurrence"] == {"frequency": "Hour", "interval": 24, "start_time": "2026-01-02T00:30:00"}
    assert first.keys["pipeline_parameters"]["since"] == "{previous_time-30m:%Y-%m-%dT%H:%M}"
    assert (first.keys["timeout"], first.keys["rerun"]["attempts"]) == ("12h", 2)
    assert second.keys["after"] == {"schedule": first.name, "states": ["finished"]}


def test_monthly_occurrences_become_cron_expressions() -> None:
    result = of_samples("data_factory_monthly.json", "data_factory_report.json")

    [one] = result.schedules
    assert one.keys["cron"]["expression"] == ["30 6,18 * * 1#2", "30 6,18 * * 5L"]
    assert one.firings is None


def test_a_v2_cron_with_days_of_the_month_is_reported_with_both_readings() -> None:
    [one] = of_samples("job_schedule.yml").schedules

    assert one.keys["cron"]["expression"] == "30 4 * * 1-5"
    [told] = [each.sentence for each in one.draft.differences if each.place == "trigger.expression"]
    assert "'30 4 15 2 1-5'" in told
    assert "'30 4 * * 1-5'" in told


def test_schedules_from_several_sources_get_different_names() -> None:
    result = of_samples("sdk_v1.json", "sdk_v1.yaml", "job_schedule.json", "logic_app_blobs.json")

    assert len({one.name.lower() for one in result.schedules}) == len(result.schedules) == 5


def test_the_same_pipeline_is_imported_as_one_entry(tmp_path: Path) -> None:
    result = of_document(tmp_path, "logic-app", workflow(HOURLY))
    (tmp_path / "other.json").write_text(json.dumps(workflow(HOURLY)))
    both = imported([("logic-app", tmp_path / "source.json"), ("logic-app", tmp_path / "other.json")], NOW)

    assert (len(result.pipelines), len(both.pipelines), len(both.schedules)) == (1, 1, 2)


@pytest.mark.parametrize(
    ("expression", "template"),
    [
        ("@{utcNow('yyyy/MM/dd')}", "{scheduled_time:%Y/%m/%d}"),
        ("@utcNow('yyyy-MM-dd')", "{scheduled_time:%Y-%m-%d}"),
        ("raw/@{formatDateTime(addDays(utcNow(), -1), 'yyyyMMdd')}/x", "raw/{scheduled_time-1d:%Y%m%d}/x"),
        ("@{addHours(utcNow(), 3, 'HH:mm')}", "{scheduled_time+3h:%H:%M}"),
        ("@{subtractFromTime(utcNow(), 2, 'Week', 'dd MMM yyyy')}", "{scheduled_time-2w:%d %b %Y}"),
        ("@{getPastTime(1, 'Month', 'yyyy-MM')}", "{scheduled_time-1mo:%Y-%m}"),
        ("@concat('a%', utcNow('yyyy'), '{x}')", "a%%{scheduled_time:%Y}{{x}}"),
        ("@{trigger()?['scheduledTime']}", "{scheduled_time}"),
        ("@{workflow()['run']['name']}", "{run_key}"),
        ("me@@example.org", "me@example.org"),
        ("@{formatDateTime(utcNow(),'yyyy-MM-ddTHH:mm:ss')}", "{scheduled_time:%Y-%m-%dT%H:%M:%S}"),
    ],
)
def test_expressions_with_an_equivalent_become_templates(tmp_path: Path, expression: str, template: str) -> None:
    result = of_document(tmp_path, "logic-app", workflow(HOURLY, {"ParameterAssignments": {"p": expression}}))

    assert result.schedules[0].keys["pipeline_parameters"] == {"p": template}


@pytest.mark.parametrize(
    "expression",
    [
        "@{base64('x')}",
        "@{body('Get_secret')?['value']}",
        "@{concat('a'",
        "@{" + "(" * 100,
        "@{formatDateTime(utcNow(), 'fff')}",
        "@{convertFromUtc(utcNow(), 'Tokyo Standard Time', 'HH')}",
        "@{addDays(utcNow(), 'one')}",
        "@" + "concat(" * 200 + "'x'" + ")" * 200,
        "@{'" + "x" * 9000 + "'}",
    ],
)
def test_expressions_without_an_equivalent_are_named_and_left_to_the_user(tmp_path: Path, expression: str) -> None:
    body = {"ExperimentName": "e", "ParameterAssignments": {"p": expression, "q": "kept"}}
    result = of_document(tmp_path, "logic-app", workflow(HOURLY, body))

    [one] = result.schedules
    assert one.keys["pipeline_parameters"] == {"q": "kept"}
    assert any(each.place.endswith(".p") and "has no counterpart" in each.sentence for each in one.draft.differences)
    assert len(one.draft.decide) == 1
    assert config_of(result).faults == ()


def name_condition(function: str, text: str) -> dict[str, Any]:
    return {function: ["@triggerBody()?['Name']", text]}


@pytest.mark.parametrize(
    ("condition", "include", "exclude"),
    [
        ({"and": [name_condition("endsWith", ".csv")]}, ["*.csv"], None),
        ({"and": [name_condition("startsWith", "a"), name_condition("endsWith", ".csv")]}, ["a*.csv"], None),
        ({"or": [name_condition("equals", "a.csv"), name_condition("contains", "x")]}, ["a.csv", "*x*"], None),
        (
            {"not": {"or": [name_condition("endsWith", ".tmp"), name_condition("startsWith", "_")]}},
            None,
            ["*.tmp", "_*"],
        ),
        ("@endsWith(toLower(triggerBody()?['Name']), '.csv')", ["*.csv"], None),
        ({"and": [{"greater": ["@triggerBody()?['Size']", 10]}]}, None, None),
        ({"not": {"and": [name_condition("endsWith", "a"), name_condition("startsWith", "b")]}}, None, None),
        ({"and": [name_condition("contains", "a"), name_condition("contains", "b")]}, None, None),
    ],
)
def test_conditions_on_the_file_name_become_globs_if_possible(
    tmp_path: Path, condition: Any, include: list[str] | None, exclude: list[str] | None
) -> None:
    sample = json.loads((SAMPLES / "logic_app_blobs.json").read_text())
    sample["definition"]["actions"]["Condition"]["expression"] = condition
    [one] = of_document(tmp_path, "logic-app", sample).schedules

    assert (one.keys["change"].get("include"), one.keys["change"].get("exclude")) == (include, exclude)
    told = [each for each in one.draft.differences if each.place == "actions.Condition.expression"]
    assert [each.verdict.value for each in told] == ["changed" if include or exclude else "lost"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the file is empty"),
        ("{", "it ends too early, so it may not be complete"),
        ("not json", "this is not JSON: line 1, column 1"),
        ("[" * 20_000, f"nested deeper than {DEEPEST} levels"),
        ("[" * 150 + "]" * 150, f"nested deeper than {DEEPEST} levels"),
        ('{"a": 1}', "contains no workflow"),
        (json.dumps({"definition": {**workflow(HOURLY)["definition"], "triggers": {}}}), "it has no trigger"),
        ('"text"', "contains no workflow"),
        ('{"properties": {"activities": []}}', "it looks like data-factory: triggers import data-factory"),
        ('[{"ScheduleType": "0", "PipelineSubmissionInfo": {}}]', "it looks like sdk-v1"),
        (
            json.dumps(workflow(HOURLY, actions={"Mail": {"type": "ApiConnection"}})),
            "has no HTTP action that calls a pipeline of Azure ML",
        ),
    ],
)
def test_an_unreadable_source_is_one_error_message_and_the_others_are_imported(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "bad.json").write_text(content)
    result = imported([("logic-app", tmp_path / "bad.json"), ("sdk-v1", SAMPLES / "sdk_v1.json")], NOW)

    assert len(result.schedules) == 2
    [told] = result.failures
    assert told.startswith(str(tmp_path / "bad.json"))
    assert sentence in told


def test_a_large_template_with_one_relevant_resource_is_imported(tmp_path: Path) -> None:
    sample = json.loads((SAMPLES / "logic_app_template.json").read_text())
    other = {"type": "Microsoft.Storage/storageAccounts", "name": "x", "properties": {"text": "y" * 50_000}}
    sample["resources"] = [other] * 200 + sample["resources"]

    result = of_document(tmp_path, "logic-app", sample)

    assert (tmp_path / "source.json").stat().st_size > 10_000_000
    assert [one.name for one in result.schedules] == ["nightly-retrain"]


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    for key, one in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from places(one, (*place, key))


def with_value(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    found = json.loads(json.dumps(document))
    parent = found
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return found


DOCUMENTS = {name: json.loads((SAMPLES / name).read_text()) for name in FILES if name.endswith(".json")}
SPOILT = [(name, place) for name, document in DOCUMENTS.items() for place in places(document)]
VALUES: list[Any] = [
    None,
    -1,
    3.5,
    True,
    "",
    "@{",
    "@x(",
    [],
    {},
    [None],
    [[]],
    {"a": None},
    "é\u202e",
    "%A% {run_key}",
    10**30,
]


@settings(deadline=None)
@given(st.sampled_from(SPOILT), st.sampled_from(VALUES))
def test_a_value_of_an_unexpected_type_anywhere_raises_no_exception(
    tmp_path_factory: Any, spoilt: tuple[str, tuple[Any, ...]], value: Any
) -> None:
    name, place = spoilt
    document = with_value(DOCUMENTS[name], place, value)

    result = of_document(tmp_path_factory.mktemp("spoilt"), FILES[name], document)

    assert result.schedules or result.failures
    assert [fault for fault in config_of(result).faults if fault.lacks is None] == []
    assert markdown(result)
    assert json.dumps(as_json(result))


@pytest.mark.parametrize("name", ["Übung №5", "日本語", "api_runs", "reconcile", "7 days", "x" * 300, "", "a b"])
def test_every_name_becomes_a_valid_schedule_name(tmp_path: Path, name: str) -> None:
    entity = json.loads((SAMPLES / "sdk_v1.json").read_text())[0] | {"Name": name}

    result = of_document(tmp_path, "sdk-v1", [entity, entity])

    assert len(config_of(result).left_out) + len(config_of(result).schedules) == 2
    assert result.failures == []


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_literal_is_sent_unchanged(text: str) -> None:
    assert expand(fill(literal(text), {}), {}) == text


@given(st.lists(st.sampled_from(["{", "}", "%", "{run_key}", "{{blob.path}}", "%A%", "{scheduled_time-1d:%Y}", "a"])))
def test_a_literal_that_looks_like_a_template_is_sent_unchanged(parts: list[str]) -> None:
    text = "".join(parts)

    assert expand(fill(literal(text), {}), {}) == text


@given(st.one_of(st.text(max_size=40), st.integers(), st.booleans()))
def test_a_written_scalar_is_read_back_unchanged(value: Any) -> None:
    if isinstance(value, str) and any("\ud800" <= one <= "\udfff" for one in value):
        return
    tree, faults = parse(f"key: {scalar(value)}\n", "f")

    assert list(faults) == []
    assert tree == {"key": value}


@given(st.lists(st.text(max_size=20), max_size=8))
def test_generated_names_are_unique(texts: list[str]) -> None:
    taken: set[str] = set()
    for text in texts:
        found = unique_name(text, taken)
        assert found.lower() not in taken
        taken.add(found.lower())


WORKSPACE = {
    "AZUREML_API": "https://x.api.azureml.ms",
    "AZUREML_SUBSCRIPTION_ID": "s",
    "AZUREML_RESOURCE_GROUP": "g",
    "AZUREML_WORKSPACE_NAME": "w",
}


def test_a_trigger_also_starts_the_pipelines_that_its_pipeline_executes(tmp_path: Path) -> None:
    parent = pipeline("parent", execute("child", day="@pipeline().parameters.when"), when="never")
    child = pipeline("child", ml("Train", day="@pipeline().parameters.day"), day="none")
    trigger = hourly("parent", when="@formatDateTime(trigger().scheduledTime, 'yyyy-MM-dd')")

    [one] = of_document(tmp_path, "data-factory", [parent, child, trigger]).schedules

    assert one.keys["recurrence"]["interval"] == 2
    assert one.keys["pipeline_parameters"] == {"day": "{scheduled_time:%Y-%m-%d}"}
    assert any("is executed by the pipeline parent" in each.sentence for each in one.draft.differences)


def test_pipelines_that_execute_each_other_cause_no_endless_loop(tmp_path: Path) -> None:
    one, other = pipeline("a", execute("b"), ml("Train")), pipeline("b", execute("a"))

    assert len(of_document(tmp_path, "data-factory", [one, other]).schedules) == 1


def test_an_activity_follows_the_nearest_earlier_activity_that_is_imported(tmp_path: Path) -> None:
    copy = {"name": "Copy", "type": "Copy", "dependsOn": [{"activity": "Train", "dependencyConditions": ["Succeeded"]}]}

    train, score = of_document(
        tmp_path, "data-factory", [pipeline("p", ml("Train"), copy, ml("Score", "Copy")), hourly("p")]
    ).schedules

    assert score.keys["after"] == {"schedule": train.name, "states": ["finished"]}
    assert any("the activity Copy is not imported" in each.sentence for each in score.draft.differences)


def test_a_loop_around_an_activity_is_reported(tmp_path: Path) -> None:
    loop = {"name": "Each", "type": "ForEach", "typeProperties": {"items": "@x", "activities": [ml("Train")]}}

    [one] = of_document(tmp_path, "data-factory", [pipeline("p", loop), hourly("p")]).schedules

    assert [each.place for each in one.draft.differences if "condition or loop" in each.sentence] == [
        "activity within ForEach Each"
    ]


def test_a_loop_over_the_files_of_a_poll_becomes_one_run_per_file(tmp_path: Path) -> None:
    sample = json.loads((SAMPLES / "logic_app_blobs.json").read_text())
    definition = sample["definition"]
    [trigger] = definition["triggers"].values()
    del trigger["splitOn"]
    body = {
        "DataPathAssignments": {
            "input": {"DataStoreName": "d", "RelativePath": "@{items('For_each')?['Name']}"},
        }
    }
    call = definition["actions"]["Condition"]["actions"]["HTTP"]
    call["inputs"]["body"] = body
    definition["actions"] = {"For_each": {"type": "Foreach", "foreach": "@triggerBody()", "actions": {"HTTP": call}}}

    [one] = of_document(tmp_path, "logic-app", sample).schedules

    assert one.keys["change"]["data_path_parameter_name"] == "input"
    assert not any("splitOn" in each.place for each in one.draft.differences)


def test_constant_variables_and_compose_outputs_are_resolved(tmp_path: Path) -> None:
    call = workflow(HOURLY)["definition"]["actions"]["HTTP"]
    call["inputs"]["body"] = {
        "ParameterAssignments": {"a": "@variables('kept')", "b": "@{outputs('Compose')['x']}", "c": "@variables('set')"}
    }
    actions = {
        "Kept": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "kept", "value": "one%"}]}},
        "Set": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "set", "value": "two"}]}},
        "Change": {"type": "SetVariable", "inputs": {"name": "set", "value": "three"}},
        "Compose": {"type": "Compose", "inputs": {"x": "four"}},
        "HTTP": call,
    }

    [one] = of_document(tmp_path, "logic-app", workflow(HOURLY, actions=actions)).schedules

    assert one.keys["pipeline_parameters"] == {"a": "one%%", "b": "four"}


def test_a_web_activity_that_starts_a_pipeline_is_imported(tmp_path: Path) -> None:
    web = {
        "name": "Call",
        "type": "WebActivity",
        "typeProperties": {
            "url": "https://x.api.azureml.ms/pipelines/v1.0/PipelineRuns/PipelineSubmit/1",
            "method": "POST",
            "headers": {"Content-Type": "application/json", "x-functions-key": "very-secret-key"},
            "body": {
                "ExperimentName": "e",
                "ParameterAssignments": {"day": "@formatDateTime(trigger().startTime,'dd')"},
            },
            "authentication": {"type": "MSI", "resource": "https://ml.azure.com"},
        },
    }
    other = {"name": "Other", "type": "WebActivity", "typeProperties": {"url": "https://example.org", "method": "POST"}}

    result = of_document(tmp_path, "data-factory", [pipeline("p", web, other), hourly("p")])

    [one] = result.schedules
    assert one.draft.pipeline["endpoint"].endswith("/PipelineSubmit/1")
    assert one.keys["pipeline_parameters"] == {"day": "{scheduled_time:%d}"}
    assert "very-secret-key" not in result.text + markdown(result)
    assert len(result.secrets) == 1


def test_the_run_id_of_the_previous_activity_becomes_the_upstream_run_id(tmp_path: Path) -> None:
    score = ml("Score", "Train")
    score["typeProperties"]["mlParentRunId"] = "@activity('Train').output.mlPipelineRunId"

    _, second = of_document(tmp_path, "data-factory", [pipeline("p", ml("Train"), score), hourly("p")]).schedules

    assert second.keys["parent_run_id"] == "{upstream.run_id}"


@pytest.mark.parametrize(
    ("folder", "container", "below"),
    [
        ("JTJmYmxvYnMlMmZpbg==", "blobs", "in"),
        ("JTJmYmxvYnM", "blobs", None),
        ("L2lucHV0LWRvY3VtZW50cw==", "input-documents", None),
        ("/invoices", "invoices", None),
        ("training-images", "training-images", None),
        ("incoming", "incoming", None),
        ("%252fblobs%252fa%20b", "blobs", "a b"),
    ],
)
def test_a_folder_is_read_in_every_encoding(tmp_path: Path, folder: str, container: str, below: str | None) -> None:
    sample = json.loads((SAMPLES / "logic_app_blobs.json").read_text())
    [trigger] = sample["definition"]["triggers"].values()
    trigger["inputs"]["queries"]["folderId"] = folder
    trigger["metadata"] = {}

    [one] = of_document(tmp_path, "logic-app", sample).schedules

    assert (one.keys["change"]["container"], one.keys["change"].get("path_on_datastore")) == (container, below)


def test_a_monitor_is_not_imported_but_the_other_schedules_are(tmp_path: Path) -> None:
    schedule = json.loads((SAMPLES / "job_schedule.json").read_text())
    monitor = json.loads(json.dumps(schedule))
    monitor["properties"]["action"] = {"actionType": "CreateMonitor", "monitorDefinition": {}}

    result = of_document(tmp_path, "job-schedule", [monitor, schedule])

    assert len(result.schedules) == 1
    assert "starts a monitor or an import, not a pipeline" in result.failures[0]


def test_a_report_that_cannot_be_written_is_an_error_message(tmp_path: Path) -> None:
    code, out, err = run("sdk-v1", str(SAMPLES / "sdk_v1.json"), "--report", str(tmp_path / "none" / "report.md"))

    assert (code, out) == (1, "")
    assert err.startswith("--report: ")


FREQUENCIES = st.sampled_from(["Minute", "Hour", "Day", "Week", "Month"])
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@st.composite
def recurrences(draw: st.DrawFn) -> dict[str, Any]:
    frequency = draw(FREQUENCIES)
    start = datetime(
        2026,
        draw(st.integers(1, 12)),
        draw(st.integers(1, 28)),
        draw(st.integers(0, 23)),
        draw(st.sampled_from([0, 30])),
    )
    found: dict[str, Any] = {
        "frequency": frequency,
        "interval": draw(st.sampled_from([30, 90, 120]) if frequency == "Minute" else st.integers(1, 3)),
        "startTime": f"{start:%Y-%m-%dT%H:%M:%S}Z",
    }
    schedule: dict[str, Any] = {}
    if frequency in ("Day", "Week", "Month"):
        if draw(st.booleans()):
            schedule["hours"] = draw(st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True))
        if draw(st.booleans()):
            schedule["minutes"] = draw(st.lists(st.sampled_from([0, 30]), min_size=1, unique=True))
    if frequency == "Week" and draw(st.booleans()):
        schedule["weekDays"] = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))
    if frequency == "Month" and draw(st.booleans()):
        schedule["monthDays"] = draw(st.lists(st.sampled_from([-1, 1, 15, 28]), min_size=1, unique=True))
    return found | ({"schedule": schedule} if schedule else {})


def fires(rule: dict[str, Any], at: datetime) -> bool:
    """True if Data Factory fires at an instant according to its documentation, which treats each field separately."""
    start = datetime.fromisoformat(rule["startTime"])
    if at < start:
        return False
    schedule, frequency, interval = rule.get("schedule", {}), rule["frequency"], rule["interval"]
    if frequency in ("Minute", "Hour"):
        return (at - start) % timedelta(**{f"{frequency.lower()}s": interval}) == timedelta(0)
    if at.hour not in schedule.get("hours", [start.hour]) or at.minute not in schedule.get("minutes", [start.minute]):
        return False
    days = (at.date() - start.date()).days
    if frequency == "Day":
        return bool(days % interval == 0)
    if frequency == "Week":
        weeks = (days + start.weekday()) // 7
        return weeks % interval == 0 and DAYS[at.weekday()] in schedule.get("weekDays", [DAYS[start.weekday()]])
    months = (at.year - start.year) * 12 + at.month - start.month
    is_last = (at + timedelta(days=1)).month != at.month
    wanted = schedule.get("monthDays", [start.day])
    return months % interval == 0 and (at.day in wanted or (-1 in wanted and is_last))


def in_data_factory(rule: dict[str, Any]) -> Any:
    properties = {
        "type": "ScheduleTrigger",
        "pipelines": [{"pipelineReference": {"referenceName": "report"}}],
        "typeProperties": {"recurrence": rule},
    }
    report = json.loads((SAMPLES / "data_factory_report.json").read_text())
    return [{"name": "t", "properties": properties}, report]


def in_a_logic_app(rule: dict[str, Any]) -> Any:
    return workflow({"type": "Recurrence", "recurrence": rule})


def in_sdk_v1(rule: dict[str, Any]) -> Any:
    pattern = {key[:1].upper() + key[1:]: value for key, value in rule.get("schedule", {}).items()}
    recurrence = {key[:1].upper() + key[1:]: value for key, value in rule.items() if key != "schedule"}
    return [
        {
            "Name": "s",
            "PipelineId": "1",
            "ScheduleType": "0",
            "Recurrence": recurrence | ({"Schedule": pattern} if pattern else {}),
            "PipelineSubmissionInfo": {"ExperimentName": "e"},
        }
    ]


def in_v2(rule: dict[str, Any]) -> Any:
    trigger = {"triggerType": "Recurrence", **rule, "frequency": rule["frequency"].lower()}
    job = {"jobType": "Pipeline", "inputs": {}}
    return {
        "name": "s",
        "properties": {"trigger": trigger, "action": {"actionType": "CreateJob", "jobDefinition": job}},
    }


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("data-factory", in_data_factory),
        ("logic-app", in_a_logic_app),
        ("sdk-v1", in_sdk_v1),
        ("job-schedule", in_v2),
    ],
)
@settings(deadline=None)
@given(recurrences())
def test_an_imported_recurrence_fires_at_the_same_times_as_its_source(
    tmp_path_factory: Any, kind: str, document: Callable[[dict[str, Any]], Any], rule: dict[str, Any]
) -> None:
    result = of_document(tmp_path_factory.mktemp(kind), kind, document(rule))
    [schedule] = load(result.text, "f", WORKSPACE).schedules.values()
    assert isinstance(schedule, TimeSchedule)

    first = datetime.fromisoformat(rule["startTime"]) - timedelta(days=1)
    moments = [first + timedelta(minutes=30 * number) for number in range(48 * 100)]
    there = [at for at in moments if fires(rule, at)]
    here = list(between(schedule.trigger, first, moments[-1]))

    assert here == there
    assert result.schedules[0].firings is None


def test_if_the_times_differ_the_report_lists_them(tmp_path: Path) -> None:
    trigger = {
        "type": "Recurrence",
        "recurrence": {
            "frequency": "Day",
            "interval": 1,
            "startTime": "2026-03-20T02:30:00",
            "timeZone": "Europe/Berlin",
        },
    }
    (tmp_path / "gap.json").write_text(json.dumps(workflow(trigger)))

    result = imported([("logic-app", tmp_path / "gap.json")], utc("2026-03-20T00:00"))

    [one] = result.schedules
    assert one.firings is not None
    assert one.firings.only_there == [utc("2026-03-29T01:30")]
    assert one.firings.only_here == [utc("2026-03-29T01:00")]
    assert any("only in the source: 2026-03-29T01:30:00Z" in line for line in plain(result))


def test_a_recurrence_without_a_start_is_left_to_the_user(tmp_path: Path) -> None:
    trigger = {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 3}}

    [one] = of_document(tmp_path, "logic-app", workflow(trigger)).schedules

    assert "has no start" in one.draft.decide[0]


def run(*arguments: str) -> Done:
    return run_command("import", *arguments, settings={})


def test_the_command_prints_the_file_and_reports_the_differences(tmp_path: Path) -> None:
    report = tmp_path / "report.md"

    code, out, err = run("logic-app", str(SAMPLES / "logic_app_blobs.json"), "--report", str(report))

    assert code == 3
    assert config_of_text(out).schedules.keys() == {"logic_app_blobs"}
    assert "How to switch over:" in err
    assert "| kept |" in report.read_text()
    assert "- [ ] stop the old trigger: disable the Logic App logic_app_blobs" in report.read_text()


def config_of_text(text: str) -> Config:
    return load(text, "f", {})


def test_the_json_report_contains_the_file(tmp_path: Path) -> None:
    code, out, err = run("job-schedule", str(SAMPLES / "job_schedule.json"), "--json")

    told = json.loads(out)
    assert (code, err) == (3, "")
    assert [one["name"] for one in told["schedules"]] == ["weekly"]
    assert config_of_text(told["file"]).faults != ()  # the settings do not exist yet


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["airflow", "dag.py"],
            "'airflow' is not a kind of source; expected one of logic-app, data-factory, sdk-v1, job-schedule",
        ),
        (["logic-app"], "give a kind and its files"),
        (["logic-app", "none.json"], "none.json: cannot be read: No such file or directory"),
    ],
)
def test_wrong_arguments_give_exit_code_1(arguments: list[str], sentence: str) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (1, "")
    assert sentence in err


def test_an_import_into_a_file_keeps_its_lines(tmp_path: Path) -> None:
    present = (
        "# ours\npipelines:\n    score: {endpoint: 'https://x/y'} # one\n\nschedules:\n"
        "    weekly: {pipeline: score, cron: {expression: '0 4 * * *'}}\n# the end\n"
    )
    file = tmp_path / "schedules.yaml"
    file.write_text(present)

    code, out, _ = run("job-schedule", str(SAMPLES / "job_schedule.json"), "--into", str(file))

    after = file.read_text()
    assert (code, out) == (3, "")
    assert [line for line in present.splitlines() if line not in after.splitlines()] == []
    assert [line for line in after.splitlines() if line != line.rstrip()] == []
    config = config_of_text(after)
    assert set(config.schedules) | set(config.left_out) == {"weekly", "weekly-2"}
    assert [str(fault) for fault in config.faults if fault.lacks is None and "weekly-2" in fault.path] == []


def test_an_import_into_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text("pipelines: {a: {endpoint: x}}\nschedules:\n  a: [\n")
    before = file.read_text()

    code, _, err = run("job-schedule", str(SAMPLES / "job_schedule.json"), "--into", str(file))

    assert code == 1
    assert "--into:" in err
    assert file.read_text() == before


PAGES = sorted((ROOT / "docs").glob("migrate-*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_of_each_page_is_imported_as_the_page_shows(page: Path, tmp_path: Path, monkeypatch: Any) -> None:
    text = page.read_text()
    [document] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    [file] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    [told] = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    [(kind, name)] = re.findall(r"\$ triggers import (\S+) (\S+) > imported\.yaml", text)
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(document)

    result = imported([(kind, Path(name))], NOW)

    assert [line for line in result.text.splitlines() if not line.startswith("#")] == file.splitlines()
    printed = list(plain(result))
    assert told.splitlines() == printed[2 : printed.index("How to switch over:")]


def test_the_schedules_of_a_workspace_are_fetched_and_imported(tmp_path: Path) -> None:
    schedules = json.loads((SAMPLES / "sdk_v1.json").read_text())
    with AzureMl() as azureml:
        workspace_of(azureml.service).schedules = schedules
        settings = {
            "AZUREML_API": azureml.url,
            "AZUREML_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZUREML_RESOURCE_GROUP": RESOURCE_GROUP,
            "AZUREML_WORKSPACE_NAME": WORKSPACE_NAME,
            "IDENTITY_ENDPOINT": f"{azureml.url}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
        }
        fetched = run_command("fetch-schedules", settings=settings)
        workspace_of(azureml.service).refused = {"/schedules": 403}
        refused = run_command("fetch-schedules", settings=settings)

    [first, second] = of_document(tmp_path, "sdk-v1", json.loads(fetched.out)).schedules
    assert first.draft.pipeline["workspace"]["name"] == WORKSPACE_NAME
    assert second.keys["change"]["path_on_datastore"] == "file/path"
    assert refused.code == 1
    assert refused.err.startswith(f"the schedules of {WORKSPACE_NAME} cannot be read: ")


def test_fetching_names_the_missing_options_for_the_workspace() -> None:
    done = run_command("fetch-schedules", "--workspace", "w", settings={})

    assert done.code == 1
    assert "give --subscription-id, --resource-group, --api" in done.err
