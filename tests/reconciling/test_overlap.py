"""`overlap` and `max_concurrent_runs`: how many runs are open, and which wait, are skipped or canceled."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from azure.data.tables import TableServiceClient
from builders import CHANGE, TIME, Engine, change, schedule, timed, utc

from local.azurite import Azurite
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import StoredRow
from triggers.reconciling.gate import Gate, Pass
from triggers.reconciling.run_hints import RunHints
from triggers.scheduling.config import Config, TimeSchedule
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.run import RunState
from triggers.scheduling.run_keys import time_key
from triggers.starting.firing import Firing
from triggers.starting.occurrence import Requested, change_occurrence, time_occurrence
from triggers.starting.pieces import do_all
from triggers.steering.asking import Asking
from triggers.steering.questions import ReplayBody, TriggerBody

NOW = utc("2026-11-01T04:00")
UNSENT = Outcome(answer=Answer.UNSENT, sentence="refused")
LOST = Outcome(answer=Answer.UNKNOWN, sentence="the reply was lost")


def limited(keys: str) -> TimeSchedule:
    return timed(f"cron: {{expression: '* * * * *'}}\ncatchup: all\n{keys}")


class Day(Engine):
    """An engine whose schedule is fired minute by minute."""

    def __init__(self, keys: str) -> None:
        super().__init__(NOW)
        self.of = limited(keys)
        self.ledger.register("s", NOW)
        self.fired = 0

    def fire(self, number: int = 1) -> list[str]:
        """Fire the next occurrences; returns the states of all so far, oldest first."""
        for _ in range(number):
            self.firing.fire(self.of, time_occurrence(self.of, NOW + timedelta(minutes=self.fired)))
            self.fired += 1
        return self.now()

    def now(self) -> list[str]:
        states = self.states()
        return [states[time_key("s", NOW + timedelta(minutes=number))] for number in range(self.fired)]

    def end(self, run_id: str, state: RunState = RunState.FINISHED) -> None:
        """End a run in Azure ML."""
        self.service.seen[run_id] = Seen(status=state.value.title(), end=state)

    def reconcile_once(self) -> list[str]:
        self.clock.pass_time(timedelta(seconds=1))
        # Without the occurrences that no timer delivered: the tests fire occurrences by hand.
        reconciliation = self.reconciliation(self.of)
        pauses = self.ledger.all_pauses().get("s", ())
        during = Pass(server_now=self.clock.server_now, holds=self.ledger.holds())
        do_all(reconciliation.open_runs.handle("s", self.of, pauses, during, is_faulty=False))
        assert during.faults == []
        return self.now()

    def asking(self) -> Asking:
        return self.wired().steering.asking


def test_with_overlap_allow_runs_overlap() -> None:
    assert Day("overlap: allow").fire(5) == ["submitted"] * 5


def test_with_skip_occurrences_are_skipped_while_a_run_is_open() -> None:
    day = Day("overlap: skip")

    assert day.fire(3) == ["submitted", "skipped overlap", "skipped overlap"]
    day.end("run-1")
    day.reconcile_once()
    assert day.fire() == ["finished", "skipped overlap", "skipped overlap", "submitted"]


def test_runs_beyond_max_concurrent_runs_wait_and_start_oldest_first() -> None:
    day = Day("max_concurrent_runs: 2")

    assert day.fire(4) == ["submitted", "submitted", "waiting", "waiting"]
    day.end("run-2")
    assert day.reconcile_once() == ["submitted", "finished", "submitted", "waiting"]
    day.end("run-1")
    day.end("run-3")
    assert day.reconcile_once() == ["finished", "finished", "finished", "submitted"]
    assert day.endpoint.keys == sorted(day.endpoint.keys)


def test_buffer_all_runs_one_after_the_other() -> None:
    day = Day("overlap: buffer_all")

    assert day.fire(3) == ["submitted", "waiting", "waiting"]
    day.end("run-1")
    assert day.reconcile_once() == ["finished", "submitted", "waiting"]
    assert day.fire() == ["finished", "submitted", "waiting", "waiting"]


def test_buffer_one_keeps_the_newest_waiting() -> None:
    day = Day("overlap: buffer_one")

    day.fire(4)
    assert day.reconcile_once() == ["submitted", "skipped overlap", "skipped overlap", "waiting"]
    day.end("run-1", RunState.FAILED)
    assert day.reconcile_once() == ["failed", "skipped overlap", "skipped overlap", "submitted"]


def test_cancel_other_cancels_the_open_run_for_the_newest() -> None:
    day = Day("overlap: cancel_other")

    day.fire(3)
    assert day.reconcile_once() == ["canceled", "skipped overlap", "submitted"]
    assert day.service.canceled == [time_key("s", NOW)]
    first = day.ledger.get(time_key("s", NOW))
    assert first is not None
    assert first.error == "canceled for s@2026-11-01T04:02:00Z (overlap: cancel_other)"


def test_cancel_other_does_not_resend_a_run_that_will_be_canceled() -> None:
    day = Day("overlap: cancel_other")
    day.endpoint.next_outcomes = [UNSENT]
    day.fire(2)
    day.clock.pass_time(timedelta(minutes=5))

    assert day.reconcile_once() == ["canceled", "submitted"]
    assert day.endpoint.keys == [time_key("s", NOW), time_key("s", NOW + timedelta(minutes=1))]


def test_cancel_other_never_cancels_the_newest_run_that_just_started() -> None:
    day = Day("overlap: cancel_other")
    day.fire(3)
    day.end("run-1")
    gate = Gate(schedule=day.of, pauses=(), during=Pass(server_now=day.clock.server_now, holds={}), clock=day.clock)
    line = day.open_runs.waiting_line
    run = day.ledger.get(time_key("s", NOW))
    assert run is not None
    day.open_runs.run_ends.follow(run, day.clock.server_now())

    slow = line.handle(day.of, gate)
    next(slow)  # the older one is skipped, and now an event starts the newest on another thread
    do_all(line.handle(day.of, gate))
    do_all(slow)

    assert day.now() == ["finished", "skipped overlap", "submitted"]
    assert day.service.canceled == []


def test_cancel_other_starts_the_newest_before_backfilled_runs() -> None:
    day = Day("overlap: cancel_other")
    day.clock.pass_time(timedelta(minutes=5))
    backfilling = day.wired().backfilling
    list(backfilling.backfill(day.of, NOW, NOW + timedelta(minutes=3), Requested(), dry_run=False))
    day.fired = 3
    day.reconcile_once()

    assert day.fire() == ["submitted", "waiting", "waiting", "waiting"]
    assert day.reconcile_once() == ["canceled", "waiting", "waiting", "submitted"]


def test_a_claim_reads_no_more_rows_for_a_long_waiting_line() -> None:
    day = Day("max_concurrent_runs: 1")
    rows: list[int] = []
    plain = day.ledger.table.query

    def counted(
        partition: str, first: str, before: str, limit: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[StoredRow]:
        found = list(plain(partition, first, before, limit, columns))
        rows[-1] += len(found) * first.startswith("o:")
        return iter(found)

    day.ledger.table.query = counted  # type: ignore[method-assign]  # counts
    for _ in range(200):
        rows.append(0)
        day.fire()

    assert max(rows) <= 60


def test_cancel_other_waits_if_azure_ml_refuses_to_cancel() -> None:
    day = Day("overlap: cancel_other")
    day.service.refusal = "the service answered 503"

    day.fire(2)
    assert day.reconcile_once() == ["submitted", "waiting"]
    day.end("run-1")
    assert day.reconcile_once() == ["finished", "submitted"]


@pytest.mark.parametrize("keys", ["overlap: skip", "max_concurrent_runs: 1", "overlap: buffer_one"])
@pytest.mark.parametrize("outcome", [UNSENT, LOST])
def test_an_unsent_or_unknown_run_holds_its_slot(keys: str, outcome: Outcome) -> None:
    day = Day(keys)
    day.endpoint.next_outcomes = [outcome]

    states = day.fire(2)

    assert states == [outcome.answer.value, "skipped overlap" if "skip" in keys else "waiting"]
    assert len(day.endpoint.submissions) == 1


def test_waiting_runs_are_not_overtaken_and_do_not_overtake_retried_ones() -> None:
    day = Day("max_concurrent_runs: 1")
    day.endpoint.next_outcomes = [UNSENT]
    day.fire(2)

    day.clock.pass_time(timedelta(minutes=5))
    assert day.reconcile_once() == ["submitted", "waiting"]
    day.end("run-2")
    assert day.fire() == ["submitted", "waiting", "waiting"]
    assert day.reconcile_once() == ["finished", "submitted", "waiting"]


def test_an_unknown_run_denied_by_history_for_an_hour_releases_its_slot() -> None:
    day = Day("overlap: buffer_all")
    day.endpoint.next_outcomes = [LOST]
    day.fire(2)
    for _ in range(59):
        day.clock.pass_time(timedelta(minutes=1))
        waited = day.reconcile_once()
    for _ in range(5):
        day.clock.pass_time(timedelta(minutes=1))
        proven = day.reconcile_once()

    assert waited == ["unknown", "waiting"]
    assert proven == ["unsent", "submitted"]
    day.end("run-2")
    day.clock.pass_time(timedelta(hours=1))
    assert day.reconcile_once() == ["submitted", "finished"]


def test_a_manually_triggered_run_is_subject_to_the_slots() -> None:
    day = Day("overlap: skip")
    day.fire()

    skipped, is_new = day.asking().trigger(day.of, TriggerBody(request_id="a"))
    again, is_new_again = day.asking().trigger(day.of, TriggerBody(request_id="a"))

    assert (skipped.state, skipped.reason, is_new) == (RunState.SKIPPED, "overlap", True)
    assert (again.key, again.state, is_new_again) == (skipped.key, RunState.SKIPPED, False)
    day.end("run-1")
    day.reconcile_once()
    assert day.asking().trigger(day.of, TriggerBody(request_id="b"))[0].state is RunState.SUBMITTED
    assert day.fire()[-1] == "skipped overlap", "a manual run holds the slot"
    replayed = day.asking().replay(day.of, skipped, ReplayBody())
    assert replayed.state is RunState.WAITING, "a replay is not skipped for overlap; it waits"


def test_backfilled_runs_wait_even_with_overlap_skip() -> None:
    day = Day("overlap: skip")
    day.clock.pass_time(timedelta(minutes=5))
    backfilling = day.wired().backfilling

    items = list(backfilling.backfill(day.of, NOW, NOW + timedelta(minutes=3), Requested(), dry_run=False))

    day.fired = len(items)
    assert [item.starts for item in items] == [True] * 3
    assert day.reconcile_once() == ["submitted", "waiting", "waiting"]
    day.end("run-1")
    assert day.reconcile_once() == ["finished", "submitted", "waiting"]


def test_waiting_for_a_slot_does_not_count_towards_max_age() -> None:
    day = Day("max_concurrent_runs: 1\nretry: {max_age: 1h}")
    day.fire(2)
    day.clock.pass_time(timedelta(hours=30))
    day.end("run-1")
    day.endpoint.next_outcomes = [UNSENT]

    assert day.reconcile_once() == ["finished", "unsent"]
    day.clock.pass_time(timedelta(minutes=2))
    assert day.reconcile_once() == ["finished", "submitted"]


def test_waiting_runs_of_a_faulty_schedule_are_held_and_those_of_a_removed_one_are_sent() -> None:
    day = Day("max_concurrent_runs: 1")
    day.fire(2)
    day.end("run-1")
    day.clock.pass_time(timedelta(minutes=1))
    day.reconcile(schedule(name="other"), left_out=("s",))
    day.reconcile(schedule(name="other"), left_out=("s",))

    assert day.now() == ["finished", "waiting"]
    day.reconcile(schedule(name="other"))
    assert day.now() == ["finished", "submitted"], "the remaining runs of a schedule that has left the file are sent"


def test_a_run_ended_event_starts_the_waiting_run_at_once() -> None:
    day = Day("max_concurrent_runs: 1")
    day.fire(2)
    day.end("run-1")
    config = Config(schedules={"s": day.of}, faults=(), left_out=(), settings={}, file="", lines={})
    hints = RunHints(config=config, ledger=day.ledger, open_runs=day.open_runs, clock=day.clock)
    tags = {"trigger_run_key": time_key("s", NOW), "trigger_ledger": day.ledger.ledger_id()}

    hints.note("", {"runId": "run-1", "runTags": tags})

    assert day.now() == ["finished", "submitted"]


@pytest.mark.parametrize("store", ["memory", pytest.param("table", marks=pytest.mark.azurite)])
def test_twenty_concurrent_claims_take_no_more_slots_than_exist(store: str, request: pytest.FixtureRequest) -> None:
    name = f"s{store}"
    of = schedule(f"max_concurrent_runs: 3\n{CHANGE}", name=name)
    engine = Engine(NOW)
    if store == "table":
        azurite: Azurite = request.getfixturevalue("azurite")
        engine.ledger = Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string)))

    def instance() -> Firing:
        """Another instance, with its own ledger over the same rows."""
        return Firing(
            ledger=Ledger(engine.ledger.table),
            endpoint=engine.endpoint,
            life_of=lambda _: None,
            clock=engine.clock,
            submit_deadline=timedelta(seconds=300),
            retry_first_delay=timedelta(seconds=30),
            spread=lambda: 0.0,
        )

    def claim(number: int) -> None:
        instance().fire(of, change_occurrence(name, change(f"incoming/{number}.csv")))

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(claim, range(20)))

    states = sorted(engine.states(name).values())
    assert states == ["submitted"] * 3 + ["waiting"] * 17
    assert len(engine.endpoint.submissions) == 3


def test_overlap_of_a_run_with_jitter_is_decided_when_it_is_due() -> None:
    engine = Engine(NOW)
    of = schedule(f"overlap: skip\njitter: 10m\n{TIME}")
    engine.ledger.register("s", NOW)
    engine.firing.fire(of, time_occurrence(of, NOW))
    waiting = engine.states()
    engine.wired().steering.asking.trigger(of, TriggerBody(request_id="a"))
    engine.clock.pass_time(timedelta(minutes=11))
    engine.reconcile(of)

    assert list(waiting.values()) == ["waiting"]
    assert engine.states() == {"s!a": "submitted", time_key("s", NOW): "skipped overlap"}


def test_unsent_runs_of_a_faulty_schedule_are_not_resent() -> None:
    day = Day("max_concurrent_runs: 1")
    day.endpoint.next_outcomes = [UNSENT]
    day.fire()
    day.asking().trigger(day.of, TriggerBody(request_id="x"))
    day.clock.pass_time(timedelta(minutes=5))
    day.reconcile(schedule(name="other"), left_out=("s",))

    assert sorted(day.states().values()) == ["submitted", "unsent"]
