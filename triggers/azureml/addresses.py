"""Builds the URLs of Azure ML and checks that a token may be sent to them."""

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
"""A generally available API of Azure Resource Manager, with the path to which azure-ai-ml 1.35 PUTs pipeline jobs."""


class UnfitAddress(ValueError):
    """The settings resolve to a URL that no token may be sent to."""


def fit(url: str, target: Target, settings: Mapping[str, str]) -> str:
    """Return the URL of a target if a token may be sent to it; otherwise raise UnfitAddress."""
    if problem := token_problem(url, settings):
        raise UnfitAddress(f"the address of {target.kind.value} {target.name}: {problem}")
    return url


def job_url(target: Target, name: str, settings: Mapping[str, str]) -> str:
    """URL of a job of the target's workspace, in Azure Resource Manager; raises MissingSetting and UnfitAddress."""
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
    """The service that polls, looks up and cancels the runs of a workspace; raises MissingSetting."""
    api = expand(workspace.api, settings).rstrip("/")
    return RunService(host=api, workspace=workspace_path(workspace, settings))


def run_url(service: RunService, run_id: str) -> str:
    """URL at which the pipelines service reports a run (azureml-pipeline-core 1.62, get of a pipeline run)."""
    return f"{service.pipelines}/PipelineRuns/{quote(run_id, safe='')}"


def cancel_url(service: RunService, run_id: str) -> str:
    """URL whose DELETE cancels a run (azureml-pipeline-core 1.62, cancel of a pipeline run)."""
    return f"{run_url(service, run_id)}/Execution"


def history_url(service: RunService, experiment: str) -> str:
    """URL for querying run history about an experiment's runs."""
    return f"{service.history}/experiments/{quote(experiment, safe='')}/runs:query"


def studio_url(url: str, run_id: str) -> str | None:
    """The studio page of a run; None if the URL does not show the workspace."""
    workspace = _WORKSPACE.search(urlsplit(url).path)
    if workspace is None:
        return None
    subscription, group, name = workspace.groups()
    wsid = f"/subscriptions/{subscription}/resourcegroups/{group}/workspaces/{name}"
    return f"{cloud_of(url).studio}/runs/{quote(run_id, safe='')}?wsid={wsid}"


_WORKSPACE: Final = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/.*?/workspaces/([^/]+)/", re.IGNORECASE)
