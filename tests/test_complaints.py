"""What users of Azure Functions complain about (docs/complaints.md), where no other test shows what happens here."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from builders import Engine, HandClock, MemoryBlobs, found, utc, watching
from test_one_machine import wait_until

from local.azurite import Azurite, free_ports
from local.machine import Machine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import LedgerUnavailable
from triggers.storage import connections
from triggers.storage.blobs import Page

ROOT = Path(__file__).parent.parent
START = utc("2026-11-01T04:00")
WATCHED = "change: {datastore: blobs, container: data, data_path_parameter_name: input}"
FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
schedules:
  nightly:
    pipeline: score
    cron: {expression: "30 4 * * *"}
  polled:
    pipeline: score
    change: {datastore: blobs, connection: DataStorage, container: polled, data_path_parameter_name: input}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("complaints")
    (folder / "schedules.yaml").write_text(FILE)
    settings = {"SCHEDULES_FILE": str(folder / "schedules.yaml"), "RECONCILE_SCHEDULE": "*/2 * * * * *"}
    with Machine(folder, free_ports(5), settings) as running:
        running.wait_until_registered("polled")
        yield running


def started_files(machine: Machine) -> Counter[str]:
    """How many runs Azure ML has started for each file."""
    assigned = [one["body"]["DataPathAssignments"] for one in machine.submissions()]
    return Counter(one["input"]["RelativePath"] for one in assigned if one)


def receipts(machine: Machine) -> set[str]:
    """What the host has written about the versions that it has found."""
    service = BlobServiceClient.from_connection_string(machine.azurite.connection_string)
    return set(service.get_container_client("azure-webjobs-hosts").list_blob_names(name_starts_with="blobreceipts/"))


def test_a_host_that_has_forgotten_every_file_starts_none_again(machine: Machine) -> None:
    """As after a change of the host id, under which the host keeps its receipts."""
    for name in ("a.csv", "b.csv"):
        machine.upload("polled", name, b"1")
    wait_until(lambda: started_files(machine) == {"a.csv": 1, "b.csv": 1})
    before = receipts(machine)
    machine.kill_host()
    service = BlobServiceClient.from_connection_string(machine.azurite.connection_string)
    for name in before:
        service.get_blob_client("azure-webjobs-hosts", name).delete_blob()

    machine.start_host()
    wait_until(lambda: receipts(machine) == before)  # it has queued both files again
    machine.upload("polled", "c.csv", b"1")
    wait_until(lambda: "c.csv" in started_files(machine))

    assert started_files(machine) == {"a.csv": 1, "b.csv": 1, "c.csv": 1}


class Growing(MemoryBlobs):
    """A container into which files come while it is listed, which takes half a minute a page."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(page_size=3)
        self._clock = clock
        self.comes: dict[int, str] = {}
        """Before which page which file is written."""
        self.pages = 0

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        self.pages += 1
        self._clock.pass_time(timedelta(seconds=30))
        if path := self.comes.pop(self.pages, None):
            self.put(found(path, etag="0x2", last_modified=self._clock.now()))
        return super().page(connection, container, folder, recursive=recursive, continuation=continuation)


def test_what_is_written_while_a_long_listing_goes_on_is_found() -> None:
    engine, of = Engine(START), watching(WATCHED)
    engine.ledger.register("s", START)
    blobs = engine.blobs = Growing(engine.clock)
    for number in range(9):
        blobs.put(found(f"{number}.csv", last_modified=START + timedelta(seconds=1)))
    blobs.comes = {2: "0-behind.csv", 3: "8-before.csv", 4: "4.csv"}  # the last one overwrites what has started

    for _ in range(7):
        engine.clock.pass_time(timedelta(minutes=2))
        engine.reconcile(of)

    assert blobs.comes == {}
    paths = Counter(one.request.datapaths["input"].path for one in engine.endpoint.submissions)
    names = [*(f"{number}.csv" for number in range(9)), "0-behind.csv", "8-before.csv", "4.csv"]
    assert paths == Counter(names)


def test_a_file_whose_five_attempts_are_used_up_is_found_by_the_sweep(azurite: Azurite) -> None:
    name = f"s{uuid4().hex[:8]}"
    engine, of = Engine(START), watching(WATCHED, name=name)
    nobody = Azurite(None, free_ports(3))  # type: ignore[arg-type]  # never started
    there, away = (
        Ledger(AzureTable(lambda one=one: TableServiceClient.from_connection_string(one, retry_total=0)))  # type: ignore[misc]
        for one in (azurite.connection_string, nobody.connection_string)
    )
    now = there.now()
    engine.clock.pass_time(now - engine.clock.now())
    there.register(name, now - timedelta(hours=1))
    engine.blobs.put(found("a.csv", last_modified=now.replace(microsecond=0) - timedelta(minutes=5)))

    engine.ledger = away
    engine.firing = engine.wired().firing
    for _ in range(5):
        with pytest.raises(LedgerUnavailable):
            engine.report(of, "a.csv")
    engine.ledger = there
    engine.firing = engine.wired().firing
    engine.reconcile(of)

    assert [one.run_key.partition("~")[0] for one in engine.endpoint.submissions] == [name]
    assert engine.sweeps.missed_by_events()[name] == 1


def deployed(connection: str) -> dict[str, str]:
    """The app settings of a storage account as infra/app/function-app.bicep gives them."""
    template = (ROOT / "infra/app/function-app.bicep").read_text()
    prefix = "AzureWebJobsStorage" if connection == "AzureWebJobsStorage" else r"'\$\{account\.connection\}"
    lines = re.findall(rf"^\s+{prefix}(__\w+)'?: (.+)$", template, re.MULTILINE)
    values = {name: value.strip("'") for name, value in lines}
    for placeholder, value in (
        ("${suffix}", "core.windows.net"),
        ("${storageName}", "account"),
        ("${account.accountName}", "account"),
        ("identityClientId", "11111111-2222-3333-4444-555555555555"),
    ):
        values = {name: one.replace(placeholder, value) for name, one in values.items()}
    return {f"{connection}{name}": value for name, value in values.items()}


@pytest.mark.parametrize(("connection", "table"), [("AzureWebJobsStorage", ("table",)), ("DataStorage", ())])
def test_the_deployment_gives_every_address_and_the_identity(connection: str, table: tuple[str, ...]) -> None:
    settings = deployed(connection)

    services = ("blob", "queue", *table)
    assert connections.problem(connection, settings, services) is None
    assert connections.bare_address(connection, settings, services) is None
    assert {name.partition("__")[2] for name in settings} == {
        *(f"{service}ServiceUri" for service in services),
        "credential",
        "clientId",
    }


def printed(code: str, environment: Mapping[str, str], schedules: Path | None = None) -> Any:
    """What a process of its own prints as JSON."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    if schedules is not None:
        kept["SCHEDULES_FILE"] = str(schedules)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


BOUND = """
import json
from local.function_table import blob_client
client = blob_client("DataStorage", "in-box", "raw/a.csv")
print(json.dumps([client.url, client.container_name, client.blob_name, type(client.credential).__name__]))
"""


@pytest.mark.machine
def test_the_binding_of_a_deployed_app_uses_the_identity() -> None:
    """The real binding, with the settings of the template."""
    assert printed(BOUND, deployed("DataStorage")) == [
        "https://account.blob.core.windows.net/in-box/raw/a.csv",
        "in-box",
        "raw/a.csv",
        "ManagedIdentityCredential",
    ]


@pytest.mark.machine
def test_the_binding_of_a_laptop_uses_its_connection_string() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]

    url, *names, credential = printed(BOUND, sample)

    assert (url.startswith("http://127.0.0.1:10000/"), names) == (True, ["in-box", "raw/a.csv"])
    assert credential == "SharedKeyCredentialPolicy"


INDEXED = """
import inspect, json
from function_app import app
print(json.dumps([
    [one.get_function_name(), inspect.iscoroutinefunction(one.get_user_function()),
     one.get_settings_dict("retry_policy") is not None]
    for one in app.get_functions()
]))
"""


@pytest.mark.machine
def test_every_function_is_synchronous_and_has_no_retry_of_the_host(tmp_path: Path) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text(FILE)

    functions = printed(INDEXED, {}, file)

    assert {"nightly", "polled", "reconcile", "storage_renamed", "api_runs"} <= {one[0] for one in functions}
    assert [name for name, is_async, has_retry in functions if is_async or has_retry] == []


@pytest.mark.machine
@pytest.mark.parametrize("wrong", ["overlap: fixedDelay", "retry: {max_age: soon}", "retries: 3"])
def test_a_mistyped_word_costs_its_own_schedule_alone(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "schedules.yaml"
    file.write_text(FILE.replace("  nightly:\n", f"  nightly:\n    {wrong}\n"))

    names = [one[0] for one in printed(INDEXED, {}, file)]

    assert ("nightly" in names, "polled" in names, "api_health" in names) == (False, True, True)


def test_events_that_tell_of_no_whole_file_are_not_subscribed_to() -> None:
    template = (ROOT / "infra/app/event-subscriptions.bicep").read_text()

    (operations,) = re.findall(r"key: 'data\.api'\s+values: \[(.*?)\]", template)

    assert set(re.findall(r"'(\w+)'", operations)) == {
        "PutBlob",
        "PutBlockList",
        "CopyBlob",
        "FlushWithClose",
        "SftpCommit",
    }


def test_the_deployed_app_has_a_short_name_and_a_storage_account_of_its_own() -> None:
    """32 characters of a name are its host id, and two apps of one host id on one account take each other's locks."""
    template = (ROOT / "infra/main.bicep").read_text()
    unique = "uniqueString(subscription().id, environmentName, location)"

    assert f"var token = toLower({unique})" in template  # 13 characters
    assert "var functionAppName = 'func-${token}'" in template
    assert "module hostStorage 'app/host-storage.bicep'" in template
    assert "name: 'st${token}'" in template
