"""A webhook is told of every end at least once, with an id that stays the same; nobody else waits for it."""

from datetime import timedelta
from itertools import pairwise

import pytest
from builders import Engine, schedule, utc
from msgspec import structs

from triggers.ledger.ports import LedgerUnavailable
from triggers.scheduling.outcome import Answer, Outcome
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
    return [event["id"] for _, event in engine.hook.told]


def test_an_end_is_told_once_when_the_webhook_listens(engine: Engine) -> None:
    rejected(engine)

    for _ in range(3):
        engine.reconcile(TOLD)

    assert ids(engine) == [f"{KEY}#rejected"]
    [(url, event)] = engine.hook.told
    assert url == "https://hook.example/ended"
    assert (event["type"], event["subject"]) == ("azureml-triggers.run.ended", KEY)
    assert (event["data"]["state"], event["data"]["error"]) == ("rejected", "no such pipeline")


def test_a_webhook_that_does_not_listen_is_told_again_later_with_the_same_id(engine: Engine) -> None:
    rejected(engine)
    engine.hook.statuses = [500, 302]

    engine.reconcile(TOLD)
    engine.reconcile(TOLD)
    assert len(ids(engine)) == 1  # the second pass comes too early
    for _ in range(4):
        engine.clock.pass_time(timedelta(minutes=2))
        engine.reconcile(TOLD)

    assert ids(engine) == [f"{KEY}#rejected"] * 3


def test_the_waits_between_its_repetitions_double(engine: Engine) -> None:
    rejected(engine)
    engine.hook.statuses = [500] * 3
    told_at: list[int] = []

    for second in range(0, 400, 5):
        before = len(engine.hook.told)
        engine.reconcile(TOLD)
        told_at += [second] * (len(engine.hook.told) - before)
        engine.clock.pass_time(timedelta(seconds=5))

    assert [later - earlier for earlier, later in pairwise(told_at)] == [30, 60, 120]


def test_a_host_that_does_not_answer_is_left_alone_for_growing_times_by_every_schedule(engine: Engine) -> None:
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
        asked.append(len(engine.hook.told))
        engine.clock.pass_time(timedelta(seconds=60))
    engine.hook.is_silent = False
    engine.clock.pass_time(timedelta(minutes=15))
    process.run_pass()

    assert asked == [1, 2, 3, 3, 4, 4, 4, 5], "at first 20 s, then twice as long each time"
    assert {event["subject"] for _, event in engine.hook.told[asked[-1] :]} >= {
        f"{of.name}@2026-11-01T04:00:00Z" for of in schedules[5:]
    }


def test_a_day_later_it_is_given_up_and_logged(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    rejected(engine)
    engine.hook.statuses = [500] * 1000

    for _ in range(30):
        engine.reconcile(TOLD)
        engine.clock.pass_time(timedelta(hours=1))

    assert 20 < len(ids(engine)) < 30
    assert [one.action for one in caplog.records if one.levelname == "ERROR"] == ["webhook_given_up"]  # type: ignore[attr-defined]  # of extra


def test_skipped_occurrences_and_schedules_without_a_webhook_tell_nobody(engine: Engine) -> None:
    from triggers.scheduling.run import SkipReason

    engine.firing.fire(TOLD, time_occurrence(TOLD, NOW), SkipReason.DISABLED)
    engine.endpoint.next_outcomes = [REJECTED]
    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW + timedelta(days=1)))
    engine.reconcile(TOLD)

    assert ids(engine) == []


def test_the_notice_lies_in_the_ledger_before_anybody_is_told(engine: Engine) -> None:
    """Whoever dies after the end, dies with the notice written: it is one transaction."""
    rejected(engine)
    other = engine.with_new_process()

    other.reconcile()  # the schedule has even left the file

    assert ids(other) == [f"{KEY}#rejected"]


def test_an_end_is_told_when_its_deletion_from_the_ledger_failed(engine: Engine) -> None:
    rejected(engine)
    plain = engine.ledger.drop

    def away(*_: object) -> None:
        raise LedgerUnavailable("away")

    engine.ledger.drop = away  # type: ignore[method-assign,assignment]  # a fault of the ledger, for this test
    with pytest.raises(ExceptionGroup):
        engine.reconcile(TOLD)
    engine.ledger.drop = plain  # type: ignore[method-assign]
    engine.reconcile(TOLD)

    assert ids(engine) == [f"{KEY}#rejected"] * 2


@pytest.mark.parametrize("url", ["http://hook.example/ended", "%ENDPOINT%", "ftp://x"])
def test_a_url_that_is_not_called_is_told_in_the_log(
    engine: Engine, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    # The file would refuse it; a row may hold a URL from before, or a setting that has changed since.
    one = structs.replace(TOLD, webhook=url)
    engine.endpoint.next_outcomes = [REJECTED]
    engine.firing.fire(one, time_occurrence(one, NOW))

    engine.reconcile(one)

    assert ids(engine) == []
    assert "webhook_failed" in caplog.text


def test_a_webhook_that_fails_holds_up_one_call_a_pass_and_not_one_for_each_run(engine: Engine) -> None:
    for day in range(5):
        engine.endpoint.next_outcomes = [REJECTED]
        engine.firing.fire(TOLD, time_occurrence(TOLD, NOW - timedelta(days=day)))
    engine.hook.statuses = [500] * 100

    engine.reconcile(TOLD)

    assert len(ids(engine)) == 1
