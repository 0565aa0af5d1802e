"""The programs of docs/clients.md do what the page says, with the local app and over an unreliable connection."""

import http.server
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from threading import Thread
from typing import Any

import msgspec
import pytest
import requests
from client_programs import PROGRAMS, ROOT, Program, block, client

from local.azurite import free_ports, wait_for
from local.machine import Machine
from triggers.steering.questions import TriggerBody

ALL = pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.language)
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


class BadLine(http.server.BaseHTTPRequestHandler):
    """A proxy between a client and the app that breaks the first calls of each kind."""

    server: "BadLineServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        if len(self.server.bodies) == 2:
            self._say(503, b'{"error": "the ledger is away"}')
            return
        answer = self._pass_on("POST", body)
        if len(self.server.bodies) > 1:  # the answer to the first call is lost
            self._say(answer.status_code, answer.content)

    def do_GET(self) -> None:
        self.server.looks += 1
        if self.server.looks == 1:
            self._say(502, b"<html>Bad Gateway</html>")
            return
        answer = self._pass_on("GET", None)
        self._say(202 if self.server.looks == 2 else answer.status_code, answer.content)

    def _pass_on(self, method: str, body: bytes | None) -> requests.Response:
        headers = {"x-functions-key": self.headers["x-functions-key"]}
        return requests.request(method, self.server.target + self.path, data=body, headers=headers, timeout=240)

    def _say(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


class BadLineServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), BadLine)
        self.target = target
        self.bodies: list[Any] = []
        self.looks = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def bad_line(client_machine: Machine) -> Iterator[BadLineServer]:
    with BadLineServer(client_machine.url) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def runs(client_machine: Machine, schedule: str) -> list[dict[str, Any]]:
    found = client_machine.get(f"{client_machine.url}/api/runs?schedule={schedule}&limit=200", client_machine.key)[
        "runs"
    ]
    return list(found)


@ALL
def test_a_rejected_run_is_exit_code_1_with_the_reason(
    client_machine: Machine, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    code, lines, errors = client(program, tmp_path_factory)(client_machine.url, "wrong", f"{program.language}-x")

    assert (code, lines[0], errors) == (1, f"wrong!{program.language}-x", "")
    assert lines[1].startswith("rejected ")
    assert "404" in lines[1]


@ALL
def test_without_a_request_id_a_program_generates_one(
    client_machine: Machine, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = {run["key"] for run in runs(client_machine, "wrong")}

    keys = [client(program, tmp_path_factory)(client_machine.url, "wrong")[1][0] for _ in range(2)]

    assert {run["key"] for run in runs(client_machine, "wrong")} - before == set(keys)
    assert len(set(keys)) == 2


@ALL
def test_after_lost_answers_and_5xx_a_program_retries_and_starts_one_run(
    bad_line: BadLineServer, client_machine: Machine, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    request_id = str(uuid.uuid4())

    code, lines, _ = client(program, tmp_path_factory)(bad_line.url, "wrong", request_id)

    assert (code, lines[0], lines[1].partition(" ")[0]) == (1, f"wrong!{request_id}", "rejected")
    assert [body["request_id"] for body in bad_line.bodies] == [request_id] * 3
    assert bad_line.bodies[0] == bad_line.bodies[1] == bad_line.bodies[2]
    assert bad_line.looks == 3
    assert [run["key"] for run in runs(client_machine, "wrong") if run["request_id"] == request_id] == [lines[0]]


@ALL
@pytest.mark.parametrize(
    ("arguments", "key", "sentence"),
    [
        (("nightli",), "the-key", "did you mean 'nightly'?"),
        (("nightly", "a b"), "the-key", "request_id"),
        (("nightly",), "another", "401"),
    ],
)
def test_a_refusal_is_reported_and_not_retried(
    client_machine: Machine,
    program: Program,
    tmp_path_factory: pytest.TempPathFactory,
    arguments: tuple[str, ...],
    key: str,
    sentence: str,
) -> None:
    code, lines, errors = client(program, tmp_path_factory)(client_machine.url, *arguments, key=key)

    assert (code, lines) == (1, [])
    assert sentence in errors


def test_a_disabled_schedule_can_be_triggered_by_programs(client_machine: Machine) -> None:
    answer = requests.post(
        f"{client_machine.url}/api/schedules/on-demand/trigger",
        json={},
        headers={"x-functions-key": "the-key"},
        timeout=60,
    )

    assert (answer.status_code, answer.json()["state"]) == (202, "submitted")


def test_the_webhook_receiver_checks_each_event_with_the_app_and_ignores_repetitions(
    client_machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, [port] = tmp_path_factory.mktemp("receiver"), free_ports(1)
    (folder / "receiver.py").write_text(block("python", "## A webhook"))
    key = {"x-functions-key": "the-key"}
    triggered = requests.post(
        f"{client_machine.url}/api/schedules/wrong/trigger", json={"request_id": "told"}, headers=key, timeout=60
    )
    run = triggered.json()["key"]
    receiver = subprocess.Popen(
        [sys.executable, "receiver.py", str(port)],
        cwd=folder,
        env={"TRIGGERS_URL": client_machine.url, "TRIGGERS_KEY": "the-key"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, receiver, "the receiver")
        answers = [
            requests.post(
                f"http://127.0.0.1:{port}/",
                json={"type": "azureml-triggers.run.ended", "id": f"{subject}#{state}", "subject": subject},
                timeout=30,
            ).status_code
            for subject, state in ((run, "finished"), ("wrong!none", "rejected"), (run, "rejected"), (run, "rejected"))
        ]
    finally:
        receiver.kill()
        told, _ = receiver.communicate()

    assert answers == [409, 409, 204, 204]
    assert told.decode() == f"{run} rejected\n"


def test_the_web_activity_of_data_factory_sends_a_valid_request() -> None:
    activity = json.loads(block("json", "## Data Factory, Fabric, Logic Apps"))["typeProperties"]

    run_id = str(uuid.uuid4())
    body = msgspec.convert({**activity["body"], "request_id": run_id}, TriggerBody)
    assert (activity["method"], activity["body"]["request_id"]) == ("POST", "@{pipeline().RunId}")
    assert body.pipeline_parameters.keys() == {"since"}
    assert activity["url"].endswith("/api/schedules/nightly-training/trigger")


def test_the_contributing_guide_names_every_tool_that_tests_need() -> None:
    tools = {tool for program in PROGRAMS for needed in program.tools for tool in needed.split(" or ")}

    assert [tool for tool in tools if f"`{tool}`" not in CONTRIBUTING] == []
