"""The contract of every ledger, in memory and as a table in Azurite."""

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables import TableServiceClient
from builders import CHANGE, ScriptedEndpoint, change, found, open_runs, schedule, utc

from local.azurite import Azurite, free_ports
from triggers.clock import SystemClock
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.calls import TABLE, ServerTime
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.change_records import Head
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Create, LedgerUnavailable, Operation, Written
from triggers.ledger.records import Mark, Pauses
from triggers.scheduling.batch import Member
from triggers.scheduling.change import BlobChange, change_digest
from triggers.scheduling.pauses import Pause
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_keys import change_key
from triggers.scheduling.run_request import build_request
from triggers.scheduling.shown import run_answer
from triggers.settings import UnusableConnection
from triggers.starting.firing import Firing
from triggers.starting.occurrence import change_occurrence

NOW = utc("2026-11-01T04:00")


@pytest.fixture(params=["memory", pytest.param("table", marks=pytest.mark.azurite)])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return Ledger(MemoryTable())
    azurite: Azurite = request.getfixturevalue("azurite")
    return Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string)))


@pytest.fixture
def name() -> str:
    """A schedule name of this test's own, because all tests share one table."""
    return f"s{uuid4().hex[:8]}"


def claimed(name: str, etag: str = "0x1", **other: Any) -> Run:
    of = schedule(CHANGE, name=name)
    blob = change(etag=etag)
    key = change_key(name, blob)
    run = Run(
        key=key,
        schedule=name,
        kind=RunKind.CHANGE,
        state=RunState.SUBMITTING,
        created_at=NOW,
        pipeline="p",
        nominal_time=blob.last_modified,
        blob=blob,
        request=build_request(of, change_occurrence(name, blob)),
        attempts=1,
        claim_id=str(uuid4()),
        claimed_at=NOW,
    )
    return replace(run, **other).first(NOW)


def test_a_claimed_run_is_read_back_complete(ledger: Ledger, name: str) -> None:
    written = ledger.insert(claimed(name))

    assert written is not None
    assert ledger.get(written.key) == written
    assert written == replace(claimed(name), claim_id=written.claim_id, version=written.version)


def test_a_key_is_claimed_once(ledger: Ledger, name: str) -> None:
    first, second = claimed(name), claimed(name)
    ledger.insert(first)

    assert ledger.insert(second) is None
    present = ledger.get(first.key)
    assert present is not None
    assert present.claim_id == first.claim_id


def test_of_twenty_concurrent_claims_one_wins(ledger: Ledger, name: str) -> None:
    start = Barrier(20)

    def claim(_: int) -> Run | None:
        start.wait()
        return ledger.insert(claimed(name))

    with ThreadPoolExecutor(20) as threads:
        winners = [run for run in threads.map(claim, range(20)) if run is not None]

    assert len(winners) == 1
    assert ledger.get(winners[0].key) == winners[0]


def test_a_settled_run_is_read_back_and_an_ended_one_is_no_longer_open(ledger: Ledger, name: str) -> None:
    run = ledger.insert(claimed(name))
    assert run is not None
    assert [one.key for one in open_runs(ledger, name)] == [run.key]

    settled = ledger.update(run, run.to(RunState.SUBMITTED, NOW, run_id="id", submitted_at=NOW))

    assert settled is not None
    assert ledger.get(run.key) == settled
    assert [event.state for event in settled.history] == [RunState.SUBMITTING, RunState.SUBMITTED]
    assert list(open_runs(ledger, name)) == [settled]

    ended = ledger.update(settled, settled.to(RunState.FINISHED, NOW, ended_at=NOW))

    assert ended is not None
    assert list(open_runs(ledger, name)) == []


def test_a_rows_storage_timestamp_can_be_stored_in_the_run(ledger: Ledger, name: str) -> None:
    run = ledger.insert(claimed(name))
    assert run is not None
    read = ledger.get(run.key)
    assert read is not None
    assert read.written_at is not None

    stale = ledger.update(read, read.to(RunState.UNKNOWN, NOW, claimed_at=read.written_at, error="stale"))

    assert stale is not None
    assert ledger.get(run.key) == stale
    assert stale.claimed_at == read.written_at


def test_of_two_updates_of_the_same_version_the_second_fails(ledger: Ledger, name: str) -> None:
    run = ledger.insert(claimed(name))
    assert run is not None

    first = ledger.update(run, run.to(RunState.UNKNOWN, NOW, error="stale"))
    second = ledger.update(run, run.to(RunState.SUBMITTED, NOW, run_id="id"))

    assert second is None
    assert ledger.get(run.key) == first


def test_an_unsent_run_stays_open_and_only_one_claimant_can_claim_it_again(ledger: Ledger, name: str) -> None:
    run = ledger.insert(claimed(name))
    assert run is not None
    unsent = ledger.update(run, run.to(RunState.UNSENT, NOW, next_attempt_at=NOW))
    assert unsent is not None
    assert list(open_runs(ledger, name)) == [unsent]

    again = [unsent.to(RunState.SUBMITTING, NOW, claim_id=str(uuid4())) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        winners = [one for one in threads.map(lambda after: ledger.update(unsent, after), again) if one]

    assert len(winners) == 1


def test_open_runs_of_other_schedules_are_not_read(ledger: Ledger, name: str) -> None:
    ledger.insert(claimed(name))
    ledger.insert(claimed(f"{name}x"))

    assert [run.schedule for run in open_runs(ledger, name)] == [name]


def test_recent_runs_come_newest_first(ledger: Ledger, name: str) -> None:
    for number in range(5):
        ledger.insert(claimed(name, etag=str(number), created_at=NOW + timedelta(seconds=number)))

    found = [run.created_at for run in ledger.recent_runs(name, 3)]

    assert found == [NOW + timedelta(seconds=number) for number in (4, 3, 2)]


def test_a_query_includes_its_first_key_and_excludes_its_last(ledger: Ledger, name: str) -> None:
    ledger.table.write(name, [Create(key, {}) for key in ("a:1", "a:2", "a:3", "b:1")])

    assert [row.row_key for row in ledger.table.query(name, "a:1", "a:3")] == ["a:1", "a:2"]
    assert [row.row_key for row in ledger.table.query(name, "a:2", "b:2", 2)] == ["a:2", "a:3"]


class Repeating(MemoryTable):
    """Loses the answer to each write. The write is then repeated and finds its own rows."""

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        super().write(partition, operations)
        return super().write(partition, operations)


def test_a_repeated_write_recognizes_its_own_rows(name: str) -> None:
    ledger = Ledger(Repeating())

    run = ledger.insert(claimed(name))
    assert run is not None
    settled = ledger.update(run, run.to(RunState.UNSENT, NOW, next_attempt_at=NOW))

    assert settled is not None
    assert settled.state is RunState.UNSENT
    assert ledger.insert(claimed(name)) is None


def test_slots_are_read_again_after_a_claim_unless_it_was_the_latest_to_take_one(ledger: Ledger, name: str) -> None:
    first, second, other = (claimed(name, etag=etag) for etag in "123")
    before = ledger.slots(name)
    taken = ledger.insert(first, [before.taken(first)])
    ledger.insert(other)
    assert taken is not None

    known = ledger.slots_after(name, before, taken)
    assert [one.key for one in known.open_runs] == [first.key], "the runs known before, and the run itself"
    assert len(ledger.slots_after(name, before, None).open_runs) == 2
    assert ledger.insert(second, [known.taken(second)]) is not None, "its version is the current one"
    assert len(ledger.slots_after(name, known, taken).open_runs) == 3
    again = replace(taken, claim_id="of another process")
    assert ledger.update(taken, again, [ledger.slots(name).taken(again)]) is not None
    assert len(ledger.slots_after(name, known, taken).open_runs) == 3, "the same run was claimed again in the meantime"
    present = ledger.get(first.key)
    assert present is not None
    ended = ledger.update(present, present.to(RunState.REJECTED, NOW, ended_at=NOW))
    assert ended is not None
    assert first.key not in {one.key for one in ledger.slots_after(name, known, ended).open_runs}


def test_slots_are_complete_only_if_fewer_open_runs_than_the_limit_are_read(ledger: Ledger, name: str) -> None:
    for number in range(3):
        ledger.insert(claimed(name, etag=str(number)))

    few, enough = ledger.slots(name, 3), ledger.slots(name, 4)

    assert (len(few.open_runs), few.is_all) == (3, False)
    assert (len(enough.open_runs), enough.is_all) == (3, True)
    assert ledger.slots(name).is_all


def test_a_second_registration_does_not_replace_the_first(ledger: Ledger, name: str) -> None:
    first = ledger.register(name, NOW)
    later = ledger.register(name, NOW + timedelta(days=1))

    assert first == later
    assert first in ledger.registrations()


def test_the_ledgers_id_is_created_once(ledger: Ledger) -> None:
    assert ledger.ledger_id() == ledger.ledger_id()
    assert len(ledger.ledger_id()) == 36


def test_a_mark_is_written_only_if_the_current_one_was_read(ledger: Ledger, name: str) -> None:
    assert ledger.mark(name) is None
    assert ledger.set_mark(name, Mark(until=NOW, trigger_digest="d"))
    assert not ledger.set_mark(name, Mark(until=NOW, trigger_digest="other"))
    present = ledger.mark(name)
    assert present is not None

    moved = replace(present, until=NOW + timedelta(hours=1))
    assert ledger.set_mark(name, moved)
    assert not ledger.set_mark(name, moved)
    found = ledger.mark(name)
    assert found is not None
    assert (found.until, found.trigger_digest) == (NOW + timedelta(hours=1), "d")


def test_a_read_returns_the_first_rows_and_the_stores_time(ledger: Ledger, name: str) -> None:
    rows: list[Operation] = [Create(f"a{number}", {"of": number, "text": "x"}) for number in range(5)]
    ledger.table.write(name, [*rows, Create("b", {})])

    few, all_of_them = ledger.table.read(name, "a1", "b", 2), ledger.table.read(name, "a1", "b", 20)

    assert [row.row_key for row in few.rows] == ["a1", "a2"]
    assert [row.row_key for row in all_of_them.rows] == ["a1", "a2", "a3", "a4"]
    assert [row.columns["of"] for row in few.rows] == [1, 2]
    assert few.at is not None
    assert abs(few.at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_query_returns_only_the_requested_columns(ledger: Ledger, name: str) -> None:
    ledger.table.write(name, [Create("a", {"of": 1, "text": "x"}), Create("b", {"text": "y"})])

    found = list(ledger.table.query(name, "a", "c", columns=["of"]))

    assert [(row.row_key, row.columns.get("of"), row.columns.get("text")) for row in found] == [
        ("a", 1, None),
        ("b", None, None),
    ]
    assert all(row.etag and row.written_at for row in found)


def test_a_timers_mark_pauses_and_time_are_read_together(ledger: Ledger, name: str) -> None:
    lasting = Pause(begin=NOW)
    before = ledger.timer_state(name)
    ledger.set_mark(name, Mark(until=NOW, trigger_digest="d"))
    ledger.set_pauses(name, Pauses(intervals=(lasting,)))
    for number in range(40):
        ledger.insert(claimed(name, etag=f"0x{number}"))

    found = ledger.timer_state(name)

    assert (before.mark, before.pauses) == (None, ())
    assert found.mark == ledger.mark(name)
    assert found.pauses == (lasting,)
    assert abs(found.at - ledger.now()) < timedelta(minutes=5)


def test_a_list_shows_runs_without_reading_them(ledger: Ledger, name: str) -> None:
    run = ledger.insert(claimed(name))
    assert run is not None
    ledger.update(run, replace(run, state=RunState.UNKNOWN, error="é" * 2000))

    shown = ledger.recent_answers(name, 5)

    assert shown == [run_answer(one) for one in ledger.recent_runs(name, 5)]
    assert shown[0].error == "é" * 2000


def test_the_store_reports_its_time(ledger: Ledger) -> None:
    assert abs(ledger.now() - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_target_is_held_until_the_latest_time(ledger: Ledger, name: str) -> None:
    ledger.hold(name, NOW)
    ledger.hold(name, NOW + timedelta(seconds=9))

    assert ledger.holds()[name] == NOW + timedelta(seconds=9)


def test_a_shorter_hold_does_not_shorten_a_longer_one(ledger: Ledger, name: str) -> None:
    for minutes in (10, 1, 5, 20):
        ledger.hold(name, NOW + timedelta(minutes=minutes))
        if minutes < 20:
            assert ledger.holds()[name] == NOW + timedelta(minutes=10)

    assert ledger.holds()[name] == NOW + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("date", "at"),
    [
        pytest.param("Sun, 01 Nov 2026 04:00:00 GMT", NOW, id="standard HTTP date"),
        pytest.param("Sun, 01 Nov 2026 04:00:00 -0000", NOW, id="zone -0000"),
        pytest.param("Sun, 01 Nov 2026 04:00:00 GMT, Sun, 01 Nov 2026 04:00:00 GMT", NOW, id="twice"),
        pytest.param("Sun, 31 Feb 2026 04:00:00 GMT", None, id="no such day"),
        pytest.param("soon", None, id="garbage"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_the_stores_time_is_read_from_unusual_date_headers(date: str | None, at: datetime | None) -> None:
    answered = ServerTime()

    answered(SimpleNamespace(http_response=SimpleNamespace(headers={"Date": date} if date else {})))

    assert answered.at == at


def test_only_old_ended_runs_are_pruned(ledger: Ledger, name: str) -> None:
    def run_of(number: int, days: int, **other: Any) -> Run:
        return claimed(name, etag=str(number), created_at=NOW - timedelta(days=days), **other)

    old = [run_of(number, 100, state=RunState.SKIPPED, reason="catchup") for number in range(120)]
    old_but_open, young = run_of(200, 100), run_of(201, 10, state=RunState.SKIPPED, reason="catchup")
    for run in (*old, old_but_open, young):
        assert ledger.insert(run) is not None

    pruned = [ledger.prune(name, NOW - timedelta(days=90), 100) for _ in range(3)]

    assert pruned == [100, 20, 0]
    assert {run.key for run in ledger.recent_runs(name, 1000)} == {old_but_open.key, young.key}
    assert [ledger.get(run.key) for run in old] == [None] * 120


def test_pauses_are_written_only_if_the_current_version_was_read(ledger: Ledger, name: str) -> None:
    first, second = Pause(begin=NOW, note="ä \U0001f642", by="me"), Pause(begin=NOW + timedelta(hours=1))

    assert ledger.pauses(name) == Pauses()
    assert ledger.set_pauses(name, Pauses(intervals=(first,)))
    read = ledger.pauses(name)
    assert read.intervals == (first,)
    assert not ledger.set_pauses(name, Pauses(intervals=(second,)))
    assert ledger.set_pauses(name, Pauses(intervals=(first, second), version=read.version))
    assert not ledger.set_pauses(name, Pauses(intervals=(second,), version=read.version))
    assert ledger.all_pauses()[name] == ledger.pauses(name).intervals == (first, second)


def test_the_newest_pass_is_remembered(ledger: Ledger) -> None:
    ledger.note_pass(NOW)
    ledger.note_pass(NOW + timedelta(minutes=1))

    assert ledger.last_pass() == NOW + timedelta(minutes=1)


def test_a_long_path_of_surrogate_pairs_is_stored(ledger: Ledger, name: str) -> None:
    written = ledger.insert(claimed(name, blob=change("incoming/" + "😀" * 20_000)))

    assert written is not None
    assert ledger.get(written.key) == written


def test_a_request_larger_than_a_column_is_stored_complete(ledger: Ledger, name: str) -> None:
    keys = CHANGE + f"\npipeline_parameters: {{text: '{'ä' * 70_000}'}}"
    blob = change()
    request = build_request(schedule(keys, name=name), change_occurrence(name, blob))

    written = ledger.insert(claimed(name, request=request))

    assert written is not None
    assert ledger.get(written.key) == written


def test_unusual_blob_names_are_stored_unchanged(ledger: Ledger, name: str) -> None:
    blob = change("incoming/%KEY%/Zoë ✓/'\"\\\n#?+.csv")

    written = ledger.insert(claimed(name, blob=blob))

    assert written is not None
    present = ledger.get(written.key)
    assert present is not None
    assert present.blob == blob


def waiting_one(change: BlobChange) -> Member:
    return Member(digest=change_digest(change), group="", change=change)


def test_old_rows_of_changes_are_pruned_in_parts(ledger: Ledger, name: str) -> None:
    rows = ChangeLedger(ledger)
    blobs = [found(f"{number}.csv", etag=str(number)) for number in range(25)]
    for blob in blobs:
        assert rows.add(name, waiting_one(blob.change), rows.noted(blob, None))
    assert rows.begin(name, Head(group=""), bool, 20)
    soon = ledger.now() + timedelta(hours=1)

    young = rows.prune(name, NOW, 10).deleted
    parts = [rows.prune(name, soon, 10).deleted for _ in range(5)]

    assert young == 0
    assert sum(parts) == 20 + 25, "members of a batch that is still being made are not pruned either"
    waiting = [one.member.digest for one in rows.all_pending(name)]
    known = [digest for blob in blobs if rows.batch_of(name, digest := change_digest(blob.change)) is not None]
    assert sorted(known) == sorted(waiting)
    assert len(waiting) == 5, "waiting changes are not pruned"


# The table alone


def test_a_missing_table_is_created(azurite: Azurite, name: str) -> None:
    service = TableServiceClient.from_connection_string(azurite.connection_string)
    ledger = Ledger(AzureTable(lambda: service))
    ledger.register(name, NOW)
    service.delete_table(TABLE)

    with pytest.raises(LedgerUnavailable):
        ledger.insert(claimed(name))

    assert ledger.insert(claimed(name)) is not None


class LossyWire:
    """A proxy to the table service: once, it forwards a request and then breaks instead of returning the answer."""

    def __init__(self, port: int) -> None:
        self.armed = False
        self.lets_through = 0
        """Number of bytes of the answer that are still forwarded."""
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def rewritten(self, answer: bytes) -> bytes:
        """Part of an answer, as it is forwarded."""
        return answer

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            service = socket.create_connection(("127.0.0.1", self._port))
            Thread(target=self._pump, args=(client, service, False), daemon=True).start()
            Thread(target=self._pump, args=(service, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:  # noqa: FBT001  a thread's argument
        with source, sink:
            try:
                while data := source.recv(65_536):
                    if answers and self.armed:
                        self.armed = False
                        sink.sendall(data[: self.lets_through])
                        sink.shutdown(socket.SHUT_RDWR)
                        return
                    sink.sendall(self.rewritten(data) if answers else data)
            except OSError:
                return


@pytest.fixture
def wire(azurite: Azurite) -> Iterator[LossyWire]:
    lossy = LossyWire(azurite.ports[2])
    yield lossy
    lossy.close()


def ledger_over(wire: LossyWire, azurite: Azurite) -> Ledger:
    connection = azurite.connection_string.replace(f":{azurite.ports[2]}/", f":{wire.port}/")
    return Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(connection, retry_backoff_factor=0.01)))


class Undated(LossyWire):
    """A proxy that removes the Date header."""

    def rewritten(self, answer: bytes) -> bytes:
        return re.sub(rb"\r\nDate: [^\r]*", b"", answer)


def test_without_a_date_header_the_stores_time_is_taken_from_a_written_row(azurite: Azurite) -> None:
    port = int(azurite.connection_string.partition("TableEndpoint=http://127.0.0.1:")[2].partition("/")[0])
    undated = Undated(port)
    text = azurite.connection_string.replace(f":{port}/", f":{undated.port}/")
    ledger = Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(text)))

    assert abs(ledger.now() - datetime.now(UTC)) < timedelta(minutes=1)
    undated.close()


@pytest.mark.parametrize("lets_through", [0, 20, 200, 400, 600, 900])
def test_an_insert_whose_answer_was_lost_is_recognized_as_its_own(
    azurite: Azurite, wire: LossyWire, name: str, lets_through: int
) -> None:
    ledger = ledger_over(wire, azurite)
    ledger.ledger_id()
    wire.lets_through = lets_through
    run = claimed(name)
    wire.armed = True

    written = ledger.insert(run)

    assert not wire.armed
    assert written is not None
    assert written.claim_id == run.claim_id


def test_an_update_whose_answer_was_lost_is_recognized_as_its_own(azurite: Azurite, wire: LossyWire, name: str) -> None:
    ledger = ledger_over(wire, azurite)
    run = ledger.insert(claimed(name))
    assert run is not None
    wire.armed = True

    written = ledger.update(run, run.to(RunState.SUBMITTED, NOW, run_id="id"))

    assert not wire.armed
    assert written is not None
    assert ledger.get(run.key) == written


def test_an_unreadable_row_is_skipped(azurite: Azurite, name: str, caplog: pytest.LogCaptureFixture) -> None:
    service = TableServiceClient.from_connection_string(azurite.connection_string)
    ledger = Ledger(AzureTable(lambda: service))
    good, bad = claimed(name, etag="1"), claimed(name, etag="2")
    ledger.insert(good)
    ledger.insert(bad)
    table = service.get_table_client(TABLE)
    row = table.get_entity(name, f"k:{bad.key}")
    row["document_0"] = "{" + row["document_0"]
    table.update_entity(row)

    table.upsert_entity({"PartitionKey": "registry", "RowKey": f"s:{name}-bad", "first_seen": "soon"})
    ledger.register(name, NOW)

    assert [run.key for run in open_runs(ledger, name)] == [good.key]
    assert f"k:{bad.key}" in caplog.text
    spoilt = table.get_entity("registry", f"s:{name}-bad").metadata["timestamp"]
    assert {one.schedule: one.first_seen for one in ledger.registrations()}[f"{name}-bad"] == spoilt
    assert f"s:{name}-bad" in caplog.text


UNREACHABLE: list[tuple[str, Callable[[], TableServiceClient], str]] = [
    (
        "nobody listens",
        lambda: TableServiceClient.from_connection_string(
            Azurite(None, free_ports(3)).connection_string,  # type: ignore[arg-type]  # never started
            retry_total=0,
        ),
        "nothing answers at 127.0.0.1:[0-9]+; `make run` starts the storage emulator",
    ),
]


@pytest.mark.parametrize(("why", "open_service", "said"), UNREACHABLE)
def test_an_unreachable_ledger_is_reported_with_its_cause(
    why: str, open_service: Callable[[], TableServiceClient], said: str
) -> None:
    with pytest.raises(LedgerUnavailable, match=said):
        Ledger(AzureTable(open_service)).get("s@2026-11-01T04:00:00Z")


def test_a_ledger_that_does_not_answer_is_reported_with_the_time_waited() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        account = f"AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:{silent.getsockname()[1]}/a"
        with (
            TableServiceClient.from_connection_string(account, retry_total=0, read_timeout=0.1) as service,
            pytest.raises(LedgerUnavailable, match=r"the storage account did not answer within 0\.1 s$"),
        ):
            Ledger(AzureTable(lambda: service)).get("s@2026-11-01T04:00:00Z")


def test_a_missing_ledger_setting_is_named() -> None:
    def open_service() -> TableServiceClient:
        raise UnusableConnection("the app setting AzureWebJobsStorage does not exist")

    with pytest.raises(LedgerUnavailable, match="the app setting AzureWebJobsStorage does not exist"):
        Ledger(AzureTable(open_service)).registrations()


def test_a_wrong_account_key_is_reported_as_such(azurite: Azurite) -> None:
    wrong = azurite.connection_string.replace("AccountKey=Eby8", "AccountKey=AAAA")

    with pytest.raises(LedgerUnavailable, match="check the account key in the connection string"):
        Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(wrong))).registrations()


def test_two_deliveries_of_a_blob_version_to_two_instances_submit_one_run(azurite: Azurite, name: str) -> None:
    """Ten rounds. The two instances share only the table and the endpoint."""
    endpoint = ScriptedEndpoint()
    of = schedule(CHANGE, name=name)

    def instance() -> Firing:
        return Firing(
            ledger=Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string))),
            endpoint=endpoint,
            life_of=lambda _: None,
            clock=SystemClock(),
            submit_deadline=timedelta(seconds=300),
            retry_first_delay=timedelta(seconds=30),
            spread=lambda: 0.0,
        )

    instances = [instance(), instance()]
    with ThreadPoolExecutor(2) as threads:
        for number in range(10):
            start = Barrier(2)

            def deliver(firing: Firing, start: Barrier = start, number: int = number) -> Run | None:
                start.wait()
                return firing.fire(of, change_occurrence(of.name, change(etag=str(number))))

            runs = list(threads.map(deliver, instances))
            assert sorted(run is None for run in runs) == [False, True]

    assert len(endpoint.keys) == len(set(endpoint.keys)) == 10
