"""Azure DevOps tasks that wait: who is called back, with what and how often, and what happens to their token."""

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from builders import TIME, Engine, schedule, utc

from triggers.azureml.tokens import Tokens
from triggers.azureml.wire import Wire
from triggers.ledger.records import Delivery
from triggers.reconciling.callbacks import Callbacks
from triggers.scheduling.azure_devops import AzureDevOps, callback_problem
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunState
from triggers.scheduling.shown import run_answer
from triggers.starting.occurrence import time_occurrence
from triggers.steering.declined import BadInput, WrongState
from triggers.steering.questions import CallbackBody, TriggerBody

NOW = utc("2026-11-01T04:00")
TASK = {
    "plan_url": "https://dev.azure.com/org/",
    "project_id": "11111111-0000-0000-0000-000000000001",
    "hub_name": "build",
    "plan_id": "22222222-0000-0000-0000-000000000002",
    "job_id": "33333333-0000-0000-0000-000000000003",
    "timeline_id": "44444444-0000-0000-0000-000000000004",
    "task_instance_id": "55555555-0000-0000-0000-000000000005",
    "auth_token": "a-secret-token",
}
URL = (
    "https://dev.azure.com/org/11111111-0000-0000-0000-000000000001/_apis/distributedtask/hubs/build/plans/"
    "22222222-0000-0000-0000-000000000002/events?api-version=7.1"
)
BASIC = "Basic OmEtc2VjcmV0LXRva2Vu"


@pytest.fixture
def engine() -> Engine:
    made = Engine(NOW)
    made.ledger.register("s", NOW)
    return made


def triggered(engine: Engine, request_id: str = "a", hosts: tuple[str, ...] = (), **other: Any) -> Run:
    asking = engine.wired(callback_hosts=hosts).steering.asking
    callback = CallbackBody(azure_devops=msgspec.convert({**TASK, **other}, AzureDevOps))
    return asking.trigger(schedule(), TriggerBody(request_id=request_id, callback=callback))[0]


def passes(engine: Engine, number: int = 1, apart: timedelta = timedelta(minutes=1)) -> None:
    for _ in range(number):
        engine.clock.pass_time(apart)
        engine.reconcile(schedule())


def rows(engine: Engine) -> list[str]:
    return [row.row_key for row in engine.ledger.table.query("s", "n:", "n;")]


@pytest.mark.parametrize(
    ("seen", "result"),
    [
        (Seen(status="Finished", end=RunState.FINISHED), "succeeded"),
        (Seen(status="Failed", end=RunState.FAILED), "failed"),
        (Seen(status="Canceled", end=RunState.CANCELED), "failed"),
    ],
)
def test_the_callback_reports_how_the_run_ended(engine: Engine, seen: Seen, result: str) -> None:
    run = triggered(engine)
    passes(engine, 3)
    told_early = list(engine.devops.received)
    engine.service.seen["run-1"] = seen
    passes(engine, 3)

    body = {"name": "TaskCompleted", "taskId": TASK["task_instance_id"], "jobId": TASK["job_id"], "result": result}
    assert (run.state, told_early) == (RunState.WAITING, []), "the answer does not wait for Azure ML"
    assert engine.devops.received == [(URL, body, BASIC)]
    assert rows(engine) == [], "the token is deleted"


@pytest.mark.parametrize("answer", [Answer.REJECTED, Answer.UNSENT])
def test_a_run_that_never_starts_fails_the_task(engine: Engine, answer: Answer) -> None:
    triggered(engine)
    engine.endpoint.next_outcomes = [Outcome(answer=answer, sentence="no")] * 1000
    passes(engine, 2 if answer is Answer.REJECTED else 100, timedelta(minutes=16))
    passes(engine, 1)

    assert [told[1]["result"] for told in engine.devops.received] == ["failed"]


def test_a_callback_is_repeated_after_a_server_error_and_not_after_a_refusal(engine: Engine) -> None:
    engine.service.seen = {f"run-{number}": Seen(status="Finished", end=RunState.FINISHED) for number in (1, 2, 3)}
    triggered(engine, "a")
    engine.devops.statuses = [503, 500, 204]
    passes(engine, 8)
    repeated = len(engine.devops.received)
    triggered(engine, "b")
    engine.devops.statuses = [404]
    passes(engine, 8)

    assert (repeated, len(engine.devops.received), rows(engine)) == (3, 4, [])


def test_a_collection_that_does_not_answer_is_called_once_a_pass_and_then_less_often(engine: Engine) -> None:
    for number in range(5):
        run = triggered(engine, request_id=str(number), task_instance_id=f"{number:08}-0000-0000-0000-000000000005")
        engine.service.seen[run.key] = Seen(status="Finished", end=RunState.FINISHED)
    engine.devops.is_silent = True
    process = engine.reconciliation(schedule())

    asked = []
    for _ in range(6):
        engine.clock.pass_time(timedelta(minutes=1))
        process.run_pass()
        asked.append(len(engine.devops.received))
    engine.devops.is_silent = False
    for _ in range(30):
        engine.clock.pass_time(timedelta(minutes=1))
        process.run_pass()

    assert asked[-1] <= 5, "five tasks wait, over six passes"
    assert len(engine.devops.received) == asked[-1] + 5


def test_a_token_is_deleted_after_three_days_and_the_run_continues(engine: Engine) -> None:
    run = triggered(engine)
    passes(engine, 2)
    passes(engine, 1, timedelta(days=2, hours=23))
    kept = rows(engine)
    passes(engine, 2, timedelta(hours=1))

    assert (kept, rows(engine)) == (["n:s!a:callback"], [])
    assert engine.states()[run.key] == "submitted"
    assert engine.devops.received == []


def test_the_token_is_stored_in_its_own_row_and_nowhere_else(engine: Engine) -> None:
    run = triggered(engine)
    passes(engine)

    where = {row.row_key for row in engine.ledger.table.query("s", "", "~") if TASK["auth_token"] in str(row.columns)}
    assert where == {"n:s!a:callback"}
    assert TASK["auth_token"] not in json.dumps(msgspec.to_builtins(run_answer(run)))


def test_the_same_task_with_a_newer_token_is_the_same_run_and_another_task_is_a_conflict(engine: Engine) -> None:
    first = triggered(engine)

    assert triggered(engine, auth_token="newer").key == first.key
    with pytest.raises(WrongState, match="another body"):
        triggered(engine, task_instance_id="66666666-0000-0000-0000-000000000006")


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"plan_url": "http://dev.azure.com/org"}, "never sent over plain http"),
        (
            {"plan_url": "https://evil.example/"},
            "evil.example is not dev.azure.com, NAME.visualstudio.com or one of CALLBACK_HOSTS",
        ),
        (
            {"plan_url": "https://dev.azure.com.evil.example/"},
            "is not dev.azure.com, NAME.visualstudio.com or one of CALLBACK_HOSTS",
        ),
        (
            {"plan_url": "https://evil.example/.visualstudio.com"},
            "is not dev.azure.com, NAME.visualstudio.com or one of CALLBACK_HOSTS",
        ),
        (
            {"plan_url": "https://a.b.visualstudio.com/"},
            "is not dev.azure.com, NAME.visualstudio.com or one of CALLBACK_HOSTS",
        ),
        ({"plan_url": "https://x@dev.azure.com/org"}, "user name or password"),
        ({"plan_url": "https://dev.azure.com/org?x=1"}, "only the collection's address"),
        ({"auth_token": "a\nb"}, "contains characters that are not allowed in a token"),
    ],
)
def test_callbacks_to_other_hosts_are_refused(engine: Engine, other: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        triggered(engine, **other)
    assert engine.states() == {}


@pytest.mark.parametrize("name", [name for name in TASK if name not in ("plan_url", "auth_token")])
@pytest.mark.parametrize("value", ["", "..", "a/b", "a?b", "a#b"])
def test_the_parts_of_the_callback_url_must_be_plain_names(name: str, value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**TASK, name: value}, AzureDevOps)


def test_callbacks_to_visualstudio_com_and_to_allowed_hosts_are_accepted() -> None:
    def problem(plan_url: str, *allowed: str) -> str | None:
        values: dict[str, Any] = {**TASK, "plan_url": plan_url}
        return callback_problem(msgspec.convert(values, AzureDevOps), allowed)

    assert problem("https://org-1.visualstudio.com/") is None
    assert problem("https://devops.example/tfs/", "devops.example") is None
    assert problem("https://devops.example/tfs/") is not None
    assert problem("https://dev.azure.com:443/org/") is None
    assert problem("https://devops.example:8443/tfs/", "devops.example") is None
    for address in ("https://dev.azure.com:22/org/", "https://dev.azure.com:8443/", "https://a.visualstudio.com:444/"):
        assert "only over https, on port 443" in str(problem(address)), address


def test_a_skipped_run_fails_the_task(engine: Engine) -> None:
    of = schedule(f"overlap: skip\n{TIME}")
    engine.firing.fire(of, time_occurrence(of, NOW))
    asking = engine.wired().steering.asking
    callback = CallbackBody(azure_devops=msgspec.convert(TASK, AzureDevOps))
    run, _ = asking.trigger(of, TriggerBody(request_id="a", callback=callback))
    passes(engine)

    assert run.state is RunState.SKIPPED
    assert [told[1]["result"] for told in engine.devops.received] == ["failed"]


@pytest.mark.parametrize(("status", "told"), [(204, 1), (302, 1), (203, 1), (503, 2)])
def test_the_http_callback_carries_the_tasks_token_and_none_of_ours(engine: Engine, status: int, told: int) -> None:
    received: list[tuple[str, str | None, Any]] = []

    class DevOps(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((self.path, self.headers["Authorization"], body))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), DevOps)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/org/"
    wire = Wire(tokens=Tokens(None), scope=None, patience=timedelta(seconds=5), threads=1, ca_bundle=None)
    deliveries = replace(engine.open_runs.deliveries, callbacks=Callbacks(wire, ("127.0.0.1",)))
    run = triggered(engine, plan_url=url, hosts=("127.0.0.1",))
    engine.ledger.update(run, run.to(RunState.CANCELED, NOW, ended_at=NOW))
    for minutes in (1, 9):
        engine.clock.pass_time(timedelta(minutes=minutes))
        for delivery in list(engine.ledger.open_work("s")):
            if isinstance(delivery, Delivery):
                deliveries.handle(delivery, engine.clock.server_now())
    server.shutdown()
    server.server_close()

    assert {path for path, _, _ in received} == {URL.removeprefix("https://dev.azure.com")}
    assert [(authorization, body["result"]) for _, authorization, body in received] == [(BASIC, "failed")] * told
