"""The HTTP API, over real HTTP: the host stand-in, Azurite, and the Azure ML stand-in."""

import http.server
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import quote

import jsonschema
import pytest
import requests

from local.azurite import free_ports
from local.machine import Machine
from triggers.version import VERSION

FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
  away: {endpoint: "http://127.0.0.1:9/PipelineRuns/PipelineSubmit/1"}
  typo: {endpoint: "%TYPO_ENDPOINT%"}
schedules:
  nightly:
    pipeline: score
    cron: {expression: "30 4 * * *", time_zone: Europe/Berlin}
    pipeline_parameters: {since: "{scheduled_time:%Y-%m-%d}", epochs: 20}
  free: {pipeline: score, cron: {expression: "30 4 * * *"}, trigger_overrides: any}
  fixed: {pipeline: score, cron: {expression: "30 4 * * *"}, trigger_overrides: none, pipeline_parameters: {epochs: 1}}
  held: {pipeline: score, cron: {expression: "30 4 * * *"}}
  off: {pipeline: score, cron: {expression: "30 4 * * *"}, status: Disabled}
  filled: {pipeline: score, recurrence: {frequency: Hour, interval: 1}}
  stuck: {pipeline: away, cron: {expression: "30 4 * * *"}}
  wrong: {pipeline: typo, cron: {expression: "30 4 * * *"}, webhook: "%HOOK%"}
  fuzzed: {pipeline: score, cron: {expression: "30 4 * * *"}}
  faulty: {pipeline: score, cron: {expression: "61 4 * * *"}}
  uploads:
    pipeline: score
    change:
      {datastore: blobs, connection: DataStorage, container: inbox, path_on_datastore: raw, include: ["*.csv"],
       data_path_parameter_name: input}
  gathered:
    pipeline: score
    change:
      {datastore: blobs, connection: DataStorage, container: inbox, path_on_datastore: raw,
       data_path: manifest, data_path_parameter_name: input, polling_interval: 0}
    batch: {quiet: 1s, max_wait: 1m}
"""
KEY = "the-key"


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook that fails the first time."""

    received: ClassVar[list[tuple[dict[str, str], dict[str, Any]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((dict(self.headers), body))
        self.send_response(500 if len(self.received) == 1 else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def hook() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/ended"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, hook: str) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "schedules.yaml").write_text(FILE)
    ports = free_ports(5)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "*/2 * * * * *",
        "RETRY_FIRST_DELAY_SECONDS": "1",
        "BLOB_TRIGGER_SOURCE": "EventGrid",
        "HOOK": hook,
        "TYPO_ENDPOINT": f"http://127.0.0.1:{ports[1]}/no/such/path",
        "PYTHON_THREADPOOL_THREAD_COUNT": "6",
        "LEDGER_RETENTION_DAYS": "3650",  # the backfills here go further back than the default of 90 days
    }
    with Machine(folder, ports, settings, run_seconds=3600) as running:  # no run ends during a test
        running.upload("inbox", "raw/a.csv", b"1,2")
        running.upload("inbox", "elsewhere/b.csv", b"1,2")
        running.wait_until_registered("nightly")
        yield running


def get(machine: Machine, path: str, **query: Any) -> requests.Response:
    return requests.get(f"{machine.url}/api/{path}", params=query, timeout=60)


def post(machine: Machine, path: str, body: Any = None, **more: Any) -> requests.Response:
    return requests.post(f"{machine.url}/api/{path}", json=body, timeout=60, **more)


def key_path(key: str) -> str:
    return f"runs/{quote(key, safe='')}"


def until_run(machine: Machine, key: str, state: str) -> dict[str, Any]:
    end = time.monotonic() + 30
    while (run := get(machine, key_path(key)).json())["state"] != state:
        assert time.monotonic() < end, run
        time.sleep(0.2)
    return dict(run)


def test_schedules_are_shown_with_their_trigger_and_next_times(machine: Machine) -> None:
    answer = get(machine, "schedules").json()

    names = [one["name"] for one in answer["schedules"]]
    assert names[0] == "nightly"
    assert "faulty" not in names
    one = get(machine, "schedules/nightly").json()
    assert list(one) == [
        "name", "kind", "trigger", "pipeline", "status", "paused", "pause_note", "next", "last_runs",
    ]  # fmt: skip
    assert one["trigger"] == {"cron": {"expression": "30 4 * * *", "time_zone": "Europe/Berlin"}}
    assert (one["kind"], one["pipeline"], one["status"], one["paused"]) == ("time", "score", "Enabled", False)
    assert len(one["next"]) == 10
    assert set(one["next"][0]) == {"nominal_time", "local_time", "clock_change", "expression", "moved_from"}
    uploads = get(machine, "schedules/uploads").json()
    assert (uploads["kind"], uploads["next"]) == ("change", [])
    assert get(machine, "schedules/off").json()["status"] == "Disabled"


def test_last_runs_limits_the_runs_returned_per_schedule(machine: Machine) -> None:
    for number in range(2):
        post(machine, "schedules/free/trigger", {"request_id": f"last-{number}"})

    def last_runs(**query: Any) -> list[str]:
        answer = get(machine, "schedules", **query).json()
        return next([run["key"] for run in one["last_runs"]] for one in answer["schedules"] if one["name"] == "free")

    assert last_runs()[:2] == ["free!last-1", "free!last-0"]
    assert last_runs(last_runs=1) == ["free!last-1"]
    assert last_runs(last_runs=0) == []
    assert get(machine, "schedules", last_runs="6").status_code == 400


def test_a_call_for_a_published_pipeline_starts_a_run(machine: Machine) -> None:
    body = {"ExperimentName": "My_Pipeline", "ParameterAssignments": {"pipeline_arg": 20}}
    header = {"Idempotency-Key": "build-7"}

    first, again = (post(machine, "schedules/free/submit", body, headers=header) for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"Id", "key", "state", "studio_url"}
    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == "free!build-7"]
    assert (sent["ExperimentName"], sent["ParameterAssignments"]) == ("My_Pipeline", {"pipeline_arg": "20"})
    shown = get(machine, key_path("free!build-7")).json()["request"]
    assert (shown["experiment_name"], shown["pipeline_parameters"]) == ("My_Pipeline", {"pipeline_arg": "20"})
    assert set(shown) == {
        "experiment_name", "description", "tags", "pipeline_parameters", "datapaths", "datasets", "parent_run_id",
    }  # fmt: skip


def test_a_call_not_yet_accepted_by_azure_ml_gets_location_and_retry_after(machine: Machine) -> None:
    post(machine, "schedules/held/pause")
    try:
        answer = post(machine, "schedules/held/submit", {}, headers={"Idempotency-Key": "held"})
    finally:
        post(machine, "schedules/held/resume")

    assert (answer.status_code, answer.json()["Id"]) == (202, None)
    assert answer.headers["Location"] == "/api/runs/held%21held"
    assert answer.headers["Retry-After"] == "5"
    assert requests.get(f"{machine.url}{answer.headers['Location']}", timeout=60).status_code == 200
    until_run(machine, "held!held", "submitted")


def test_a_call_that_is_never_sent_is_a_409_with_its_row(machine: Machine) -> None:
    answer = post(machine, "schedules/wrong/submit", {}, headers={"Idempotency-Key": "x"})

    assert answer.status_code == 409
    assert {name: answer.json()[name] for name in ("key", "state")} == {"key": "wrong!x", "state": "rejected"}
    unknown = post(machine, "schedules/free/submit", {"ExperimentNam": "x"})
    assert (unknown.status_code, "unknown keys ExperimentNam" in unknown.json()["error"]) == (400, True)


def test_with_details_schedules_show_what_a_trigger_may_override(machine: Machine) -> None:
    plain, detailed = (get(machine, "schedules", **query).json() for query in ({}, {"details": "true"}))

    assert "pipeline_parameters" not in plain["schedules"][0]
    one = detailed["schedules"][0]
    assert one["pipeline_parameters"] == {"since": "{scheduled_time:%Y-%m-%d}", "epochs": "20"}
    assert (one["trigger_overrides"], one["description"]) == ("listed", None)


def test_a_missing_schedule_is_a_404_and_a_faulty_one_a_409(machine: Machine) -> None:
    unknown, faulty = get(machine, "schedules/nightli"), get(machine, "schedules/faulty")

    assert (unknown.status_code, unknown.json()) == (404, {"error": "no schedule 'nightli'; did you mean 'nightly'?"})
    assert faulty.status_code == 409
    assert "faulty is not active because of errors" in faulty.json()["error"]


def test_a_trigger_starts_a_run_at_once_and_records_who_and_why(machine: Machine) -> None:
    body = {
        "pipeline_parameters": {"epochs": 3},
        "scheduled_time": "2026-01-02T03:04:05Z",
        "note": "a try",
        "by": "ann",
    }

    answer = post(machine, "schedules/nightly/trigger", body)

    run = answer.json()
    assert (answer.status_code, run["state"], run["kind"]) == (202, "submitted", "request")
    assert run["key"] == f"nightly!{run['request_id']}"
    assert (run["requested_by"], run["note"], run["nominal_time"]) == ("ann", "a try", "2026-01-02T03:04:05Z")
    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == run["key"]]
    assert sent["ParameterAssignments"] == {"since": "2026-01-02", "epochs": "3"}
    assert [event["state"] for event in run["history"]] == ["waiting", "submitting", "submitted"]
    assert get(machine, key_path(run["key"])).json() == run


def test_a_repeated_request_is_one_run_and_another_body_is_a_conflict(machine: Machine) -> None:
    body = {"request_id": "once", "pipeline_parameters": {"epochs": 3}}

    first = post(machine, "schedules/nightly/trigger", body)
    again = post(machine, "schedules/nightly/trigger", body)
    other = post(machine, "schedules/nightly/trigger", {**body, "note": "another"})

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert again.json()["run_id"] == first.json()["run_id"]
    assert "use another request_id" in other.json()["error"]


def test_twenty_concurrent_identical_requests_are_one_run(machine: Machine) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(machine, "schedules/free/trigger", {"request_id": "crowd"}), range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
    until_run(machine, "free!crowd", "submitted")
    assert [one["body"]["DisplayName"] for one in machine.submissions()].count("free!crowd") == 1


@pytest.mark.parametrize(
    ("schedule", "body", "status", "sentence"),
    [
        (
            "nightly",
            {"pipeline_parameters": {"lr": 1}},
            403,
            "'lr' not allowed: trigger_overrides listed allows only 'since', 'epochs'",
        ),
        ("fixed", {"pipeline_parameters": {"epochs": 1}}, 403, "trigger_overrides none allows none"),
        ("uploads", {"blob": "elsewhere/b.csv"}, 403, "not in the folder 'raw'"),
        ("uploads", {"blob": "raw/none.csv"}, 404, "there is no blob 'raw/none.csv'"),
        ("uploads", {}, 400, "give a blob (`blob`; on the command line, --blob), as a path below the container"),
        ("nightly", {"blob": "raw/a.csv"}, 400, "does not take a blob"),
        ("nightly", {"scheduled_time": "soon"}, 400, "scheduled_time: 'soon' is not a time"),
        ("nightly", {"scheduled_time": "9999-12-31T23:59:59-23:00"}, 400, "is not"),
        ("nightly", {"request_id": "a b"}, 400, "the body: expected `str` matching regex"),
        ("nightly", {"request_id": "new\n"}, 400, "request_id"),
        ("nightly", {"oops": 1}, 400, "the body: object contains unknown field `oops`"),
        ("nightly", {"pipeline_parameters": {"epochs": [1]}}, 400, "$.pipeline_parameters"),
        ("nightly", [], 400, "the body: expected `object`"),
        ("faulty", {}, 409, "not active because of errors"),
    ],
)
def test_a_trigger_that_is_not_allowed_is_refused_with_an_error_message(
    machine: Machine, schedule: str, body: Any, status: int, sentence: str
) -> None:
    def triggered() -> set[str]:
        """The manually triggered runs; passes send other runs in the meantime."""
        names = (str(one["body"]["DisplayName"]) for one in machine.submissions())
        return {name for name in names if name.startswith(f"{schedule}!")}

    before = triggered()

    answer = post(machine, f"schedules/{schedule}/trigger", body)

    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert triggered() == before


def test_with_trigger_overrides_any_every_override_is_accepted(machine: Machine) -> None:
    answer = post(machine, "schedules/free/trigger", {"pipeline_parameters": {"new": "%KEY% {run_key} é"}})

    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == answer.json()["key"]]
    assert sent["ParameterAssignments"] == {"new": "%KEY% {run_key} é"}


def test_a_blob_is_started_again_by_its_path(machine: Machine) -> None:
    run = post(machine, "schedules/uploads/trigger", {"blob": "raw/a.csv"}).json()

    assert (run["state"], run["blob"]["path"], run["blob"]["size"]) == ("submitted", "raw/a.csv", 3)
    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == run["key"]]
    assert sent["DataPathAssignments"]["input"]["RelativePath"] == "raw/a.csv"


def test_triggering_a_blob_of_a_batched_schedule_starts_a_batch_of_one_with_a_manifest(machine: Machine) -> None:
    run = post(machine, "schedules/gathered/trigger", {"blob": "raw/a.csv", "request_id": "one"}).json()

    assert run["batch"]["count"] == 1
    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == "gathered!one"]
    assert sent["DataPathAssignments"]["input"]["RelativePath"] == run["batch"]["manifest"]


def test_a_paused_schedule_shows_its_note_and_can_still_be_triggered(machine: Machine) -> None:
    first = post(machine, "schedules/held/pause", {"note": "inventory", "by": "ann"}).json()
    again = post(machine, "schedules/held/pause", {"note": "another"}).json()
    asked = post(machine, "schedules/held/trigger", {}).json()
    resumed = post(machine, "schedules/held/resume").json()

    assert (first["paused"], first["pause_note"]) == (True, "inventory")
    assert again["pause_note"] == "inventory"
    assert asked["state"] == "submitted"
    assert (resumed["paused"], resumed["pause_note"]) == (False, None)


def test_a_backfill_can_be_previewed_then_started_and_starts_nothing_when_repeated(machine: Machine) -> None:
    body = {"from": "2026-01-01", "to": "2026-01-01T03:00:00Z"}

    shown = post(machine, "schedules/filled/backfill", {**body, "dry_run": True}).json()
    begun = post(machine, "schedules/filled/backfill", body).json()
    again = post(machine, "schedules/filled/backfill", body).json()

    hours = [f"2026-01-01T0{hour}:00:00Z" for hour in range(3)]
    assert [one["what"] for one in shown["started"]] == [one["what"] for one in begun["started"]] == hours
    assert (shown["dry_run"], begun["dry_run"], begun["complete"]) == (True, False, True)
    assert [one["what"] for one in again["already"]] == hours
    assert (again["started_count"], again["already_count"]) == (0, 3)
    until_run(machine, "filled@2026-01-01T00:00:00Z", "submitted")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to must be later than from"),
        ({"from": "2026-01-02"}, "missing required field `to`"),
        ({"from": "never", "to": "2026-01-01"}, "from: 'never' is not a time"),
    ],
)
def test_an_invalid_backfill_is_refused(machine: Machine, body: Any, sentence: str) -> None:
    answer = post(machine, "schedules/filled/backfill", body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_runs_come_newest_first_in_pages(machine: Machine) -> None:
    for number in range(5):
        post(machine, "schedules/free/trigger", {"request_id": f"page-{number}"})

    seen: list[str] = []
    continuation = None
    while True:
        query = {"schedule": "free", "limit": 2, **({"continuation": continuation} if continuation else {})}
        page = get(machine, "runs", **query).json()
        assert len(page["runs"]) <= 2
        seen += [run["key"] for run in page["runs"]]
        continuation = page["continuation"]
        if continuation is None:
            break

    ours = [key for key in seen if "page-" in key]
    assert ours == [f"free!page-{number}" for number in reversed(range(5))]
    assert len(seen) == len(set(seen))


def test_runs_of_all_schedules_are_merged_by_time_and_filtered(machine: Machine) -> None:
    for name in ("nightly", "free", "nightly"):
        post(machine, f"schedules/{name}/trigger", {})

    everything = get(machine, "runs", limit=200).json()["runs"]
    submitted = get(machine, "runs", state="submitted").json()["runs"]
    none = get(machine, "runs", state="dead", until="2020-01-01").json()

    created = [run["created_at"] for run in everything]
    assert created == sorted(created, reverse=True)
    assert {run["schedule"] for run in everything} >= {"nightly", "free"}
    assert {run["state"] for run in submitted} == {"submitted"}
    assert none == {"runs": [], "continuation": None}
    assert get(machine, "runs", since=created[0], limit=1).json()["runs"][0]["key"] == everything[0]["key"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"limit": "0"}, "`int` >= 1"),
        ({"limit": "many"}, "`int`"),
        ({"state": "gone"}, "invalid enum value 'gone'"),
        ({"state": "null"}, "null is not a value of state"),
        ({"since": "null"}, "since: 'null' is not a time"),
        ({"since": "then"}, "since: 'then' is not a time"),
        ({"continuation": "abc"}, "continuation: unknown value; pass the one from the page before"),
        ({"schedule": "a/b"}, "is not the name of a schedule"),
        ({"oops": "1"}, "unknown field `oops`"),
    ],
)
def test_an_invalid_query_for_runs_is_refused(machine: Machine, query: dict[str, str], sentence: str) -> None:
    answer = get(machine, "runs", **query)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_a_rejected_run_can_be_replayed_repeatedly(machine: Machine) -> None:
    run = post(machine, "schedules/wrong/trigger", {"request_id": "r"}).json()
    assert run["state"] == "rejected"

    replay = post(machine, f"{key_path(run['key'])}/replay", {"note": "again", "by": "ann"})
    second = post(machine, f"{key_path(run['key'])}/replay")

    assert replay.status_code == 202
    assert (replay.json()["key"], replay.json()["kind"], replay.json()["replay_of"]) == (
        "wrong!r.r1",
        "replay",
        "wrong!r",
    )
    assert second.json()["key"] == "wrong!r.r2"
    assert replay.json()["requested_by"] == "ann"


def test_a_replay_keeps_the_parameters_of_the_trigger(machine: Machine) -> None:
    body = {"request_id": "again", "pipeline_parameters": {"epochs": 7}}
    post(machine, "schedules/stuck/pause")
    key = "nightly!again"
    post(machine, "schedules/nightly/trigger", body)
    cancel = post(machine, f"{key_path(key)}/cancel", {"note": "not today", "by": "ann"}).json()

    run = post(machine, f"{key_path(key)}/replay").json()

    assert (cancel["state"], cancel["error"]) == ("canceled", "canceled by ann: not today")
    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == run["key"]]
    assert sent["ParameterAssignments"]["epochs"] == "7"


def test_canceling_a_submitted_run_cancels_it_in_azure_ml(machine: Machine) -> None:
    run = post(machine, "schedules/free/trigger", {}).json()

    canceled = post(machine, f"{key_path(run['key'])}/cancel").json()
    again = post(machine, f"{key_path(run['key'])}/cancel")

    assert (canceled["state"], canceled["azureml_status"]) == ("canceled", "CancelRequested")
    [served] = [one for one in machine.accepted_runs() if one["Id"] == run["run_id"]]
    assert served["Status"]["StatusCode"] in {"Canceled", 4}
    assert (again.status_code, again.json()["error"]) == (409, f"{run['key']} has already ended: canceled")


def test_a_run_waiting_for_its_next_attempt_can_be_canceled_for_good(machine: Machine) -> None:
    post(machine, "schedules/stuck/resume")
    run = post(machine, "schedules/stuck/trigger", {"request_id": "c"}).json()
    assert run["state"] == "unsent"

    answers = [post(machine, f"{key_path(run['key'])}/cancel") for _ in range(10)]

    assert answers[-1].status_code == 409
    time.sleep(3)
    assert get(machine, key_path(run["key"])).json()["state"] == "canceled"


def test_a_submitted_run_cannot_be_replayed(machine: Machine) -> None:
    run = post(machine, "schedules/free/trigger", {}).json()

    answer = post(machine, f"{key_path(run['key'])}/replay", {"force": True})

    assert (answer.status_code, answer.json()["error"]) == (
        409,
        f"{run['key']} is submitted; wait for its end, or cancel it",
    )


def test_keys_are_percent_encoded_and_decoded_once(machine: Machine) -> None:
    run = post(machine, "schedules/free/trigger", {}).json()

    assert get(machine, f"runs/{run['key']}").status_code == 200
    assert get(machine, key_path(run["key"])).status_code == 200
    for odd in ("free!none", "a/b", "..", "%00", "é", "free!x\\y", "free!x#y", "x" * 400, "@", "' or 1 eq 1"):
        assert get(machine, key_path(odd)).status_code == 404, odd


def test_a_long_poll_ends_with_the_run_and_the_number_of_waiters_is_limited(machine: Machine) -> None:
    run = post(machine, "schedules/stuck/trigger", {"request_id": "w"}).json()
    path = key_path(run["key"])
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(get, machine, path, wait=60) for _ in range(4)]
        turned_away: list[Future[requests.Response]] = []
        while len(turned_away) < 2:
            turned_away = [one for one in waiting if one.done()]
            assert time.monotonic() - started < 30
            time.sleep(0.05)
        answer = post(machine, f"{path}/cancel")
        while answer.status_code == 409:  # it was being submitted at that moment
            answer = post(machine, f"{path}/cancel")
        statuses = sorted(one.result().status_code for one in waiting)

    assert statuses == [200, 200, 202, 202]
    assert {one.result().headers["Retry-After"] for one in turned_away} == {"5"}
    assert get(machine, path, wait=60).json()["state"] == "canceled"


@pytest.mark.parametrize("wait", ["-1", "201", "a"])
def test_an_invalid_wait_is_refused(machine: Machine, wait: str) -> None:
    run = post(machine, "schedules/free/trigger", {}).json()

    assert get(machine, key_path(run["key"]), wait=wait).status_code == 400


def test_an_end_is_sent_to_the_webhook_until_it_is_accepted(machine: Machine) -> None:
    run = post(machine, "schedules/wrong/trigger", {"request_id": "told"}).json()
    assert run["state"] == "rejected"

    def events_of_the_run() -> list[tuple[dict[str, str], dict[str, Any]]]:
        return [one for one in Hook.received if one[1]["subject"] == run["key"]]

    def attempts_of_the_first() -> int:
        ids = [one[1]["id"] for one in Hook.received]
        return ids.count(ids[0]) if ids else 0

    end = time.monotonic() + 60
    while not events_of_the_run() or attempts_of_the_first() < 2:  # the first attempt was answered with 500
        assert time.monotonic() < end
        time.sleep(0.2)
    headers, event = events_of_the_run()[-1]
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert "Authorization" not in headers
    assert (event["specversion"], event["type"]) == ("1.0", "azureml-triggers.run.ended")
    assert (event["id"], event["subject"]) == (f"{run['key']}#rejected", run["key"])
    assert event["data"] == run
    assert attempts_of_the_first() == 2


def test_health_has_exactly_the_documented_fields(machine: Machine) -> None:
    health = get(machine, "health")

    assert health.status_code == 503  # one schedule is faulty
    assert health.json()["version"] == VERSION
    assert set(health.json()) == {
        "status", "version", "faults", "warnings", "ledger", "oldest_open", "last_reconcile", "counts",
        "missed_by_events",
        "overdue",
    }  # fmt: skip
    assert set(health.json()["faults"][0]) == {"file", "path", "value", "message"}


def test_bodies_that_are_too_large_or_not_json_are_refused(machine: Machine) -> None:
    path = f"{machine.url}/api/schedules/free/trigger"

    large = requests.post(path, data=b'{"note": "' + b"x" * 100_000 + b'"}', timeout=60)
    odd = [requests.post(path, data=data, timeout=60) for data in (b"{", b"\xff", b"[" * 5000, b'{"note": "\\ud800"}')]

    assert (large.status_code, large.json()["error"]) == (413, "the body has 100012 bytes; at most 65536 are allowed")
    assert {answer.status_code for answer in odd} <= {400, 202}
    assert [answer.status_code for answer in odd[:3]] == [400, 400, 400]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_wrong_methods_are_refused(machine: Machine, method: str) -> None:
    assert requests.request(method, f"{machine.url}/api/schedules", timeout=60).status_code == 405


def test_answers_allow_no_other_origin_and_no_caching(machine: Machine) -> None:
    answer = get(machine, "schedules")

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:7071"},
    ],
    ids=str,
)
def test_the_host_stand_in_refuses_requests_from_other_sites(machine: Machine, headers: dict[str, str]) -> None:
    texts = {"Content-Type": "text/plain", **headers}
    answers = [
        requests.post(f"{machine.url}/{path}", data="{}", headers=texts, timeout=60)
        for path in ("api/schedules/free/trigger", "admin/functions/reconcile")
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_the_openapi_description_is_valid_and_contains_every_function(machine: Machine) -> None:
    document = get(machine, "openapi.json").json()

    operations = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert document["openapi"] == "3.1.0"
    assert all("content" not in one["responses"]["401"] for path in document["paths"].values() for one in path.values())
    assert len(operations) == 13
    run = post(machine, "schedules/nightly/trigger", {}).json()
    schema = {"$ref": "#/components/schemas/RunAnswer", "components": document["components"]}
    jsonschema.validate(run, schema)


@pytest.mark.parametrize("examples", ["3", pytest.param("100", marks=pytest.mark.proof)])
def test_schemathesis_finds_no_answer_outside_the_openapi_description(
    machine: Machine, tmp_path: Path, examples: str
) -> None:
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    document = get(machine, "openapi.json").json()
    wait = document["paths"]["/api/runs/{key}"]["get"]["parameters"][1]
    assert (wait["name"], wait["schema"].pop("maximum")) == ("wait", 200)
    wait["schema"]["maximum"] = 1  # the test must not wait longer
    (tmp_path / "openapi.json").write_text(json.dumps(document))

    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", machine.url),
            *("--checks", checks, "--max-examples", examples, "--phases", "coverage,fuzzing", "--seed", "1"),
            *("--exclude-operation-id", "api_health", "--no-color", "--suppress-health-check", "all"),
            *("--request-timeout", "30"),  # a call of a program waits up to 20 s for a pipeline that does not answer
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 12" in done.stdout
