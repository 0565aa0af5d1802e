from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azureml import AzureMl
from local.azurite import Azurite, free_ports
from local.machine import Machine

CALLED = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
  typo: {endpoint: "%TYPO_ENDPOINT%"}
schedules:
  nightly: {pipeline: score, cron: {expression: "30 4 * * *"}, pipeline_parameters: {since: "2026-11-01"}}
  on-demand: {pipeline: score, cron: {expression: "0 0 1 1 *"}, status: Disabled}
  wrong: {pipeline: typo, cron: {expression: "30 4 * * *"}}
"""


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Real blobs, queues and tables, in a folder of this test run."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    with Azurite(folder, free_ports(3)) as running:
        yield running


@pytest.fixture
def azureml() -> Iterator[AzureMl]:
    """The Azure ML stand-in, over real HTTP."""
    with AzureMl() as running:
        yield running


@pytest.fixture(scope="session")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine that programs of clients call: it wants a key, and the runs of the schedule `wrong` are rejected."""
    folder = tmp_path_factory.mktemp("called")
    (folder / "schedules.yaml").write_text(CALLED)
    ports = free_ports(5)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "* * * * * *",
        "BLOB_TRIGGER_SOURCE": "EventGrid",
        "CALLBACK_HOSTS": "devops.invalid",
        "TYPO_ENDPOINT": f"http://127.0.0.1:{ports[1]}/no/such/path",
    }
    with Machine(folder, ports, settings, key="the-key") as running:
        running.wait_until_registered("nightly")
        yield running
