"""From a reported blob to its run: properties from real storage, and what is skipped and why."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient, ContainerClient
from builders import Engine, schedule, utc, watching

from local.azurite import Azurite, free_ports
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.ledger import Ledger
from triggers.scheduling.change import BlobChange
from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run
from triggers.storage.blobs import BlobUnavailable, StorageBlobs

NOW = datetime.now(UTC)


@pytest.fixture
def service(azurite: Azurite) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(azurite.connection_string)


@pytest.fixture
def container(service: BlobServiceClient) -> ContainerClient:
    return service.create_container(f"c{uuid4().hex[:12]}")


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


class Reporter:
    """Reports blobs of one container to one schedule."""

    def __init__(self, engine: Engine, service: BlobServiceClient, container: ContainerClient) -> None:
        self.engine, self.container = engine, container.container_name
        self.blobs = StorageBlobs(lambda connection: service)

    def watch(self, keys: str = "", more: str = "") -> ChangeSchedule:
        named = "datastore: blobs, data_path_parameter_name: input"
        return watching(f"{more}\nchange: {{{named}, container: {self.container}{keys}}}".strip())

    def report(self, of: ChangeSchedule, path: str, *, polled: bool = False, first_seen: datetime = NOW) -> Run | None:
        changes = self.engine.changes
        lives = replace(changes.lives, started_at=first_seen, host=self.blobs.host)
        changes = replace(changes, blobs=self.blobs, lives=lives)
        recorded = changes.report(of, self.container, path, polled=polled)
        runs = [run for run in self.engine.ledger.recent_runs(of.name, 100) if run.blob and run.blob.path == path]
        return runs[0] if recorded else None


@pytest.fixture
def reporter(engine: Engine, service: BlobServiceClient, container: ContainerClient) -> Reporter:
    return Reporter(engine, service, container)


def test_an_uploaded_blob_starts_a_run_with_its_path(
    reporter: Reporter, container: ContainerClient, engine: Engine, azurite: Azurite
) -> None:
    container.upload_blob("a b%20c/ü+#.csv", b"1,2")

    run = reporter.report(reporter.watch(", recursive: true"), "a b%20c/ü+#.csv")

    assert run is not None
    properties = container.get_blob_client("a b%20c/ü+#.csv").get_blob_properties()
    assert run.blob == BlobChange(
        host=f"127.0.0.1:{azurite.ports[0]}",
        container=container.container_name,
        path="a b%20c/ü+#.csv",
        etag=properties.etag.strip('"'),
        size=3,
        last_modified=properties.last_modified,
    )
    (submission,) = engine.endpoint.submissions
    assert submission.request.datapaths["input"].path == "a b%%20c/ü+#.csv"


def test_a_listing_and_the_blob_properties_give_the_same_version(
    reporter: Reporter, container: ContainerClient
) -> None:
    container.upload_blob("a.csv", b"1")

    name = container.container_name
    asked = reporter.blobs.of("AzureWebJobsStorage", name, "a.csv")

    page = reporter.blobs.page("AzureWebJobsStorage", name, "", recursive=True, continuation=None)
    assert page.blobs == [asked]


def test_an_overwritten_blob_is_a_new_version_and_a_repeated_report_is_not(
    reporter: Reporter, container: ContainerClient, engine: Engine
) -> None:
    of = reporter.watch()
    container.upload_blob("a.csv", b"1")
    reporter.report(of, "a.csv")
    reporter.report(of, "a.csv")
    container.upload_blob("a.csv", b"2", overwrite=True)
    reporter.report(of, "a.csv")
    reporter.report(of, "a.csv")

    assert len(engine.endpoint.submissions) == 2


@pytest.mark.parametrize(
    ("keys", "more", "reason"),
    [
        (", include: ['*.parquet']", "", "filtered"),
        (", min_size: 100", "", "filtered"),
        (", path_on_datastore: elsewhere", "", "filtered"),
        (", start_time: 2999-01-01", "", "before_start"),
        ("", "status: Disabled", "disabled"),
    ],
)
def test_a_change_that_starts_nothing_has_a_row_with_its_reason(
    reporter: Reporter, container: ContainerClient, engine: Engine, keys: str, more: str, reason: str
) -> None:
    container.upload_blob("a.csv", b"1")

    run = reporter.report(reporter.watch(keys, more), "a.csv")

    assert run is not None
    assert (run.state.value, run.reason) == ("skipped", reason)
    assert engine.endpoint.submissions == []


def test_a_blob_that_is_gone_gets_a_row(reporter: Reporter, engine: Engine) -> None:
    run = reporter.report(reporter.watch(), "a.csv")

    assert run is not None
    assert run.blob is not None
    assert (run.state.value, run.reason, run.blob.path) == ("skipped", "gone", "a.csv")


def test_polled_blobs_from_before_the_schedule_was_first_seen_start_nothing(
    reporter: Reporter, container: ContainerClient, engine: Engine
) -> None:
    of = reporter.watch()
    container.upload_blob("old.csv", b"1")
    container.upload_blob("pushed.csv", b"1")
    later = datetime.now(UTC) + timedelta(minutes=1)
    engine.clock.pass_time(later - engine.clock.now())

    polled = reporter.report(of, "old.csv", polled=True, first_seen=later)
    pushed = reporter.report(of, "pushed.csv", polled=False, first_seen=later)

    assert polled is not None
    assert pushed is not None
    assert (polled.reason, pushed.state.value) == ("before_first_seen", "submitted")


def test_a_blob_from_the_second_in_which_the_schedule_was_first_seen_starts_a_run(
    reporter: Reporter, container: ContainerClient
) -> None:
    """Storage reports times in whole seconds: an upload at .9 s is shown as .0 s."""
    of = reporter.watch()
    container.upload_blob("a.csv", b"1")
    modified = container.get_blob_client("a.csv").get_blob_properties().last_modified

    run = reporter.report(of, "a.csv", polled=True, first_seen=modified + timedelta(microseconds=900_000))

    assert run is not None
    assert run.state.value == "submitted"


def test_unreachable_storage_raises_an_error_so_that_the_host_retries() -> None:
    nobody = Azurite(None, free_ports(3))  # type: ignore[arg-type]  # never started
    blobs = StorageBlobs(
        lambda connection: BlobServiceClient.from_connection_string(nobody.connection_string, retry_total=0)
    )

    with pytest.raises(BlobUnavailable, match="cannot be read"):
        blobs.of("AzureWebJobsStorage", "ccc", "a.csv")


def test_the_content_of_a_blob_is_never_read(reporter: Reporter, container: ContainerClient) -> None:
    """The blob has 10 GiB, which Azurite stores as a sparse page blob."""
    large = container.get_blob_client("large.bin")
    large.create_page_blob(10 * 2**30)
    reporter.report(reporter.watch(), "warm-up.bin")
    tracemalloc.start()

    run = reporter.report(reporter.watch(), "large.bin")

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert run is not None
    assert run.blob is not None
    assert (run.state.value, run.blob.size) == ("submitted", 10 * 2**30)
    assert peak < 10_000_000
    assert utc("2026-01-01") < run.created_at


@pytest.mark.parametrize("more", ["", "\nbatch: {quiet: 1m}"])
def test_of_twenty_concurrent_deliveries_of_one_version_one_is_recorded(
    azurite: Azurite, service: BlobServiceClient, container: ContainerClient, more: str
) -> None:
    name = f"s{uuid4().hex[:8]}"
    container.upload_blob("a.csv", b"1")
    keys = f"datastore: d, container: {container.container_name}, data_path: folder"
    of = schedule(f"change: {{{keys}}}{more}", name=name)
    start = Barrier(20)

    def deliver(_: int) -> bool:
        engine = Engine(NOW)
        engine.ledger = Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string)))
        engine.firing = engine.wired().firing
        engine.blobs = StorageBlobs(lambda connection: service)  # type: ignore[assignment]  # the real one
        changes = engine.changes
        start.wait()
        return changes.report(of, container.container_name, "a.csv", polled=False)

    with ThreadPoolExecutor(20) as threads:
        recorded = list(threads.map(deliver, range(20)))

    assert sorted(recorded) == [False] * 19 + [True]
    ledger = Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string)))
    waiting = list(ChangeLedger(ledger).all_pending(name))
    assert len(ledger.recent_runs(name, 99)) + len(waiting) == 1
