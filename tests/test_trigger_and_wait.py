"""The Azure DevOps job that triggers a schedule and waits: what it sends, and its description in docs/clients.md."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from client_programs import DOCUMENT, ROOT, block

from triggers.steering.asking import _REQUEST_ID

TEMPLATE = yaml.safe_load((ROOT / "infra/azure-devops/trigger-and-wait.yml").read_text())
PARAMETERS = {one["name"]: one.get("default") for one in TEMPLATE["parameters"]}
[JOB] = TEMPLATE["jobs"]
[TASK] = JOB["steps"]
VARIABLES = {
    "system.collectionuri": "https://dev.azure.com/fabrikam/",
    "system.teamprojectid": "0c2b7a4e-9d0e-4d0b-8f6e-6f1f1b7f7a10",
    "system.hosttype": "build",
    "system.planid": "96ac2280-8cb4-4df5-99de-dd2da759617d",
    "system.jobid": "12f1170f-54f2-53f3-20dd-22fc7dff55f9",
    "system.timelineid": "96ac2280-8cb4-4df5-99de-dd2da759617e",
    "system.taskinstanceid": "efa2bfe1-554a-50c8-79b6-ef106ad3c7c2",
    "system.accesstoken": "ey.the-token.x",
    "system.jobattempt": "1",
    "build.buildid": "2147483647",
    "triggers_key": "the-key",
}
"""Values that Azure DevOps inserts for `$(name)` when the job begins; names are case-insensitive."""


def expanded(text: str, parameters: dict[str, Any], variables: dict[str, str]) -> str:
    """Expand like Azure DevOps: first the template's expressions, then the variables when the job begins."""

    def expression(match: re.Match[str]) -> str:
        name = re.fullmatch(r"parameters\.(\w+)|convertToJson\(parameters\.(\w+)\)", match[1])
        assert name, match[1]
        return str(parameters[name[1]]) if name[1] else json.dumps(parameters[name[2]], indent=2)

    text = re.sub(r"\$\{\{ (.+?) \}\}", expression, text)
    return re.sub(r"\$\(([\w.]+)\)", lambda match: variables[match[1].lower()], text)


def sent(parameters: dict[str, Any] | None = None, **changed: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The path, headers and body of the call."""
    given = {**PARAMETERS, "schedule": "nightly", "serviceConnection": "triggers", **(parameters or {})}
    variables = {**VARIABLES, **{f"system.{name}": value for name, value in changed.items()}}
    path, headers, body = (
        expanded(TASK["inputs"][name], given, variables) for name in ("urlSuffix", "headers", "body")
    )
    return path, json.loads(headers), json.loads(body)


def test_the_call_triggers_the_schedule_and_contains_the_callback() -> None:
    path, headers, body = sent({"pipelineParameters": {"since": "2026-11-01", "quoted": 'a "b"'}})

    assert path == "api/schedules/nightly/trigger"
    assert headers == {"Content-Type": "application/json", "x-functions-key": "the-key"}
    assert body == {
        "request_id": "2147483647-12f1170f-54f2-53f3-20dd-22fc7dff55f9-1",
        "by": "Azure DevOps",
        "note": "https://dev.azure.com/fabrikam/0c2b7a4e-9d0e-4d0b-8f6e-6f1f1b7f7a10/_build/results?buildId=2147483647",
        "pipeline_parameters": {"since": "2026-11-01", "quoted": 'a "b"'},
        "callback": {
            "azure_devops": {
                "plan_url": "https://dev.azure.com/fabrikam/",
                "project_id": "0c2b7a4e-9d0e-4d0b-8f6e-6f1f1b7f7a10",
                "hub_name": "build",
                "plan_id": "96ac2280-8cb4-4df5-99de-dd2da759617d",
                "job_id": "12f1170f-54f2-53f3-20dd-22fc7dff55f9",
                "timeline_id": "96ac2280-8cb4-4df5-99de-dd2da759617e",
                "task_instance_id": "efa2bfe1-554a-50c8-79b6-ef106ad3c7c2",
                "auth_token": "ey.the-token.x",
            }
        },
    }


def test_a_repeated_call_has_the_same_request_id_and_another_attempt_does_not() -> None:
    first, again = sent()[2]["request_id"], sent(accesstoken="renewed")[2]["request_id"]
    attempt, job = sent(jobattempt="2")[2]["request_id"], sent(jobid="a5e52b91-c83f-5429-4a68-c246fc63a4f7")[2]

    assert first == again
    assert len({first, attempt, job["request_id"]}) == 3
    assert _REQUEST_ID.match(first)
    assert _REQUEST_ID.match(sent(jobattempt="999")[2]["request_id"])


def test_the_job_needs_no_agent_and_waits_for_the_callback() -> None:
    inputs = TASK["inputs"]

    assert (JOB["pool"], TASK["task"]) == ("server", "InvokeRESTAPI@1")
    assert (inputs["connectionType"], inputs["waitForCompletion"], inputs["method"]) == (
        "connectedServiceName",
        "true",
        "POST",
    )
    assert JOB["timeoutInMinutes"] == "${{ parameters.timeoutInMinutes }}"
    assert int(PARAMETERS["timeoutInMinutes"]) == 2 * 24 * 60


def test_the_token_and_the_key_appear_only_once() -> None:
    text = json.dumps(TEMPLATE, ensure_ascii=False)

    assert text.lower().count("system.accesstoken") == 1
    assert text.count("parameters.functionKeyVariable") == 1
    assert "code=" not in text


def test_every_parameter_is_documented_and_the_example_sets_the_required_ones() -> None:
    example = yaml.safe_load(block("yaml", "## Azure DevOps"))
    [used] = [job for stage in example["stages"] for job in stage["jobs"] if "template" in job]

    wanted = {name for name, default in PARAMETERS.items() if default is None}
    assert used["template"] == "infra/azure-devops/trigger-and-wait.yml@triggers"
    assert wanted <= set(used["parameters"]) <= set(PARAMETERS)
    assert [name for name in PARAMETERS if f"`{name}`" not in DOCUMENT] == []


@pytest.mark.machine
@pytest.mark.parametrize("name", ["trigger-and-wait", "the example"])
def test_the_template_and_the_example_match_the_schema_of_azure_pipelines(name: str, tmp_path: Path) -> None:
    path = ROOT / f"infra/azure-devops/{name}.yml"
    if name == "the example":
        path = tmp_path / "azure-pipelines.yml"
        path.write_text(block("yaml", "## Azure DevOps"))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.azure-pipelines"]

    done = subprocess.run([*check, "--regex-variant", "python", str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
