"""Where things are in Azure ML: addresses put together, and checked before a token is sent there."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from ..scheduling.config import Target, Workspace
from ..scheduling.run_service import RunService
from ..scheduling.templates import expand
from ..scheduling.token_hosts import token_problem
from .clouds import cloud_of

API_VERSION: Final = "2023-10-01"
"""Of Azure Resource Manager: general availability, with the path that azure-ai-ml 1.35 puts pipeline jobs to."""


class UnfitAddress(ValueError):
    """Settings put together an address that no token may be sent to."""


def fit(url: str, target: Target, settings: Mapping[str, str]) -> str:
    """The address of a target, checked; raises UnfitAddress for one that no token may be sent to."""
    if problem := token_problem(url, settings):
        raise UnfitAddress(f"the address of {target.kind.value} {target.name}: {problem}")
    return url


def job_url(target: Target, name: str, settings: Mapping[str, str]) -> str:
    """Where Azure Resource Manager has a job of the target's workspace; raises MissingSetting and UnfitAddress."""
    assert target.workspace is not None, "a job is in a workspace"
    arm = settings.get("AZUREML_ARM") or cloud_of(expand(target.workspace.api, settings)).arm
    path = f"{workspace_path(target.workspace, settings)}/jobs/{quote(name, safe='')}"
    return fit(f"{arm.rstrip('/')}{path}?api-version={API_VERSION}", target, settings)


def workspace_path(workspace: Workspace, settings: Mapping[str, str]) -> str:
    """The workspace's resource id; raises MissingSetting."""

    def segment(stored: str) -> str:
        return quote(expand(stored, settings), safe="")

    return (
        f"/subscriptions/{segment(workspace.subscription_id)}/resourceGroups/{segment(workspace.resource_group)}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{segment(workspace.name)}"
    )


def service_in(workspace: Workspace, settings: Mapping[str, str]) -> RunService:
    """Where the runs of a workspace are polled, looked up and canceled; raises MissingSetting."""
    api = expand(workspace.api, settings).rstrip("/")
    return RunService(host=api, workspace=workspace_path(workspace, settings))


def run_url(service: RunService, run_id: str) -> str:
    """Where the pipelines service reports a run (azureml-pipeline-core 1.62, get of a pipeline run)."""
    return f"{service.pipelines}/PipelineRuns/{quote(run_id, safe='')}"


def cancel_url(service: RunService, run_id: str) -> str:
    """What a DELETE cancels the run at (azureml-pipeline-core 1.62, cancel of a pipeline run)."""
    return f"{run_url(service, run_id)}/Execution"


def history_url(service: RunService, experiment: str) -> str:
    """Where run history answers questions about an experiment's runs."""
    return f"{service.history}/experiments/{quote(experiment, safe='')}/runs:query"


def studio_url(url: str, run_id: str) -> str | None:
    """The studio's page of a run; None when the address does not say in which workspace it is."""
    workspace = _WORKSPACE.search(urlsplit(url).path)
    if workspace is None:
        return None
    subscription, group, name = workspace.groups()
    wsid = f"/subscriptions/{subscription}/resourcegroups/{group}/workspaces/{name}"
    return f"{cloud_of(url).studio}/runs/{quote(run_id, safe='')}?wsid={wsid}"


_WORKSPACE: Final = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/.*?/workspaces/([^/]+)/", re.IGNORECASE)
