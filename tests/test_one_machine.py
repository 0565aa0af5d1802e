"""The whole app in separate processes: the host stand-in, Azurite and the Azure ML stand-in."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient

from local.azurite import CHECKOUT, NotStarted, free_ports
from local.demo import explained, folder_of
from local.env import sourced, write_env
from local.machine import Machine
from local.ncrontab import Ncrontab
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.scheduling.run import RunState

FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
schedules:
  every-minute:
    pipeline: score
    recurrence: {frequency: Minute, interval: 1}
    pipeline_parameters: {since: "{scheduled_time:%Y-%m-%d}"}
  polled:
    pipeline: score
    change: {datastore: blobs, connection: DataStorage, container: polled, data_path_parameter_name: input}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    (folder / "schedules.yaml").write_text(FILE)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "*/2 * * * * *",
        "RETRY_FIRST_DELAY_SECONDS": "1",
    }
    with Machine(folder, free_ports(5), settings) as running:
        yield running


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The same machine with Event Grid as the source of blob triggers."""
    folder = tmp_path_factory.mktemp("pushed")
    (folder / "schedules.yaml").write_text(FILE.replace("polled", "pushed"))
    settings = {"SCHEDULES_FILE": str(folder / "schedules.yaml"), "BLOB_TRIGGER_SOURCE": "EventGrid"}
    with Machine(folder, free_ports(5), settings) as running:
        yield running


def ledger_of(machine: Machine) -> Ledger:
    service = TableServiceClient.from_connection_string(machine.azurite.connection_string)
    return Ledger(AzureTable(lambda: service))


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.2)


def paths(machine: Machine) -> list[str]:
    """The RelativePath of every received submission."""
    bodies = [one["body"]["DataPathAssignments"] for one in machine.submissions()]
    return [body["input"]["RelativePath"] for body in bodies if body]


def event(container: str, path: str, etag: str = "0x1") -> dict[str, object]:
    """Microsoft.Storage.BlobCreated, as Event Grid sends it."""
    return {
        "id": str(uuid4()),
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-01T04:00:00Z",
        "data": {"api": "PutBlob", "eTag": etag, "contentLength": 3, "blobType": "BlockBlob"},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def deliver(machine: Machine, function: str, *events: dict[str, object]) -> int:
    url = f"{machine.url}/runtime/webhooks/blobs?functionName=Host.Functions.{function}"
    return machine.post(url, list(events), {"aeg-event-type": "Notification"})[0]


def test_an_uploaded_csv_starts_the_pipeline_with_that_file(machine: Machine) -> None:
    machine.upload("polled", "2026 11-über.csv", b"1,2")

    wait_until(lambda: "2026 11-über.csv" in paths(machine))

    runs = ledger_of(machine).recent_runs("polled", 50)
    (run,) = [one for one in runs if one.blob and one.blob.path == "2026 11-über.csv"]
    assert run.attempts == 1
    assert run.run_id in [served["Id"] for served in machine.accepted_runs()]


def test_a_workspace_event_reaches_the_app_and_the_end_of_the_run_is_recorded(machine: Machine) -> None:
    machine.upload("polled", "to-the-end.csv", b"1")
    wait_until(lambda: "to-the-end.csv" in paths(machine))
    ledger = ledger_of(machine)
    run = next(one for one in ledger.recent_runs("polled", 20) if one.blob and one.blob.path == "to-the-end.csv")
    tags = {"trigger_run_key": run.key, "trigger_ledger": ledger.ledger_id()}
    event = {
        "id": "1",
        "topic": "/subscriptions/s",
        "subject": f"experiments/e/runs/{run.run_id}",
        "eventType": "Microsoft.MachineLearningServices.RunStatusChanged",
        "eventTime": "2026-11-21T12:00:00Z",
        "dataVersion": "1.0",
        "data": {"RunId": run.run_id, "RunStatus": "Running", "RunTags": tags, "RunProperties": {}},
    }
    url = f"{machine.url}/runtime/webhooks/eventgrid?functionName=run_status_changed"
    others = {**event, "data": {"runId": "x", "runTags": {}}}

    told = [machine.post(url, [one], {"aeg-event-type": "Notification"})[0] for one in (event, others)]

    assert told == [202, 202]
    wait_until(lambda: (ended := ledger.get(run.key)) is not None and ended.state is RunState.FINISHED)


def test_a_timer_starts_the_pipeline_for_its_minute(machine: Machine) -> None:
    def started() -> bool:
        machine.wake("every-minute")
        return any(run.run_id is not None for run in ledger_of(machine).recent_runs("every-minute", 5))

    wait_until(started, 75)

    run = next(run for run in ledger_of(machine).recent_runs("every-minute", 5) if run.run_id is not None)
    assert run.nominal_time is not None
    bodies = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == run.key]
    assert [body["ParameterAssignments"] for body in bodies] == [{"since": f"{run.nominal_time:%Y-%m-%d}"}]


def test_a_refused_submission_is_retried_until_it_is_accepted(machine: Machine) -> None:
    machine.post(
        f"{machine.azureml_url}/_stand-in/faults", {"kind": "status", "status": 429, "retry_after": "1", "times": 2}
    )

    machine.upload("polled", "again.csv", b"1")
    wait_until(lambda: len([path for path in paths(machine) if path == "again.csv"]) >= 1)

    def submitted() -> bool:
        runs = ledger_of(machine).recent_runs("polled", 20)
        return all(run.state in (RunState.SUBMITTED, RunState.FINISHED) for run in runs)

    wait_until(submitted)


def test_health_is_ok_once_the_container_exists(machine: Machine) -> None:
    machine.wait_until_registered("polled")
    machine.make_container("polled")
    # If a pass did not find the container, health shows this until the next pass.
    wait_until(lambda: machine.get(f"{machine.url}/api/health")["status"] == "ok")

    body = machine.get(f"{machine.url}/api/health")

    assert (body["status"], body["faults"], body["ledger"]) == ("ok", [], "ok")
    assert body["last_reconcile"] is not None


def test_the_validation_request_of_event_grid_is_answered(pushed: Machine) -> None:
    url = f"{pushed.url}/runtime/webhooks/blobs?functionName=Host.Functions.pushed"
    greeting = [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "abc"}}]

    status, body = pushed.post(url, greeting, {"aeg-event-type": "SubscriptionValidation"})

    assert (status, json.loads(body)) == (200, {"validationResponse": "abc"})


def test_several_events_for_one_upload_start_one_run(pushed: Machine) -> None:
    pushed.upload("pushed", "a.csv", b"1")

    statuses = [deliver(pushed, "pushed", event("pushed", "a.csv"), event("pushed", "a.csv")) for _ in range(5)]
    pushed.upload("pushed", "b.csv", b"1")
    deliver(pushed, "pushed", event("pushed", "b.csv"))

    assert statuses == [202] * 5
    wait_until(lambda: "b.csv" in paths(pushed))
    assert sorted(path for path in paths(pushed) if path in {"a.csv", "b.csv"}) == ["a.csv", "b.csv"]


def test_a_container_with_source_event_grid_is_not_polled(pushed: Machine) -> None:
    pushed.upload("pushed", "silent.csv", b"1")
    pushed.upload("pushed", "loud.csv", b"1")
    deliver(pushed, "pushed", event("pushed", "loud.csv"))

    wait_until(lambda: "loud.csv" in paths(pushed))
    assert "silent.csv" not in paths(pushed)


def test_events_for_missing_blobs_and_unknown_functions_are_dropped(pushed: Machine) -> None:
    pushed.upload("pushed", "unheard.csv", b"1")
    statuses = [
        deliver(pushed, "pushed", event("pushed", "never-there.csv")),
        deliver(pushed, "no-such-function", event("pushed", "unheard.csv")),
    ]
    pushed.upload("pushed", "last.csv", b"1")
    deliver(pushed, "pushed", event("pushed", "last.csv"))
    wait_until(lambda: "last.csv" in paths(pushed))

    assert statuses == [202, 202]
    assert [path for path in paths(pushed) if path in {"never-there.csv", "unheard.csv", "last.csv"}] == ["last.csv"]


def test_killing_the_host_while_blobs_arrive_loses_no_run_and_starts_none_twice(pushed: Machine) -> None:
    names = [f"killed-{number}.csv" for number in range(30)]
    for name in names:
        pushed.upload("pushed", name, b"1")
        deliver(pushed, "pushed", event("pushed", name))
        if name.endswith(("-9.csv", "-19.csv")):
            pushed.kill_host()
            pushed.start_host()

    def all_have_a_row() -> bool:
        runs = ledger_of(pushed).recent_runs("pushed", 200)
        return {run.blob.path for run in runs if run.blob} >= set(names)

    wait_until(all_have_a_row, 90)
    arrived = [path for path in paths(pushed) if path.startswith("killed-")]
    assert len(arrived) == len(set(arrived))
    runs = [run for run in ledger_of(pushed).recent_runs("pushed", 200) if run.blob and run.blob.path in names]
    lost = {run.blob.path for run in runs if run.blob and run.run_id is None} - set(arrived)
    assert {run.state for run in runs if run.blob and run.blob.path in lost} <= {RunState.SUBMITTING, RunState.UNKNOWN}


def test_unknown_routes_are_404_and_wrong_methods_405(pushed: Machine) -> None:
    assert pushed.post(f"{pushed.url}/api/health", {})[0] == 405
    assert pushed.post(f"{pushed.url}/api/nothing", {})[0] == 404
    assert pushed.post(f"{pushed.url}/admin/functions/nobody", {})[0] == 404


@pytest.mark.parametrize(
    ("expression", "moment", "fires"),
    [
        ("0 * * * * *", "2026-11-01T04:05:00", True),
        ("0 * * * * *", "2026-11-01T04:05:01", False),
        ("*/5 * * * * *", "2026-11-01T04:05:10", True),
        ("0 30 4 * * 0", "2026-11-01T04:30:00", True),
        ("0 30 4 * * 1-6", "2026-11-01T04:30:00", False),
        ("30 4 1,15 * *", "2026-11-15T04:30:00", True),
        ("0 0 22-2 * * *", "2026-11-01T12:00:00", True),
    ],
)
def test_the_stand_ins_timers_follow_ncrontab(expression: str, moment: str, *, fires: bool) -> None:
    assert Ncrontab(expression).fires_at(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is fires


def test_the_demo_needs_free_ports(tmp_path: Path, machine: Machine) -> None:
    with (
        pytest.raises(NotStarted, match=f"port {machine.host_port} is in use"),
        Machine(tmp_path, [machine.host_port, *free_ports(4)]),
    ):
        pass


@pytest.mark.azurite
def test_if_azurite_ends_the_demo_names_it_and_the_file_of_its_output(tmp_path: Path) -> None:
    machine = Machine(tmp_path, free_ports(5))
    with machine.azurite as azurite:
        ledger = ledger_of(machine)
        assert (list(ledger.registrations()), machine.ended()) == ([], None)
        assert azurite.process is not None
        azurite.process.kill()
        azurite.process.wait()

        with pytest.raises(NotStarted) as stopped, explained(machine):
            list(ledger.registrations())

    assert str(stopped.value) == machine.ended()
    assert str(stopped.value) == (
        "Azurite, the storage emulator, has ended by itself; "
        f"start again, or look into {tmp_path / 'azurite' / 'azurite.log'} for the reason"
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        "cut",
        "[]",
        '{"kind": "explode"}',
        '{"kind": "cut", "now": true}',
        '{"kind": "status", "status": "abc"}',
        '{"kind": "cut", "times": 0}',
    ],
)
def test_an_invalid_fault_is_refused_by_the_stand_in(machine: Machine, body: str) -> None:
    done = subprocess.run(
        ["curl", "-s", "-w", "%{http_code}", f"{machine.azureml_url}/_stand-in/faults", "-d", body],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.endswith("400")
    assert "positional" not in done.stdout
    assert "explode" not in body or "no fault 'explode'; there are: status, lose_reply, cut" in done.stdout


def test_each_schedules_file_has_its_own_ledger() -> None:
    files = ("local/schedules.yaml", "local/many-schedules.yaml", "schedules.yaml", "other/schedules.yaml")

    assert len({folder_of(file) for file in files}) == len(files)
    assert folder_of("schedules.yaml") == folder_of("./schedules.yaml")


def test_the_demo_clears_the_ledger_unless_the_app_is_running(tmp_path: Path, machine: Machine) -> None:
    running = Machine(tmp_path, [machine.host_port, *free_ports(4)])
    free = Machine(tmp_path, free_ports(5))
    (tmp_path / "azurite").mkdir()

    with pytest.raises(NotStarted, match="is in use"):
        running.forget()
    assert (tmp_path / "azurite").exists()
    free.forget()
    assert not (tmp_path / "azurite").exists()


def test_the_environment_file_makes_every_command_work_from_anywhere(machine: Machine, tmp_path: Path) -> None:
    env = tmp_path / "env"
    machine.make_container("azureml-blobstore")
    write_env(machine, env)

    def command(arguments: str) -> subprocess.CompletedProcess[str]:
        script = f"source {env} && export SCHEDULES_FILE={CHECKOUT}/local/schedules.yaml && triggers {arguments}"
        return subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
            check=False,
        )

    assert command("schedules").stdout.startswith("schedule")
    looked = command("doctor")
    assert (looked.returncode, looked.stderr) == (0, ""), looked.stdout
    assert ", 0 fault, " in looked.stdout


def test_pending_faults_can_be_listed_and_removed(machine: Machine) -> None:
    faults = f"{machine.azureml_url}/_stand-in/faults"
    machine.post(faults, {"kind": "redirect", "times": 2})

    waiting = machine.get(faults)
    subprocess.run(["curl", "-s", "-X", "DELETE", faults], capture_output=True, check=True)

    assert [(one["kind"], one["status"], one["times"]) for one in waiting] == [("redirect", 307, 2)]
    assert machine.get(faults) == []


def test_the_environment_file_exists_only_while_the_machine_is_up(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "env"
    with sourced(machine, file):
        assert file.exists()
    assert not file.exists()
