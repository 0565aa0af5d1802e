"""Schedules that start only when a user or a program triggers them."""

from datetime import timedelta

import pytest
from builders import Engine, found, schedule, timed, utc, watching

from triggers.scheduling.config import ManualSchedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import RunState
from triggers.steering.declined import BadInput
from triggers.steering.questions import BackfillBody, HeldBody, TriggerBody

MANUAL = "manual: {}\npipeline_parameters: {day: '{scheduled_time:%Y-%m-%d}'}"


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-11-01T04:00:02"))


@pytest.fixture
def of() -> ManualSchedule:
    found = schedule(MANUAL)
    assert isinstance(found, ManualSchedule)
    return found


def test_a_manual_schedule_starts_only_when_it_is_triggered(engine: Engine, of: ManualSchedule) -> None:
    steering = engine.wired(of).steering
    engine.reconcile(of)

    run, is_new = steering.trigger("s", TriggerBody(request_id="one"))
    again, is_new_again = steering.trigger("s", TriggerBody(request_id="one"))
    engine.reconcile(of)

    assert (run.state, is_new, again.key, is_new_again) == ("submitted", True, run.key, False)
    assert engine.states() == {"s!one": "submitted"}
    assert engine.endpoint.submissions[0].request.pipeline_parameters == {"day": "2026-11-01"}


def test_an_unsent_manual_run_is_resent_by_the_reconciler(engine: Engine, of: ManualSchedule) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="no DNS")]
    engine.wired(of).steering.trigger("s", TriggerBody(request_id="one"))
    assert engine.states() == {"s!one": "unsent"}

    engine.clock.pass_time(timedelta(minutes=2))
    engine.reconcile(of)

    assert engine.states() == {"s!one": "submitted"}


def test_a_manual_schedule_is_shown_as_manual(engine: Engine, of: ManualSchedule) -> None:
    told = engine.wired(of).steering.schedule("s")

    assert (told.kind, told.trigger, told.next) == ("manual", {"manual": {}}, [])


def test_a_manual_schedule_cannot_be_paused_backfilled_or_explained(engine: Engine, of: ManualSchedule) -> None:
    wired = engine.wired(of)
    with pytest.raises(BadInput, match="s is manual: it starts only on request"):
        wired.steering.pause("s", HeldBody())
    body = BackfillBody(first="2026-10-01", before="2026-11-01", dry_run=True)
    with pytest.raises(BadInput, match="s is manual: it has nothing to backfill; trigger it instead"):
        wired.steering.backfill("s", body)
    with pytest.raises(BadInput, match="s is manual: it starts only on request"):
        wired.explaining.time(of, utc("2026-11-01T04:00"))
    with pytest.raises(BadInput, match="s is manual: no blob starts it"):
        wired.explaining.blob(of, "a.csv")
    with pytest.raises(BadInput, match="s is manual: it does not take a blob"):
        wired.steering.trigger("s", TriggerBody(blob="a.csv"))


def test_a_waiting_batch_is_skipped_if_the_schedule_becomes_manual(engine: Engine, of: ManualSchedule) -> None:
    batched = watching("change: {datastore: d, container: data, data_path: folder}\nbatch: {quiet: 30m, max_wait: 60m}")
    engine.reconcile(batched)
    engine.blobs.put(found("a.csv", last_modified=engine.clock.now()))
    engine.report(batched, "a.csv")
    engine.clock.pass_time(timedelta(hours=2))

    engine.with_new_process().reconcile(of)

    [row] = engine.ledger.recent_runs("s", 10)
    assert (row.state, row.error) == (
        RunState.SKIPPED,
        "the schedule was edited while it waited and is manual now",
    )


def test_an_unsent_occurrence_is_sent_as_decided_if_the_schedule_becomes_manual(
    engine: Engine, of: ManualSchedule
) -> None:
    hourly = timed("cron: {expression: '0 * * * *'}")
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="no DNS")]
    engine.wired(hourly).due_occurrences.fire(hourly)
    engine.clock.pass_time(timedelta(hours=2))

    engine.with_new_process().reconcile(of)

    assert engine.states() == {"s@2026-11-01T04:00:00Z": "submitted"}
    assert engine.endpoint.submissions[-1].request.pipeline_parameters == {}
