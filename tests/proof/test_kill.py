"""Kills real processes: the app on the host stand-in gets `kill -9` at random times while blobs arrive."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local.azurite import free_ports
from local.machine import Machine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.scheduling.run import RunState

FILE = """
pipelines: {score: {endpoint: "%PIPELINE_ENDPOINT%"}}
schedules:
  uploads: {pipeline: score, change: {datastore: blobs, container: uploads, data_path_parameter_name: input}}
"""
SEED = 20261121
_STARTED = {RunState.SUBMITTED, RunState.FINISHED}


@pytest.mark.machine
@pytest.mark.parametrize("blobs", [100, pytest.param(500, marks=pytest.mark.proof)])
def test_each_blob_starts_exactly_one_run_under_kill_9(tmp_path: Path, blobs: int) -> None:
    (tmp_path / "schedules.yaml").write_text(FILE)
    settings = {
        "SCHEDULES_FILE": str(tmp_path / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "* * * * * *",
        "SUBMIT_DEADLINE_SECONDS": "10",
        "UNKNOWN_SETTLE_SECONDS": "2",
        "RETRY_FIRST_DELAY_SECONDS": "1",
    }
    with Machine(tmp_path, free_ports(5), settings) as machine:
        machine.wait_until_registered("uploads")
        names = [f"{number:03}.csv" for number in range(blobs)]
        kills = upload_under_kills(machine, names)
        witnesses = settle(machine, names)
        received = Counter(one["body"]["DisplayName"] for one in machine.submissions())
        runs = machine.accepted_runs()

    paths = Counter(run["DataPathAssignments"]["input"]["RelativePath"] for run in runs)
    assert kills >= blobs // 100
    assert {path: number for path, number in paths.items() if number != 1} == {}
    assert paths.keys() == {*names, *witnesses}
    assert received.total() >= len(runs)


def upload_under_kills(machine: Machine, names: list[str]) -> int:
    """Upload from four threads while the host is killed at random; returns the number of kills."""
    rng, uploaded, kills = random.Random(SEED), Event(), 0
    service = BlobServiceClient.from_connection_string(machine.azurite.connection_string)
    try:
        container = service.create_container("uploads")
    except ResourceExistsError:
        container = service.get_container_client("uploads")

    def upload_one(name: str) -> None:
        container.upload_blob(name, b"1")
        time.sleep(0.1)

    def upload() -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(upload_one, names))
        uploaded.set()

    with ThreadPoolExecutor(1) as background:
        done = background.submit(upload)
        while not uploaded.is_set():
            time.sleep(rng.uniform(0.3, 2.0))
            machine.kill_host()
            kills += 1
            machine.start_host()
        done.result()
    return kills


def settle(machine: Machine, names: list[str]) -> list[str]:
    """Wait until every blob has a submitted run. Fresh blobs now and then serve as proof for the unknown runs."""
    service = TableServiceClient.from_connection_string(machine.azurite.connection_string)
    ledger = Ledger(AzureTable(lambda: service))
    witnesses: list[str] = []
    until = time.monotonic() + 240
    while time.monotonic() < until:
        runs = ledger.recent_runs("uploads", 2000)
        states = {run.blob.path: run.state for run in runs if run.blob}
        if all(states.get(name) in _STARTED for name in [*names, *witnesses]):
            return witnesses
        if RunState.UNKNOWN in states.values() and len(witnesses) < 40:
            witnesses.append(f"witness-{len(witnesses)}.csv")
            machine.upload("uploads", witnesses[-1], b"1")
        time.sleep(3)
    raise AssertionError(f"not settled: {Counter(state.value for state in states.values())}")
