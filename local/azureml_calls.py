"""Code that the routes of the Azure ML stand-in share: requests, fault switches and cancellation."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from .azureml_service import Fault, Service, error_body

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "rg1"
WORKSPACE_NAME = "ws1"
WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE_NAME}"
)

Reply: TypeAlias = tuple[int, Any]


class Connection(Protocol):
    """The HTTP request underneath."""

    headers: Any

    def cut(self) -> None:
        """Close the connection without an answer."""

    def send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer."""


class Call:
    """One request to a route."""

    def __init__(
        self, request: Connection, service: Service, path: str, groups: list[str], query: dict[str, str], raw: bytes
    ) -> None:
        self.request, self.service, self.path, self.groups = request, service, path, groups
        self.query, self.raw = query, raw

    def json(self) -> Any:
        """The parsed body; an empty object if there is none."""
        return json.loads(self.raw or b"{}")


Route: TypeAlias = tuple[str, str, bool, Callable[[Call], Reply | None]]
"""Method, pattern of the path, True if a token is needed, and the function that answers."""


def faulty(call: Call, fault: Fault, pipeline_id: str, body: Any) -> Reply | None:
    """Apply a fault to a submission; returns the reply, None if there is none."""
    request = call.request
    if fault.kind == "cut":
        request.cut()
    elif fault.kind == "lose_reply":
        call.service.accept(pipeline_id, call.query, body)
        request.cut()
    elif fault.kind == "html":
        return fault.status, b"<html><body>Service Unavailable</body></html>"
    elif fault.kind == "without_id":
        return 200, {**call.service.accept(pipeline_id, call.query, body), "Id": None, "PipelineRunId": None}
    else:
        headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        if fault.kind == "redirect":
            headers["Location"] = f"http://{request.headers['Host']}{call.path}"
        request.send(fault.status, error_body(fault.code, f"fault switch: {fault.status}"), headers)
    return None


def cancel(call: Call) -> Reply:
    """Cancel a run, however it was started."""
    run = call.service.runs.get(call.groups[0])
    if run is None:
        return 404, error_body("UserError", "no such run")
    run.canceled = True
    return 200, None
