import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

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

MARKERS = {
    "azurite": "azurite",
    "browser": "browser",
    **dict.fromkeys(("machine", "pushed", "client_machine", "azure"), "machine"),
}
"""Fixture → marker of the tests that use it; see the markers in pyproject.toml."""
STARTED = ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures. Tests that share a machine go to one worker, and first, as they take longest."""
    for item in items:
        assert isinstance(item, pytest.Function)
        for fixture in MARKERS.keys() & set(item.fixturenames):
            item.add_marker(MARKERS[fixture])
        if shared := {"machine", "pushed", "client_machine", "browser"} & set(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group("client_machine" if "client_machine" in shared else item.path.stem))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


class Processes:
    """Fails a test that starts a process without the marker for it, because `make unit` must not run such tests."""

    item: pytest.Item | None = None

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Audit hook: raises if the running test may not start a process."""
        if event not in STARTED or self.item is None or arguments[0] == "uname":  # the platform's name, for a client
            return
        if not set(MARKERS.values()) & {marker.name for marker in self.item.iter_markers()}:
            raise AssertionError(f"{self.item.nodeid} starts a process: mark it with pytest.mark.machine")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.item = item
        try:
            return (yield)
        finally:
            self.item = None


settings.register_profile("test", deadline=None)
settings.register_profile("proof", deadline=None, max_examples=1000)
settings.load_profile("test")


def pytest_configure(config: pytest.Config) -> None:
    processes = Processes()
    sys.addaudithook(processes.hear)
    config.pluginmanager.register(processes)


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
def client_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine that client programs call. It requires a key, and runs of the schedule `wrong` are rejected."""
    folder = tmp_path_factory.mktemp("client_machine")
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
