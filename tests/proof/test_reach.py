"""Sets and renamed directories at their full size, with the real worker and the storage emulator."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local.azurite import free_ports
from local.machine import Machine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import StoredRow
from triggers.scheduling.run import Run

pytestmark = pytest.mark.machine

FILE = """
pipelines: {score: {endpoint: "%PIPELINE_ENDPOINT%"}}
schedules:
  tick: {pipeline: score, cron: {expression: "* * * * *"}}
  sets:
    pipeline: score
    change: {datastore: blobs, container: sets, recursive: true, data_path: folder, data_path_parameter_name: input,
      polling_interval: 1}
    batch: {group_by: folder, expect: [0.csv, 1.csv, 2.csv, 3.csv, 4.csv, 5.csv, 6.csv, 7.csv, 8.csv, 9.csv]}
  moved:
    pipeline: score
    change: {datastore: blobs, container: inbox, path_on_datastore: moved, recursive: true, data_path: manifest,
      data_path_parameter_name: input, polling_interval: 0}
    batch: {quiet: 5s, max_wait: 10m, max_items: 1000}
"""
SEED = 20261130
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/devstoreaccount1"


@contextmanager
def machine_in(folder: Path) -> Iterator[Machine]:
    """The app with these schedules, and a reconciler that runs every second."""
    (folder / "schedules.yaml").write_text(FILE)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "BLOB_TRIGGER_SOURCE": "EventGrid",
        "RECONCILE_SCHEDULE": "* * * * * *",
        "SUBMIT_DEADLINE_SECONDS": "10",
        "UNKNOWN_SETTLE_SECONDS": "2",
        "RETRY_FIRST_DELAY_SECONDS": "1",
    }
    machine = Machine(folder, free_ports(5), settings)
    machine.containers += ["sets", "inbox"]
    with machine:
        machine.wait_until_registered("moved")
        yield machine


def ledger_of(machine: Machine) -> Ledger:
    service = TableServiceClient.from_connection_string(machine.azurite.connection_string)
    return Ledger(AzureTable(lambda: service))


def batches(machine: Machine, schedule: str) -> list[Run]:
    return [run for run in ledger_of(machine).recent_runs(schedule, 2000) if run.batch is not None]


def wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(1)


def upload(machine: Machine, container_name: str, paths: list[str]) -> None:
    service = BlobServiceClient.from_connection_string(machine.azurite.connection_string)
    container = service.get_container_client(container_name)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda path: container.upload_blob(path, b"1", overwrite=True), paths))


def event_of(container: str, path: str, kind: str = "BlobCreated", **data: str) -> dict[str, object]:
    """An event as Event Grid sends it."""
    return {
        "id": str(uuid4()),
        "topic": TOPIC,
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "eventType": f"Microsoft.Storage.{kind}",
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "data": {"api": "PutBlob", "eTag": "0x1", **data},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def deliver(machine: Machine, webhook: str, event: dict[str, object]) -> None:
    """Repeat an event until it is accepted, as Event Grid does."""
    url = f"{machine.url}/runtime/webhooks/{webhook}"
    for _ in range(100):
        with suppress(URLError, OSError):
            if machine.post(url, [event], {"aeg-event-type": "Notification"})[0] == 202:
                return
        time.sleep(0.5)
    raise AssertionError("the host does not take the event")


@pytest.mark.parametrize(
    ("groups", "lost"), [(5, 0.0), pytest.param(50, 0.1, marks=pytest.mark.proof)], ids=["5 groups", "50 groups"]
)
def test_each_complete_group_starts_exactly_one_run(tmp_path: Path, groups: int, lost: float) -> None:
    """Even with lost, late and repeated events, and with the host killed in between."""
    rng = random.Random(SEED)
    paths = [f"g{group:02}/{number}.csv" for group in range(groups) for number in range(10)]
    rng.shuffle(paths)
    events = [path for path in paths if rng.random() >= lost for _ in range(rng.choice((1, 1, 2)))]
    rng.shuffle(events)
    with machine_in(tmp_path) as machine:
        upload(machine, "sets", paths)
        with ThreadPoolExecutor(4) as threads:
            told = [
                threads.submit(deliver, machine, "blobs?functionName=Host.Functions.sets", event_of("sets", path))
                for path in events
            ]
            time.sleep(rng.uniform(1, 3))
            machine.kill_host()
            machine.start_host()
            for one in told:
                one.result()
        wait_until(lambda: len(batches(machine, "sets")) >= groups, 400)
        time.sleep(5)
        runs = batches(machine, "sets")
        rows = ChangeLedger(ledger_of(machine))
        members = {run.key: [member.change.path for member in rows.members("sets", run.key)] for run in runs}
        accepted = Counter(run["DataPathAssignments"]["input"]["RelativePath"] for run in machine.accepted_runs()
                           if run["DataPathAssignments"])  # fmt: skip

    assert len(runs) == groups
    assert [run.batch and (run.batch.count, run.batch.missing) for run in runs] == [(10, ())] * groups
    assert sorted(path for one in members.values() for path in one) == sorted(paths)
    assert accepted == {f"g{group:02}": 1 for group in range(groups)}


@pytest.mark.parametrize("files", [300, pytest.param(10_000, marks=pytest.mark.proof)])
def test_every_file_of_a_renamed_directory_is_in_one_batch_while_timers_stay_punctual(
    tmp_path: Path, files: int
) -> None:
    site = "http://127.0.0.1:10000/devstoreaccount1/inbox/"
    renamed = event_of(
        "inbox", "moved/d", "DirectoryRenamed", destinationUrl=f"{site}moved/d", sourceUrl=f"{site}aside/d"
    )

    def gathered(machine: Machine) -> int:
        return sum(run.batch.count for run in batches(machine, "moved") if run.batch)

    with machine_in(tmp_path) as machine:
        upload(machine, "inbox", [f"moved/d/{number:05}.csv" for number in range(files)])
        begun = datetime.now(UTC)
        deliver(machine, "eventgrid?functionName=storage_renamed", renamed)
        deliver(machine, "eventgrid?functionName=storage_renamed", renamed)
        wait_until(lambda: gathered(machine) >= files, 900)
        ended, ledger = datetime.now(UTC), ledger_of(machine)
        rows = list(ledger.table.query("moved", "c:", "c;"))
        ticks = [run for run in ledger.recent_runs("tick", 100) if run.nominal_time and run.nominal_time > begun]

    assert gathered_once(rows) == files
    late = [run.created_at - run.nominal_time for run in ticks if run.nominal_time is not None]
    assert all(one < timedelta(minutes=1) for one in late), late
    assert len(ticks) >= (ended - begun) // timedelta(minutes=1) - 1


def gathered_once(rows: list[StoredRow]) -> int:
    """Number of changes that are in a batch."""
    return sum(bool(row.columns["run_key"]) for row in rows)
