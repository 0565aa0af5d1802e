"""Every end is sent to the webhook at least once, with a constant id, and a slow webhook delays nothing else."""

from datetime import timedelta
from itertools import pairwise

import pytest
from builders import Engine, schedule, utc

from triggers.ledger.ports import LedgerUnavailable
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import RunState
from triggers.starting.occurrence import time_occurrence

NOW = utc("2026-11-01T04:00")
TOLD = schedule("cron: {expression: '0 4 * * *'}\nwebhook: https://hook.example/ended")
KEY = "s@2026-11-01T04:00:00Z"
REJECTED = Outcome(answer=Answer.REJECTED, sentence="no such pipeline")


@pytest.fixture
def engine() -> Engine:
    found = Engine(NOW)
    found.ledger.register("s", NOW)
    return found


def rejected(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [REJECTED]
    run = engine.firing.fire(TOLD, time_occurrence(TOLD, NOW))
    assert run is not None
    assert run.state is RunState.REJECTED


def ids(engine: Engine) -> list[str]:
    return [event["id"] for _, event in engine.hook.received]


def test_an_end_is_sent_once_if_the_webhook_accepts_it(engine: Engine) -> None:
    rejected(engine)

    for _ in range(3):
        engine.reconcile(TOLD)

    assert ids(engine) == [f"{KEY}#rejected"]
    [(url, event)] = engine.hook.received
    assert url == "https://hook.example/ended"
    assert (event["type"], event["subject"]) == ("azureml-triggers.run.ended", KEY)
    assert (event["data"]["state"], event["data"]["error"]) == ("rejected", "no such pipeline")


def test_a_failed_notification_is_repeated_later_with_the_same_id(engine: Engine) -> None:
    rejected(engine)
    engine.hook.statuses = [500, 302]

    engine.reconcile(TOLD)
    engine.reconcile(TOLD)
    assert len(ids(engine)) == 1  # the second pass is too early
    for _ in range(4):
        engine.clock.pass_time(timedelta(minutes=2))
        engine.reconcile(TOLD)

    assert ids(engine) == [f"{KEY}#rejected"] * 3


def test_the_delays_between_repetitions_double(engine: Engine) -> None:
    rejected(engine)
    engine.hook.statuses = [500] * 3
    told_at: list[int] = []

    for second in range(0, 400, 5):
        before = len(engine.hook.received)
        engine.reconcile(TOLD)
        told_at += [second] * (len(engine.hook.received) - before)
        engine.clock.pass_time(timedelta(seconds=5))

    assert [later - earlier for earlier, later in pairwise(told_at)] == [30, 60, 120]


def test_a_webhook_host_that_does_not_answer_is_called_less_and_less_often_by_all_schedules(engine: Engine) -> None:
    schedules = [
        schedule(f"cron: {{expression: '0 4 * * *'}}\nwebhook: https://hook.example/{number}", name=f"s{number}")
        for number in range(20)
    ]
    for of in schedules:
        engine.endpoint.next_outcomes = [REJECTED]
        engine.firing.fire(of, time_occurrence(of, NOW))
    engine.hook.is_silent = True
    process = engine.reconciliation(*schedules)

    asked = []
    for _ in range(8):
        process.run_pass()
        asked.append(len(engine.hook.received))
        engine.clock.pass_time(timedelta(seconds=60))
    engine.hook.is_silent = False
    engine.clock.pass_time(timedelta(minutes=15))
    process.run_pass()

    assert asked == [1, 2, 3, 3, 4, 4, 4, 5], "at first 20 s, then twice as long each time"
    assert {event["subject"] for _, event in engine.hook.received[asked[-1] :]} >= {
        f"{of.name}@2026-11-01T04:00:00Z" for of in schedules[5:]
    }


def test_a_notification_is_given_up_after_a_day_and_logged(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    rejected(engine)
    engine.hook.statuses = [500] * 1000

    for _ in range(30):
        engine.reconcile(TOLD)
        engine.clock.pass_time(timedelta(hours=1))

    assert 20 < len(ids(engine)) < 30
    assert [one.action for one in caplog.records if one.levelname == "ERROR"] == ["webhook_given_up"]  # type: ignore[attr-defined]  # of extra


def test_skipped_occurrences_and_schedules_without_a_webhook_send_nothing(engine: Engine) -> None:
    from triggers.scheduling.run import SkipReason

    engine.firing.fire(TOLD, time_occurrence(TOLD, NOW), SkipReason.DISABLED)
    engine.endpoint.next_outcomes = [REJECTED]
    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW + timedelta(days=1)))
    engine.reconcile(TOLD)

    assert ids(engine) == []


def test_the_notification_is_in_the_ledger_before_it_is_sent(engine: Engine) -> None:
    """End and notification are written in one transaction, so a crash after the end loses no notification."""
    rejected(engine)
    other = engine.with_new_process()

    other.reconcile()  # the schedule has even left the file in the meantime

    assert ids(other) == [f"{KEY}#rejected"]


def test_an_end_is_sent_again_if_its_deletion_from_the_ledger_failed(engine: Engine) -> None:
    rejected(engine)
    plain = engine.ledger.drop

    def away(*_: object) -> None:
        raise LedgerUnavailable("away")

    engine.ledger.drop = away  # type: ignore[method-assign,assignment]  # the ledger fails in this test
    with pytest.raises(ExceptionGroup):
        engine.reconcile(TOLD)
    engine.ledger.drop = plain  # type: ignore[method-assign]
    engine.reconcile(TOLD)

    assert ids(engine) == [f"{KEY}#rejected"] * 2


@pytest.mark.parametrize("url", ["http://hook.example/ended", "%ENDPOINT%", "ftp://x"])
def test_a_url_that_is_not_called_is_logged(engine: Engine, caplog: pytest.LogCaptureFixture, url: str) -> None:
    # The file would be refused, but a row may hold an older URL, or a setting that has changed since.
    one = replace(TOLD, webhook=url)
    engine.endpoint.next_outcomes = [REJECTED]
    engine.firing.fire(one, time_occurrence(one, NOW))

    engine.reconcile(one)

    assert ids(engine) == []
    assert "webhook_failed" in caplog.text


def test_a_failing_webhook_is_called_once_a_pass_and_not_once_for_each_run(engine: Engine) -> None:
    for day in range(5):
        engine.endpoint.next_outcomes = [REJECTED]
        engine.firing.fire(TOLD, time_occurrence(TOLD, NOW - timedelta(days=day)))
    engine.hook.statuses = [500] * 100

    engine.reconcile(TOLD)

    assert len(ids(engine)) == 1
