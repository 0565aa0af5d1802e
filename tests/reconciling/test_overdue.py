"""Data that stops arriving is reported once, and shown until data arrives again."""

import logging
from datetime import timedelta

import pytest
from builders import EMPTY_HEALTH, Engine, file_of, found, sentences, utc, watching

from triggers.scheduling.config import ChangeSchedule
from triggers.steering.pausing import pause, resume
from triggers.web.health import with_open_runs

EXPECTED = "change: {datastore: d, container: data, path_on_datastore: in, polling_interval: 0, expected_every: 25h}"
WITH_HOOK = f"{EXPECTED}\nwebhook: https://hook.example/"


@pytest.fixture
def engine() -> Engine:
    made = Engine(utc("2026-11-01T00:00"))
    made.reconcile(watching(WITH_HOOK))
    return made


def after(engine: Engine, of: ChangeSchedule | None = None, **time: float) -> dict[str, str | None]:
    """The overdue schedules in health, after some time."""
    of = of or watching(WITH_HOOK)
    engine.clock.pass_time(timedelta(**time))
    engine.reconcile(of)
    return with_open_runs(EMPTY_HEALTH, engine.wired(of)).overdue


def upload(engine: Engine, path: str = "in/a.csv", etag: str = "0x1") -> None:
    engine.blobs.put(found(path, etag, last_modified=engine.clock.server_now().replace(microsecond=0)))
    engine.report(watching(WITH_HOOK), path)


def test_an_overdue_change_is_reported_once_and_shown_until_a_change_arrives(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    upload(engine)
    last = f"{engine.clock.server_now():%Y-%m-%dT%H:%M:%SZ}"
    assert after(engine, hours=24) == {}

    with caplog.at_level(logging.WARNING):
        assert after(engine, hours=2) == {"s": last}
        assert after(engine, hours=2) == {"s": last}

    assert [getattr(one, "action", "") for one in caplog.records].count("change_overdue") == 1
    [(_, event)] = engine.hook.received
    assert (event["type"], event["id"]) == ("azureml-triggers.change.overdue", f"s#overdue#{last}")
    assert event["data"] == {"schedule": "s", "expected_every": "25h", "last_change": last}

    upload(engine, "in/b.csv", "0x2")
    assert after(engine, minutes=1) == {}
    after(engine, hours=26)
    assert len(engine.hook.received) == 2, "a second notification, for another overdue change"


def test_without_any_change_overdue_counts_from_the_schedules_beginning(engine: Engine) -> None:
    assert after(engine, hours=24) == {}
    assert after(engine, hours=2) == {"s": None}
    assert engine.hook.received[0][1]["data"]["last_change"] is None
    assert engine.hook.received[0][1]["id"] == "s#overdue#"


def test_a_skipped_change_counts_as_a_change(engine: Engine) -> None:
    after(engine, hours=20)
    engine.blobs.put(found("in/a.csv", "0x1", last_modified=engine.clock.server_now().replace(microsecond=0)))
    disabled = watching(f"{EXPECTED}\nstatus: Disabled")
    engine.report(disabled, "in/a.csv")

    assert after(engine, hours=20) == {}


def test_an_older_file_reported_late_is_not_the_newest_change(engine: Engine) -> None:
    upload(engine)
    last = f"{engine.clock.server_now():%Y-%m-%dT%H:%M:%SZ}"
    late = engine.clock.server_now().replace(microsecond=0) - timedelta(hours=2)
    engine.blobs.put(found("in/old.csv", "0x9", last_modified=late))
    engine.with_new_process().report(watching(WITH_HOOK), "in/old.csv")

    assert after(engine, hours=26) == {"s": last}


def test_paused_time_does_not_count_and_a_disabled_schedule_is_never_overdue(engine: Engine) -> None:
    upload(engine)
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    assert after(engine, hours=48) == {}
    resume(engine.ledger, "s", engine.clock.now(), None, None)
    assert after(engine, hours=24) == {}
    assert after(engine, watching(f"{WITH_HOOK}\nstatus: Disabled"), hours=24) == {}
    assert after(engine, minutes=1) != {}


def test_a_failed_overdue_notification_is_repeated_until_it_is_accepted(engine: Engine) -> None:
    upload(engine)
    engine.hook.statuses = [500, 503]

    for number in range(10):
        after(engine, hours=0 if number else 26, minutes=5)

    assert [event["type"] for _, event in engine.hook.received] == ["azureml-triggers.change.overdue"] * 3


def test_two_instances_send_one_overdue_notification(engine: Engine) -> None:
    upload(engine)
    engine.clock.pass_time(timedelta(hours=26))
    for one in (engine, engine.with_new_process()):
        one.reconcile(watching(WITH_HOOK))

    assert len(engine.hook.received) == 1


def test_without_expected_every_nothing_is_written_or_reported(engine: Engine) -> None:
    plain = watching(EXPECTED.replace(", expected_every: 25h", ""), name="other")
    engine.reconcile(plain)
    engine.blobs.put(found("in/a.csv", last_modified=engine.clock.server_now()))
    engine.report(plain, "in/a.csv")

    assert after(engine, plain, hours=99) == {}
    assert engine.ledger.table.get("other", "last_change") is None


def test_a_set_with_expect_by_is_overdue_if_no_file_arrived_at_all(engine: Engine) -> None:
    of = watching(
        f"{EXPECTED.replace('expected_every: 25h', 'data_path: folder')}\n"
        "batch: {expect: 2, expect_by: '06:00', time_zone: Europe/Berlin}\nwebhook: https://hook.example/"
    )
    engine.clock.pass_time(timedelta(hours=4))
    engine.blobs.put(found("in/a.csv", last_modified=engine.clock.server_now().replace(microsecond=0)))
    engine.report(of, "in/a.csv")
    assert after(engine, of, hours=24) == {}, "04:00 in UTC: the day until 06:00 in Berlin has a file"

    assert after(engine, of, hours=23) == {"s": "2026-11-01T04:00:00Z"}, "the next day has none"
    assert engine.hook.received[-1][1]["data"] == {
        "schedule": "s",
        "expected_every": None,
        "last_change": "2026-11-01T04:00:00Z",
    }


def test_a_day_with_a_pause_does_not_make_a_set_overdue(engine: Engine) -> None:
    of = watching(
        f"{EXPECTED.replace('expected_every: 25h', 'data_path: folder')}\n"
        "batch: {expect: 2, expect_by: '06:00'}\nwebhook: https://hook.example/"
    )
    assert after(engine, of, hours=20) == {}
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    engine.clock.pass_time(timedelta(hours=1))
    resume(engine.ledger, "s", engine.clock.now(), None, None)

    assert after(engine, of, hours=20) == {}, "the day until 06:00 on 2 November had a pause"
    assert after(engine, of, hours=24) == {"s": None}


@pytest.mark.parametrize(
    ("value", "fault"),
    [("0s", "must be longer than 0s; write 25h, for example"), ("daily", "expected a duration"), ("25", "expected")],
)
def test_an_invalid_expected_every_is_one_error(value: str, fault: str) -> None:
    [one] = sentences(file_of(EXPECTED.replace("25h", value)))

    assert one.startswith(f"schedules.s.change.expected_every: {fault}")


def test_expected_every_is_a_key_of_change_only() -> None:
    [one] = sentences(file_of("cron: {expression: '0 4 * * *'}\nexpected_every: 25h"))

    assert one == "schedules.s.expected_every: unknown key; it belongs in change"
