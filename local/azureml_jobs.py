"""The v2 routes of the Azure ML stand-in: batch endpoints, and pipeline jobs of Azure Resource Manager.

As far as the product and its tests need it, this matches azure-ai-ml 1.35: a batch endpoint accepts only tokens for
Azure ML and keeps a given job name; repeating the PUT of a job returns the same job, with 201 at first and then 200.
"""

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from .azureml_calls import WORKSPACE, Call, Reply, Route, cancel, faulty
from .azureml_service import ServedRun, Service

COMPONENT = "nyc_taxi"
DEPLOYMENT = "blue"
_WORDS = {"Finished": "Completed"}


def invoke(service: Service, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    """POST …/jobs of a batch endpoint: every POST starts a new job, unless its name is taken."""
    named = {name.lower(): value for name, value in headers.items()}
    deployment = named.get("azureml-model-deployment", DEPLOYMENT)
    if deployment != DEPLOYMENT:
        return 404, camel_error("UserError", f"Deployment {deployment} not found")
    properties = body.get("properties") or {}
    name = str(properties.get("name") or f"batchjob-{uuid4()}")
    if name in service.runs:
        return 409, camel_error("UserError", f"A job with the name {name} exists already")
    return 201, job(service, service.start(name, deployment, _facts(properties)))


def put(service: Service, name: str, body: Any) -> tuple[int, Any]:
    """PUT …/jobs/{name}: a repeat returns the same job."""
    if (present := service.runs.get(name)) is not None:
        return 200, job(service, present)
    properties = body.get("properties") or {}
    component = str(properties.get("componentId") or "")
    # A resource id, as documented, or the form that azure-ai-ml 1.35.2 sends.
    if not re.search(rf"(/components/{COMPONENT}/versions/|\A(azureml:)?{COMPONENT}:)\d+\Z", component):
        return 404, camel_error("UserError", f"Component {component or '(none)'} not found")
    return 201, job(service, service.start(name, component, _facts(properties)))


def job(service: Service, run: ServedRun) -> dict[str, Any]:
    """A job in the form that both services return."""
    word = service.status(run)
    properties = {**run.body.get("properties", {}), "experimentName": run.body.get("experimentname")}
    return {
        "id": f"/jobs/{run.run_id}",
        "name": run.run_id,
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "properties": {"status": _WORDS.get(word, word), "tags": run.body.get("tags"), "properties": properties},
    }


def camel_error(code: str, message: str) -> dict[str, Any]:
    """An error in the newer services' form."""
    return {"error": {"code": code, "message": message, "details": []}}


def _invoke(call: Call) -> Reply | None:
    return _job_sent(call, lambda body: invoke(call.service, dict(call.request.headers), body))


def _put_job(call: Call) -> Reply | None:
    return _job_sent(call, lambda body: put(call.service, call.groups[0], body))


def _job_sent(call: Call, send: Callable[[Any], Reply]) -> Reply | None:
    """Handle a v2 submission, subject to the fault switches."""
    service, request, body = call.service, call.request, call.json()
    service.receive(call.path, call.query, dict(request.headers), body)
    fault = service.next_fault()
    if fault is None:
        return send(body)
    if fault.kind in ("lose_reply", "without_id"):
        status, reply = send(body)
        if fault.kind == "without_id":
            return status, {**reply, "name": None}
        request.cut()
        return None
    if fault.kind == "slow":
        time.sleep(fault.seconds)
        return send(body)
    return faulty(call, fault, "", body)


def _job(call: Call) -> Reply:
    run = call.service.runs.get(call.groups[0])
    if run is None:
        return 404, camel_error("UserError", "no such job")
    return 200, job(call.service, run)


def _facts(properties: dict[str, Any]) -> dict[str, Any]:
    inner = properties.get("properties") or {}
    experiment = properties.get("experimentName") or inner.get("experimentName")
    return {
        "experimentname": experiment,
        "displayname": properties.get("displayName"),
        "tags": properties.get("tags") or {},
        "properties": inner,
        "inputs": properties.get("inputs") or properties.get("inputData") or {},
    }


ROUTES: list[Route] = [
    ("POST", "/jobs", True, _invoke),
    ("GET", "/jobs/([^/]+)", True, _job),
    ("PUT", rf"{WORKSPACE}/jobs/([^/]+)", True, _put_job),
    ("GET", rf"{WORKSPACE}/jobs/([^/]+)", True, _job),
    ("POST", rf"{WORKSPACE}/jobs/([^/]+)/cancel", True, cancel),
]
