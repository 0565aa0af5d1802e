"""The command line against a running app: over its HTTP API, and directly on its ledger."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import Engine, open_runs, schedule, utc
from command_line import ROOT, Done, run_command

from local.azurite import free_ports
from local.machine import Machine
from triggers.ledger.ports import StoredRow
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.shown import RunAnswer, run_answer
from triggers.starting.occurrence import time_occurrence
from triggers.steering.pages import ROWS_A_PAGE, Wanted, page

FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
  typo: {endpoint: "%TYPO_ENDPOINT%"}
schedules:
  nightly: {pipeline: score, cron: {expression: "30 4 * * *"}, pipeline_parameters: {epochs: 20}}
  hourly: {pipeline: score, recurrence: {frequency: Hour, interval: 1}}
  wrong: {pipeline: typo, cron: {expression: "30 4 * * *"}}
  wrong-url: {pipeline: typo, cron: {expression: "30 4 * * *"}}
  wrong-ledger: {pipeline: typo, cron: {expression: "30 4 * * *"}}
  off: {pipeline: score, cron: {expression: "30 4 * * *"}, status: Disabled}
  uploads:
    pipeline: score
    change:
      {datastore: blobs, connection: DataStorage, container: inbox, path_on_datastore: raw,
       data_path_parameter_name: input, polling_interval: 0}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("steered")
    (folder / "schedules.yaml").write_text(FILE)
    ports = free_ports(5)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "0 0 0 1 1 *",  # no pass of the reconciler does the commands' work
        "BLOB_TRIGGER_SOURCE": "EventGrid",
        "TYPO_ENDPOINT": f"http://127.0.0.1:{ports[1]}/no/such/path",
        "LEDGER_RETENTION_DAYS": "3650",  # the backfills here go further back than the default of 90 days
    }
    with Machine(folder, ports, settings, run_seconds=3600) as running:  # no run ends during a test
        running.upload("inbox", "raw/a.csv", b"1,2")
        running.wake("reconcile")
        running.wait_until_registered("nightly")
        yield running


class Command:
    """Runs a command over HTTP or directly on the ledger."""

    def __init__(self, machine: Machine, *, remote: bool) -> None:
        self.where = ("--url", machine.url) if remote else ()
        self.environment = {
            **machine.app_settings,
            **({"AzureWebJobsStorage": "", "DataStorage": ""} if remote else {}),
        }

    def __call__(self, command: str, *arguments: str, **environment: str) -> Done:
        return run_command(command, *arguments, *self.where, settings={**self.environment, **environment})


@pytest.fixture(params=[True, False], ids=["url", "ledger"])
def run(request: pytest.FixtureRequest, machine: Machine) -> Command:
    return Command(machine, remote=request.param)


@pytest.fixture
def ledger(machine: Machine) -> Command:
    return Command(machine, remote=False)


def test_schedules_are_listed_with_their_next_time(run: Command) -> None:
    code, out, err = run("schedules")

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["schedule", "kind", "status", "next", "last", "run"]
    names = ["nightly", "hourly", "wrong", "wrong-url", "wrong-ledger", "off", "uploads"]
    assert [line.split()[0] for line in lines[1:]] == names
    assert "T04:30:00Z" in lines[1]
    assert "Disabled" in lines[6]
    assert [one["name"] for one in json.loads(run("schedules", "--json")[1])] == names


def test_a_run_is_triggered_shown_and_canceled(run: Command) -> None:
    request = "cli" if run.where else "own"
    arguments = ("nightly", "--request-id", request, "--parameter", "epochs=3", "--note", "a try", "--by", "ann")

    code, out, err = run("trigger", *arguments)
    again = run("trigger", *arguments)
    listed = json.loads(run("runs", "--schedule", "nightly", "-n", "1", "--json")[1])
    canceled = run("cancel", f"nightly!{request}", "--by", "ann")

    assert (code, err) == (0, "")
    assert out.startswith(f"nightly!{request}: submitted, run ")
    assert again[1].startswith(f"already requested: nightly!{request}: submitted")
    assert (listed[0]["key"], listed[0]["requested_by"]) == (f"nightly!{request}", "ann")
    assert canceled[1].startswith(f"nightly!{request}: canceled, run ")
    assert "canceled by ann" in canceled[1]


def test_trigger_accepts_options_for_the_fields_of_a_request(run: Command) -> None:
    request = "all-url" if run.where else "all-own"

    code, out, err = run(
        *("trigger", "nightly", "--request-id", request, "--experiment", "mine", "--description", "a % b"),
        *("--tag", "ticket=4711", "--parameter", "epochs=3", "--parent-run-id", "p1", "--json"),
    )

    assert (code, err) == (0, "")
    shown = json.loads(out)["request"]
    assert (shown["experiment_name"], shown["description"], shown["parent_run_id"]) == ("mine", "a % b", "p1")
    assert shown["tags"]["ticket"] == "4711"
    refused = run("trigger", "nightly", "--datapath", "input=blobs")
    assert (refused[0], refused[2].strip()) == (1, "--datapath: 'blobs' is not of the form DATASTORE/PATH")
    assert "datasets: 'train' not allowed" in run("trigger", "nightly", "--dataset", "train=taxi:2")[2]
    assert "datapaths: 'x' not allowed" in run("trigger", "nightly", "--datapath", "x=blobs/a/b")[2]


def test_trigger_and_replay_exit_with_1_if_the_run_is_rejected(run: Command) -> None:
    request = "bad-url" if run.where else "bad-own"

    triggered = run("trigger", "wrong", "--request-id", request)
    replayed = run("replay", f"wrong!{request}")

    assert (triggered[0], replayed[0]) == (1, 1)
    assert triggered[1].startswith(f"wrong!{request}: rejected")


def test_runs_prints_a_table(run: Command) -> None:
    run("trigger", "hourly")

    code, out, _ = run("runs", "--schedule", "hourly", "--state", "submitted", "-n", "1")

    assert code == 0
    assert out.splitlines()[0].split()[:5] == ["key", "state", "created", "for", "by"]
    assert out.splitlines()[1].startswith("hourly!")
    assert run("runs", "--state", "dead")[1].splitlines() == ["key  state  created  for  by  run id, or why not"]


def test_replay_by_schedule_and_state_replays_each_run_once(run: Command) -> None:
    name = "wrong-url" if run.where else "wrong-ledger"
    for number in range(3):
        run("trigger", name, "--request-id", f"{number}")

    code, out, err = run("replay", "--schedule", name, "--state", "rejected")
    again = run("replay", "--schedule", name, "--state", "rejected")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        *(f"{name}!{number} -> {name}!{number}.r1: rejected" for number in range(3)),
        "3 replayed, 0 not replayed",
    ]
    assert again[1].splitlines()[-1] == "3 replayed, 0 not replayed"
    assert [line.partition("-> ")[2] for line in sorted(again[1].splitlines()[:-1])] == [
        f"{name}!{number}.r2: rejected" for number in range(3)
    ]


def test_a_pause_and_a_backfill_work_over_http_and_on_the_ledger(run: Command) -> None:
    day = "2026-02-01" if run.where else "2026-02-02"
    interval = ("--from", day, "--to", f"{day}T02:00:00Z")

    paused = run("pause", "hourly", "--note", "inventory")
    shown = run("backfill", "hourly", *interval, "--dry-run")
    begun = run("backfill", "hourly", *interval)
    again = run("backfill", "hourly", *interval)
    resumed = run("resume", "hourly")

    assert [one[0] for one in (paused, shown, begun, again, resumed)] == [0] * 5
    assert "hourly is paused" in paused[1]
    assert shown[1].splitlines()[-1] == "2 would start, 0 not needed"
    assert begun[1].splitlines()[0] == f"started      {day}T00:00:00Z  hourly@{day}T00:00:00Z  no run yet"
    assert begun[1].splitlines()[-1] == "2 started, 0 not needed"
    assert again[1].splitlines()[-1] == "0 started, 2 not needed"
    assert "runs again" in resumed[1]


def test_a_backfill_beyond_the_ledgers_retention_needs_force(run: Command) -> None:
    hour = "00" if run.where else "01"
    interval = ("--from", f"2001-01-01T{hour}:00:00Z", "--to", f"2001-01-01T{hour}:30:00Z")

    refused = run("backfill", "hourly", *interval)
    begun = run("backfill", "hourly", *interval, "--force")
    again = run("backfill", "hourly", *interval, "--force")

    assert refused[0] == 1
    assert "may already have run" in refused[2]
    assert "or use force" in refused[2]
    assert f"hourly@2001-01-01T{hour}:00:00Z.r" in begun[1]
    assert "1 started, 0 not needed" in begun[1]
    assert "0 started, 1 not needed" in again[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("trigger", "nightli"), "no schedule 'nightli'; did you mean 'nightly'?"),
        (
            ("trigger", "nightly", "--parameter", "lr=1"),
            "'lr' not allowed: trigger_overrides listed allows only 'epochs'",
        ),
        (("trigger", "uploads"), "give a blob (`blob`; on the command line, --blob), as a path below the container"),
        (("cancel", "nightly!none"), "no run 'nightly!none'"),
        (("replay", "nightly!none"), "no run 'nightly!none'"),
        (("replay",), "give the KEY of a run"),
    ],
)
def test_a_refusal_is_an_error_message_and_exit_code_1(run: Command, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (1, "")
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [("trigger", "nightly", "--parameter", "epochs"), ("runs", "--state", "gone"), ("explain", "nightly")]
)
def test_wrong_usage_is_exit_code_2(run: Command, arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9/api cannot be reached"),
        ("http://app.example", "--url: a key is never sent over plain http; expected https://"),
        ("ftp://app", "--url: expected a URL that begins with https://"),
    ],
)
def test_an_unusable_url_is_an_error_message_without_the_key(ledger: Command, url: str, sentence: str) -> None:
    code, out, err = ledger("schedules", "--url", url, "--key", "secret")

    assert (code, out) == (1, "")
    assert sentence in err
    assert "secret" not in err


def test_the_key_is_sent_in_a_header_and_a_wrong_key_is_reported(machine: Machine, tmp_path: Path) -> None:
    [port] = free_ports(1)
    keyed = subprocess.Popen(
        [sys.executable, "-m", "local.host", "--port", str(port), "--key", "the-key"],
        cwd=ROOT,
        env={**os.environ, **machine.app_settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert keyed.stdout is not None
        assert "host stand-in" in keyed.stdout.readline()
        ask = Command(machine, remote=False)
        ask.where = ("--url", f"http://127.0.0.1:{port}")

        wrong, right = ask("schedules", TRIGGERS_KEY="other"), ask("schedules", TRIGGERS_KEY="the-key")
    finally:
        keyed.kill()
        keyed.communicate()

    assert wrong[0] == 1
    assert "401: the key is missing or wrong" in wrong[2]
    assert right[0] == 0


def test_explain_shows_the_decisions_about_a_time(run: Command) -> None:
    run("backfill", "hourly", "--from", "2026-03-01", "--to", "2026-03-01T01:00:00Z")

    none = run("explain", "nightly", "--at", "2026-03-01T05:00:00Z")[1]
    before = run("explain", "nightly", "--at", "2026-03-01T04:30:00Z")[1]
    future = run("explain", "off", "--at", "2049-03-01T04:30:00Z")[1]
    filled = run("explain", "hourly", "--at", "2026-03-01")[1]

    assert none == "2026-03-01T05:00:00Z is not an occurrence of nightly; the next one is 2026-03-02T04:30:00Z\n"
    assert "that is before the app first saw the schedule, at" in before
    assert "no run is recorded for it (nightly@2026-03-01T04:30:00Z)" in before
    assert "the schedule is disabled" in future
    assert "it is not due yet" in future
    assert "hourly@2026-03-01T00:00:00Z: " in filled


def test_explain_shows_the_decisions_about_a_blob(run: Command) -> None:
    absent = run("explain", "uploads", "--blob", "raw/none.csv")[1]
    unseen = run("explain", "uploads", "--blob", "raw/a.csv")[1]
    wrong = run("explain", "nightly", "--blob", "raw/a.csv")

    assert absent == (
        "there is no blob 'raw/none.csv' in the container inbox\n"
        "no version of it is known: no event and no sweep has reported it\n"
    )
    assert "uploads watches it" in unseen
    assert "no run is recorded for this version" in unseen
    assert "polling_interval is 0, so no sweep finds it" in unseen
    assert wrong == (1, "", "nightly is time-based: ask about a time (at)\n")


def test_explain_with_json_prints_the_answer_of_the_api(run: Command) -> None:
    run("backfill", "hourly", "--from", "2026-03-01", "--to", "2026-03-01T01:00:00Z")

    told = json.loads(run("explain", "hourly", "--at", "2026-03-01", "--json")[1])

    assert told["schedule"] == "hourly"
    assert told["sentence"].startswith("2026-03-01T00:00:00Z of hourly: ")
    assert told["run"]["key"] == "hourly@2026-03-01T00:00:00Z"


def test_run_shows_the_history_the_sent_request_and_the_replays(run: Command) -> None:
    request = "shown-there" if run.where else "shown-here"
    run("trigger", "nightly", "--request-id", request, "--parameter", "epochs=3", "--tag", "why=tried", "--by", "ann")
    run("cancel", f"nightly!{request}", "--note", "wrong data")
    run("replay", f"nightly!{request}")

    code, out, err = run("run", f"nightly!{request}")
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert (code, err, lines[0]) == (0, "", f"nightly!{request}")
    assert "requested by ann" in lines
    assert "parameter epochs = 3" in lines
    assert "tag why = tried" in lines
    assert [line.partition(":")[0] for line in lines if line.startswith(f"nightly!{request}.r1: ")] != []
    assert any(line.startswith("studio http") for line in lines)
    assert any(line.endswith("canceled: canceled by hand: wrong data") or " canceled" in line for line in lines)
    assert json.loads(run("run", f"nightly!{request}", "--json")[1])["request"]["pipeline_parameters"]["epochs"] == "3"


def test_run_and_wait_report_a_missing_run_in_the_same_way(run: Command) -> None:
    assert run("run", "nightly!none") == (1, "", "no run 'nightly!none'\n")
    assert run("wait", "nightly!none") == (1, "", "no run 'nightly!none'\n")


def test_a_typo_in_a_filter_is_refused_with_the_nearest_name(run: Command) -> None:
    code, out, err = run("runs", "--schedule", "nightli")

    assert (code, out) == (1, "")
    assert err.startswith("no schedule 'nightli'; did you mean 'nightly'?")


def test_a_schedule_without_runs_is_no_typo(run: Command) -> None:
    assert run("runs", "--schedule", "off")[0] == 0


def test_wait_returns_an_exit_code_for_the_end_of_the_run(run: Command, machine: Machine) -> None:
    request = "waited-there" if run.where else "waited-here"
    run("trigger", "nightly", "--request-id", request)

    out_of_time = run("wait", f"nightly!{request}", "--timeout", "1")
    run("cancel", f"nightly!{request}")
    ended = run("wait", f"nightly!{request}")

    assert out_of_time.code == 1
    assert f"timed out: nightly!{request} is submitted" in out_of_time.err
    assert ended.code == 1
    assert ended.out.startswith(f"nightly!{request}: canceled")


def test_trigger_waits_no_longer_than_the_timeout(run: Command) -> None:
    code, out, err = run("trigger", "nightly", "--wait", "--timeout", "2s")

    assert code == 1
    assert "timed out: " in err
    assert "submitted" in out


def test_a_timeout_without_wait_is_a_usage_error_and_starts_nothing(run: Command) -> None:
    assert run("trigger", "nightly", "--timeout", "2s") == (2, "", "--timeout needs --wait\n")


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/dashboard", "/api/dashboard#run/nightly!1"])
def test_the_url_may_be_that_of_the_dashboard(machine: Machine, path: str) -> None:
    done = run_command("schedules", "--url", f"{machine.url}{path}", settings={})

    assert (done.code, done.err) == (0, "")


def test_the_signed_in_user_counts_and_not_the_name_in_the_body(machine: Machine) -> None:
    claims = {"name_typ": "name", "claims": [{"typ": "name", "val": "ann@contoso.example"}]}
    principal = base64.b64encode(json.dumps(claims).encode()).decode()
    script = f"""
import json
import azure.functions as func
from function_app import app
trigger = {{f.get_function_name(): f for f in app.get_functions()}}["api_trigger"].get_user_function()
for headers in ({{"x-ms-client-principal": "{principal}"}}, {{"x-ms-client-principal": "!"}}, {{}}):
    request = func.HttpRequest(method="POST", url="/", headers=headers, params={{}},
        route_params={{"schedule": "nightly"}}, body=b'{{"by": "mallory"}}')
    print(json.loads(trigger(request).get_body())["requested_by"])
"""

    def asked(**settings: str) -> list[str]:
        environment = {**os.environ, **machine.app_settings, **settings}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert asked(WEBSITE_AUTH_ENABLED="True") == ["ann@contoso.example", "None", "None"]
    assert asked() == ["mallory"] * 3


class CountedRows:
    """A table that counts the rows read from it."""

    def __init__(self, table: Any) -> None:
        self._table, self.rows_read, self.queries = table, 0, 0

    def query(
        self,
        partition: str,
        first: str,
        before: str,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[StoredRow]:
        self.queries += 1
        for row in self._table.query(partition, first, before, limit, columns):
            self.rows_read += 1
            yield row

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        self.rows_read += 1
        found: StoredRow | None = self._table.get(partition, row_key)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def test_a_page_of_one_schedule_takes_one_query_and_reads_no_run() -> None:
    engine = Engine(utc("2026-11-01T00:00:00"))
    for number in range(300):
        engine.firing.fire(schedule(), time_occurrence(schedule(), engine.clock.now() - timedelta(minutes=number)))
    rows = CountedRows(engine.ledger.table)
    engine.ledger.table = rows

    found, continuation = page(engine.ledger, Wanted(schedule="s", limit=200))

    assert (len(found), rows.queries, rows.rows_read) == (200, 1, 200)
    assert found == [run_answer(run) for run in engine.ledger.recent_runs("s", 200)]
    assert continuation is not None


@pytest.mark.parametrize("schedules", [1, 3, 40])
def test_a_page_reads_at_most_a_thousand_rows_and_pages_miss_no_run(schedules: int) -> None:
    engine = Engine(utc("2026-11-01T00:00:00"))
    names = [f"s{number}" for number in range(schedules)]
    for number in range(3000):
        name = names[number * 7 % schedules if number % 3 else 0]
        state = RunState.DEAD if number % 500 == 0 else RunState.SKIPPED
        run = Run(
            key=f"{name}@{number}",
            schedule=name,
            kind=RunKind.TIME,
            state=state,
            created_at=utc(f"2026-10-{1 + number // 200:02d}T00:00:{number % 60:02d}"),
            pipeline="p",
        )
        engine.ledger.insert(run)
    for name in names:
        engine.ledger.register(name, engine.clock.now())
    rows = CountedRows(engine.ledger.table)
    engine.ledger.table = rows

    for wanted, expected in (
        (Wanted(state=RunState.DEAD), 6),
        (Wanted(limit=200), 3000),
        (Wanted(limit=7, since=utc("2026-10-03T00:00:00"), until=utc("2026-10-04T00:00:00")), 200),
    ):
        found: list[RunAnswer] = []
        continuation = None
        while True:
            rows.rows_read = 0
            part, continuation = page(
                engine.ledger,
                Wanted(
                    state=wanted.state,
                    limit=wanted.limit,
                    since=wanted.since,
                    until=wanted.until,
                    continuation=continuation,
                ),
            )
            assert rows.rows_read <= ROWS_A_PAGE + schedules  # the registrations are rows, too
            found += part
            if continuation is None:
                break
        assert len(found) == len({run.key for run in found}) == expected
        created = [run.created_at for run in found]
        assert created == sorted(created, reverse=True)


def test_an_id_that_arrives_after_the_cancellation_is_recorded() -> None:
    engine = Engine(utc("2026-11-01T04:30:00"))
    one = schedule()
    engine.ledger.register(one.name, engine.clock.now())

    def canceled_meanwhile() -> None:
        run = next(open_runs(engine.ledger, one.name))
        unknown = engine.ledger.update(run, run.to(RunState.UNKNOWN, engine.clock.now()))
        assert unknown is not None
        engine.ledger.update(unknown, unknown.to(RunState.CANCELED, engine.clock.now()))

    engine.endpoint.before_the_reply = canceled_meanwhile
    run = engine.firing.fire(one, time_occurrence(one, engine.clock.now()))

    assert run is not None
    assert (run.state, run.run_id is not None) == (RunState.SUBMITTED, True)
