"""Unknown runs are looked up, never guessed: what frees them, what adopts them, and what leaves them unknown."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from builders import Engine, schedule, timed, utc

from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, FoundRun, LookUp, Outcome
from triggers.scheduling.run import Run, RunState
from triggers.starting.occurrence import time_occurrence

NOW = utc("2026-11-01T04:00")
KEY = "s@2026-11-01T04:00:00Z"
LATER = "s@2026-11-01T05:00:00Z"
OF = schedule("cron: {expression: '0 4,5 * * *'}")
LOST = Outcome(answer=Answer.UNKNOWN, sentence="the reply was lost")


@pytest.fixture
def engine() -> Engine:
    """An engine with one unknown run, which the service has not accepted."""
    engine = registered()
    engine.endpoint.next_outcomes = [LOST]
    engine.firing.fire(OF, time_occurrence(OF, NOW))
    return engine


def registered() -> Engine:
    engine = Engine(NOW)
    engine.ledger.register("s", NOW)
    return engine


def run_of(engine: Engine) -> Run:
    run = engine.ledger.get(KEY)
    assert run is not None
    return run


def passes(engine: Engine, number: int, apart: timedelta = timedelta(minutes=1)) -> None:
    for _ in range(number):
        engine.clock.pass_time(apart)
        engine.reconcile()


def submit_later(engine: Engine, at: datetime = NOW) -> None:
    """Fire a later occurrence, which the service accepts."""
    assert engine.firing.fire(OF, time_occurrence(OF, at + timedelta(hours=1))) is not None


def test_a_run_that_history_knows_is_adopted(engine: Engine) -> None:
    engine.history.accepted_silently[KEY] = ["the-id"]

    passes(engine, 1)

    run = run_of(engine)
    assert (run.state, run.run_id, run.error) == (RunState.SUBMITTED, "the-id", None)
    assert engine.endpoint.keys == [KEY]


def test_if_resending_is_harmless_two_empty_look_ups_are_enough(engine: Engine) -> None:
    engine.history.is_proof = True

    passes(engine, 1)
    early = run_of(engine).state
    passes(engine, 3)

    run = run_of(engine)
    assert (early, run.state, run.attempts) == (RunState.UNKNOWN, RunState.SUBMITTED, 2)
    assert "Azure ML has no job of this name" in str([event.reason for event in run.history])


def test_without_a_later_run_an_unknown_run_stays_unknown(engine: Engine) -> None:
    passes(engine, 200, timedelta(minutes=15))

    assert run_of(engine).state is RunState.UNKNOWN
    assert engine.endpoint.keys == [KEY]


def test_a_later_run_that_history_knows_frees_an_unknown_run(engine: Engine) -> None:
    passes(engine, 1)
    submit_later(engine)
    passes(engine, 1)
    assert run_of(engine).state is RunState.UNSENT, "two minutes, two look-ups, and a witness"

    passes(engine, 1)

    assert run_of(engine).state is RunState.SUBMITTED
    assert engine.endpoint.keys == [KEY, LATER, KEY]


def test_a_run_that_was_submitted_earlier_proves_nothing() -> None:
    engine = registered()
    submit_later(engine)
    engine.clock.pass_time(timedelta(seconds=30))
    engine.endpoint.next_outcomes = [LOST]
    engine.firing.fire(OF, time_occurrence(OF, NOW))

    passes(engine, 20)

    assert run_of(engine).state is RunState.UNKNOWN


def test_a_later_run_that_history_does_not_know_yet_proves_nothing(engine: Engine) -> None:
    passes(engine, 1)
    submit_later(engine)
    engine.history.knows_up_to = 0
    passes(engine, 30)
    assert run_of(engine).state is RunState.UNKNOWN

    engine.history.knows_up_to = None
    passes(engine, 1)

    assert run_of(engine).state is RunState.UNSENT


def test_a_later_run_whose_look_up_fails_proves_nothing(engine: Engine) -> None:
    passes(engine, 1)
    submit_later(engine)
    engine.history.answers[LATER] = LookUp(sentence="run history answered 500")
    passes(engine, 10)
    assert run_of(engine).state is RunState.UNKNOWN

    del engine.history.answers[LATER]
    passes(engine, 1)

    assert run_of(engine).state is RunState.UNSENT


def test_a_run_that_appears_late_in_history_is_adopted_and_not_resent(engine: Engine) -> None:
    passes(engine, 3)
    engine.history.accepted_silently[KEY] = ["the-id"]
    submit_later(engine)

    passes(engine, 3)

    assert run_of(engine).run_id == "the-id"
    assert engine.endpoint.keys == [KEY, LATER]


def test_a_later_run_of_another_pipeline_proves_nothing(engine: Engine) -> None:
    passes(engine, 1)
    other = schedule("cron: {expression: '0 4,5 * * *'}", pipeline="{endpoint: 'https://other.api.azureml.ms/x'}")
    engine.firing.fire(other, time_occurrence(other, NOW + timedelta(hours=1)))

    passes(engine, 20)

    assert run_of(engine).state is RunState.UNKNOWN


def test_one_look_up_is_not_enough_however_old_the_run_is(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(hours=5))
    submit_later(engine)

    engine.reconcile()
    assert run_of(engine).state is RunState.UNKNOWN
    passes(engine, 1, timedelta(seconds=59))
    assert run_of(engine).state is RunState.UNKNOWN
    passes(engine, 1, timedelta(seconds=2))

    assert run_of(engine).state is RunState.UNSENT


def test_look_ups_that_fail_do_not_count(engine: Engine) -> None:
    engine.history.away = True
    passes(engine, 1)
    submit_later(engine)
    passes(engine, 30)
    assert run_of(engine).first_look_up_at is None

    engine.history.away = False
    passes(engine, 1)
    assert run_of(engine).state is RunState.UNKNOWN
    passes(engine, 1)

    assert run_of(engine).state is RunState.UNSENT


def test_a_second_run_id_for_one_key_is_kept_and_logged_as_an_error(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.history.accepted_silently[KEY] = ["one", "two"]

    passes(engine, 1)

    run = run_of(engine)
    assert (run.run_id, run.duplicate_run_id) == ("one", "two")
    assert [record.action for record in caplog.records if record.levelname == "ERROR"] == ["duplicate_run"]  # type: ignore[attr-defined]  # of extra


def test_a_run_id_that_arrives_after_the_run_was_freed_stops_the_retry() -> None:
    """The answer took longer than every time limit, and history did not show the run. Still no second run starts."""
    engine = registered()

    def take_long() -> None:
        engine.endpoint.before_the_reply = lambda: None
        passes(engine, 7)
        submit_later(engine)
        passes(engine, 1)
        assert run_of(engine).state is RunState.UNSENT

    engine.endpoint.before_the_reply = take_long

    engine.firing.fire(OF, time_occurrence(OF, NOW))
    passes(engine, 5)

    assert run_of(engine).state is RunState.SUBMITTED
    assert engine.endpoint.keys.count(KEY) == 1


def test_the_wait_is_measured_by_the_ledgers_clock_and_not_by_the_instances(engine: Engine) -> None:
    """An instance whose clock is an hour ahead looks the run up, but frees nothing early."""
    passes(engine, 1)
    submit_later(engine)
    engine.clock._now += timedelta(hours=1)

    engine.reconcile()

    assert run_of(engine).state is RunState.UNKNOWN


def test_an_empty_look_up_at_a_changed_address_proves_nothing(engine: Engine) -> None:
    engine.history.is_proof = True
    engine.endpoint.at = "elsewhere"
    passes(engine, 10)

    run = run_of(engine)
    assert (run.state, engine.endpoint.keys) == (RunState.UNKNOWN, [KEY])
    assert str(run.error).startswith("a setting has changed the pipeline's address since the run was sent")
    engine.endpoint.at = "here"
    passes(engine, 5)
    assert run_of(engine).state is RunState.SUBMITTED


def test_an_unreachable_history_is_queried_for_one_run_and_not_for_all(engine: Engine) -> None:
    passes(engine, 1)
    for days in range(1, 10):
        submit_later(engine, NOW + timedelta(days=days))
    engine.history.away = True
    engine.history.asked.clear()

    passes(engine, 1, timedelta(minutes=5))

    assert len(engine.history.asked) == 2


# Which claim sent the run


def test_a_run_sent_by_a_foreign_claim_of_the_same_key_is_not_adopted(engine: Engine) -> None:
    engine.history.accepted_silently[KEY] = [FoundRun("foreign", NOW, "another claim")]

    passes(engine, 2)
    before = run_of(engine).state
    engine.history.accepted_silently[KEY].append(FoundRun("own", NOW, run_of(engine).claim_id))
    passes(engine, 1)

    assert (before, run_of(engine).run_id) == (RunState.UNKNOWN, "own")


def test_a_run_sent_by_an_earlier_claim_of_the_row_is_adopted() -> None:
    engine = registered()
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away"), LOST]
    engine.firing.fire(OF, time_occurrence(OF, NOW))
    passes(engine, 1)
    first, second = run_of(engine).claims
    engine.history.accepted_silently[KEY] = [FoundRun("the-id", NOW, first)]

    passes(engine, 1)

    assert first != second == run_of(engine).claim_id
    assert run_of(engine).run_id == "the-id"


@pytest.mark.parametrize(("before", "adopted"), [(timedelta(minutes=4), "the-id"), (timedelta(minutes=6), None)])
def test_a_run_without_claim_id_from_before_the_row_is_not_adopted(
    engine: Engine, before: timedelta, adopted: str | None
) -> None:
    engine.history.accepted_silently[KEY] = [FoundRun("the-id", NOW - before)]

    passes(engine, 2)

    assert run_of(engine).run_id == adopted


@pytest.mark.parametrize("reply", [timedelta(0), timedelta(minutes=7)], ids=["at once", "after seven minutes"])
def test_a_row_written_with_a_clock_ahead_still_adopts_its_run(reply: timedelta) -> None:
    engine = registered()
    engine.endpoint.next_outcomes = [LOST]
    engine.endpoint.before_the_reply = lambda: engine.clock.pass_time(reply)
    engine.clock._now += timedelta(hours=1)
    engine.firing.fire(OF, time_occurrence(OF, NOW))
    engine.history.accepted_silently[KEY] = [FoundRun("the-id", NOW)]

    passes(engine, 1)

    assert run_of(engine).run_id == "the-id"


# What a new claim resets, and what counts as proof


def submit_soon(engine: Engine) -> None:
    """Fire a later occurrence, which the service accepts two seconds after the first."""
    engine.clock.pass_time(timedelta(seconds=2))
    submit_later(engine)


def test_a_second_claim_waits_for_its_proof_as_long_as_the_first(engine: Engine) -> None:
    """Otherwise the witness that freed the first claim would free the second at once, and a third would be sent."""
    submit_soon(engine)
    engine.endpoint.next_outcomes = [LOST]
    passes(engine, 3)
    second = run_of(engine)

    passes(engine, 6)

    assert (second.state, second.unknown_since, second.first_look_up_at, second.attempts) == (
        RunState.UNKNOWN,
        None,
        None,
        2,
    )
    assert engine.endpoint.keys.count(KEY) == 2
    assert run_of(engine).state is RunState.UNKNOWN


def test_a_superseded_claim_cannot_settle_the_next_one(engine: Engine) -> None:
    """The first submitter comes back with "too late" while the second one's request is on the wire."""
    first = run_of(engine)
    submit_soon(engine)
    passes(engine, 2)
    late = Outcome(answer=Answer.UNSENT, sentence="too late")

    def first_comes_back() -> None:
        engine.endpoint.before_the_reply = lambda: None
        settled = engine.firing._submitting.settle(first, late, OF.retry)
        assert (settled.claim_id != first.claim_id, settled.state) == (True, RunState.SUBMITTING)

    engine.endpoint.before_the_reply = first_comes_back
    passes(engine, 1)

    assert engine.endpoint.keys.count(KEY) == 2
    assert run_of(engine).state is RunState.SUBMITTED


def test_a_run_id_that_arrives_after_another_was_adopted_is_kept_and_logged_as_an_error(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    first = run_of(engine)
    engine.history.accepted_silently[KEY] = ["adopted"]
    passes(engine, 1)

    late = Outcome(answer=Answer.SUBMITTED, run_id="late")
    engine.firing._submitting.settle(first, late, OF.retry)

    run = run_of(engine)
    assert (run.run_id, run.duplicate_run_id, run.state) == ("adopted", "late", RunState.SUBMITTED)
    assert [one.action for one in caplog.records if one.levelname == "ERROR"] == ["duplicate_run"]  # type: ignore[attr-defined]


def test_the_witness_is_looked_up_before_the_run_that_it_proves(engine: Engine) -> None:
    submit_soon(engine)

    passes(engine, 4)

    witness = engine.history.asked.index(LATER)
    assert engine.history.asked[witness : witness + 2] == [LATER, KEY]


def test_a_run_with_the_witnesss_key_and_another_id_proves_nothing(engine: Engine) -> None:
    submit_soon(engine)
    engine.history.knows_up_to = 0
    engine.history.accepted_silently[LATER] = ["somebody-elses"]

    passes(engine, 20)

    assert run_of(engine).state is RunState.UNKNOWN


def test_a_witness_from_the_same_second_proves_nothing() -> None:
    """The ledger's clock has whole seconds, which do not show which of the two was first."""
    engine = registered()
    engine.endpoint.next_outcomes = [LOST]
    engine.firing.fire(OF, time_occurrence(OF, NOW))
    engine.clock.pass_time(timedelta(seconds=1))
    submit_later(engine)

    passes(engine, 20)

    assert run_of(engine).state is RunState.UNKNOWN


def test_nothing_is_freed_before_the_settle_time_has_passed(engine: Engine) -> None:
    submit_soon(engine)
    states = []
    for _ in range(4):
        passes(engine, 1, timedelta(seconds=39))
        states.append((run_of(engine).state.value, engine.endpoint.keys.count(KEY)))

    assert states == [("unknown", 1)] * 3 + [("unsent", 1)], "the third is at 119 of 120 seconds"


def test_an_unknown_run_whose_answer_arrives_keeps_its_original_claim_time() -> None:
    """Otherwise it would prove too much as a witness, because it was accepted before it became unknown."""
    engine = registered()

    def too_slow() -> None:
        engine.clock.pass_time(timedelta(minutes=6))
        engine.with_new_process().reconcile(OF)

    engine.endpoint.before_the_reply = too_slow
    run = engine.firing.fire(OF, time_occurrence(OF, NOW))

    assert run is not None
    assert (run.state, run.claimed_at) == (RunState.SUBMITTED, NOW)


# An answer about one run says nothing about others

NOT_THERE = LookUp(sentence="run history has no such experiment", lacks_experiment=True)
NO_SETTING = LookUp(sentence="the app setting X does not exist; add it")
AWAY = LookUp(sentence="run history answered 503", is_away=True)


def lost_in(engine: Engine, *names: str, experiment: str = "") -> Sequence[Schedule]:
    """Schedules with the same target, each with a run whose answer was lost."""
    more = f"\nexperiment_name: {experiment}" if experiment else ""
    schedules = [timed(f"cron: {{expression: '0 4 * * *'}}{more}", name=name) for name in names]
    for one in schedules:
        engine.endpoint.next_outcomes = [LOST]
        engine.firing.fire(one, time_occurrence(one, NOW))
    return schedules


def minutes(engine: Engine, schedules: Sequence[Schedule], number: int) -> None:
    """Run one pass a minute in one process."""
    process = engine.reconciliation(*schedules)
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        process.run_pass()


def key(name: str, hour: int = 4) -> str:
    return f"{name}@2026-11-01T0{hour}:00:00Z"


def state(engine: Engine, name: str) -> RunState:
    run = engine.ledger.get(key(name))
    assert run is not None
    return run.state


@pytest.mark.parametrize("answer", [NOT_THERE, NO_SETTING], ids=["404", "a setting"])
def test_a_run_that_cannot_be_looked_up_does_not_block_others(answer: LookUp) -> None:
    engine = registered()
    schedules = lost_in(engine, "a-new", "b-old")
    engine.history.answers[key("a-new")] = answer
    engine.history.accepted_silently[key("b-old")] = ["the-id"]

    minutes(engine, schedules, 2)

    assert state(engine, "b-old") is RunState.SUBMITTED


def test_if_history_does_not_answer_for_one_run_the_next_one_is_tried() -> None:
    engine = registered()
    schedules = lost_in(engine, "a", "b", "c")
    for name in ("a", "b"):
        engine.history.answers[key(name)] = AWAY
    engine.history.accepted_silently[key("c")] = ["the-id"]

    minutes(engine, schedules, 3)

    assert engine.history.asked[:3] == [key("a"), key("b"), key("c")], "one run per pass, each in its turn"
    assert state(engine, "c") is RunState.SUBMITTED


def test_while_history_is_unreachable_the_schedules_runs_take_turns(engine: Engine) -> None:
    unknown_runs = engine.wired(*lost_in(engine, "a", "b", "c"), OF).unknown_runs
    engine.history.answer = AWAY

    for _ in range(58):
        engine.clock.pass_time(timedelta(minutes=1))
        for run in engine.ledger.runs([key(name) for name in "abcs"]):
            unknown_runs.resolve(run, engine.clock.server_now())

    assert engine.history.asked == [key(name) for name in "abcsabcsa"]


def test_while_history_is_unreachable_the_runs_of_one_schedule_take_turns() -> None:
    engine = registered()
    of = timed("cron: {expression: '* * * * *'}")
    engine.endpoint.next_outcomes = [LOST] * 3
    for minute in range(3):
        engine.firing.fire(of, time_occurrence(of, NOW + timedelta(minutes=minute)))
    engine.history.answer = AWAY

    minutes(engine, [], 40)

    asked = [one[-6:-4] for one in engine.history.asked if "04:0" in one][:6]
    assert asked[:3] == asked[3:]
    assert len(set(asked[:3])) == 3


@pytest.mark.parametrize(("experiment", "after"), [("shared", 11), ("", 68)])
def test_a_run_of_another_schedule_is_a_witness(experiment: str, after: int) -> None:
    engine = registered()
    schedules = lost_in(engine, "a", experiment=experiment)
    engine.clock.pass_time(timedelta(seconds=5))
    more = f"\nexperiment_name: {experiment}" if experiment else ""
    other = timed(f"cron: {{expression: '0 4 * * *'}}{more}", name="other")
    engine.firing.fire(other, time_occurrence(other, NOW))

    minutes(engine, [*schedules, other], after - 10)
    before = state(engine, "a")
    minutes(engine, [*schedules, other], 10)

    assert (before, engine.endpoint.keys.count(key("a"))) == (RunState.UNKNOWN, 2)


def test_a_newer_run_of_another_experiment_does_not_hide_a_witness_of_the_same_experiment() -> None:
    engine = registered()
    schedules = lost_in(engine, "a", experiment="shared")
    engine.clock.pass_time(timedelta(seconds=5))
    others = [
        timed(f"cron: {{expression: '0 4 * * *'}}\nexperiment_name: {experiment}", name=name)
        for name, experiment in (("b", "another"), ("c", "shared"))
    ]
    for one in others:
        engine.firing.fire(one, time_occurrence(one, NOW))

    minutes(engine, [*schedules, *others], 11)

    assert engine.endpoint.keys.count(key("a")) == 2


@pytest.mark.parametrize("answers", [True, False])
def test_a_missing_experiment_counts_as_an_empty_look_up_once_another_experiment_answers(*, answers: bool) -> None:
    engine = registered()
    schedules = lost_in(engine, "a")
    other = timed("cron: {expression: '0 4 * * *'}", name="other")
    engine.firing.fire(other, time_occurrence(other, NOW))
    engine.history.answers[key("a")] = NOT_THERE
    if not answers:
        engine.history.answers[key("other")] = NOT_THERE

    minutes(engine, [*schedules, other], 55)
    before = engine.ledger.get(key("a"))
    minutes(engine, [*schedules, other], 10)
    after = engine.ledger.get(key("a"))

    assert before is not None
    assert after is not None
    assert (before.first_look_up_at, after.first_look_up_at is not None) == (None, answers)
