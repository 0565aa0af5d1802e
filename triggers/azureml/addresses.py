"""Where things are in Azure ML: addresses put together, and checked before a token is sent there."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from ..scheduling.config import PipelineKind, Target, Workspace
from ..scheduling.run_service import RunService, run_service
from ..scheduling.templates import expand
from ..scheduling.token_hosts import token_problem
from .clouds import cloud_of

API_VERSION: Final = "2023-10-01"
"""Of Azure Resource Manager: general availability, with the path that azure-ai-ml 1.35 puts pipeline jobs to."""


class UnfitAddress(ValueError):
    """Settings put together an address that no token may be sent to."""


def url_of(target: Target, settings: Mapping[str, str]) -> str:
    """The address that a target's runs are POSTed to; raises MissingSetting and UnfitAddress."""
    name = expand(target.name, settings)
    if target.kind in (PipelineKind.ENDPOINT, PipelineKind.BATCH_ENDPOINT):
        return _fit(name, target, settings)
    assert target.workspace is not None, "what is named by id or name is in a workspace"
    root = _service_in(target.workspace, settings).pipelines
    return _fit(f"{root}/PipelineRuns{_path(target, name, settings)}", target, settings)


def job_url(target: Target, name: str, settings: Mapping[str, str]) -> str:
    """Where Azure Resource Manager has a job of the target's workspace; raises MissingSetting and UnfitAddress."""
    assert target.workspace is not None, "a job is in a workspace"
    arm = settings.get("AZUREML_ARM") or cloud_of(expand(target.workspace.api, settings)).arm
    path = f"{workspace_path(target.workspace, settings)}/jobs/{quote(name, safe='')}"
    return _fit(f"{arm.rstrip('/')}{path}?api-version={API_VERSION}", target, settings)


def batch_job_url(scoring_url: str, name: str) -> str:
    """Where a batch endpoint tells of one of its jobs: below the address that they are POSTed to."""
    return f"{scoring_url.partition('?')[0].rstrip('/')}/{quote(name, safe='')}"


def workspace_path(workspace: Workspace, settings: Mapping[str, str]) -> str:
    """The workspace's resource id; raises MissingSetting."""

    def segment(stored: str) -> str:
        return quote(expand(stored, settings), safe="")

    return (
        f"/subscriptions/{segment(workspace.subscription_id)}/resourceGroups/{segment(workspace.resource_group)}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{segment(workspace.name)}"
    )


def run_service_of(target: Target, settings: Mapping[str, str]) -> RunService | None:
    """Where a target's pipeline runs are polled; None if neither its address nor a `workspace` shows that.

    Raises MissingSetting and UnfitAddress.
    """
    if target.kind is not PipelineKind.ENDPOINT or target.workspace is None:
        return run_service(url_of(target, settings))
    service = _service_in(target.workspace, settings)
    _fit(service.host, target, settings)
    return service


def _service_in(workspace: Workspace, settings: Mapping[str, str]) -> RunService:
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
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def _fit(url: str, target: Target, settings: Mapping[str, str]) -> str:
    if problem := token_problem(url, settings):
        raise UnfitAddress(f"the address of {target.kind.value} {target.name}: {problem}")
    return url


def _path(target: Target, name: str, settings: Mapping[str, str]) -> str:
    """The part behind PipelineRuns. The SDK sends an endpoint's version both in the path and as a query."""
    version = quote(expand(target.version, settings), safe="") if target.version is not None else None
    if target.kind is PipelineKind.PUBLISHED_PIPELINE:
        return f"/PipelineSubmit/{quote(name, safe='')}"
    if _GUID.match(name):
        path = f"/PipelineEndpointSubmit/Id/{quote(name, safe='')}"
        return f"{path}/{version}?pipelineVersion={version}" if version else path
    query = f"&pipelineVersion={version}" if version else ""
    return f"/PipelineEndpointSubmit/Name?name={quote(name, safe='')}{query}"
