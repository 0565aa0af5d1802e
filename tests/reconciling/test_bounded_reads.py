"""What a pass and GET /api/health read of a long backlog: pages of open rows, and only the runs that are due."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from builders import EMPTY_HEALTH, Engine, HandClock, found, schedule, timed, utc

from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Operation, Replace, RowsRead, StoredRow, Written
from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import RunState, SkipReason
from triggers.starting.occurrence import Requested, time_occurrence
from triggers.steering.pausing import pause
from triggers.web.health import with_open_runs

NOW = utc("2026-11-01T04:00")
BACKLOG = 300


class Counted(MemoryTable):
    """Counts the rows read, by kind."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock.server_now)
        self.gets: Counter[str] = Counter()
        self.queries: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.others = 0

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        self.gets[row_key.partition(":")[0]] += 1
        return super().get(partition, row_key)

    def query(
        self,
        partition: str,
        first: str,
        before: str,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[StoredRow]:
        found = list(super().query(partition, first, before, limit, columns))
        self.queries[first.partition(":")[0]] += 1
        self.rows[first.partition(":")[0]] += len(found)
        return iter(found)

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        self.others += 1
        return RowsRead(list(super().query(partition, first, before, limit)), self.now())

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        self.others += 1
        return super().write(partition, operations)

    def forget(self) -> None:
        self.others = 0
        self.gets.clear()
        self.queries.clear()
        self.rows.clear()


@pytest.fixture
def engine() -> Engine:
    """An engine with many runs that wait for another attempt."""
    found = Engine(NOW)
    found.ledger = Ledger(Counted(found.clock))
    found.firing = found.wired().firing
    of = schedule()
    for number in range(BACKLOG):
        found.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")]
        found.firing.fire(of, time_occurrence(of, NOW - timedelta(minutes=number)))
    return found


def counted(engine: Engine) -> Counted:
    table = engine.ledger.table
    assert isinstance(table, Counted)
    table.forget()
    return table


def test_a_timer_that_fires_makes_three_requests() -> None:
    engine = Engine(NOW)
    engine.ledger = Ledger(Counted(engine.clock))
    engine.firing = engine.wired().firing
    of = schedule("cron: {expression: '* * * * *'}")
    due_occurrences = engine.wired(of).due_occurrences
    due_occurrences.fire(of)
    engine.clock.pass_time(timedelta(minutes=1))
    table = counted(engine)

    fired = due_occurrences.fire(of)

    assert (fired, len(engine.endpoint.submissions)) == (1, 2)
    assert table.others == 3
    assert table.gets.total() + table.queries.total() == 0


def test_a_timer_finds_its_pauses_regardless_of_the_number_of_open_runs() -> None:
    engine = Engine(NOW)
    of = schedule("cron: {expression: '* * * * *'}")
    for number in range(100):
        engine.firing.fire(of, time_occurrence(of, NOW - timedelta(days=1, minutes=number)))
    due_occurrences = engine.wired(of).due_occurrences
    due_occurrences.fire(of)
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    engine.clock.pass_time(timedelta(minutes=1))

    due_occurrences.fire(of)

    assert engine.states()["s@2026-11-01T04:01:00Z"] == "skipped paused"


@pytest.mark.parametrize("limit", ["", "max_concurrent_runs: 400"])
def test_a_pass_reads_no_run_that_is_not_due(engine: Engine, limit: str) -> None:
    of = schedule() if not limit else schedule(f"{limit}\ncron: {{expression: '0 4 * * *'}}")
    engine.clock.pass_time(timedelta(seconds=10))
    table = counted(engine)

    engine.reconcile(of)

    assert table.gets["k"] == 0
    assert table.rows["o"] + table.rows["n"] <= 2 * BACKLOG
    assert len(engine.endpoint.submissions) == BACKLOG


def test_a_pass_reads_the_waiting_rows_once_and_not_for_each_start() -> None:
    engine = Engine(NOW)
    engine.ledger = Ledger(Counted(engine.clock))
    engine.firing = engine.wired().firing
    of = schedule("max_concurrent_runs: 20\ncron: {expression: '0 4 * * *'}")
    for number in range(120):
        engine.firing.fire(of, time_occurrence(of, NOW + timedelta(seconds=number)))
    for _, run_id in engine.endpoint.accepted:
        engine.service.seen[run_id] = Seen(status="Completed", end=RunState.FINISHED)
    table = counted(engine)

    engine.reconcile(of)

    assert len(engine.endpoint.submissions) == 40
    assert table.rows["o"] + table.rows["n"] <= 3 * 120
    assert table.gets["slots"] <= 25


def test_waiting_changes_are_not_read_again_for_every_batch() -> None:
    engine = Engine(NOW)
    engine.ledger = Ledger(Counted(engine.clock))
    engine.firing = engine.wired().firing
    of = schedule(
        "change: {datastore: d, container: data, data_path_parameter_name: input, data_path: manifest,"
        " polling_interval: 0}\n"
        "batch: {quiet: 1m, max_wait: 1h, max_items: 50}"
    )
    assert isinstance(of, ChangeSchedule)
    for number in range(1000):
        engine.blobs.put(found(f"{number}.csv", etag=f"0x{number}", last_modified=NOW))
        engine.report(of, f"{number}.csv")
    engine.clock.pass_time(timedelta(minutes=10))
    table = counted(engine)

    engine.reconcile(of)

    assert len(engine.endpoint.submissions) == 20
    assert table.rows["p"] <= 5 * 1000


def test_many_old_rows_are_pruned_faster_than_new_ones_appear() -> None:
    engine = Engine(NOW)
    of = schedule()
    for number in range(2000):
        engine.firing.fire(of, time_occurrence(of, NOW - timedelta(minutes=number)), SkipReason.CATCHUP)
    engine.clock.pass_time(timedelta(days=91))
    process = engine.reconciliation(timed("cron: {expression: '0 0 1 1 *'}"))

    for _ in range(16):
        process.run_pass()
        engine.clock.pass_time(timedelta(minutes=1))

    assert engine.states() == {}


def test_runs_that_become_due_are_read_and_sent(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(seconds=31))

    engine.reconcile(schedule())

    assert len(engine.endpoint.submissions) == 2 * BACKLOG
    assert set(engine.states().values()) == {"submitted"}


def test_a_run_that_is_not_due_does_not_hide_due_runs_after_it() -> None:
    engine = Engine(NOW)
    of = schedule()
    for number in range(6):
        engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")]
        engine.firing.fire(of, time_occurrence(of, NOW - timedelta(minutes=number)))
        engine.clock.pass_time(timedelta(seconds=10))
    due = {f"s@2026-11-01T{at}:00Z" for at in ("04:00", "03:59", "03:58", "03:57")}

    engine.reconcile(of)

    assert {key for key, state in engine.states().items() if state == "submitted"} == due


def test_the_run_is_read_if_its_row_does_not_say_when_it_is_due(engine: Engine) -> None:
    """Version 0.1.0 writes such rows during a rolling deployment."""
    known = {"state", "kind", "due_at"}
    for row in engine.ledger.table.query("s", "o:", "o;"):
        columns = {name: value for name, value in row.columns.items() if name in known}
        engine.ledger.table.write("s", [Replace(row.row_key, columns)])
    engine.clock.pass_time(timedelta(seconds=10))
    table = counted(engine)

    engine.reconcile(schedule())
    early = len(engine.endpoint.submissions)
    engine.clock.pass_time(timedelta(seconds=25))
    engine.reconcile(schedule())

    assert table.gets["k"] >= BACKLOG
    assert (early, len(engine.endpoint.submissions)) == (BACKLOG, 2 * BACKLOG)


def test_health_makes_few_requests_regardless_of_the_number_of_open_runs(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(seconds=10))
    process = engine.wired(schedule())
    process.reconciliation.run_pass()
    table = counted(engine)

    health = with_open_runs(EMPTY_HEALTH, process)

    assert health.counts == {"unsent": BACKLOG}
    assert health.oldest_open == "2026-11-01T04:00:00Z"
    assert health.last_reconcile == "2026-11-01T04:00:10Z"
    assert table.gets.total() + table.queries.total() <= 5


def test_runs_that_a_pass_does_not_reach_stay_in_the_summary(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(seconds=10))
    engine.reconcile(schedule())
    engine.endpoint.before_the_reply = lambda: engine.clock.pass_time(timedelta(minutes=5))
    other = schedule(name="a")
    engine.firing.wait(other, replace(time_occurrence(other, NOW), key="a!1"), Requested())

    engine.reconcile(other, schedule())

    counts = {name: one.counts for name, one in engine.ledger.open_summary().items()}
    assert counts["s"] == {"unsent": BACKLOG}
    assert counts["a"] == {"waiting": 1}


def test_an_ended_run_leaves_the_summary(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(seconds=10))
    engine.reconcile(schedule())
    for run in engine.ledger.runs([*engine.states()]):
        engine.ledger.update(run, run.to(RunState.DEAD, NOW, ended_at=NOW, next_attempt_at=None))

    engine.reconcile(schedule())

    assert engine.ledger.open_summary() == {}
