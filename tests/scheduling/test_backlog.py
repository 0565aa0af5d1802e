"""A backlog of any length is decided in parts, and the first part contains what must start now."""

from datetime import UTC, datetime, timedelta

import pytest
from builders import timed, utc
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.backlog import OCCURRENCES_A_CALL, due_now
from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.pauses import Pause
from triggers.scheduling.policies import ON_TIME
from triggers.scheduling.times.occurrences import between

NOW = utc("2026-11-01T04:00:30")
YEAR = timedelta(days=365)
MINUTELY = "cron: {expression: '* * * * *'}"


def of(catchup: str, window: str = "1d", more: str = "") -> TimeSchedule:
    return timed(f"catchup: {catchup}\ncatchup_window: {window}\n{more}{MINUTELY}")


def missed_since(since: datetime, schedule: TimeSchedule, *pauses: Pause) -> tuple[list[datetime], datetime | None]:
    return due_now(schedule, since, NOW, NOW, pauses)


@pytest.mark.parametrize("catchup", ["none", "latest", "all"])
def test_a_short_backlog_is_decided_completely(catchup: str) -> None:
    schedule, since = of(catchup), NOW - timedelta(minutes=OCCURRENCES_A_CALL)

    due, rest = missed_since(since, schedule)

    assert due == list(between(schedule.trigger, since, NOW))
    assert (len(due), rest) == (OCCURRENCES_A_CALL, None)


@pytest.mark.parametrize("catchup", ["none", "latest", "all"])
def test_of_a_years_backlog_the_oldest_and_the_punctual_occurrences_are_decided_first(catchup: str) -> None:
    schedule = of(catchup)
    everything = between(schedule.trigger, NOW - YEAR, NOW)

    due, rest = missed_since(NOW - YEAR, schedule)

    assert due == sorted(due)
    assert due[:OCCURRENCES_A_CALL] == [next(everything) for _ in range(OCCURRENCES_A_CALL)]
    assert rest == next(everything)
    assert due[-10:] == list(between(schedule.trigger, NOW - ON_TIME, NOW))
    on_time, newest_missed, in_the_window = 10, 1, OCCURRENCES_A_CALL
    more = {"none": 0, "latest": newest_missed, "all": in_the_window}[catchup]
    assert len(due) == OCCURRENCES_A_CALL + on_time + more


def test_the_newest_missed_occurrence_is_the_last_one_before_the_pause() -> None:
    schedule = of("latest", "30d")
    pause = Pause(begin=NOW - timedelta(days=9), end=NOW - timedelta(minutes=5))

    due, _ = missed_since(NOW - YEAR, schedule, pause)

    newest_missed = [one for one in due if NOW - one > ON_TIME][-1]
    assert newest_missed == utc("2026-10-23T04:00")


def test_if_everything_is_paused_there_is_no_newest_missed_occurrence() -> None:
    schedule = of("latest", "30d")

    due, _ = missed_since(NOW - YEAR, schedule, Pause(begin=NOW - 2 * YEAR))

    assert len(due) == OCCURRENCES_A_CALL + 10


@pytest.mark.parametrize(
    ("more", "overtakes"),
    [
        ("", True),
        ("overlap: buffer_all\n", False),
        ("max_concurrent_runs: 3\n", False),
        ("overlap: cancel_other\n", True),
    ],
)
def test_punctual_occurrences_do_not_overtake_those_caught_up_in_order(more: str, *, overtakes: bool) -> None:
    schedule = of("all", "9d", more)

    due, _ = missed_since(NOW - YEAR, schedule)

    assert due[OCCURRENCES_A_CALL] == utc("2026-10-23T04:01")
    assert (utc("2026-11-01T04:00") in due) == overtakes


@given(
    minutes=st.integers(0, 5000),
    catchup=st.sampled_from(["none", "latest", "all"]),
    window=st.integers(1, 5000),
)
def test_no_occurrence_is_decided_twice_or_left_out(minutes: int, catchup: str, window: int) -> None:
    schedule, since = of(catchup, f"{window}m"), NOW - timedelta(minutes=minutes)
    everything = list(between(schedule.trigger, since, NOW))

    due, rest = missed_since(since, schedule)

    assert set(due) <= set(everything)
    assert len(set(due)) == len(due)
    before = everything if rest is None else [one for one in everything if one < rest]
    assert set(before) <= set(due)
    assert rest is None or rest in everything


def test_the_times_are_in_utc() -> None:
    due, rest = missed_since(NOW - YEAR, of("none"))

    assert {one.tzinfo for one in due} == {UTC}
    assert rest is not None
