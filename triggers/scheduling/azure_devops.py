"""Callbacks to Azure DevOps: a task of a pipeline waits for the end of a run and is then notified."""

import re
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias
from urllib.parse import quote, urlsplit

from msgspec import Meta, Struct

from .web_address import url_problem

_DEV_AZURE: Final = "dev.azure.com"
_VISUAL_STUDIO: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\.visualstudio\.com\Z")


Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,255}$")]


class AzureDevOps(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A waiting task, in the terms of Azure DevOps' agentless tasks."""

    plan_url: Annotated[str, Meta(min_length=1, max_length=1000)]
    project_id: Name
    hub_name: Name
    plan_id: Name
    job_id: Name
    timeline_id: Name
    task_instance_id: Name
    auth_token: Annotated[str, Meta(min_length=1, max_length=20_000)]


def callback_problem(callback: AzureDevOps, allowed: Sequence[str]) -> str | None:
    """The reason why this callback is refused, or None; `allowed` are hosts in addition to those of Azure DevOps."""
    if problem := url_problem(callback.plan_url):
        return f"plan_url: {problem}"
    address = urlsplit(callback.plan_url)
    host = address.hostname or ""
    if host not in allowed:
        if host != _DEV_AZURE and not _VISUAL_STUDIO.match(host):
            return f"plan_url: {host} is not dev.azure.com, NAME.visualstudio.com or one of CALLBACK_HOSTS"
        if address.scheme != "https" or address.port not in {None, 443}:
            return f"plan_url: {host} is called only over https, on port 443"
    if "?" in callback.plan_url or "#" in callback.plan_url:
        return "plan_url: expected only the collection's address, https://dev.azure.com/ORGANIZATION/"
    if not (callback.auth_token.isascii() and callback.auth_token.isprintable()):
        return "auth_token: contains characters that are not allowed in a token"
    return None


def event_url(callback: AzureDevOps) -> str:
    """URL to which the end of the task is reported: Events - Post Event of the Azure DevOps REST API 7.1."""

    def part(text: str) -> str:
        return quote(text, safe="")

    path = f"{part(callback.project_id)}/_apis/distributedtask/hubs/{part(callback.hub_name)}"
    return f"{callback.plan_url.rstrip('/')}/{path}/plans/{part(callback.plan_id)}/events?api-version=7.1"


def event_of(callback: AzureDevOps, *, succeeded: bool) -> dict[str, str]:
    """The event that ends the task."""
    return {
        "name": "TaskCompleted",
        "taskId": callback.task_instance_id,
        "jobId": callback.job_id,
        "result": "succeeded" if succeeded else "failed",
    }
