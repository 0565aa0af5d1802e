"""The timer expression that wakes a schedule covers every occurrence, and has no value that never occurs."""

from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from builders import examples, timed, utc
from hypothesis import given, settings
from hypothesis import strategies as st

from local.ncrontab import Ncrontab
from triggers.scheduling.times.alarm import Alarm, alarm_of, count_between
from triggers.scheduling.times.cron import Cron
from triggers.scheduling.times.occurrences import TimeTrigger, between, next_after
from triggers.scheduling.times.recurrence import ELAPSED, Frequency, Recurrence
from triggers.scheduling.times.time_zones import FORESEEN_FROM, FORESEEN_UNTIL, offset_at, stretches

SECOND = timedelta(seconds=1)


def trigger(keys: str) -> TimeTrigger:
    return timed(keys).trigger


def played_through(of: TimeTrigger) -> Alarm:
    """The values that occur, found by enumeration."""
    fields = [(m.second, m.minute, m.hour, m.day, m.month, m.isoweekday() % 7) for m in all_occurrences(of)]
    return Alarm(*(frozenset(values) for values in zip(*fields, strict=True)))


def all_occurrences(of: TimeTrigger) -> list[datetime]:
    return list(between(of, FORESEEN_FROM - SECOND, FORESEEN_UNTIL - SECOND))


RULES = {
    "recurrence: {frequency: Day, interval: 1, hours: [4], minutes: [30], time_zone: Europe/Riga}": "0 30 1-2 * * *",
    # 02:30 is 01:30 or 00:30 UTC, and 01:00 UTC on the day it does not exist.
    "recurrence: {frequency: Day, interval: 1, hours: [2], minutes: [30], time_zone: Europe/Berlin}": (
        "0 0,30 0-1 * * *"
    ),
    "recurrence: {frequency: Week, interval: 2, week_days: [Monday, Friday], hours: [0], time_zone: Europe/Berlin}": (
        "0 0 22-23 * * 0,4"
    ),
    "recurrence: {frequency: Month, interval: 1, month_days: [last], time_zone: America/New_York}": (
        "0 0 4-5 28-31 * *"
    ),
    "recurrence: {frequency: Month, interval: 6, month_days: [31], hours: [12], start_time: 2026-01-01T00:00:00}": (
        "0 0 12 31 1,7 *"
    ),
    "recurrence: {frequency: Minute, interval: 15}": "0 */15 * * * *",
    "recurrence: {frequency: Hour, interval: 36}": "0 0 0,12 * * *",
    "recurrence: {frequency: Hour, interval: 168}": "0 0 0 * * 1",
    "recurrence: {frequency: Hour, interval: 7, start_time: 2026-11-01T00:20:05, end_time: 2026-11-03T02:00:00}": (
        "5 20 0-1,4,7,11,14,18,21 1-3 11 0-2"
    ),
    "recurrence: {frequency: Day, interval: 7, start_time: 2026-12-24T01:00:30, time_zone: Europe/Riga}": (
        "30 0 22-23 * * 3"
    ),
    "recurrence: {frequency: Day, interval: 1, hours: [4], start_time: 2060-01-01T00:00:00}": "0 0 0 1 1 *",
    "cron: {expression: '15 * * * mon-fri', time_zone: Europe/Berlin}": "0 15 * * * 0-5",
    "cron: {expression: '*/15 2 * * *', time_zone: Europe/Berlin}": "0 */15 0-1 * * *",
    "cron: {expression: '0 4 * * 1-5', time_zone: Africa/Casablanca}": "0 0 3-4 * * 1-5",
    "cron: {expression: '0 4 LW * *', time_zone: Australia/Lord_Howe}": "0 0,30 17 25-30 * 0-4",
    "cron: {expression: '0 4 1-7 * mon', time_zone: Asia/Tehran}": "0 30 0 * * *",
    "cron: {expression: '*/20 3 L * *', time_zone: Pacific/Apia}": "0 */20 14 27-30 * *",
    "cron: {expression: '0 0 * * mon#2', time_zone: America/New_York}": "0 0 4-5 8-14 * 1",
    "cron: {expression: '0 12 29 2 *'}": "0 0 12 29 2 0-3,5-6",
    "cron: {expression: '7 * 13 * fri', time_zone: Asia/Kathmandu}": "0 22 * * * *",
}


@pytest.mark.parametrize(("keys", "expected"), RULES.items())
def test_the_timer_expression_is_the_sparsest_that_covers_every_occurrence(keys: str, expected: str) -> None:
    of = trigger(keys)

    assert str(alarm_of(of)) == expected
    if all_occurrences(of):
        assert alarm_of(of) == played_through(of)


@pytest.mark.parametrize("keys", RULES)
def test_the_count_of_a_years_occurrences_equals_their_enumeration(keys: str) -> None:
    of, first = trigger(keys), utc("2026-11-01T12:00")
    last = first + timedelta(days=365)

    assert count_between(of, first, last) == len(list(between(of, first - SECOND, last)))


RECURRENCES = st.builds(
    lambda frequency, interval, times, week_days, month_days, anchor, name: Recurrence(
        frequency=frequency,
        interval=interval,
        times=() if frequency in ELAPSED else tuple(sorted(times)),
        week_days=tuple(sorted(week_days)) if frequency is Frequency.WEEK else (),
        month_days=tuple(sorted(month_days)) if frequency is Frequency.MONTH else (),
        anchor=anchor.replace(microsecond=0),
        zone=ZoneInfo(name),
        start=None,
        end=None,
    ),
    st.sampled_from(list(Frequency)),
    st.integers(1, 40),
    st.sets(st.times().map(lambda at: at.replace(second=0, microsecond=0)), max_size=3),
    st.sets(st.integers(0, 6), max_size=3),
    st.sets(st.integers(0, 28), max_size=3),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
    st.sampled_from(sorted(available_timezones())),
)
CRONS = st.builds(
    lambda minute, hour, day, month, week_day, name: Cron(
        expression=f"{minute} {hour} {day} {month} {week_day}", zone=ZoneInfo(name), start=None, end=None
    ),
    st.sampled_from(["0", "*/20", "30,31", "*"]),
    st.sampled_from(["*", "2", "1-3", "*/5", "23"]),
    st.sampled_from(["*", "1", "L", "LW", "*/9", "28"]),
    st.sampled_from(["*", "3,10", "*/5"]),
    st.sampled_from(["*", "mon-fri", "7", "5L", "sun#1"]),
    st.sampled_from(sorted(available_timezones())),
)


@given(
    st.one_of(RECURRENCES, CRONS),
    st.datetimes(FORESEEN_FROM.replace(tzinfo=None), datetime(2050, 1, 1)).map(
        lambda at: at.replace(tzinfo=FORESEEN_FROM.tzinfo)
    ),
)
@settings(max_examples=examples(150))
def test_the_timer_fires_at_every_occurrence(of: TimeTrigger, after: datetime) -> None:
    alarm = Ncrontab(str(alarm_of(of)))

    found = [one for one in next_after(of, after, 40) if one < FORESEEN_UNTIL]

    assert [one for one in found if not alarm.fires_at(one)] == []


def test_the_number_of_wake_ups_equals_the_firings_of_the_expression() -> None:
    alarm = alarm_of(trigger("cron: {expression: '0,30 2 * * mon', time_zone: Europe/Berlin}"))
    expression, first = Ncrontab(str(alarm)), utc("2026-11-01T00:00")

    minutes = (first + timedelta(minutes=n) for n in range(28 * 24 * 60))
    assert alarm.wake_ups(first.date(), 28) == sum(expression.fires_at(minute) for minute in minutes) == 16


@pytest.mark.parametrize("name", [*sorted(available_timezones())[::7], "Asia/Gaza", "Africa/Casablanca"])
def test_the_stretches_of_a_zone_contain_every_transition(name: str) -> None:
    zone = ZoneInfo(name)
    found = stretches(zone)

    assert (found[0].start, found[-1].end) == (FORESEEN_FROM, FORESEEN_UNTIL)
    assert all(one.end == other.start and one.offset != other.offset for one, other in pairwise(found))
    days = (FORESEEN_FROM + timedelta(days=n) for n in range((FORESEEN_UNTIL - FORESEEN_FROM).days))
    remaining = iter(found)
    present = next(remaining)
    for day in days:
        while day >= present.end:
            present = next(remaining)
        assert offset_at(day, zone) == present.offset
    for stretch in islice(found, 1, None):
        assert offset_at(stretch.start, zone) != offset_at(stretch.start - SECOND, zone)
