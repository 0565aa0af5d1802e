"""The state and answers of the Azure ML stand-in, without HTTP: pipelines, runs, tokens and fault switches.

As far as the product and its tests need it, this matches the REST contract of azureml-pipeline-core 1.62.0: replies are
a PipelineRunEntity in PascalCase with status 200, request keys are case-insensitive, unknown keys are ignored, scalar
parameter values become strings, and two identical submissions start two runs.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

DEMO_PIPELINE = "11111111-2222-3333-4444-555555555555"
DEMO_ENDPOINT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
DEMO_ENDPOINT_NAME = "TrainEndpoint"

_STATUS_NUMBERS = {"NotStarted": 0, "Running": 1, "Failed": 2, "Finished": 3, "Canceled": 4}
_HISTORY_WORDS = {"Finished": "Completed"}


@dataclass
class ServedRun:
    """A run that the service has accepted."""

    run_id: str
    pipeline_id: str
    body: dict[str, Any]
    query: Mapping[str, str]
    accepted_at: float
    canceled: bool = False

    def status(self, seconds: float, now: float) -> str:
        """Running for `seconds`, then Finished, or Failed if a parameter `fail` is set."""
        if self.canceled:
            return "Canceled"
        if now - self.accepted_at < seconds:
            return "Running"
        return "Failed" if (self.body.get("parameterassignments") or {}).get("fail") else "Finished"


FAULT_KINDS = ("status", "lose_reply", "cut", "slow", "html", "without_id", "redirect")


@dataclass
class Fault:
    """A fault that the next submissions get instead of an answer; `times` counts down. Raises ValueError if invalid."""

    kind: str
    times: int = 1
    status: int = 0
    """0 means 500, for a redirect 307."""
    retry_after: str | None = None
    seconds: float = 5.0
    """The delay of `slow`."""
    code: str = "UserError"

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are: {', '.join(FAULT_KINDS)}")
        self.status = self.status or (307 if self.kind == "redirect" else 500)
        whole = (self.times, self.status)
        if not all(isinstance(one, int) and one > 0 for one in whole) or self.status not in range(200, 600):
            raise ValueError("times and status are whole numbers above 0, and status is one of HTTP")
        if not isinstance(self.seconds, int | float):
            raise ValueError("seconds is a number")  # noqa: TRY004  an invalid value in a request


@dataclass
class Service:
    """The state of the stand-in; every method acquires the lock itself."""

    run_seconds: float = 5.0
    status_as_text: bool = False
    pipelines: dict[str, str] = field(default_factory=lambda: {DEMO_PIPELINE: "Active"})
    endpoints: dict[str, str] = field(default_factory=lambda: {DEMO_ENDPOINT: DEMO_PIPELINE})
    versions: int = 4
    """The number of versions of every pipeline endpoint, from "0"."""
    runs: dict[str, ServedRun] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    """Every submission received, accepted or not."""
    faults: list[Fault] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    """Token → the resource it was issued for."""
    lock: Lock = field(default_factory=Lock)

    def issue_token(self, resource: str) -> dict[str, str]:
        """The answer of IDENTITY_ENDPOINT (App Service, api-version 2019-08-01)."""
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = resource
        expires = str(int(time.time()) + 3600)
        return {"access_token": token, "expires_on": expires, "resource": resource, "token_type": "Bearer"}

    def knows(self, authorization: str, audience: str = "") -> bool:
        """True if the header contains a bearer token that we issued, for the audience if one is given."""
        scheme, _, token = authorization.partition(" ")
        with self.lock:
            return scheme == "Bearer" and token in self.tokens and audience in self.tokens[token]

    def next_fault(self) -> Fault | None:
        """The fault for the current submission; None if there is none."""
        with self.lock:
            if not self.faults:
                return None
            fault = self.faults[0]
            fault.times -= 1
            if fault.times <= 0:
                self.faults.pop(0)
            return fault

    def add_fault(self, fault: Fault) -> None:
        """Add a fault to the queue."""
        with self.lock:
            self.faults.append(fault)

    def receive(self, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any) -> None:
        """Record a submission as received, without its token."""
        shown = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        with self.lock:
            self.received.append({"path": path, "query": dict(query), "headers": shown, "body": body})

    def accept(self, pipeline_id: str, query: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Start a run; always a new one."""
        keys = {key.lower(): value for key, value in body.items()}
        return self.entity(self.start(str(uuid4()), pipeline_id, keys, query))

    def start(
        self, run_id: str, pipeline_id: str, body: dict[str, Any], query: Mapping[str, str] | None = None
    ) -> ServedRun:
        """Start a run under an id; the body's keys are in lower case."""
        run = ServedRun(run_id, pipeline_id, body, query or {}, time.monotonic())
        with self.lock:
            self.runs[run_id] = run
        return run

    def status(self, run: ServedRun) -> str:
        """A run's status, in the pipelines service's words."""
        return run.status(self.run_seconds, time.monotonic())

    def entity(self, run: ServedRun) -> dict[str, Any]:
        """A PipelineRunEntity. Real replies have numbers for enums; the SDK also accepts words."""
        word = self.status(run)
        return {
            "Description": run.body.get("description"),
            "Status": {"StatusCode": word if self.status_as_text else _STATUS_NUMBERS[word], "StatusDetail": None},
            "ParameterAssignments": {k: str(v) for k, v in (run.body.get("parameterassignments") or {}).items()},
            "DataPathAssignments": run.body.get("datapathassignments") or {},
            "DataSetDefinitionValueAssignments": run.body.get("datasetdefinitionvalueassignments") or {},
            "RunHistoryExperimentName": run.body.get("experimentname"),
            "DisplayName": run.body.get("displayname"),
            "PipelineId": run.pipeline_id,
            "RunSource": run.body.get("runsource"),
            "tags": run.body.get("tags") or {},
            "Properties": run.body.get("properties") or {},
            "EntityStatus": 0,
            "Id": run.run_id,
            "PipelineRunId": run.run_id,
        }

    def history(self, run: ServedRun) -> dict[str, Any]:
        """A RunDto, whose word for success differs."""
        word = self.status(run)
        return {
            "runId": run.run_id,
            "status": _HISTORY_WORDS.get(word, word),
            "displayName": run.body.get("displayname"),
            "tags": run.body.get("tags") or {},
            "properties": {"azureml.pipelineid": run.pipeline_id},
        }


def error_body(code: str, message: str) -> dict[str, Any]:
    """An error in the pipelines service's form."""
    return {
        "Error": {"Code": code, "Message": message, "Target": None, "Details": [], "InnerError": None},
        "Correlation": {"operation": "stand-in", "request": "stand-in"},
    }
