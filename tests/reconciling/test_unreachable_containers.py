"""A container that is missing or unreadable is shown in GET /api/health and affects nothing else."""

from datetime import timedelta

import pytest
from builders import EMPTY_HEALTH, Engine, schedule, timed, utc

from triggers.engine import Engine as WiredEngine
from triggers.scheduling.config import Schedule
from triggers.web.health import with_open_runs

CHANGE = "change: {{datastore: d, container: data, polling_interval: {}}}"
NIGHTLY = timed("cron: {expression: '0 4 * * *'}", name="nightly")
NOT_THERE = "the container data cannot be read: The specified container does not exist."


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-11-01T04:00"))


def uploads(interval: int) -> Schedule:
    found: Schedule = schedule(CHANGE.format(interval), name="uploads")
    return found


def passed(engine: Engine, process: WiredEngine) -> list[str]:
    """Run one pass, which raises its errors at its end; returns the faults in health afterwards."""
    try:
        process.reconciliation.run_pass()
    except ExceptionGroup:
        engine.clock.pass_time(timedelta(0))
    health = with_open_runs(EMPTY_HEALTH, process)
    assert health.status == ("faulty" if health.faults else "ok")
    return [f"{fault.path}: {fault.message}" for fault in health.faults]


@pytest.mark.parametrize("interval", [0, 5])
def test_a_missing_container_is_shown_in_health_until_it_exists(engine: Engine, interval: int) -> None:
    process = engine.wired(uploads(interval), NIGHTLY)
    engine.blobs.away = NOT_THERE

    away = passed(engine, process)
    engine.clock.pass_time(timedelta(minutes=1))
    still_away = passed(engine, process)
    engine.blobs.away = None
    engine.clock.pass_time(timedelta(minutes=1))
    there = passed(engine, process)

    assert (
        away
        == still_away
        == [f"schedules.uploads.change: {'the container data cannot be read: '}The specified container does not exist."]
    )
    assert there == []


def test_without_sweeps_the_container_is_checked_once_an_hour(engine: Engine) -> None:
    process = engine.wired(uploads(0))
    assert passed(engine, process) == []
    engine.blobs.away = "away"

    within_the_hour = passed(engine, process)
    engine.clock.pass_time(timedelta(hours=1))

    assert within_the_hour == []
    assert passed(engine, process) == ["schedules.uploads.change: away"]


def test_health_does_not_report_a_schedule_that_has_left_the_file(engine: Engine) -> None:
    engine.blobs.away = "away"
    assert passed(engine, engine.wired(uploads(5), NIGHTLY)) == ["schedules.uploads.change: away"]

    health = with_open_runs(EMPTY_HEALTH, engine.wired(NIGHTLY))

    assert (health.status, health.faults) == ("ok", [])
