"""The POST, key by key: compared with recorded SDK requests, and fields that the SDK cannot send."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from builders import CHANGE, TIME, change, schedule, utc

from triggers.azureml.addresses import UnfitAddress, history_url, studio_url
from triggers.azureml.call import Call
from triggers.azureml.service import call_of
from triggers.scheduling.change import BlobChange
from triggers.scheduling.config import Schedule
from triggers.scheduling.run import RunKind
from triggers.scheduling.run_request import Submission, build_request
from triggers.scheduling.run_service import run_service
from triggers.starting.occurrence import Occurrence

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "azureml_submit_cases.json").read_text())["cases"]
BASE = "https://westeurope.api.azureml.ms"
WORKSPACE = (
    "workspace: {subscription_id: 00000000-0000-0000-0000-000000000001, resource_group: rg1, name: ws1, api: '%API%'}"
)
SETTINGS = {"API": BASE + "/", "ENDPOINT": f"{BASE}/x", "KEY": "secret"}
SDK_CONSTANTS = {"Description", "RunSource", "RunType", "Properties", "DisplayName", "tags"}
"""Fields that differ on purpose: constants of the SDK, and the app's own values."""


def body_of(call: Call) -> Mapping[str, Any]:
    assert call.body is not None
    return call.body


def posted(of: Schedule, blob: BlobChange | None = None, settings: dict[str, str] | None = None) -> Call:
    request = build_request(
        of, Occurrence(key="the-key", kind=RunKind.REQUEST, nominal_time=utc("2026-11-01T04:00"), blob=blob)
    )
    submission = Submission(request=request, run_key="the-key", ledger_id="L", attempt="A")
    return call_of(submission, SETTINGS if settings is None else settings)


def keys_of(case: dict[str, Any]) -> str:
    """The SDK call of a recorded case as keys of schedules.yaml, written in JSON (which is valid YAML)."""
    given = case["input"]
    keys: dict[str, Any] = {"experiment_name": given["experiment_name"]}
    for name, value in (given.get("pipeline_parameters") or {}).items():
        if isinstance(value, dict) and "__datapath__" in value:
            path = {"datastore": value["__datapath__"]["datastore"], "path": value["__datapath__"]["path"]}
            keys.setdefault("datapaths", {})[name] = path
        elif isinstance(value, dict):
            keys.setdefault("datasets", {})[name] = {"id": value["__tabular_dataset_saved_id__"]}
        else:
            keys.setdefault("pipeline_parameters", {})[name] = value
    if given.get("parent_run_id"):
        keys["parent_run_id"] = given["parent_run_id"]
    if given.get("continue_on_step_failure") is not None:
        keys["continue_on_step_failure"] = given["continue_on_step_failure"]
    doubled = json.dumps(keys, ensure_ascii=False).replace("%20", "%%20")
    return f"{doubled[1:-1]}, cron: {{expression: '0 4 * * *'}}"


def target_of(case: dict[str, Any]) -> str:
    if "pipeline_endpoint_id" in case["input"]:
        given = case["input"]
        return f"{{pipeline_endpoint: {given['pipeline_endpoint_id']}, version: '{given['pipeline_version']}'}}"
    return "{published_pipeline: 11111111-2222-3333-4444-555555555555}"


@pytest.mark.parametrize(
    "case",
    [case for case in RECORDED if "expected" in case and case["id"].startswith(("submit", "endpoint"))],
    ids=lambda case: case["id"],
)
def test_the_post_equals_the_one_the_sdk_sends(case: dict[str, Any]) -> None:
    text = f"{WORKSPACE}\npipelines: {{p: {target_of(case)}}}\nschedules: {{s: {{pipeline: p, {keys_of(case)}}}}}"
    from triggers.scheduling.file.loading import load

    loaded = load(text, "f", SETTINGS)
    assert not loaded.faults, [str(fault) for fault in loaded.faults]

    post = posted(loaded.schedules["s"])

    expected = case["expected"]
    query = f"?{expected['query']}" if expected["query"] else ""
    assert post.url == BASE + expected["path"] + query
    assert {key: value for key, value in body_of(post).items() if key not in SDK_CONSTANTS} == {
        key: value for key, value in expected["body"].items() if key not in SDK_CONSTANTS
    }


def test_the_path_of_a_changed_blob_is_sent_verbatim_as_data_path() -> None:
    odd = "incoming/a b%20c+d#e&f=g?h/%KEY%/{run_key}/Zoë\\.csv"

    body = body_of(posted(schedule(CHANGE.replace("input}", "input, recursive: true}")), change(odd)))

    assert body["DataPathAssignments"] == {"input": {"DataStoreName": "blobs", "RelativePath": odd}}


def test_data_path_folder_points_at_the_folder() -> None:
    keys = CHANGE.replace("input}", "input, data_path: folder, recursive: true}")

    body = body_of(posted(schedule(keys), change("incoming/sub/a.csv")))

    assert body["DataPathAssignments"] == {"input": {"DataStoreName": "blobs", "RelativePath": "incoming/sub"}}


def test_without_a_parameter_name_the_pipeline_keeps_its_own_data_path() -> None:
    keys = CHANGE.replace(", data_path_parameter_name: input", "")

    assert body_of(posted(schedule(keys), change()))["DataPathAssignments"] == {}


def test_fields_that_the_sdk_cannot_send_are_sent() -> None:
    keys = f"""description: from %KEY%
tags: {{team: ml, file: '{{blob.name}}'}}
datasets: {{train: {{name: iris, version: "3"}}, test: {{name: iris}}}}
pipeline_parameters: {{size: '{{blob.size}}', at: '{{blob.last_modified:%H:%M}}', version: '{{blob.etag}}'}}
{CHANGE}"""

    body = body_of(
        posted(schedule(keys.replace("%KEY%", "%ENDPOINT%")), change(), {**SETTINGS, "ENDPOINT": f"{BASE}/x"})
    )

    assert body == {
        "ExperimentName": "s",
        "DisplayName": "the-key",
        "Description": f"from {BASE}/x",
        "RunSource": "API",
        "tags": {
            "team": "ml",
            "file": "a.csv",
            "trigger_run_key": "the-key",
            "trigger_ledger": "L",
            "trigger_attempt": "A",
        },
        "ParameterAssignments": {"size": "10", "at": "04:00", "version": "0x1"},
        "DataPathAssignments": {"input": {"DataStoreName": "blobs", "RelativePath": "incoming/a.csv"}},
        "DataSetDefinitionValueAssignments": {
            "train": {"DataSetReference": {"Name": "iris", "Version": "3"}},
            "test": {"DataSetReference": {"Name": "iris"}},
        },
    }


def test_run_source_is_sent_with_its_template_filled_in() -> None:
    body = body_of(posted(schedule(f"run_source: 'nightly {{scheduled_time:%Y}}'\n{TIME}")))

    assert body["RunSource"] == "nightly 2026"


@pytest.mark.parametrize(
    ("pipeline", "url"),
    [
        ("{endpoint: '%ENDPOINT%?x=1'}", f"{BASE}/x?x=1&parentRunId=p%26%2F1"),
        ("{endpoint: '%ENDPOINT%'}", f"{BASE}/x?parentRunId=p%26%2F1"),
        (
            "{pipeline_endpoint: Train Endpoint}",
            f"{BASE}/pipelines/v1.0/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1/providers/"
            "Microsoft.MachineLearningServices/workspaces/ws1/PipelineRuns/PipelineEndpointSubmit/Name"
            "?name=Train%20Endpoint&parentRunId=p%26%2F1",
        ),
        (
            "{pipeline_endpoint: Train, version: '3'}",
            f"{BASE}/pipelines/v1.0/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1/providers/"
            "Microsoft.MachineLearningServices/workspaces/ws1/PipelineRuns/PipelineEndpointSubmit/Name"
            "?name=Train&pipelineVersion=3&parentRunId=p%26%2F1",
        ),
    ],
)
def test_the_url_follows_from_the_target_and_the_parent_run_id(pipeline: str, url: str) -> None:
    of = schedule(f"parent_run_id: p&/1\n{TIME}", pipeline=pipeline, top=WORKSPACE.replace("%API%", BASE))

    assert posted(of).url == url


def test_an_http_address_from_a_setting_is_refused() -> None:
    with pytest.raises(UnfitAddress, match=r"endpoint %ENDPOINT%: a token is never sent over plain http"):
        posted(schedule(TIME), settings={"ENDPOINT": "http://example.org/x?sig=secret"})


def test_the_studio_url_is_derived_from_the_endpoint() -> None:
    url = (
        f"{BASE}/pipelines/v1.0/subscriptions/sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices"
        "/workspaces/ws/PipelineRuns/PipelineSubmit/1"
    )

    wsid = "/subscriptions/sub/resourcegroups/rg/workspaces/ws"
    assert studio_url(url, "run-1") == f"https://ml.azure.com/runs/run-1?wsid={wsid}"
    assert studio_url("https://gateway.example/start", "run-1") is None


def test_the_run_history_url_is_derived_from_the_endpoint() -> None:
    workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"

    service = run_service(f"{BASE}/pipelines/v1.0{workspace}/PipelineRuns/PipelineSubmit/1?x=1")

    assert service is not None
    assert (
        history_url(service, "an/experiment")
        == f"{BASE}/history/v1.0{workspace}/experiments/an%2Fexperiment/runs:query"
    )
    assert run_service("https://gateway.example/start") is None
