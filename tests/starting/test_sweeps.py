"""A sweep finds changes without event, looks up no old blobs in the ledger, and continues an interrupted one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import sleep
from typing import Any
from uuid import uuid4

import pytest
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient
from builders import Engine, MemoryBlobs, found, schedule, utc, watching

from local.azurite import Azurite
from triggers.ledger.change_records import SweepState
from triggers.ledger.ports import LedgerUnavailable, Replace, StoredRow
from triggers.scheduling.change import CopyStatus, FoundBlob
from triggers.scheduling.config import ChangeSchedule, Schedule
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run
from triggers.steering.pausing import pause
from triggers.storage.blobs import BlobUnavailable, ListingExpired, Page, StorageBlobs

WATCHING = "change: {{datastore: blobs, container: data, data_path_parameter_name: input{}}}"
START = utc("2026-11-01T04:00:00")


@pytest.fixture
def engine() -> Engine:
    engine = Engine(START)
    engine.ledger.register("s", START)
    return engine


def watch(keys: str = "", more: str = "") -> ChangeSchedule:
    return watching(f"{more}\n{WATCHING.format(keys)}".strip())


def put(engine: Engine, path: str, modified: datetime | None = None, etag: str = "0x1", **other: Any) -> FoundBlob:
    blob = found(path, etag=etag, last_modified=modified or engine.clock.now().replace(microsecond=0), **other)
    engine.blobs.put(blob)
    return blob


def passes(engine: Engine, of: Schedule, minutes: int) -> None:
    for _ in range(minutes):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)


def started(engine: Engine) -> list[str]:
    return sorted(one.request.datapaths["input"].path for one in engine.endpoint.submissions)


def test_a_change_without_event_is_found_within_the_interval_and_counted(engine: Engine) -> None:
    of = watch()
    passes(engine, of, 1)
    put(engine, "lost.csv")
    put(engine, "told.csv")
    engine.report(of, "told.csv")

    passes(engine, of, 8)

    assert started(engine) == ["lost.csv", "told.csv"]
    assert engine.sweeps.missed_by_events() == {"s": 1}


@pytest.mark.parametrize("more", ["", "max_concurrent_runs: 9"])
def test_a_change_that_could_not_be_recorded_is_found_by_the_next_pass(engine: Engine, more: str) -> None:
    of = watch(more=more)
    passes(engine, of, 1)
    for name in ("a.csv", "b.csv", "c.csv"):
        put(engine, name)
    plain, lost = engine.ledger.insert, ["b.csv"]

    def away_once(run: Run, beside: Any = ()) -> Run | None:
        if run.blob and run.blob.path in lost:
            lost.remove(run.blob.path)
            raise LedgerUnavailable("the storage is away")
        return plain(run, beside)

    engine.ledger.insert = away_once  # type: ignore[method-assign]  # storage is unreachable for a moment
    failed = 0
    for _ in range(9):
        engine.clock.pass_time(timedelta(minutes=1))
        try:
            engine.reconcile(of)
        except ExceptionGroup:
            failed += 1

    assert (lost, failed) == ([], 1)
    assert started(engine) == ["a.csv", "b.csv", "c.csv"]


def test_a_recent_blob_is_left_to_its_event(engine: Engine) -> None:
    of = watch()
    put(engine, "a.csv")

    passes(engine, of, 1)
    young = started(engine)
    passes(engine, of, 5)

    assert (young, started(engine)) == ([], ["a.csv"])


def test_blobs_older_than_the_schedule_start_nothing_and_get_one_row_with_their_count(engine: Engine) -> None:
    for number in range(30):
        put(engine, f"{number}.csv", START - timedelta(days=1))

    passes(engine, watch(), 12)

    [run] = engine.ledger.recent_runs("s", 100)
    assert (run.state.value, run.reason) == ("skipped", "before_first_seen")
    assert run.error == (
        "30 blobs were there before the schedule was first seen; to start those without a run, use backfill"
    )
    assert started(engine) == []


def test_only_blobs_newer_than_the_mark_are_looked_up(engine: Engine) -> None:
    of = watch()
    for number in range(50):
        put(engine, f"{number}.csv", START + timedelta(seconds=1))
    passes(engine, of, 9)
    asked: list[str] = []
    get = engine.ledger.table.get

    def counted(partition: str, row_key: str) -> StoredRow | None:
        asked.append(row_key)
        return get(partition, row_key)

    engine.ledger.table.get = counted  # type: ignore[method-assign]  # counts the sweep's look-ups
    put(engine, "new.csv")
    passes(engine, of, 6)

    assert len(started(engine)) == 51
    assert len({key for key in asked if key.startswith("v:")}) == 1


def test_a_paused_schedule_skips_the_blobs_it_finds(engine: Engine) -> None:
    pause(engine.ledger, "s", START, None, None)
    put(engine, "a.csv")
    passes(engine, watch(), 7)
    engine.ledger.register("s", START)

    assert [(run.reason, run.blob and run.blob.path) for run in engine.ledger.recent_runs("s", 9)] == [
        ("paused", "a.csv")
    ]


def test_a_metadata_write_is_no_change_but_an_overwrite_is(engine: Engine) -> None:
    of = watch()
    put(engine, "a.csv", md5="11")
    engine.report(of, "a.csv")
    engine.clock.pass_time(timedelta(minutes=3))
    put(engine, "a.csv", etag="0x2", md5="11")
    passes(engine, of, 7)
    put(engine, "a.csv", etag="0x3", md5="22")
    passes(engine, of, 7)
    put(engine, "a.csv", etag="0x4", md5="11")
    passes(engine, of, 7)

    reasons = {run.blob.etag: run.reason for run in engine.ledger.recent_runs("s", 9) if run.blob}
    assert reasons == {"0x1": None, "0x2": "content_unchanged", "0x3": None, "0x4": None}


def test_a_marker_file_that_was_deleted_and_written_again_is_a_change(engine: Engine) -> None:
    """The second night of a folder with `_SUCCESS`: all files are deleted, then new parts and a new marker arrive."""
    of = watch(", min_size: 0")
    first, second = START + timedelta(minutes=1), START + timedelta(days=1)
    put(engine, "_SUCCESS", md5="00", size=0, created=first)
    engine.report(of, "_SUCCESS")
    engine.clock.pass_time(timedelta(days=1))
    put(engine, "_SUCCESS", etag="0x2", md5="00", size=0, created=second)
    engine.report(of, "_SUCCESS")
    put(engine, "_SUCCESS", etag="0x3", md5="00", size=0, created=second)
    engine.report(of, "_SUCCESS")

    reasons = {run.blob.etag: run.reason for run in engine.ledger.recent_runs("s", 9) if run.blob}
    assert reasons == {"0x1": None, "0x2": None, "0x3": "content_unchanged"}


@pytest.mark.parametrize(("before", "after"), [(None, START), (START, None), (START, START)])
def test_an_unknown_creation_time_compares_as_equal(
    engine: Engine, before: datetime | None, after: datetime | None
) -> None:
    put(engine, "a.csv", md5="11", created=before)
    engine.report(watch(), "a.csv")
    put(engine, "a.csv", etag="0x2", md5="11", created=after)
    engine.report(watch(), "a.csv")

    reasons = {run.blob.etag: run.reason for run in engine.ledger.recent_runs("s", 9) if run.blob}
    assert reasons == {"0x1": None, "0x2": "content_unchanged"}


def test_with_unchanged_start_each_upload_with_an_event_starts_a_run(engine: Engine) -> None:
    of = watch(", unchanged: start")
    put(engine, "a.csv", md5="11")
    engine.report(of, "a.csv")
    engine.clock.pass_time(timedelta(minutes=3))
    put(engine, "a.csv", etag="0x2", md5="11")
    passes(engine, of, 7)
    of_the_sweep = len(list(engine.ledger.recent_runs("s", 9)))
    engine.report(of, "a.csv")
    engine.report(of, "a.csv")

    reasons = {run.blob.etag: run.reason for run in engine.ledger.recent_runs("s", 9) if run.blob}
    assert of_the_sweep == 1
    assert reasons == {"0x1": None, "0x2": None}


def test_without_a_checksum_a_new_etag_is_a_change(engine: Engine) -> None:
    of = watch()
    for etag in ("0x1", "0x2"):
        put(engine, "a.csv", etag=etag)
        engine.report(of, "a.csv")

    assert started(engine) == ["a.csv", "a.csv"]


def test_a_pending_copy_is_postponed_until_it_is_complete(engine: Engine) -> None:
    of = watch()
    passes(engine, of, 1)
    blob = put(engine, "copied.csv")
    pending = FoundBlob(change=blob.change, content_md5=None, copy_status=CopyStatus.PENDING, is_folder=False)
    engine.blobs.put(pending)
    told = engine.report(of, "copied.csv")
    passes(engine, of, 60)
    while_pending = (told, engine.ledger.recent_runs("s", 9))
    engine.blobs.put(blob)
    passes(engine, of, 6)

    assert while_pending == (False, [])
    assert started(engine) == ["copied.csv"]


def test_a_failed_copy_gets_a_row(engine: Engine) -> None:
    blob = put(engine, "copied.csv")
    engine.blobs.put(FoundBlob(change=blob.change, content_md5=None, copy_status=CopyStatus.FAILED, is_folder=False))

    engine.report(watch(), "copied.csv")

    assert [run.reason for run in engine.ledger.recent_runs("s", 9)] == ["copy_failed"]


def test_without_sweeps_a_pending_copy_raises_an_error_so_that_the_host_retries(engine: Engine) -> None:
    blob = put(engine, "copied.csv")
    engine.blobs.put(FoundBlob(change=blob.change, content_md5=None, copy_status=CopyStatus.PENDING, is_folder=False))

    with pytest.raises(BlobUnavailable, match="still being copied"):
        engine.report(watch(", polling_interval: 0"), "copied.csv")


def test_a_directory_of_a_hierarchical_namespace_is_no_change(engine: Engine) -> None:
    blob = found("folder", size=0, last_modified=START)
    engine.blobs.put(FoundBlob(change=blob.change, content_md5=None, copy_status=None, is_folder=True))
    of = watch(", min_size: 0")
    passes(engine, of, 7)
    engine.report(of, "folder")

    assert [(run.reason, run.error) for run in engine.ledger.recent_runs("s", 9)] == [
        ("filtered", "it is a folder, not a file")
    ]


def test_with_polling_interval_0_nothing_is_swept(engine: Engine) -> None:
    put(engine, "lost.csv")

    of = watch(", polling_interval: 0")
    passes(engine, of, 30)

    assert started(engine) == []
    assert replace(engine.sweeps.state("s", engine.life(of)), row=None) == SweepState()


class Broken(MemoryBlobs):
    """A listing that fails once, at its third page, or whose continuations have expired."""

    def __init__(self, error: Exception) -> None:
        super().__init__(page_size=10)
        self._error: Exception | None = error
        self.pages = 0

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        self.pages += 1
        if self.pages == 3 and self._error:
            error, self._error = self._error, None
            raise error
        return super().page(connection, container, folder, recursive=recursive, continuation=continuation)


def test_another_instance_continues_an_interrupted_sweep(engine: Engine) -> None:
    of, blobs = watch(), Broken(BlobUnavailable("the storage is away"))
    engine.blobs = blobs
    for number in range(100):
        put(engine, f"{number:03}.csv", START)
    engine.clock.pass_time(timedelta(minutes=2))
    with pytest.raises(ExceptionGroup):
        engine.reconcile(of)
    before = (len(started(engine)), engine.sweeps.state("s", engine.life(of)).continuation)

    engine.with_new_process().reconcile(of)

    assert before == (20, "020.csv")
    assert (blobs.pages, len(started(engine))) == (11, 100)


def test_a_schedule_edited_during_a_listing_restarts_it(engine: Engine) -> None:
    engine.blobs = Broken(BlobUnavailable("the storage is away"))
    for number in range(50):
        put(engine, f"in/{number:03}.csv", START)
        put(engine, f"other/{number:03}.csv", START)
    engine.clock.pass_time(timedelta(minutes=2))
    with pytest.raises(ExceptionGroup):
        engine.reconcile(watch(", path_on_datastore: other"))

    engine.reconcile(watch(", path_on_datastore: in"))

    assert len([path for path in started(engine) if path.startswith("in/")]) == 50
    assert len(started(engine)) == 70


def test_a_listing_whose_continuation_has_expired_restarts(engine: Engine) -> None:
    of = watch()
    engine.blobs = Broken(ListingExpired("what was that?"))
    for number in range(50):
        put(engine, f"{number:03}.csv", START)
    passes(engine, of, 3)

    assert len(started(engine)) == 50


def test_corrupt_rows_do_not_stop_sweeps(engine: Engine) -> None:
    of = watch()
    put(engine, "a.csv")
    passes(engine, of, 7)
    table = engine.ledger.table
    spoilt = {"document_0": "{"}
    for row in list(table.query("s", "v:", "v;")):
        table.write("s", [Replace(row.row_key, spoilt)])
    table.write("registry", [Replace("w:s", spoilt)])
    put(engine, "a.csv", etag="0x2")
    passes(engine, of, 7)

    assert started(engine) == ["a.csv", "a.csv"]


# On Azurite


@pytest.mark.parametrize("total", [100, pytest.param(3000, marks=pytest.mark.proof)])
def test_listings_return_every_blob_of_a_folder(azurite: Azurite, total: int) -> None:
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    container = service.create_container(f"c{uuid4().hex[:12]}")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: container.upload_blob(f"in/{number % 7}/{number}.csv", b"1"), range(total)))
    blobs = StorageBlobs(lambda connection: service)

    deep = blobs.page("x", container.container_name, "in", recursive=True, continuation=None)
    flat = blobs.page("x", container.container_name, "in/3", recursive=False, continuation=None)
    top = blobs.page("x", container.container_name, "in", recursive=False, continuation=None)

    assert sorted(one.change.path for one in deep.blobs) == sorted(f"in/{n % 7}/{n}.csv" for n in range(total))
    assert len(flat.blobs) == len([n for n in range(total) if n % 7 == 3])
    assert (deep.continuation, flat.continuation, top.blobs) == (None, None, [])


@pytest.fixture
def container(azurite: Azurite) -> ContainerClient:
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    return service.create_container(f"c{uuid4().hex[:12]}")


@pytest.mark.parametrize(
    "path",
    [
        "a b.csv",
        "ü✓😀.csv",
        "%20.csv",
        "a+b#c?.csv",
        "{run_key} %KEY%.csv",
        "back\\slash.csv",
        "&<>\"'.csv",
    ],
)
def test_unusual_names_are_listed_as_in_their_properties(
    azurite: Azurite, container: ContainerClient, path: str
) -> None:
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    blobs = StorageBlobs(lambda connection: service)
    container.upload_blob(path, b"1")
    [stored] = [blob.name for blob in container.list_blobs()]

    page = blobs.page("x", container.container_name, "", recursive=True, continuation=None)

    assert page.blobs == [blobs.of("x", container.container_name, stored)]
    assert page.blobs[0].change.path == stored


def test_metadata_writes_deletes_and_renames_are_handled_on_real_storage(
    azurite: Azurite, container: ContainerClient
) -> None:
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    engine = Engine(container.get_container_properties().last_modified)
    engine.blobs = StorageBlobs(lambda connection: service)  # type: ignore[assignment]  # the real one
    of = schedule(f"change: {{datastore: d, container: {container.container_name}, data_path_parameter_name: input}}")
    engine.ledger.register("s", engine.clock.now())
    for name in ("kept.csv", "deleted.csv", "renamed.csv"):
        container.upload_blob(name, name.encode())
    passes(engine, of, 7)
    container.get_blob_client("kept.csv").set_blob_metadata({"seen": "yes"})
    container.delete_blob("deleted.csv")
    source = container.get_blob_client("renamed.csv")
    container.get_blob_client("new-name.csv").start_copy_from_url(source.url)
    source.delete_blob()
    life = engine.life(of)
    engine.sweeps.set("s", life, SweepState(mark=START, row=engine.sweeps.state("s", life).row))
    passes(engine, of, 1)

    runs = [(run.blob.path, run.reason) for run in engine.ledger.recent_runs("s", 99) if run.blob]
    assert sorted(runs, key=str) == [
        ("deleted.csv", None),
        ("kept.csv", "content_unchanged"),
        ("kept.csv", None),
        ("new-name.csv", None),
        ("renamed.csv", None),
    ]


def test_creation_times_and_folder_markers_are_read_on_real_storage(
    azurite: Azurite, container: ContainerClient
) -> None:
    """In Azurite, overwriting a blob resets its creation time; writing metadata or committing blocks keeps it."""
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    blobs, name = StorageBlobs(lambda connection: service), container.container_name
    blob = container.get_blob_client("a.csv")
    container.upload_blob("marker", b"", metadata={"hdi_isfolder": "true"})
    created = []
    for write in (
        lambda: blob.upload_blob(b"1"),
        lambda: blob.set_blob_metadata({"seen": "yes"}),
        lambda: (blob.stage_block("MQ==", b"1"), blob.commit_block_list([BlobBlock("MQ==")])),
        lambda: blob.upload_blob(b"1", overwrite=True),
    ):
        sleep(1.1)  # the service reports whole seconds
        write()
        found_blob = blobs.of("x", name, "a.csv")
        assert found_blob is not None
        created.append(found_blob.created)

    page = blobs.page("x", name, "", recursive=True, continuation=None)

    assert created[0] == created[1] == created[2] != created[3]
    assert page.blobs == [blobs.of("x", name, "a.csv"), blobs.of("x", name, "marker")]
    assert [one.is_folder for one in page.blobs] == [False, True]


def test_a_missing_container_and_an_inaccessible_one_are_reported_clearly(
    azurite: Azurite, container: ContainerClient
) -> None:
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    closed = BlobServiceClient(service.url)
    name = container.container_name

    with pytest.raises(BlobUnavailable, match=r"the listing of nowhere/in/ cannot be read: .*container does not exist"):
        StorageBlobs(lambda connection: service).page("x", "nowhere", "in", recursive=True, continuation=None)
    with pytest.raises(BlobUnavailable, match="needs the role Storage Blob Data Owner"):
        StorageBlobs(lambda connection: closed).page("x", name, "in", recursive=True, continuation=None)
    with pytest.raises(BlobUnavailable, match=r"the container nowhere cannot be read: .*container does not exist"):
        StorageBlobs(lambda connection: service).reach("x", "nowhere")
    with pytest.raises(BlobUnavailable, match="needs the role Storage Blob Data Owner"):
        StorageBlobs(lambda connection: closed).reach("x", name)
    StorageBlobs(lambda connection: service).reach("x", name)


def test_a_path_that_is_gone_a_second_time_gets_its_own_row(engine: Engine) -> None:
    of = watch()
    for minute in (0, 1):
        engine.clock.pass_time(timedelta(minutes=minute))
        assert engine.report(of, "a.csv")

    assert list(engine.states().values()) == ["skipped gone"] * 2
