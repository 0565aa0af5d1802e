"""Many changes in one run: when a batch is closed, what it holds, and that each change is in exactly one batch."""

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient
from builders import Engine, MemoryBlobs, ScriptedEndpoint, examples, found, schedule, utc, watching
from hypothesis import given, settings
from hypothesis import strategies as st

from local.azurite import Azurite
from triggers.clock import SystemClock
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import Delete
from triggers.scheduling.batch import BatchFacts, manifest
from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import RunKind
from triggers.starting.lives import Standing
from triggers.starting.pieces import do_all
from triggers.steering.pausing import pause, resume
from triggers.storage.blobs import BlobUnavailable


def batched(batch: str = "quiet: 5m, max_wait: 30m", data_path: str = "manifest", name: str = "s") -> ChangeSchedule:
    return watching(
        f"change: {{datastore: blobs, container: data, path_on_datastore: incoming, recursive: true,"
        f" data_path_parameter_name: input, data_path: {data_path}, polling_interval: 0}}\nbatch: {{{batch}}}",
        name=name,
    )


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-11-01T04:00:00"))


def deliver(engine: Engine, of: ChangeSchedule, *paths: str) -> None:
    for path in paths:
        engine.blobs.put(found(path, etag=f"0x{len(engine.blobs.present)}", last_modified=engine.clock.now()))
        engine.report(of, path)


def minutes(engine: Engine, of: ChangeSchedule, number: int) -> list[int]:
    """Run one pass a minute; returns after each minute how many runs have been sent."""
    sent = []
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)
        sent.append(len(engine.endpoint.submissions))
    return sent


def test_a_batch_is_closed_after_a_quiet_time_without_new_files(engine: Engine) -> None:
    of = batched()
    deliver(engine, of, "incoming/a.csv")
    first = minutes(engine, of, 4)
    deliver(engine, of, "incoming/b.csv")
    second = minutes(engine, of, 6)

    assert first == [0, 0, 0, 0]
    assert second == [0, 0, 0, 0, 1, 1]
    [run] = engine.ledger.recent_runs("s", 10)
    assert (run.kind, run.batch and run.batch.count) == (RunKind.BATCH, 2)
    assert run.key.startswith("s~batch~")


def test_a_batch_is_closed_when_its_first_change_has_waited_for_max_wait(engine: Engine) -> None:
    of = batched("quiet: 5m, max_wait: 10m")
    sent = []
    for number in range(12):
        deliver(engine, of, f"incoming/{number}.csv")
        sent += minutes(engine, of, 1)

    assert sent == [0] * 9 + [1] * 3


def test_a_batch_is_closed_when_it_is_full(engine: Engine) -> None:
    of = batched("quiet: 5m, max_wait: 30m, max_items: 100")
    deliver(engine, of, *[f"incoming/{number}.csv" for number in range(250)])

    minutes(engine, of, 1)
    full = sorted(run.batch.count for run in engine.ledger.recent_runs("s", 10) if run.batch)
    minutes(engine, of, 6)

    assert full == [100, 100]
    assert sorted(run.batch.count for run in engine.ledger.recent_runs("s", 10) if run.batch) == [50, 100, 100]


def test_with_group_by_folder_each_folder_gets_its_own_run(engine: Engine) -> None:
    of = schedule(
        "change: {datastore: blobs, container: data, recursive: true, data_path_parameter_name: input,"
        " data_path: folder, polling_interval: 0}\n"
        "pipeline_parameters: {folder: '{blob.folder}', count: '{batch.count}'}\n"
        "batch: {quiet: 1m, max_wait: 30m, group_by: folder}"
    )
    deliver(engine, of, "x/1.csv", "x/2.csv", "y/z/1.csv", "top.csv")

    minutes(engine, of, 2)

    sent = {one.request.datapaths["input"].path: one.request.pipeline_parameters for one in engine.endpoint.submissions}
    assert sent == {
        "x": {"folder": "x", "count": "2"},
        "y/z": {"folder": "y/z", "count": "1"},
        "": {"folder": "", "count": "1"},
    }


def test_a_batch_without_groups_gets_the_watched_folder(engine: Engine) -> None:
    of = batched("quiet: 1m, max_wait: 2m", data_path="folder")
    deliver(engine, of, "incoming/x/1.csv", "incoming/2.csv")

    minutes(engine, of, 2)

    [sent] = engine.endpoint.submissions
    assert sent.request.datapaths["input"].path == "incoming"


def test_the_manifest_lists_the_files_sorted_and_does_not_count_as_a_change(engine: Engine) -> None:
    of = batched("quiet: 1m, max_wait: 2m")
    deliver(engine, of, "incoming/ü b.csv", "incoming/a.csv")

    minutes(engine, of, 2)

    [run] = engine.ledger.recent_runs("s", 10)
    assert run.batch is not None
    [sent] = engine.endpoint.submissions
    path = sent.request.datapaths["input"].path
    assert run.batch == BatchFacts(group="", count=2, manifest=path, path="incoming")
    lines = engine.blobs.written[path].decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"path": "incoming/a.csv", "etag": "0x1", "size": 10},
        {"path": "incoming/ü b.csv", "etag": "0x0", "size": 10},
    ]
    engine.blobs.put(found(path))
    engine.report(of, path)
    assert [run.reason for run in engine.ledger.recent_runs("s", 10) if run.blob] == ["filtered"]


def test_a_schedule_without_batches_can_get_a_manifest_of_its_one_file(engine: Engine) -> None:
    of = schedule("change: {datastore: b, container: data, data_path: manifest, data_path_parameter_name: input}")
    deliver(engine, of, "a.csv")

    [sent] = engine.endpoint.submissions
    [line] = engine.blobs.written[sent.request.datapaths["input"].path].decode().splitlines()
    assert json.loads(line) == {"path": "a.csv", "etag": "0x0", "size": 10}


def test_a_redelivered_change_is_in_one_batch(engine: Engine) -> None:
    of = batched("quiet: 1m, max_wait: 2m")
    deliver(engine, of, "incoming/a.csv")
    again = [engine.report(of, "incoming/a.csv")]
    minutes(engine, of, 3)
    again.append(engine.report(of, "incoming/a.csv"))
    minutes(engine, of, 3)

    assert again == [False, False]
    assert [run.batch and run.batch.count for run in engine.ledger.recent_runs("s", 10)] == [1]


def test_a_pause_holds_a_batch_and_does_not_count_towards_its_age(engine: Engine) -> None:
    of = batched("quiet: 5m, max_wait: 30m")
    deliver(engine, of, "incoming/a.csv")
    before = minutes(engine, of, 3)
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    held = minutes(engine, of, 30)
    resume(engine.ledger, "s", engine.clock.now(), None, None)
    after = minutes(engine, of, 3)

    assert (before, set(held), after) == ([0, 0, 0], {0}, [0, 1, 1])


def test_when_batch_is_removed_waiting_changes_start_one_by_one(engine: Engine) -> None:
    deliver(engine, batched(), "incoming/a.csv", "incoming/b.csv")

    minutes(engine, schedule("change: {datastore: b, container: data, polling_interval: 0}"), 2)

    assert sorted(run.blob.path for run in engine.ledger.recent_runs("s", 10) if run.blob) == [
        "incoming/a.csv",
        "incoming/b.csv",
    ]


class FailsAtFirst(MemoryBlobs):
    """Storage that fails to write a manifest at first."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    def write(self, connection: str, container: str, path: str, content: bytes) -> None:
        self._times -= 1
        if self._times >= 0:
            raise BlobUnavailable("the storage is away")
        super().write(connection, container, path, content)


def test_a_manifest_that_cannot_be_written_only_delays_the_run(engine: Engine) -> None:
    of = batched("quiet: 1m, max_wait: 2m")
    engine.blobs = FailsAtFirst(3)
    deliver(engine, of, "incoming/a.csv")

    for _ in range(3):
        with pytest.raises(ExceptionGroup):
            minutes(engine, of, 1)
    nothing_yet = list(engine.endpoint.submissions)
    minutes(engine, of, 1)

    assert nothing_yet == []
    runs = engine.ledger.recent_runs("s", 9)
    assert [one.run_key for one in engine.endpoint.submissions] == [run.key for run in runs]
    assert list(engine.blobs.written.values()) == [b'{"path": "incoming/a.csv", "etag": "0x0", "size": 10}\n']


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms())
@settings(max_examples=examples(30))
def test_repeated_and_reordered_events_give_the_same_batches(paths: list[int], random: Random) -> None:
    def played(order: list[int]) -> Counter[bytes]:
        engine, of = Engine(utc("2026-11-01T04:00:00")), batched("quiet: 1m, max_wait: 30m")
        for number in set(order):
            engine.blobs.put(found(f"incoming/{number}.csv", etag=f"0x{number}"))
        for number in order:
            engine.report(of, f"incoming/{number}.csv")
        minutes(engine, of, 3)
        return Counter(engine.blobs.written.values())

    shuffled = paths + paths[: len(paths) // 2]
    random.shuffle(shuffled)

    assert played(paths) == played(shuffled)


def test_the_number_of_runs_is_bounded_by_time_and_not_by_the_number_of_changes(engine: Engine) -> None:
    """Fifteen-minute windows over two hours with 40 changes a minute give eight runs, or 2,880 in thirty days."""
    of = batched("quiet: 15m, max_wait: 15m, max_items: 100000")
    for minute in range(120):
        for number in range(40):
            path = f"incoming/{minute}-{number}.csv"
            engine.blobs.put(found(path, etag=f"0x{minute}-{number}", last_modified=engine.clock.now()))
            engine.report(of, path)
        minutes(engine, of, 1)
    minutes(engine, of, 20)

    counts = [run.batch.count for run in engine.ledger.recent_runs("s", 100) if run.batch]
    assert sum(counts) == 4800
    assert len(counts) <= 8


class Counting(ScriptedEndpoint):
    """Records the submissions and refuses them, because only the batches matter here."""

    def submit(self, submission: object, is_fresh: Callable[[], bool]) -> Outcome:
        return Outcome(answer=Answer.UNSENT, sentence="refused")


@pytest.mark.parametrize("total", [200, pytest.param(2000, marks=pytest.mark.proof)])
def test_three_instances_adding_and_sealing_at_once_batch_each_change_once(azurite: Azurite, total: int) -> None:
    name = f"s{uuid4().hex[:8]}"
    limit = total * 15 // 100
    of = batched(f"quiet: 0s, max_wait: 0s, max_items: {limit}", data_path="folder", name=name)
    blobs = MemoryBlobs()
    for number in range(total):
        blobs.put(found(f"incoming/{number}.csv", etag=f"0x{number}"))

    def instance() -> Engine:
        engine = Engine(SystemClock().now())
        engine.clock = SystemClock()  # type: ignore[assignment]  # the real one
        engine.ledger = Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string)))
        engine.endpoint, engine.blobs = Counting(), blobs
        engine.firing = engine.wired().firing
        return engine

    def own(engine: Engine) -> Standing:
        return Standing(own=engine.life(of))

    def play(number: int) -> None:
        engine = instance()
        changes, batching = engine.changes, engine.reconciliation().batching
        first = number * total // 6
        for turn, item in enumerate(range(first, first + total * 2 // 3 + 1)):
            changes.report(of, "data", f"incoming/{item % total}.csv", polled=False)
            if (turn + 1) % (total // 10) == 0:
                do_all(batching.handle(of, own(engine), engine.ledger.now, ()))
        do_all(batching.handle(of, own(engine), engine.ledger.now, ()))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(play, range(3)))
    last = instance()
    until = time.monotonic() + 60
    while list(last.rows.all_pending(name)) and time.monotonic() < until:
        do_all(last.reconciliation().batching.handle(of, own(last), last.ledger.now, ()))

    runs = last.ledger.recent_runs(name, 10_000)
    members = [member.change.path for run in runs for member in last.rows.members(name, run.key)]
    assert sorted(members) == sorted(f"incoming/{number}.csv" for number in range(total))
    assert sum(run.batch.count for run in runs if run.batch) == total
    assert max(run.batch.count for run in runs if run.batch) <= limit
    assert list(last.rows.all_pending(name)) == []


def test_the_same_changes_give_the_same_manifest_bytes() -> None:
    changes = [found(f"b{number}", etag=str(number)).change for number in range(5)]

    assert manifest(changes) == manifest(reversed(changes))


PLAIN = "change: {datastore: blobs, container: data, path_on_datastore: incoming, recursive: true, polling_interval: 0}"


def test_removing_batch_while_a_batch_is_being_made_loses_no_change(engine: Engine) -> None:
    engine.blobs = FailsAtFirst(99)
    deliver(engine, batched("quiet: 1m, max_wait: 2m"), "incoming/a.csv", "incoming/b.csv")
    with pytest.raises(ExceptionGroup):
        minutes(engine, batched("quiet: 1m, max_wait: 2m"), 2)
    [sealed] = engine.rows.heads("s")

    minutes(engine, schedule(PLAIN), 3)
    minutes(engine, batched("quiet: 1m, max_wait: 2m"), 5)

    assert sealed.count == 2
    paths = sorted(run.blob.path for run in engine.ledger.recent_runs("s", 9) if run.blob)
    assert paths == ["incoming/a.csv", "incoming/b.csv"]
    assert len(engine.endpoint.submissions) == 2
    assert engine.rows.heads("s") == []


def test_waiting_changes_that_an_edited_schedule_no_longer_watches_are_skipped(engine: Engine) -> None:
    deliver(engine, batched("quiet: 1m, max_wait: 2m", data_path="folder"), "incoming/a.csv")
    elsewhere = schedule(
        "change: {datastore: blobs, container: data, path_on_datastore: other, data_path: folder,"
        " data_path_parameter_name: input, polling_interval: 0}\nbatch: {quiet: 1m}"
    )

    minutes(engine, elsewhere, 3)

    [run] = engine.ledger.recent_runs("s", 9)
    assert (run.reason, run.error) == (
        "filtered",
        "the schedule was edited while it waited: it is not in the folder 'other'",
    )
    assert list(engine.rows.all_pending("s")) == []


def test_the_same_bytes_in_another_container_are_a_new_change(engine: Engine) -> None:
    deliver(engine, schedule(PLAIN), "incoming/a.csv")
    engine.blobs.put(found("incoming/a.csv", etag="0x9", md5="11"))
    engine.report(schedule(PLAIN), "incoming/a.csv")
    engine.blobs.put(found("incoming/a.csv", etag="0x9", md5="11", container="other"))

    other = schedule(PLAIN.replace("container: data", "container: other"))
    recorded = engine.changes.report(other, "other", "incoming/a.csv", polled=False)

    assert recorded
    assert [run.reason for run in engine.ledger.recent_runs("s", 9)] == [None, None, None]


def test_a_batch_with_missing_members_is_not_sent(engine: Engine) -> None:
    of = batched("quiet: 1m, max_wait: 2m")
    engine.blobs = FailsAtFirst(1)
    deliver(engine, of, "incoming/a.csv")
    with pytest.raises(ExceptionGroup):
        minutes(engine, of, 1)
    kept = engine.rows.prune("s", engine.clock.now() + timedelta(days=1), 100).deleted
    for row in list(engine.ledger.table.query("s", "m:", "m;")):
        engine.ledger.table.write("s", [Delete(row.row_key)])

    with pytest.raises(ExceptionGroup):
        minutes(engine, of, 1)

    assert kept == 2, "the change's rows, but not its membership"
    assert engine.endpoint.submissions == []
