"""The laws of time for every zone and rule, checked against an oracle that walks the clocks minute by minute."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from builders import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from time_oracle import (
    END,
    EPOCH,
    is_last_of_month,
    living_through_clock_changes,
    months_between,
    moved_by_clock_changes,
    readings_to_instants,
    transitions,
    weeks_between,
)

from triggers.scheduling.times.cron import Cron
from triggers.scheduling.times.occurrences import between
from triggers.scheduling.times.recurrence import LAST_DAY, Frequency, Recurrence
from triggers.scheduling.times.time_zones import instant

ALL_ZONES = sorted(available_timezones() - {"localtime", "Factory"})
CHANGING = [
    "Europe/Riga",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Tehran",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Pacific/Apia",
    "America/Santiago",
    "Asia/Gaza",
    "Antarctica/Troll",
]


@st.composite
def zone_and_moment(draw: st.DrawFn, names: list[str]) -> tuple[ZoneInfo, datetime]:
    """A zone with a moment near one of its transitions, or any moment if it has none."""
    zone = ZoneInfo(draw(st.sampled_from(names)))
    found = transitions(zone, EPOCH, END, timedelta(days=20))
    anywhere = st.integers(0, 22_000).map(lambda days: EPOCH + timedelta(days=days))
    return zone, draw(st.one_of(st.sampled_from(found), anywhere) if found else anywhere)


@given(zone_and_moment(ALL_ZONES))
@settings(max_examples=examples(25))
def test_every_local_time_means_one_instant_and_instants_never_decrease(found: tuple[ZoneInfo, datetime]) -> None:
    zone, moment = found
    expected = readings_to_instants(zone, moment - timedelta(days=2), moment + timedelta(days=2))
    readings = sorted(reading for reading in expected if abs(reading - moment.replace(tzinfo=None)) < timedelta(days=1))

    instants = [instant(reading, zone) for reading in readings]

    assert instants == [expected[reading] for reading in readings]
    assert all(earlier <= later for earlier, later in pairwise(instants))


@given(zone_and_moment(ALL_ZONES), st.times())
@settings(max_examples=examples(25))
def test_a_daily_schedule_runs_once_a_day_and_equal_instants_are_merged(
    found: tuple[ZoneInfo, datetime], at: time
) -> None:
    zone, moment = found
    at = at.replace(second=0, microsecond=0)
    first, last = moment - timedelta(days=4), moment + timedelta(days=4)
    daily = recurrence(Frequency.DAY, 1, zone=zone, times=(at,))

    occurrences = list(between(daily, first - timedelta(seconds=1), last))

    assert occurrences == moved_by_clock_changes(lambda reading: reading.time() == at, zone, first, last)


def recurrence(
    frequency: Frequency,
    interval: int,
    *,
    zone: ZoneInfo,
    times: tuple[time, ...] = (),
    week_days: tuple[int, ...] = (),
    month_days: tuple[int, ...] = (),
    anchor: datetime = datetime(2024, 1, 1),
) -> Recurrence:
    return Recurrence(
        frequency=frequency,
        interval=interval,
        times=times,
        week_days=week_days,
        month_days=month_days,
        anchor=anchor,
        zone=zone,
        start=None,
        end=None,
    )


def names(rule: Recurrence) -> Callable[[datetime], bool]:
    """Return a function that tests, by rules (c) to (f), whether a wall-clock time belongs to the rule."""
    anchor = rule.anchor

    def named(reading: datetime) -> bool:
        if reading.time() not in (rule.times or (anchor.time(),)):
            return False
        if rule.frequency is Frequency.DAY:
            return (reading.date() - anchor.date()).days % rule.interval == 0
        if rule.frequency is Frequency.WEEK:
            right_week = weeks_between(anchor.date(), reading.date()) % rule.interval == 0
            return right_week and reading.weekday() in (rule.week_days or (anchor.weekday(),))
        if months_between(anchor.date(), reading.date()) % rule.interval:
            return False
        if not rule.month_days:
            return reading.day == anchor.day or (is_last_of_month(reading.date()) and reading.day < anchor.day)
        return reading.day in rule.month_days or (LAST_DAY in rule.month_days and is_last_of_month(reading.date()))

    return named


@given(
    zone_and_moment(CHANGING),
    st.sampled_from([Frequency.DAY, Frequency.WEEK, Frequency.MONTH]),
    st.integers(1, 3),
    st.sets(st.times().map(lambda at: at.replace(second=0, microsecond=0)), max_size=3),
    st.sets(st.integers(0, 6), max_size=3),
    st.sets(st.integers(0, 31), max_size=3),
    st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1)),
)
@settings(max_examples=examples(25))
def test_recurrences_agree_with_the_oracle(
    found: tuple[ZoneInfo, datetime],
    frequency: Frequency,
    interval: int,
    times: set[time],
    week_days: set[int],
    month_days: set[int],
    anchor: datetime,
) -> None:
    zone, moment = found
    rule = recurrence(
        frequency,
        interval,
        zone=zone,
        times=tuple(sorted(times)),
        week_days=tuple(sorted(week_days)) if frequency is Frequency.WEEK else (),
        month_days=tuple(sorted(month_days)) if frequency is Frequency.MONTH else (),
        anchor=anchor.replace(second=0, microsecond=0),
    )
    first, last = moment - timedelta(days=5), moment + timedelta(days=30)

    occurrences = list(between(rule, first - timedelta(seconds=1), last))

    assert occurrences == moved_by_clock_changes(names(rule), zone, first, last)


FIELD = {
    "minute": st.sampled_from(["0", "30", "*/15", "*/45", "5-7", "59", "*"]),
    "hour": st.sampled_from(["*", "2", "1-3", "*/5", "0", "23", "0,12"]),
    "day": st.sampled_from(["*", "1", "29-31", "15"]),
    "week_day": st.sampled_from(["*", "1-5", "0", "6"]),
}
VALUES = {
    "*/15": {0, 15, 30, 45},
    "*/45": {0, 45},
    "5-7": {5, 6, 7},
    "1-3": {1, 2, 3},
    "*/5": {0, 5, 10, 15, 20},
    "0,12": {0, 12},
    "29-31": {29, 30, 31},
    "1-5": {1, 2, 3, 4, 5},
}


def matches(field: str, value: int) -> bool:
    return field == "*" or value in (VALUES.get(field) or {int(field)})


@given(
    zone_and_moment(CHANGING),
    FIELD["minute"],
    FIELD["hour"],
    FIELD["day"],
    FIELD["week_day"],
)
@settings(max_examples=examples(25))
def test_cron_expressions_agree_with_the_oracle(
    found: tuple[ZoneInfo, datetime], minute: str, hour: str, day: str, week_day: str
) -> None:
    zone, moment = found
    rule = Cron(expression=f"{minute} {hour} {day} * {week_day}", zone=zone, start=None, end=None)
    first, last = moment - timedelta(days=5), moment + timedelta(days=10)

    def named(reading: datetime) -> bool:
        of_month, of_week = matches(day, reading.day), matches(week_day, reading.isoweekday() % 7)
        right_day = of_month and of_week if "*" in (day, week_day) else of_month or of_week
        return right_day and matches(hour, reading.hour) and matches(minute, reading.minute)

    occurrences = list(between(rule, first - timedelta(seconds=1), last))

    walk = living_through_clock_changes if hour == "*" else moved_by_clock_changes
    assert occurrences == walk(named, zone, first, last)


@pytest.mark.parametrize(("frequency", "unit"), [(Frequency.MINUTE, 60), (Frequency.HOUR, 3600)])
@given(
    found=zone_and_moment(CHANGING),
    interval=st.integers(1, 5000),
    anchor=st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1)),
)
@settings(max_examples=examples(20))
def test_elapsed_time_is_counted_from_the_anchor(
    frequency: Frequency, unit: int, found: tuple[ZoneInfo, datetime], interval: int, anchor: datetime
) -> None:
    zone, moment = found
    rule = recurrence(frequency, interval, zone=zone, anchor=anchor.replace(microsecond=0))
    start = instant(rule.anchor, zone)

    occurrences = list(between(rule, moment, moment + timedelta(days=3)))

    seconds = [(one - start).total_seconds() for one in occurrences]
    assert all(passed % (unit * interval) == 0 for passed in seconds)
    assert len(occurrences) in (int(3 * 86400 / (unit * interval)), int(3 * 86400 / (unit * interval)) + 1)
    assert all(moment < one <= moment + timedelta(days=3) for one in occurrences)
    assert all(one.tzinfo is UTC for one in occurrences)
