"""Clocks that stand still, run ahead, or are a little early."""

from datetime import timedelta

import pytest
from builders import Engine, HandClock, change, found, schedule, timed, utc, watching

from triggers.clock import Stopwatch, SystemClock
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.run import RunState
from triggers.starting.occurrence import change_occurrence, time_occurrence
from triggers.steering.questions import BackfillBody, TriggerBody

NOW = utc("2026-11-01T04:00")
HOURLY = "cron: {expression: '0 * * * *'}"


class Machine(HandClock):
    """A machine that can be suspended; the test sets which of its clocks keep running meanwhile."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.slept = 0.0

    def since_boot(self) -> float:
        return self._monotonic + self.slept

    def suspend(self, time: timedelta, *, counts: str) -> None:
        if counts == "the time of day":
            self._now += time
        else:
            self.slept += time.total_seconds()


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


@pytest.mark.parametrize("counts", ["the time of day", "time since boot"])
def test_an_instance_suspended_before_sending_sends_nothing(engine: Engine, counts: str) -> None:
    machine = Machine()
    engine.clock = machine
    of = watching()

    def asleep() -> None:
        machine.suspend(timedelta(minutes=20), counts=counts)

    engine.endpoint.before_sending = asleep

    run = engine.wired(of).firing.fire(of, change_occurrence("s", change()))

    assert run is not None
    assert (run.state, engine.endpoint.keys) == (RunState.UNSENT, [])


def test_a_stopwatch_uses_the_clock_that_advanced_most() -> None:
    machine = Machine()
    watch = Stopwatch(machine)
    machine.pass_time(timedelta(seconds=1))
    machine.suspend(timedelta(seconds=5), counts="time since boot")

    assert watch.elapsed() == timedelta(seconds=6)
    assert timedelta(0) <= Stopwatch(SystemClock()).elapsed() < timedelta(minutes=1)


def test_a_timer_slightly_early_starts_its_occurrence_and_the_next_tick_starts_nothing(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.wired(of).due_occurrences.fire(of)
    engine.clock.pass_time(timedelta(minutes=59, seconds=59, milliseconds=997))

    engine.wired(of).due_occurrences.fire(of)
    engine.clock.pass_time(timedelta(milliseconds=3))
    engine.wired(of).due_occurrences.fire(of)
    for _ in range(5):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)

    assert engine.endpoint.keys == ["s@2026-11-01T04:00:00Z", "s@2026-11-01T05:00:00Z"]
    (newest, _) = engine.ledger.recent_runs("s", 9)
    assert newest.history[0].reason == "its timer fired 0.003 s early"


def test_a_timer_more_than_two_seconds_early_starts_nothing(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.wired(of).due_occurrences.fire(of)
    engine.clock.pass_time(timedelta(minutes=59, seconds=57))

    engine.wired(of).due_occurrences.fire(of)

    assert engine.endpoint.keys == ["s@2026-11-01T04:00:00Z"]


@pytest.mark.parametrize("is_first", [True, False])
def test_an_instance_with_its_clock_a_day_ahead_decides_no_future_occurrence(engine: Engine, *, is_first: bool) -> None:
    of = timed(HOURLY)
    if not is_first:
        engine.wired(of).due_occurrences.fire(of)
    engine.clock.pass_time(timedelta(minutes=30))
    ahead = engine.with_new_process()
    engine.clock._now += timedelta(days=1)
    ahead.started_at = engine.clock.now()

    ahead.wired(of).due_occurrences.fire(of)
    ahead.reconcile(of)
    engine.clock._now -= timedelta(days=1)
    for _ in range(4):
        engine.clock.pass_time(timedelta(minutes=30))
        engine.wired(of).due_occurrences.fire(of)
        engine.reconcile(of)

    assert "superseded" not in str(engine.states())
    assert engine.endpoint.keys[-2:] == ["s@2026-11-01T05:00:00Z", "s@2026-11-01T06:00:00Z"]


def test_an_edit_first_read_by_a_process_a_day_ahead_loses_no_occurrence(engine: Engine) -> None:
    engine.wired(timed(HOURLY)).due_occurrences.fire(timed(HOURLY))
    edited = timed("cron: {expression: '30 * * * *'}")
    engine.clock._now += timedelta(days=1)
    ahead = engine.with_new_process()
    ahead.reconcile(edited)
    engine.clock._now -= timedelta(days=1)

    for _ in range(4):
        engine.clock.pass_time(timedelta(minutes=30))
        ahead.wired(edited).due_occurrences.fire(edited)

    assert engine.endpoint.keys[1:] == ["s@2026-11-01T04:30:00Z", "s@2026-11-01T05:30:00Z"]


def test_a_backfill_with_the_clock_a_day_ahead_starts_no_future_occurrence(engine: Engine) -> None:
    of = timed(HOURLY)
    engine.clock._now += timedelta(days=1)
    body = BackfillBody(first="2026-11-01T00:00:00Z", before="2026-11-03T00:00:00Z")

    answer = engine.wired(of).steering.backfill("s", body)

    assert [one.key for one in answer.started] == [f"s@2026-11-01T0{hour}:00:00Z" for hour in range(5)]


def test_a_run_queued_with_the_clock_a_day_ahead_does_not_wait_for_a_day(engine: Engine) -> None:
    of = timed(f"{HOURLY}\noverlap: buffer_all")
    engine.wired(of).due_occurrences.fire(of)
    engine.clock.pass_time(timedelta(hours=1))
    engine.clock._now += timedelta(days=1)
    engine.with_new_process().wired(of).due_occurrences.fire(of)
    engine.wired(of).steering.trigger("s", TriggerBody(request_id="1"))
    engine.clock._now -= timedelta(days=1)
    engine.service.seen = {f"run-{n}": Seen(status="Completed", end=RunState.FINISHED) for n in range(1, 4)}

    for _ in range(4):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)

    assert engine.endpoint.keys == ["s@2026-11-01T04:00:00Z", "s@2026-11-01T05:00:00Z", "s!1"]


def test_an_answer_recorded_with_the_clock_a_day_ahead_does_not_end_the_retries(engine: Engine) -> None:
    of = timed(HOURLY)

    def ahead() -> None:
        engine.clock._now += timedelta(days=1)

    engine.endpoint.before_the_reply = ahead
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")]

    run = engine.wired(of).firing.fire(of, time_occurrence(of, NOW))

    assert run is not None
    assert run.state is RunState.UNSENT


def test_batches_sealed_with_the_clock_a_day_ahead_supersede_no_others(engine: Engine) -> None:
    of = watching(
        "change: {datastore: d, container: data, data_path_parameter_name: input, data_path: folder}\n"
        "batch: {quiet: 1m, max_wait: 2m}\noverlap: buffer_one"
    )
    engine.service.seen = {f"run-{n}": Seen(status="Completed", end=RunState.FINISHED) for n in range(1, 4)}
    for day in (1, 0):
        engine.clock._now += timedelta(days=day)
        engine.blobs.put(found(f"{day}.csv", etag=str(day), last_modified=engine.clock.server_now()))
        engine.report(of, f"{day}.csv")
        for _ in range(4):
            engine.clock.pass_time(timedelta(minutes=1))
            engine.reconcile(of)
        engine.clock._now -= timedelta(days=day)

    assert len(engine.endpoint.submissions) == 2
