"""What is written to the ledger and to the log when a submission has been answered."""

import logging
from datetime import timedelta

import pytest
from builders import CHANGE, Engine, change, schedule, utc

from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.starting.occurrence import Requested, change_occurrence, time_occurrence
from triggers.starting.settling import beyond_reach, log_run

NOW = utc("2026-11-01T04:00")
KEY = "s@2026-11-01T04:00:00Z"


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def run_in(state: RunState, **more: str) -> Run:
    one = Run(key=KEY, schedule="s", kind=RunKind.TIME, state=state, created_at=NOW, pipeline="p")
    return replace(one, **more)  # type: ignore[arg-type]  # texts, by their names


def test_a_run_that_was_never_tried_waits_for_the_first_retry_delay(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="too late", is_untried=True)]

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert (run.attempts, run.next_attempt_at) == (0, NOW + timedelta(seconds=30))


def test_a_late_answer_with_the_adopted_run_id_is_no_duplicate(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def slow() -> None:
        other = engine.with_new_process()
        other.history.accepted_silently[KEY] = ["run-1"]
        for _ in range(2):
            engine.clock.pass_time(timedelta(minutes=6))
            other.reconcile(schedule())

    engine.endpoint.before_the_reply = slow

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert (run.state, run.run_id, run.duplicate_run_id) == (RunState.SUBMITTED, "run-1", None)
    assert "duplicate_run" not in caplog.text


def test_retry_after_counts_from_the_time_of_the_answer(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="429", retry_after=timedelta(minutes=5))]
    engine.endpoint.before_the_reply = lambda: engine.clock.pass_time(timedelta(seconds=40))

    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert list(engine.ledger.holds().values()) == [NOW + timedelta(minutes=5, seconds=40)]


def test_a_manual_run_already_sent_by_the_reconciler_is_returned_in_its_current_state(engine: Engine) -> None:
    of = schedule()
    run = engine.firing.wait(of, time_occurrence(of, NOW), Requested())
    assert run is not None
    engine.with_new_process().reconcile(of)

    told = engine.firing.submit_at_once(of, run)

    assert (told.state, told.run_id) == (RunState.SUBMITTED, "run-1")
    assert engine.endpoint.keys == [KEY]


def test_a_request_that_cannot_be_filled_is_rejected_with_the_missing_name(engine: Engine) -> None:
    """The file refuses such templates. Here, a single change is fired although its schedule makes batches."""
    change_by_folder = CHANGE.replace("}", ", data_path: folder}")
    of = schedule(f"{change_by_folder}\nbatch: {{quiet: 1m}}\npipeline_parameters: {{number: '{{batch.count}}'}}")

    run = engine.firing.fire(of, change_occurrence("s", change()))

    assert run is not None
    assert run.state is RunState.REJECTED
    assert "batch.count" in str(run.error)
    assert engine.endpoint.submissions == []


@pytest.mark.parametrize(
    ("state", "level"), [(RunState.DEAD, logging.WARNING), (RunState.SUBMITTED, logging.INFO)], ids=str
)
def test_the_log_line_of_a_run_is_a_warning_if_it_needs_attention(
    state: RunState, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    log_run(run_in(state, error="refused"))
    log_run(run_in(state))

    assert [record.levelno for record in caplog.records] == [level] * 2
    assert [record.message.partition(" {")[0] for record in caplog.records] == [
        f"run {state.value}: {KEY}: refused",
        f"run {state.value}: {KEY}",
    ]


@pytest.mark.parametrize(
    ("state", "said"), [(RunState.UNKNOWN, "may have accepted it"), (RunState.SUBMITTED, "has accepted it")]
)
def test_a_run_that_cannot_be_followed_says_if_it_was_accepted(state: RunState, said: str) -> None:
    assert said in str(beyond_reach(run_in(state), NOW).error)
