"""The result of a report: whether the change was new, also if it was skipped, and which times count."""

from datetime import timedelta

import pytest
from builders import Engine, found, utc, watching
from msgspec.structs import replace as with_fields

from triggers.scheduling.replacing import replace
from triggers.settings import StoreUnavailable
from triggers.starting.lives import Lives

NOW = utc("2026-11-01T04:00")


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def upload(engine: Engine, path: str = "incoming/a.csv", at: timedelta = timedelta(0)) -> None:
    engine.blobs.put(found(path, f"0x{path}", last_modified=NOW + at))


@pytest.mark.parametrize(
    ("path", "state"),
    [("incoming/a.csv", "submitted"), ("elsewhere/a.csv", "skipped filtered")],
    ids=["in scope", "filtered"],
)
def test_a_first_report_is_new_and_a_second_one_is_not(engine: Engine, path: str, state: str) -> None:
    upload(engine, path)

    assert [engine.report(watching(), path) for _ in range(2)] == [True, False]
    assert list(engine.states().values()) == [state]


def test_a_blob_that_is_gone_twice_is_reported_as_new_twice(engine: Engine) -> None:
    reports = []
    for _ in range(2):
        reports.append(engine.report(watching(), "incoming/a.csv"))
        engine.clock.pass_time(timedelta(minutes=1))

    assert reports == [True, True]
    assert list(engine.states().values()) == ["skipped gone"] * 2


def test_a_change_at_the_start_time_counts_and_one_before_it_does_not(engine: Engine) -> None:
    of = watching()
    from_now = with_fields(of, trigger=with_fields(of.trigger, start=NOW))
    upload(engine, "incoming/at.csv")
    upload(engine, "incoming/before.csv", -timedelta(seconds=1))

    for path in ("incoming/at.csv", "incoming/before.csv"):
        engine.report(from_now, path)

    assert sorted(engine.states().values()) == ["skipped before_start", "submitted"]


def test_a_schedule_with_an_unusable_connection_has_no_life(engine: Engine) -> None:
    def unusable(connection: str) -> str:
        raise StoreUnavailable("the app setting X does not exist")

    lives: Lives = replace(engine.wired().lives, host=unusable)

    assert lives.id_or_none(watching()) is None
