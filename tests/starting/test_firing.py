"""Build → claim → submit → settle, and what happens if it stops at any point."""

import itertools
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from builders import CHANGE, TIME, Engine, change, schedule, utc

from triggers.ledger.ports import LedgerUnavailable
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState, SkipReason
from triggers.scheduling.run_request import build_request
from triggers.starting.occurrence import Occurrence, change_occurrence, time_occurrence
from triggers.starting.submitting import Submitting

NOW = utc("2026-11-01T04:00")
KEY = "s@2026-11-01T04:00:00Z"


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def test_an_occurrence_starts_one_run(engine: Engine) -> None:
    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert (run.key, run.state, run.run_id, run.attempts) == (KEY, RunState.SUBMITTED, "run-1", 1)
    (submission,) = engine.endpoint.submissions
    assert (submission.run_key, submission.ledger_id) == (KEY, engine.ledger.ledger_id())
    assert submission.attempt == run.claim_id


def test_a_second_delivery_of_the_same_blob_version_submits_nothing(engine: Engine) -> None:
    of = schedule(CHANGE)

    runs = [engine.firing.fire(of, change_occurrence("s", change(etag=etag))) for etag in ("1", "1", "2")]

    assert [run is not None for run in runs] == [True, False, True]
    assert len(engine.endpoint.submissions) == 2


def test_a_skipped_occurrence_has_a_row_with_its_reason_and_starts_nothing(engine: Engine) -> None:
    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW), SkipReason.CATCHUP)

    assert run is not None
    assert (run.state, run.reason, run.ended_at) == (RunState.SKIPPED, "catchup", NOW)
    assert engine.firing.fire(schedule(), time_occurrence(schedule(), NOW)) is None
    assert engine.endpoint.submissions == []


def test_a_rejected_run_ends_with_the_services_message(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="the service answered 404: gone")]

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert (run.state, run.error) == (RunState.REJECTED, "the service answered 404: gone")
    engine.clock.pass_time(timedelta(days=1))
    engine.reconcile(schedule())
    assert engine.endpoint.keys == [KEY]


def test_an_unsent_run_is_retried_with_growing_delays(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")] * 3
    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))
    attempts = [NOW]

    while engine.states()[KEY] != "submitted":
        engine.clock.pass_time(timedelta(seconds=30))
        before = len(engine.endpoint.submissions)
        engine.reconcile(schedule())
        if len(engine.endpoint.submissions) > before:
            attempts.append(engine.clock.now())

    waits = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(attempts)]
    assert waits == [30, 60, 120]
    run = engine.ledger.get(KEY)
    assert run is not None
    assert (run.attempts, run.run_id, run.error) == (4, "run-4", None)
    assert len({submission.attempt for submission in engine.endpoint.submissions}) == 4


def test_a_longer_retry_after_takes_precedence(engine: Engine) -> None:
    asked = Outcome(answer=Answer.UNSENT, sentence="slow down", retry_after=timedelta(minutes=20))
    engine.endpoint.next_outcomes = [asked]

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert run.next_attempt_at == NOW + timedelta(minutes=20)


@pytest.mark.parametrize("retry", ["{max_attempts: 3}", "{max_age: 80s}"])
def test_a_run_whose_retries_are_used_up_is_dead(engine: Engine, retry: str) -> None:
    of = schedule(f"retry: {retry}\n{TIME}")
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")] * 100
    engine.firing.fire(of, time_occurrence(of, NOW))

    for _ in range(60):
        engine.clock.pass_time(timedelta(seconds=30))
        engine.reconcile(of)

    assert engine.states() == {KEY: "dead"}
    run = engine.ledger.get(KEY)
    assert run is not None
    assert run.error == "refused"
    assert len(engine.endpoint.submissions) == (3 if "attempts" in retry else 2)


def test_a_submitter_whose_claim_has_expired_sends_nothing(engine: Engine) -> None:
    engine.endpoint.before_sending = lambda: engine.clock.pass_time(timedelta(seconds=61))

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert run.state is RunState.UNSENT
    assert engine.endpoint.submissions == []


def test_a_late_run_id_is_recorded_although_the_run_was_already_unknown(engine: Engine) -> None:
    def take_long() -> None:
        engine.history.away = True
        engine.clock.pass_time(timedelta(seconds=301))
        engine.reconcile(schedule())
        assert engine.states() == {KEY: "unknown"}

    engine.endpoint.before_the_reply = take_long

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert [event.state.value for event in run.history] == ["submitting", "unknown", "submitted"]
    assert run.run_id == "run-1"


class Crash(BaseException):
    """The process ends here."""


class Crashing:
    """Passes every call on, and crashes before or after the nth call."""

    def __init__(self, inner: Any, crash: Callable[[], None]) -> None:
        self._inner, self._crash = inner, crash

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._crash()
            answer = getattr(self._inner, name)(*arguments, **named)
            self._crash()
            return answer

        return call


@pytest.mark.parametrize("point", range(12))
def test_a_crash_at_any_point_never_submits_twice_and_never_loses_the_row(point: int) -> None:
    """Stopped before and after each call to ledger and endpoint, delivered again, and reconciled past the next run."""
    engine = Engine(NOW)
    countdown = iter(range(point, -1, -1))

    def crash() -> None:
        if next(countdown, None) == 0:
            raise Crash

    plain = engine.firing
    engine.firing = copy(plain)
    engine.firing._ledger = Crashing(plain._ledger, crash)  # type: ignore[assignment]  # a stand-in
    engine.firing._endpoint = Crashing(plain._endpoint, crash)
    engine.firing._submitting = Submitting(
        ledger=engine.firing._ledger,
        endpoint=engine.firing._endpoint,
        clock=engine.clock,
        freshness=timedelta(minutes=1),
        settling=replace(plain._submitting._settling, ledger=engine.firing._ledger),
    )
    crashed = False
    try:
        engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))
    except Crash:
        crashed = True
    engine.firing = plain

    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))
    for _ in range(10):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(schedule())
    after_ten_minutes = engine.states()[KEY]
    engine.clock.pass_time(timedelta(days=1))
    for _ in range(10):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(schedule())

    assert crashed is (point < 10), "before and after five calls: ledger_id, place, insert, submit, update"
    assert after_ten_minutes == ("unknown" if point in {5, 6} else "submitted"), "unsent, but nothing proves it yet"
    assert engine.states()[KEY] == "submitted"
    assert engine.endpoint.keys.count(KEY) == 1


def test_an_error_in_one_schedule_does_not_stop_the_others(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")] * 2
    bad, good = schedule(name="a"), schedule(name="b")
    for of in (bad, good):
        engine.ledger.register(of.name, NOW)
        engine.firing.fire(of, time_occurrence(of, NOW))
    engine.clock.pass_time(timedelta(minutes=5))
    plain = engine.ledger.open_work

    def open_work(name: str) -> Any:
        if name == "a":
            raise LedgerUnavailable("this partition is away")
        return plain(name)

    engine.ledger.open_work = open_work  # type: ignore[method-assign,assignment]  # the ledger fails in this test

    with pytest.raises(ExceptionGroup, match="could not handle every schedule") as raised:
        engine.reconcile(bad, good)

    assert [str(error) for error in raised.value.exceptions] == ["this partition is away"]
    assert engine.states("b") == {"b@2026-11-01T04:00:00Z": "submitted"}
    assert engine.ledger.last_pass() == engine.clock.now()


def test_the_open_runs_of_a_removed_schedule_are_still_sent(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")]
    engine.ledger.register("s", NOW)
    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))
    engine.clock.pass_time(timedelta(minutes=1))

    engine.reconcile()

    assert engine.states() == {KEY: "submitted"}


def test_a_schedules_life_begins_with_the_process_but_at_most_two_minutes_ago(engine: Engine) -> None:
    engine.reconcile(schedule(name="at-once"))
    engine.clock.pass_time(timedelta(days=3))
    engine.reconcile(schedule(name="late"))

    assert {one.schedule: one.first_seen for one in engine.ledger.registrations()} == {
        "at-once": NOW,
        "late": NOW + timedelta(days=3) - timedelta(minutes=2),
    }


def test_retry_after_holds_the_whole_target_on_every_instance(engine: Engine) -> None:
    asked = Outcome(answer=Answer.UNSENT, sentence="slow down", retry_after=timedelta(minutes=20))
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused"), asked]
    first, second, third = schedule(name="a"), schedule(name="b"), schedule(name="c")
    for of in (first, second, third):
        engine.ledger.register(of.name, NOW)
        engine.firing.fire(of, time_occurrence(of, NOW))
    assert engine.endpoint.keys == ["a@2026-11-01T04:00:00Z", "b@2026-11-01T04:00:00Z"], "the third was not even sent"
    restarted = engine.with_new_process()

    for _ in range(19):
        engine.clock.pass_time(timedelta(minutes=1))
        restarted.reconcile(first, second, third)
    held = len(engine.endpoint.submissions)
    for _ in range(17):
        engine.clock.pass_time(timedelta(minutes=1))
        restarted.reconcile(first, second, third)

    assert held == 2
    assert sorted(engine.endpoint.keys[2:]) == [f"{name}@2026-11-01T04:00:00Z" for name in "abc"]


def test_a_waiting_run_is_submitted_when_it_is_due(engine: Engine) -> None:
    of = schedule()
    request = build_request(of, Occurrence(key=KEY, kind=RunKind.REQUEST, nominal_time=NOW))
    waiting = Run(
        key=KEY,
        schedule="s",
        kind=RunKind.TIME,
        state=RunState.WAITING,
        created_at=NOW,
        pipeline="p",
        due_at=NOW + timedelta(minutes=5),
        request=request,
    )
    engine.ledger.register("s", NOW)
    engine.ledger.insert(waiting.first(NOW))

    other = schedule(name="other")
    engine.clock.pass_time(timedelta(minutes=4))
    engine.reconcile(other)
    early = engine.states()[KEY]
    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(other)

    assert (early, engine.states()[KEY]) == ("waiting", "submitted")


def test_an_occurrence_that_no_timer_delivered_is_started_by_the_reconciler(engine: Engine) -> None:
    of = schedule("cron: {expression: '5 4 * * *'}")
    engine.reconcile(of)

    engine.clock.pass_time(timedelta(minutes=6))
    engine.reconcile(of)
    young = dict(engine.states())
    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(of)

    assert young == {}, "left to its timer for another 30 seconds"
    assert engine.states() == {"s@2026-11-01T04:05:00Z": "submitted"}


def test_a_run_held_by_another_schedules_retry_after_has_made_no_attempt(engine: Engine) -> None:
    patient, once = schedule(), schedule(f"{TIME}\nretry: {{max_attempts: 1}}", name="once")
    engine.endpoint.next_outcomes = [
        Outcome(answer=Answer.UNSENT, sentence="429", retry_after=timedelta(minutes=10)),
    ]
    engine.firing.fire(patient, time_occurrence(patient, NOW))

    held = engine.firing.fire(once, time_occurrence(once, NOW))

    assert held
    assert (held.state, held.attempts) == (RunState.UNSENT, 0)
    assert len(engine.endpoint.submissions) == 1

    engine.clock.pass_time(timedelta(minutes=11))
    engine.reconcile(patient, once)
    assert engine.states("once") == {held.key: "submitted"}
