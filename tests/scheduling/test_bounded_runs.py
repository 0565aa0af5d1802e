"""A run fits into a row of the ledger, no matter how often it was tried and how long its errors are."""

from datetime import timedelta

import msgspec
import pytest
from builders import TIME, Engine, config, file_of, found, schedule, sentences, utc, watching

from triggers.azureml.outcomes import of_reply
from triggers.ledger.rows import run_columns
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import FIRST_EVENTS, LAST_EVENTS, LONGEST_SENTENCE, RunState
from triggers.scheduling.shown import run_answer
from triggers.starting.occurrence import time_occurrence
from triggers.steering.declined import BadInput
from triggers.steering.questions import TriggerBody

ONCE_A_YEAR = "cron: {expression: '0 4 1 11 *'}"
NOW = utc("2026-11-01T04:00")


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def test_a_long_history_keeps_its_first_and_last_events_and_counts_the_rest(engine: Engine) -> None:
    of = schedule(f"{ONCE_A_YEAR}\nretry: {{max_attempts: 500, max_age: 30d}}")
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence=f"{n} " + "x" * 500) for n in range(400)]
    engine.firing.fire(of, time_occurrence(of, NOW))
    for _ in range(399):
        engine.clock.pass_time(timedelta(minutes=20))
        engine.reconcile(of)

    (run,) = [one for one in engine.ledger.recent_runs("s", 99) if one.nominal_time == NOW]
    answer = run_answer(run)

    assert (run.attempts, len(run.history)) == (400, FIRST_EVENTS + LAST_EVENTS)
    left_out = answer.history[FIRST_EVENTS]
    assert (left_out.at, left_out.state, left_out.reason) == (None, None, "750 events left out")
    assert str(answer.history[1].reason).startswith("0 ")
    assert str(answer.history[-1].reason).startswith("399 ")
    assert sum(len(str(value)) for value in run_columns(run, "w").values()) < 100_000
    engine.clock.pass_time(timedelta(minutes=20))
    engine.reconcile(of)
    assert engine.ledger.get(run.key).state is RunState.SUBMITTED  # type: ignore[union-attr]  # it could still be sent


def test_explain_shows_how_many_events_were_left_out(engine: Engine) -> None:
    of = schedule(f"{ONCE_A_YEAR}\nretry: {{max_attempts: 500, max_age: 30d}}")
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")] * 40
    engine.firing.fire(of, time_occurrence(of, NOW))
    for _ in range(39):
        engine.clock.pass_time(timedelta(minutes=20))
        engine.reconcile(of)

    assert "  … 30 events left out" in engine.wired(of).explaining.time(of, NOW).decisions


def test_a_long_error_is_truncated(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="x" * 100_000)]

    run = engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))

    assert run is not None
    assert run.error == "x" * LONGEST_SENTENCE + "…"
    assert max(len(event.reason or "") for event in run.history) == LONGEST_SENTENCE + 1


def test_a_run_id_that_is_too_long_leaves_the_run_unknown() -> None:
    outcome = of_reply(200, {}, msgspec.json.encode({"Id": "x" * 40_000}))

    assert (outcome.answer, outcome.sentence) == (Answer.UNKNOWN, "the service sent an id of 40000 characters")


def test_validate_reports_a_request_that_is_too_large_for_the_ledger() -> None:
    keys = f"{TIME}\npipeline_parameters: {{data: {'x' * 150_000}}}"

    (sentence,) = sentences(file_of(keys))

    assert sentence.startswith("schedules.s: its request has 150,0")
    assert sentence.endswith("characters, but the ledger can store at most 100,000")
    assert config(file_of(keys)).schedules == {}


def test_a_request_that_templates_make_too_large_is_rejected_and_blocks_no_other_run(engine: Engine) -> None:
    many = ", ".join(f"p{number}: '{{blob.path}}{{blob.path}}'" for number in range(300))
    of = watching(
        f"change: {{datastore: d, container: data, data_path_parameter_name: input}}\npipeline_parameters: {{{many}}}"
    )
    for path in ("x" * 1000, "short"):
        engine.blobs.put(found(path, etag=path[:3]))
        engine.report(of, path)

    states = {run.blob.path[:5]: (run.state, run.error) for run in engine.ledger.recent_runs("s", 9) if run.blob}
    assert states["short"] == (RunState.SUBMITTED, None)
    assert states["xxxxx"][0] is RunState.REJECTED
    assert "the ledger can store at most 200,000" in str(states["xxxxx"][1])


def test_parameters_of_a_manual_trigger_that_are_too_large_are_refused(engine: Engine) -> None:
    of = schedule(f"{TIME}\ntrigger_overrides: any")

    with pytest.raises(BadInput, match="at most 50,000 characters can be stored"):
        engine.wired(of).steering.trigger("s", TriggerBody(pipeline_parameters={"data": "x" * 60_000}))
