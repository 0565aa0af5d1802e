"""Runs that take too long are canceled in Azure ML, and release their slot only when Azure ML confirms."""

from datetime import timedelta

import pytest
from builders import TIME, Engine, file_of, sentences, timed, utc

from triggers.scheduling.outcome import Seen
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunState

KEY = "s@2026-11-01T04:00:00Z"
WORKSPACE = "subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
FOLLOWED = f"{{endpoint: 'https://westeurope.api.azureml.ms/pipelines/v1.0/{WORKSPACE}/PipelineRuns/PipelineSubmit/1'}}"
LIMITED = f"{TIME}\ntimeout: 2h\noverlap: buffer_all"


@pytest.fixture
def engine() -> Engine:
    made = Engine(utc("2026-11-01T03:59"))
    of = timed(LIMITED, pipeline=FOLLOWED)
    made.reconcile(of)
    made.clock.pass_time(timedelta(minutes=1, seconds=1))
    made.wired(of).due_occurrences.fire(of)
    assert made.states() == {KEY: "submitted"}
    return made


def after(engine: Engine, **time: float) -> Run:
    engine.clock.pass_time(timedelta(**time))
    engine.reconcile(timed(LIMITED, pipeline=FOLLOWED))
    run = engine.ledger.get(KEY)
    assert run is not None
    return run


def test_a_run_over_its_timeout_is_canceled_in_azure_ml_and_then_in_the_ledger(engine: Engine) -> None:
    assert after(engine, hours=1, minutes=50).state is RunState.SUBMITTED
    assert engine.service.canceled == []

    asked = after(engine, minutes=11)
    assert (asked.state, asked.azureml_status, engine.service.canceled) == (
        RunState.SUBMITTED,
        "CancelRequested",
        [KEY],
    )
    still = after(engine, minutes=5)
    assert (still.state, engine.service.canceled) == (RunState.SUBMITTED, [KEY]), "requested once"
    engine.service.seen[KEY] = Seen(status="Canceled", end=RunState.CANCELED)
    ended = after(engine, minutes=1)

    assert (ended.state, ended.reason) == (RunState.CANCELED, "timeout")
    assert ended.history[-1].reason == "timeout"


def test_a_timed_out_run_keeps_its_slot_until_azure_ml_reports_its_end(engine: Engine) -> None:
    of = timed(LIMITED, pipeline=FOLLOWED)
    after(engine, hours=2, minutes=1)
    engine.clock.pass_time(timedelta(hours=21, minutes=59, seconds=30))
    engine.service.seen.clear()

    run = engine.ledger.get(KEY)
    assert run is not None
    engine.wired(of).due_occurrences.fire(of)

    assert engine.states()["s@2026-11-02T04:00:00Z"] == "waiting"


def test_if_the_run_ends_before_it_is_canceled_its_own_end_counts(engine: Engine) -> None:
    after(engine, hours=2, minutes=1)
    engine.service.seen[KEY] = Seen(status="Finished", end=RunState.FINISHED)

    ended = after(engine, minutes=1)

    assert (ended.state, ended.reason) == (RunState.FINISHED, None)


def test_the_status_is_polled_before_anything_is_canceled(engine: Engine) -> None:
    engine.service.seen[KEY] = Seen(status="Finished", end=RunState.FINISHED)

    ended = after(engine, hours=5)

    assert (ended.state, engine.service.canceled) == (RunState.FINISHED, [])


def test_nothing_is_canceled_while_azure_ml_does_not_answer(engine: Engine) -> None:
    engine.service.seen[KEY] = Seen(is_away=True, sentence="no answer")

    assert after(engine, hours=5).state is RunState.SUBMITTED
    assert engine.service.canceled == []


def test_an_unconfirmed_cancellation_ends_the_run_after_an_hour(engine: Engine) -> None:
    after(engine, hours=2, minutes=1)

    assert after(engine, minutes=58).state is RunState.SUBMITTED
    ended = after(engine, minutes=3)

    assert (ended.state, ended.reason) == (RunState.CANCELED, "timeout")
    assert "did not confirm it within an hour" in str(ended.error)


def test_a_refused_cancellation_is_requested_again(engine: Engine) -> None:
    engine.service.refusal = "403: no right to cancel"
    refused = after(engine, hours=2, minutes=1)
    assert (refused.state, refused.cancel_requested_at) == (RunState.SUBMITTED, None)

    engine.service.refusal = None
    assert after(engine, minutes=1).cancel_requested_at is not None
    assert engine.service.canceled == [KEY, KEY]


def test_a_duplicate_run_of_the_same_key_is_also_canceled(engine: Engine) -> None:
    run = engine.ledger.get(KEY)
    assert run is not None
    engine.ledger.update(run, replace(run, duplicate_run_id="run-2"))

    after(engine, hours=2, minutes=1)

    assert engine.service.canceled == [KEY, KEY]


def test_without_a_timeout_a_run_may_take_days(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(days=3))
    engine.reconcile(timed(TIME, pipeline=FOLLOWED))

    assert (engine.ledger.get(KEY).state, engine.service.canceled) == (RunState.SUBMITTED, [])  # type: ignore[union-attr]


def test_of_many_runs_only_those_over_the_timeout_are_polled_one_by_one(engine: Engine) -> None:
    of = timed("cron: {expression: '* * * * *'}\ntimeout: 10m", pipeline=FOLLOWED)
    for _ in range(30):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.wired(of).due_occurrences.fire(of)

    engine.reconcile(of)

    assert len(engine.service.canceled) == 21, "the runs of 04:00 to 04:20"
    assert engine.service.asked_for_many != []


@pytest.mark.parametrize(
    ("keys", "pipeline", "fault"),
    [
        ("timeout: 0s", FOLLOWED, "timeout: must be longer than 0s; leave the key out for no limit"),
        (
            "timeout: 30d",
            FOLLOWED,
            "timeout: must be less than 30 days, because runs are not polled longer (RUN_TRACKING_DAYS)",
        ),
        ("timeout: soon", FOLLOWED, "timeout: expected a duration"),
        ("timeout: 12", FOLLOWED, "timeout: expected a duration"),
        (
            "timeout: 2h",
            "{endpoint: 'https://old.example/api/v1.0/x'}",
            "timeout: its runs can be neither polled nor canceled; add pipelines.p.workspace",
        ),
        (
            "timeout: 2h",
            "{batch_endpoint: 'https://e.westeurope.inference.ml.azure.com/jobs'}",
            "timeout: its runs can be neither polled nor canceled; add pipelines.p.workspace",
        ),
    ],
)
def test_a_timeout_that_cannot_be_enforced_is_an_error(keys: str, pipeline: str, fault: str) -> None:
    found = sentences(file_of(f"{TIME}\n{keys}", pipeline=pipeline), {"TOKEN_HOSTS": "old.example"})

    assert len(found) == 1
    assert found[0].startswith(f"schedules.s.{fault}")
