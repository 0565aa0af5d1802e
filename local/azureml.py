"""The Azure ML stand-in over HTTP: the REST routes, IDENTITY_ENDPOINT, and a few extra routes for tests.

GET  /msi/token?resource=…                 IDENTITY_ENDPOINT
GET  /_stand-in/submissions                the submissions it received, and the runs they started
POST /_stand-in/faults {"kind": …}         a fault for the next submissions (azureml_service.Fault); GET and DELETE too
"""

import argparse
import json
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from . import azureml_jobs
from .azureml_calls import WORKSPACE, Call, Reply, Route, cancel, faulty
from .azureml_service import DEMO_ENDPOINT, DEMO_ENDPOINT_NAME, DEMO_PIPELINE, Fault, Service, error_body
from .azureml_workspace import routes, workspace_of

PIPELINES = f"/pipelines/v1.0{WORKSPACE}"
IDENTITY_HEADER = "stand-in"


class AzureMl(ThreadingHTTPServer):
    """The stand-in; use it as a context manager, or serve_forever."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, service: Service | None = None) -> None:
        self.service = service or Service()
        super().__init__(("127.0.0.1", port), _Request)

    @property
    def url(self) -> str:
        """The URL on which it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def endpoint(self) -> str:
        """The REST endpoint of its published pipeline, as the studio would show it."""
        return f"{self.url}{PIPELINES}/PipelineRuns/PipelineSubmit/{DEMO_PIPELINE}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: clients that hang up are part of the tests."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent separately, and the body would wait 40 ms
    server: AzureMl

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log nothing: tests and the demo print what matters."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if len(raw) < length:
            self.cut()  # the caller died while sending; servers ignore incomplete requests
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        for route_method, pattern, needs_token, reply in _ROUTES:
            match = re.fullmatch(pattern, parts.path)
            if match and route_method == method:
                audience = "ml.azure" if pattern.startswith("/jobs") else ""  # batch endpoints accept no other token
                if needs_token and not self.server.service.knows(self.headers.get("Authorization", ""), audience):
                    self.send(401, error_body("Unauthorized", "a bearer token of IDENTITY_ENDPOINT is needed"))
                    return
                call = Call(
                    self,
                    self.server.service,
                    parts.path,
                    [unquote(group or "") for group in match.groups()],
                    query,
                    raw,
                )
                answer = reply(call)
                if answer is not None:
                    self.send(*answer)
                return
        message = f"The HTTP resource that matches the request URI '{parts.path}' does not support {method}"
        self.send(404, error_body("UnsupportedApiVersion", message))

    def send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/html" if data.startswith(b"<") else "application/json; charset=utf-8"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def cut(self) -> None:
        """Close the connection without an answer."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _submit(call: Call) -> Reply | None:
    pipeline_id = call.groups[0]
    return _submitted(call, pipeline_id, call.service.pipelines.get(pipeline_id))


def _submit_endpoint(call: Call) -> Reply | None:
    name = call.query.get("name")
    endpoint = call.groups[0] if call.groups else DEMO_ENDPOINT if name == DEMO_ENDPOINT_NAME else ""
    version = call.query.get("pipelineVersion") or (call.groups[1] if len(call.groups) > 1 else "")
    if version and not (version.isdigit() and int(version) < call.service.versions):
        return 404, error_body("UserError", f"Version {version} of the pipeline endpoint not found")
    pipeline_id = call.service.endpoints.get(endpoint, "")
    return _submitted(call, pipeline_id, call.service.pipelines.get(pipeline_id))


def _submitted(call: Call, pipeline_id: str, status: str | None) -> Reply | None:
    service, request = call.service, call.request
    try:
        body = call.json()
    except ValueError:
        return 400, error_body("UserError", "the body is not JSON")
    service.receive(call.path, call.query, dict(request.headers), body)
    fault = service.next_fault()
    if fault is not None and fault.kind != "slow":
        return faulty(call, fault, pipeline_id, body)
    if fault is not None:
        time.sleep(fault.seconds)
    if status is None:
        return 404, error_body("UserError", f"Pipeline {pipeline_id} not found")
    if status != "Active":
        return 400, error_body("UserError", f"Pipeline {pipeline_id} is {status}")
    return 200, service.accept(pipeline_id, call.query, body)


def _run(call: Call) -> Reply:
    run = call.service.runs.get(call.groups[0])
    return (404, error_body("UserError", "no such run")) if run is None else (200, call.service.entity(run))


def _runs_of_pipeline(call: Call) -> Reply:
    service = call.service
    return 200, [service.entity(run) for run in list(service.runs.values()) if run.pipeline_id == call.groups[0]]


def _history(call: Call) -> Reply:
    run = call.service.runs.get(call.groups[0])
    return (
        (404, {"error": {"code": "UserError", "message": "no such run"}})
        if run is None
        else (
            200,
            call.service.history(run),
        )
    )


def _history_query(call: Call) -> Reply:
    """Tags joined by `and`, as the SDK writes them: (Tags/key eq "value")."""
    wanted = re.findall(r'\(?Tags/([^ ]+) eq "?([^")]*)"?\)?', str(call.json().get("filter") or ""))
    runs = list(call.service.runs.values())
    if str(call.json().get("orderby")).endswith(" desc"):
        runs.reverse()
    found = [
        dto
        for dto in map(call.service.history, runs)
        if all(str(dto["tags"].get(key)) == value for key, value in wanted)
    ]
    begin, top = int(call.json().get("continuationToken") or 0), int(call.json().get("top") or 500)
    end = begin + top if begin + top < len(found) else None
    return 200, {"value": found[begin : begin + top], "continuationToken": None if end is None else str(end)}


def _token(call: Call) -> Reply:
    if call.request.headers.get("X-IDENTITY-HEADER") != IDENTITY_HEADER:
        return 401, {"error": "X-IDENTITY-HEADER is wrong"}
    return 200, call.service.issue_token(call.query.get("resource", ""))


def _submissions(call: Call) -> Reply:
    service = call.service
    with service.lock:
        return 200, {"received": list(service.received), "runs": [service.entity(run) for run in service.runs.values()]}


def _forget_faults(call: Call) -> Reply:
    with call.service.lock:
        call.service.faults.clear()
    return 200, []


def _add_fault(call: Call) -> Reply:
    try:
        given = call.json()
        known = {one.name for one in fields(Fault)}
        if not isinstance(given, dict) or "kind" not in given or set(given) - known:
            return 400, error_body(
                "UserError", f"expected an object with kind, and of the others: {', '.join(sorted(known))}"
            )
        fault = Fault(**given)
    except ValueError as error:
        return 400, error_body("UserError", str(error))
    call.service.add_fault(fault)
    return 200, asdict(fault)


_RUN = rf"{PIPELINES}/PipelineRuns/([^/]+)"
_HISTORY = rf"/history/v1\.0{WORKSPACE}(?:/experiments/[^/]+|/experimentids/[^/]+)?"
_ROUTES: list[Route] = [
    ("POST", rf"{PIPELINES}/PipelineRuns/PipelineSubmit/([^/]+)", True, _submit),
    # The path of an older host, and a gateway's prefix; both serve only submissions.
    ("POST", rf"/(?:api/v1\.0{WORKSPACE}|gateway{PIPELINES})/PipelineRuns/PipelineSubmit/([^/]+)", True, _submit),
    ("POST", rf"{PIPELINES}/PipelineRuns/PipelineEndpointSubmit/Id/([^/]+)(?:/([^/]+))?", True, _submit_endpoint),
    ("POST", rf"{PIPELINES}/PipelineRuns/PipelineEndpointSubmit/Name", True, _submit_endpoint),
    ("GET", rf"{PIPELINES}/PipelineRuns/Pipeline/([^/]+)", True, _runs_of_pipeline),
    ("GET", _RUN, True, _run),
    ("DELETE", rf"{_RUN}/Execution", True, cancel),
    ("POST", rf"{_RUN}/[Cc]ancel", True, cancel),
    ("POST", rf"{_HISTORY}/runs:query", True, _history_query),
    ("GET", rf"{_HISTORY}/runs/([^/]+)(?:/details)?", True, _history),
    ("POST", rf"{_HISTORY}/runs/([^/]+)/cancel", True, cancel),
    *azureml_jobs.ROUTES,
    *routes(PIPELINES),
    ("GET", "/msi/token", False, _token),
    ("GET", "/_stand-in/submissions", False, _submissions),
    ("POST", "/_stand-in/faults", False, _add_fault),
    ("GET", "/_stand-in/faults", False, lambda call: (200, [asdict(one) for one in call.service.faults])),
    ("DELETE", "/_stand-in/faults", False, _forget_faults),
]


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.azureml", description="The Azure ML stand-in.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--run-seconds", type=float, default=5.0)
    options = parser.parse_args()
    server = AzureMl(options.port, Service(run_seconds=options.run_seconds))
    known = workspace_of(server.service)
    known.parameters |= {"learning_rate": "0.1", "window": "1h", "shards": "1", "horizon": "7d"}  # many-schedules.yaml
    known.datapaths.append("readings")
    print(f"Azure ML stand-in on {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
