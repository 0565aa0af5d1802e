"""Where things are in Azure ML: addresses put together, and checked before a token is sent there."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from ..scheduling.config import PipelineKind, Target, Workspace
from ..scheduling.targets import url_problem
from ..scheduling.templates import expand


class UnfitAddress(ValueError):
    """Settings put together an address that no token may be sent to."""


def url_of(target: Target, settings: Mapping[str, str]) -> str:
    """The address of a target; raises MissingSetting and UnfitAddress."""
    name = expand(target.name, settings)
    url = (
        name if target.workspace is None else _workspace_url(target.workspace, settings) + _path(target, name, settings)
    )
    if problem := url_problem(url):
        raise UnfitAddress(f"the address of {target.kind.value} {target.name}: {problem}")
    return url


def studio_url(url: str, run_id: str) -> str | None:
    """The studio's page of a run; None when the address it was POSTed to does not say in which workspace it is."""
    workspace = _WORKSPACE.search(urlsplit(url).path)
    if workspace is None:
        return None
    subscription, group, name = workspace.groups()
    wsid = f"/subscriptions/{subscription}/resourcegroups/{group}/workspaces/{name}"
    return f"https://ml.azure.com/runs/{quote(run_id, safe='')}?wsid={wsid}"


_WORKSPACE: Final = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/.*?/workspaces/([^/]+)/", re.IGNORECASE)
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def _workspace_url(workspace: Workspace, settings: Mapping[str, str]) -> str:
    def segment(stored: str) -> str:
        return quote(expand(stored, settings), safe="")

    return (
        f"{expand(workspace.api, settings).rstrip('/')}/pipelines/v1.0"
        f"/subscriptions/{segment(workspace.subscription_id)}/resourceGroups/{segment(workspace.resource_group)}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{segment(workspace.name)}/PipelineRuns"
    )


def _path(target: Target, name: str, settings: Mapping[str, str]) -> str:
    """The part behind the workspace. The SDK sends an endpoint's version both in the path and as a query."""
    version = quote(expand(target.version, settings), safe="") if target.version is not None else None
    if target.kind is PipelineKind.PUBLISHED_PIPELINE:
        return f"/PipelineSubmit/{quote(name, safe='')}"
    if _GUID.match(name):
        path = f"/PipelineEndpointSubmit/Id/{quote(name, safe='')}"
        return f"{path}/{version}?pipelineVersion={version}" if version else path
    query = f"&pipelineVersion={version}" if version else ""
    return f"/PipelineEndpointSubmit/Name?name={quote(name, safe='')}{query}"


def history_url(submit_url: str, experiment: str) -> str | None:
    """Where run history answers questions about an experiment's runs; None when the submit address does not tell.

    The same host serves it: /history/v1.0 in place of /pipelines/v1.0 (azureml-core 1.61, run history client).
    """
    match = _PIPELINES.match(submit_url)
    if match is None:
        return None
    return f"{match[1]}/history/v1.0{match[2]}/experiments/{quote(experiment, safe='')}/runs:query"


def cancel_url(submit_url: str, run_id: str) -> str | None:
    """What a DELETE cancels the run at; None when the submit address does not tell.

    It is what the SDK asks (azureml-pipeline-core 1.62, cancel of a pipeline run).
    """
    match = _PIPELINES.match(submit_url)
    return match and f"{match[0]}PipelineRuns/{quote(run_id, safe='')}/Execution"


_PIPELINES: Final = re.compile(r"(https?://[^/]+)/pipelines/v1\.0(/subscriptions/.*?/workspaces/[^/]+)/", re.IGNORECASE)
