"""The articles' samples and the SDK's requests, sent to the app's URL, reach Azure ML unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import Engine, schedule, utc

from triggers.azureml.service import call_of
from triggers.scheduling.run_request import Submission
from triggers.web.routes import SUBMIT

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "azureml_submit_cases.json").read_text())["cases"]
OF_THE_APP = {"DisplayName", "tags"}
"""Fields that the app adds to every request."""
OF_THE_SDK = {"RunType", "Properties"}
"""Constant fields that the SDK adds to every request; the articles' samples do not."""
EMPTY: dict[str, Any] = {"ParameterAssignments": {}, "DataPathAssignments": {}, "DataSetDefinitionValueAssignments": {}}
MANUAL = "manual: {}\ntrigger_overrides: any"


def sent(body: dict[str, Any]) -> dict[str, Any]:
    """The body that Azure ML receives when a program sends this body to a schedule that allows all overrides."""
    engine, of = Engine(utc("2026-11-01T04:00")), schedule(MANUAL)
    asked = SUBMIT.asked("s", json.dumps(body).encode(), {})
    told, _ = engine.wired(of).steering.submit("s", asked.body, None)
    run = engine.ledger.get(told.key)
    assert run is not None
    assert run.request is not None
    submission = Submission(request=run.request, run_key=run.key, ledger_id="L", attempt="A")
    posted = call_of(submission, {"ENDPOINT": "https://westeurope.api.azureml.ms/x"}).body
    assert posted is not None
    return {key: value for key, value in posted.items() if key not in OF_THE_APP}


@pytest.mark.parametrize(
    "case",
    [one for one in RECORDED if "expected" in one and one["id"].startswith(("submit", "endpoint"))],
    ids=lambda one: one["id"],
)
def test_the_body_that_the_sdk_sends_reaches_azure_ml_unchanged(case: dict[str, Any]) -> None:
    body = {key: value for key, value in case["expected"]["body"].items() if key not in OF_THE_SDK}
    tags = {"tags": body.pop("tags")} if "tags" in body else {}

    arrived = sent({**body, **tags})

    assert json.dumps(arrived, sort_keys=True) == json.dumps(body, sort_keys=True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"ExperimentName": "My_Pipeline", "ParameterAssignments": {"pipeline_arg": 20}},
            {
                "ExperimentName": "My_Pipeline",
                "RunSource": "API",
                **EMPTY,
                "ParameterAssignments": {"pipeline_arg": "20"},
            },
            id="Python",
        ),
        pytest.param(
            {
                "ExperimentName": "YourExperimentName",
                "Description": "Asynchronous C# REST api call",
                "ParameterAssignments": {"your-pipeline-parameter": "default-value"},
            },
            {
                "ExperimentName": "YourExperimentName",
                "Description": "Asynchronous C# REST api call",
                "RunSource": "API",
                **EMPTY,
                "ParameterAssignments": {"your-pipeline-parameter": "default-value"},
            },
            id="C#",
        ),
        pytest.param(
            {"ExperimentName": "My_Pipeline", "ParameterAssignments": {"pipeline_arg": "20"}},
            {
                "ExperimentName": "My_Pipeline",
                "RunSource": "API",
                **EMPTY,
                "ParameterAssignments": {"pipeline_arg": "20"},
            },
            id="Java",
        ),
        pytest.param(
            {
                "DataPathAssignments": {
                    "input_datapath": {"DataStoreName": "workspaceblobstore", "RelativePath": "incoming/a b.csv"}
                },
                "ExperimentName": "MyRestPipeline",
                "ParameterAssignments": {"input_string": "sample_string3"},
                "RunSource": "SDK",
            },
            {
                "ExperimentName": "MyRestPipeline",
                "RunSource": "SDK",
                **EMPTY,
                "DataPathAssignments": {
                    "input_datapath": {"DataStoreName": "workspaceblobstore", "RelativePath": "incoming/a b.csv"}
                },
                "ParameterAssignments": {"input_string": "sample_string3"},
            },
            id="Logic App",
        ),
        pytest.param(
            {
                "ExperimentName": "MyRestPipeline",
                "DataSetDefinitionValueAssignments": {"tabular_ds_param": {"SavedDataSetReference": {"Id": "ds-1"}}},
            },
            {
                "ExperimentName": "MyRestPipeline",
                "RunSource": "API",
                **EMPTY,
                "DataSetDefinitionValueAssignments": {"tabular_ds_param": {"SavedDataSetReference": {"Id": "ds-1"}}},
            },
            id="dataset",
        ),
        pytest.param(
            {
                "ExperimentName": "PipelineEndpointExperiment",
                "RunSource": "API",
                "ParameterAssignments": {"1": "united", "2": "city"},
            },
            {
                "ExperimentName": "PipelineEndpointExperiment",
                "RunSource": "API",
                **EMPTY,
                "ParameterAssignments": {"1": "united", "2": "city"},
            },
            id="pipeline endpoint",
        ),
    ],
)
def test_each_sample_of_the_articles_starts_the_same_run_as_without_the_app(
    body: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert sent(body) == expected


def test_continue_on_step_failure_is_spelled_as_the_service_expects() -> None:
    assert sent({"ContinueRunOnStepFailure": False})["ContinueRunOnStepFailure"] is False
