"""When time-based schedules run: literal instants around clock changes, and laws that hold for all schedules."""

import json
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import CHANGE, config, file_of, schedule, sentences, timed, utc
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.config import ChangeTrigger
from triggers.scheduling.file.warnings import warnings_of
from triggers.scheduling.identities import trigger_digest
from triggers.scheduling.times.cron import Cron
from triggers.scheduling.times.occurrences import TimeTrigger, between, change_at, next_after
from triggers.scheduling.times.recurrence import Frequency, Recurrence
from triggers.scheduling.times.time_zones import ClockChange, instant, zone

DATA = Path(__file__).parents[1] / "data"


def trigger(keys: str) -> TimeTrigger:
    return timed(keys).trigger


def cron(expression: str, time_zone: str = "UTC") -> TimeTrigger:
    return trigger(f"cron: {{expression: '{expression}', time_zone: {time_zone}}}")


def local(of: TimeTrigger, after: str, number: int) -> list[str]:
    """The next local times after a UTC time, with their offsets."""
    return [f"{m.astimezone(of.zone):%Y-%m-%d %H:%M%z}" for m in next_after(of, utc(after), number)]


@pytest.mark.parametrize(
    ("expression", "time_zone", "after", "expected"),
    [
        # Europe/Berlin, 2026-03-29: 02:00–03:00 does not exist; 2026-10-25: 02:00–03:00 occurs twice.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T23:00", ["2026-03-29 03:00+0200", "2026-03-30 02:30+0200"]),
        ("*/15 2 * * *", "Europe/Berlin", "2026-03-28T23:00", ["2026-03-29 03:00+0200", "2026-03-30 02:00+0200"]),
        ("30 2,3 * * *", "Europe/Berlin", "2026-03-28T23:00", ["2026-03-29 03:00+0200", "2026-03-29 03:30+0200"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T00:00", ["2026-03-29 01:30+0100", "2026-03-29 03:30+0200"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T22:00", ["2026-10-25 02:30+0200", "2026-10-26 02:30+0100"]),
        ("*/15 2 * * *", "Europe/Berlin", "2026-10-25T00:30", ["2026-10-25 02:45+0200", "2026-10-26 02:00+0100"]),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:31",
            ["2026-10-25 02:30+0200", "2026-10-25 02:30+0100", "2026-10-25 03:30+0100"],
        ),
        # Lord Howe: half an hour, 2026-10-04 02:00 → 02:30 and 2026-04-05 02:00 → 01:30.
        ("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["2026-10-04 02:30+1100", "2026-10-05 02:10+1100"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00", ["2026-04-05 01:45+1100", "2026-04-06 01:45+1030"]),
        # Apia skipped the whole of 2011-12-30.
        ("0 4 * * *", "Pacific/Apia", "2011-12-29T20:00", ["2011-12-31 00:00+1400", "2011-12-31 04:00+1400"]),
        # Cairo: midnight of 2026-04-24 does not exist.
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", ["2026-04-24 01:00+0300", "2026-04-25 00:00+0300"]),
        # Riga, 2026-03-29 03:00 → 04:00 and 2026-10-25 04:00 → 03:00.
        ("15 3 * * *", "Europe/Riga", "2026-03-28T12:00", ["2026-03-29 04:00+0300", "2026-03-30 03:15+0300"]),
        ("15 3 * * *", "Europe/Riga", "2026-10-24T12:00", ["2026-10-25 03:15+0300", "2026-10-26 03:15+0200"]),
        ("0 4 * * *", "Europe/Riga", "2026-03-28T12:00", ["2026-03-29 04:00+0300", "2026-03-30 04:00+0300"]),
        # New York, 2026-03-08 02:00 → 03:00 and 2026-11-01 02:00 → 01:00.
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00", ["2026-03-08 03:00-0400", "2026-03-09 02:30-0400"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00", ["2026-11-01 01:30-0400", "2026-11-02 01:30-0500"]),
        (
            "*/30 * * * *",
            "America/New_York",
            "2026-11-01T05:00",
            ["2026-11-01 01:30-0400", "2026-11-01 01:00-0500", "2026-11-01 01:30-0500", "2026-11-01 02:00-0500"],
        ),
        # Tehran put its clocks forward at midnight until 2022, and has not since.
        ("30 0 * * *", "Asia/Tehran", "2022-03-20T22:00", ["2022-03-22 01:00+0430", "2022-03-23 00:30+0430"]),
        ("30 23 * * *", "Asia/Tehran", "2022-09-21T12:00", ["2022-09-21 23:30+0430", "2022-09-22 23:30+0330"]),
        ("30 0 * * *", "Asia/Tehran", "2026-03-20T22:00", ["2026-03-22 00:30+0330", "2026-03-23 00:30+0330"]),
        # Casablanca puts its clocks back for Ramadan: 2026-02-15 03:00 → 02:00 and 2026-03-22 02:00 → 03:00.
        ("30 2 * * *", "Africa/Casablanca", "2026-02-14T12:00", ["2026-02-15 02:30+0100", "2026-02-16 02:30+0000"]),
        ("30 2 * * *", "Africa/Casablanca", "2026-03-21T12:00", ["2026-03-22 03:00+0100", "2026-03-23 02:30+0100"]),
        ("15 9 1 * mon", "UTC", "2026-11-01T10:00", ["2026-11-02 09:15+0000", "2026-11-09 09:15+0000"]),
        ("0 0 L * *", "UTC", "2026-01-31T00:00", ["2026-02-28 00:00+0000", "2026-03-31 00:00+0000"]),
        ("0 0 * * mon#2", "UTC", "2026-11-01T00:00", ["2026-11-09 00:00+0000", "2026-12-14 00:00+0000"]),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00", ["2028-02-29 00:00+0000", "2032-02-29 00:00+0000"]),
    ],
)
def test_cron_expressions_run_at_the_expected_local_times(
    expression: str, time_zone: str, after: str, expected: list[str]
) -> None:
    assert local(cron(expression, time_zone), after, len(expected)) == expected


@pytest.mark.parametrize(
    ("recurrence", "after", "expected"),
    [
        ("frequency: Minute, interval: 15", "2026-11-01T00:01", ["2026-11-01 00:15+0000", "2026-11-01 00:30+0000"]),
        (
            "frequency: Minute, interval: 45, start_time: 2026-11-01T00:10:00",
            "2026-10-01T00:00",
            ["2026-11-01 00:10+0000", "2026-11-01 00:55+0000", "2026-11-01 01:40+0000"],
        ),
        (
            "frequency: Hour, interval: 1, time_zone: Europe/Berlin, start_time: 2026-10-25T00:55:00",
            "2026-10-24T23:56",
            ["2026-10-25 02:55+0200", "2026-10-25 02:55+0100", "2026-10-25 03:55+0100"],
        ),
        (
            "frequency: Day, interval: 1, hours: [4], minutes: [30], time_zone: W. Europe Standard Time",
            "2026-03-28T00:00",
            ["2026-03-28 04:30+0100", "2026-03-29 04:30+0200"],
        ),
        (
            "frequency: Day, interval: 2, start_time: 2026-11-01T09:00:00",
            "2026-11-01T09:00",
            ["2026-11-03 09:00+0000", "2026-11-05 09:00+0000"],
        ),
        (
            "frequency: Day, interval: 1, hours: [6, 18]",
            "2026-11-01T06:00",
            ["2026-11-01 18:00+0000", "2026-11-02 06:00+0000"],
        ),
        (
            "frequency: Day, interval: 1, minutes: [0, 20]",
            "2026-11-01T06:00",
            ["2026-11-02 00:00+0000", "2026-11-02 00:20+0000"],
        ),
        (
            "frequency: Week, interval: 2, week_days: [Monday, Friday], time_of_day: '9:05'",
            "2024-01-01T00:00",
            ["2024-01-01 09:05+0000", "2024-01-05 09:05+0000", "2024-01-15 09:05+0000"],
        ),
        (
            "frequency: Week, interval: 1, start_time: 2026-11-04T08:00:00",
            "2026-11-04T07:00",
            ["2026-11-04 08:00+0000", "2026-11-11 08:00+0000"],
        ),
        (
            "frequency: Month, interval: 1, month_days: [15, 31, last]",
            "2026-01-20T00:00",
            ["2026-01-31 00:00+0000", "2026-02-15 00:00+0000", "2026-02-28 00:00+0000", "2026-03-15 00:00+0000"],
        ),
        (
            "frequency: Month, interval: 1, start_time: 2026-01-31T05:00:00",
            "2026-02-01T00:00",
            ["2026-02-28 05:00+0000", "2026-03-31 05:00+0000"],
        ),
        (
            "frequency: month, interval: 3, month_days: [1]",
            "2026-01-02T00:00",
            ["2026-04-01 00:00+0000", "2026-07-01 00:00+0000"],
        ),
        # Both ends are inclusive; the end in a fold is its second reading.
        (
            "frequency: Hour, interval: 1, time_zone: Europe/Berlin, start_time: 2026-10-25T01:30:00,"
            " end_time: 2026-10-25T02:30:00",
            "2026-10-01T00:00",
            ["2026-10-25 01:30+0200", "2026-10-25 02:30+0200", "2026-10-25 02:30+0100"],
        ),
    ],
)
def test_recurrences_run_at_the_expected_local_times(recurrence: str, after: str, expected: list[str]) -> None:
    assert local(trigger(f"recurrence: {{{recurrence}}}"), after, len(expected)) == expected


def test_an_occurrence_at_a_clock_change_is_marked() -> None:
    berlin = cron("30 2 * * *", "Europe/Berlin")

    assert [change_at(berlin, moment) for moment in next_after(berlin, utc("2026-03-28T00:00"), 3)] == [
        None,
        ClockChange.GAP,
        None,
    ]
    assert [change_at(berlin, moment) for moment in next_after(berlin, utc("2026-10-24T10:00"), 2)] == [
        ClockChange.FOLD,
        None,
    ]


def recurrence_of(case: dict[str, Any]) -> str:
    """A recorded call as keys of schedules.yaml, with the SDK's TimeZone members as their Windows names."""
    names = json.loads((DATA / "azureml_time_zones.json").read_text())["time_zones"]
    keys = dict(case["args"])
    if str(keys.get("time_zone", "")).startswith("TimeZone."):
        keys["time_zone"] = names[keys["time_zone"].removeprefix("TimeZone.")]
    if str(keys.get("start_time", "")).startswith("datetime."):
        year, month, day, hour, minute, second = (
            *(int(n) for n in keys["start_time"][len("datetime.datetime(") : -1].split(",")[:6]),
            0,
        )[:6]
        keys["start_time"] = f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    return json.dumps({key: value for key, value in keys.items() if value is not None})


# The app is stricter where the SDK accepts nonsense, and accepts more where the design and v2 do.
NOW = utc("2026-06-01T00:00")
TIGHTER = {"recur-027"}
WIDER = {"recur-021", "recur-067"}


@pytest.mark.parametrize(
    "case", json.loads((DATA / "azureml_recurrence_cases.json").read_text())["cases"], ids=lambda case: case["id"]
)
def test_a_recurrence_is_accepted_if_the_sdk_accepts_it(case: dict[str, Any]) -> None:
    faults = sentences(file_of(f"recurrence: {recurrence_of(case)}"))

    expected = (case["valid"] and case["id"] not in TIGHTER) or case["id"] in WIDER
    assert (faults == []) is expected, faults


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (
            "recurrence: {frequency: Day, interval: true}",
            "recurrence.interval: expected a whole number from 1 to 1000000",
        ),
        (
            "recurrence: {frequency: Day, interval: 1, start_time: not a date}",
            "recurrence.start_time: expected a date and time such as 2026-11-01T00:00:00",
        ),
        (
            "recurrence: {frequency: Day, interval: 1, start_time: 2026-02-30}",
            "recurrence.start_time: no such date or time: day is out of range for month",
        ),
        (
            "recurrence: {frequency: Day, interval: 1, start_time: 2026-11-01T00:00:00+25:00}",
            "recurrence.start_time: no such date or time: offset +25:00 is not between -23:59 and +23:59",
        ),
        (
            "recurrence: {frequency: Hour, interval: 1, minutes: []}",
            "recurrence.minutes: is valid only with Day, Week and Month; Hour counts elapsed time",
        ),
        (
            "recurrence: {frequency: Day, interval: 1, month_days: [1]}",
            "recurrence.month_days: is valid only with frequency Month",
        ),
        (
            "recurrence: {frequency: Month, interval: 1, month_days: [32, Last, true]}",
            "recurrence.month_days[0]: expected a day from 1 to 31, or last",
        ),
        (
            "recurrence: {frequency: Month, interval: 12, month_days: [30], start_time: 2026-02-01T00:00:00}",
            "recurrence: never runs: no occurrence is between start_time and end_time",
        ),
        (
            "cron: {expression: '* * * * *', start_time: 2026-02-01, end_time: 2026-01-01}",
            "cron.end_time: is before start_time (2026-02-01)",
        ),
        ("cron: {expression: '* * * * *', time_zone: Europe/Berln}", "cron.time_zone: no such time zone; "
            "did you mean 'Europe/Berlin'?; expected a name such as America/New_York or UTC"),
        ("cron: {expression: '0 30 4 * * *'}",
            "cron.expression: this is NCRONTAB; write '30 4 * * *'"),
        ("cron: {expression: '@daily'}",
            "cron.expression: this is the name @daily; write '0 0 * * *'"),
        ("cron: {expression: '0 22-2 * * *'}", "cron.expression: hour '22-2': expected 0-23, or lists, ranges and "
            "steps of them; write a range that wraps around as two, 22-23,0-2"),
        ("cron: {expression: '0 0 30 2 *'}", "cron.expression: day-of-month '30': no month of '2' has that day"),
        ("cron: {expression: '* * *'}", "cron.expression: expected five fields (minute hour day-of-month month "
            "day-of-week), found 3"),
    ],
)  # fmt: skip
def test_an_invalid_time_rule_is_an_error(keys: str, fault: str) -> None:
    assert sentences(file_of(keys))[0] == f"schedules.s.{fault}"


def test_every_time_zone_of_the_sdk_is_known() -> None:
    names = json.loads((DATA / "azureml_time_zones.json").read_text())["time_zones"]

    assert len(names) == 131
    assert [name for name in names.values() if zone(name) is None] == []


def test_the_digest_changes_only_with_the_meaning() -> None:
    daily = trigger("recurrence: {frequency: Day, interval: 1, hours: [4], minutes: [30], time_zone: Europe/Berlin}")
    same = trigger(
        "recurrence: {frequency: day, interval: 1, time_of_day: '04:30', time_zone: W. Europe Standard Time}"
    )
    other = trigger("recurrence: {frequency: Day, interval: 1, hours: [4], minutes: [31], time_zone: Europe/Berlin}")

    assert trigger_digest(daily) == trigger_digest(same) != trigger_digest(other)


ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Tehran",
        "Africa/Casablanca",
        "Pacific/Apia",
    ]
)
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2049, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))
CRONS = st.builds(
    lambda expression, name: Cron(expression=expression, zone=ZoneInfo(name), start=None, end=None),
    st.sampled_from(
        ["*/20 * * * *", "30 2 * * *", "*/25 1,2 * * *", "0 0 1 * *", "15 * * * sun", "0 3 L * *", "59 23 * * 5L"]
    ),
    ZONES,
)
RECURRENCES = st.builds(
    lambda frequency, interval, times, anchor, name: Recurrence(
        frequency=frequency,
        interval=interval,
        times=() if frequency in (Frequency.MINUTE, Frequency.HOUR) else tuple(sorted(times)),
        week_days=(),
        month_days=(),
        anchor=anchor,
        zone=ZoneInfo(name),
        start=None,
        end=None,
    ),
    st.sampled_from(list(Frequency)),
    st.integers(1, 50),
    st.sets(st.times().map(lambda t: t.replace(microsecond=0)), max_size=3),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda d: d.replace(microsecond=0)),
    ZONES,
)


@given(st.one_of(CRONS, RECURRENCES), MOMENTS, st.integers(0, 400), st.integers(0, 400))
def test_splitting_an_interval_gives_the_same_occurrences(
    of: TimeTrigger, start: datetime, first_hours: int, second_hours: int
) -> None:
    middle = start + timedelta(hours=first_hours)
    end = middle + timedelta(hours=second_hours)

    assert [*between(of, start, middle), *between(of, middle, end)] == list(between(of, start, end))


@given(st.one_of(CRONS, RECURRENCES), MOMENTS)
def test_occurrences_ascend_and_come_after_the_given_instant(of: TimeTrigger, after: datetime) -> None:
    found = list(islice(next_after(of, after, 20), 20))

    assert found == sorted(set(found))
    assert all(moment > after for moment in found)


def test_a_local_time_in_a_gap_is_the_gaps_end_and_in_a_fold_the_first_instant() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert instant(datetime(2026, 3, 29, 2, 30), berlin) == utc("2026-03-29T01:00")
    assert instant(datetime(2026, 10, 25, 2, 30), berlin) == utc("2026-10-25T00:30")
    assert instant(datetime(2026, 10, 25, 2, 30), berlin, second_in_fold=True) == utc("2026-10-25T01:30")
    assert instant(datetime.combine(date(2011, 12, 30), time(4)), ZoneInfo("Pacific/Apia")) == utc("2011-12-30T10:00")


@pytest.mark.parametrize("field", ["0 20-20/1 * * *", "30-30/10 * * * *", "0 4 * * 3-3/4", "0 4 * * mon-mon/2"])
def test_a_range_of_one_value_with_a_step_is_refused(field: str) -> None:
    [sentence] = sentences(file_of(f"cron: {{expression: '{field}'}}"))

    assert "is a range of one value; write" in sentence


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"])
@pytest.mark.parametrize("microseconds", [1, 500_000, 999_999])
def test_microseconds_do_not_change_the_occurrences_around_a_clock_change(zone: str, microseconds: int) -> None:
    """Marks and the current time have microseconds; times exactly on a transition are the hard cases."""
    hourly = cron("0 * * * *", zone)
    for moment in ("2026-03-29T00:30", "2026-10-25T00:30", "2026-10-03T15:15", "2026-04-04T14:45", "2011-12-30T09:15"):
        after = utc(moment)

        assert next_after(hourly, after + timedelta(microseconds=microseconds), 4) == next_after(hourly, after, 4)


def test_an_expression_for_every_day_gives_each_day_once() -> None:
    every_day = cron("0 4 * * *")

    assert isinstance(every_day, Cron)
    days = list(every_day.days(date(9989, 12, 1).toordinal()))

    assert days == list(range(date(9989, 12, 1).toordinal(), date(9990, 1, 1).toordinal()))


@pytest.mark.parametrize(
    ("written", "start", "anchor"),
    [
        ("2026-11-01T00:00:00", "2026-10-31T23:00", "2026-11-01T00:00"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00", "2026-11-01T01:00"),
        ("2026-11-01T00:00:00z", "2026-11-01T00:00", "2026-11-01T01:00"),
        ("2026-11-01 00:00+05:30", "2026-10-31T18:30", "2026-10-31T19:30"),
        ("2026-11-01T00:00-0800", "2026-11-01T08:00", "2026-11-01T09:00"),
        ("2026-10-25T00:30:00Z", "2026-10-25T00:30", "2026-10-25T02:30"),  # the first of two equal local times
        ("2026-10-25T01:30:00Z", "2026-10-25T01:30", "2026-10-25T02:30"),  # the second
    ],
)
def test_a_start_with_an_offset_is_converted_into_the_time_zone(written: str, start: str, anchor: str) -> None:
    keys = f"frequency: Day, interval: 1, time_zone: Europe/Berlin, start_time: '{written}'"

    trigger = schedule(f"recurrence: {{{keys}}}").trigger

    assert isinstance(trigger, Recurrence)
    assert (trigger.start, trigger.anchor) == (utc(start), datetime.fromisoformat(anchor))
    assert not [one for one in warnings_of(config(file_of(f"recurrence: {{{keys}}}")), NOW) if "start_time" in str(one)]


def test_an_end_time_and_the_start_time_of_changes_are_also_converted() -> None:
    ended = schedule("cron: {expression: '0 4 * * *', time_zone: Asia/Tokyo, end_time: '2026-11-01T00:00:00Z'}").trigger
    watched = schedule(CHANGE.replace("change: {", "change: {start_time: '2026-11-01T00:00:00+02:00', ")).trigger

    assert isinstance(ended, Cron)
    assert isinstance(watched, ChangeTrigger)
    assert (ended.end, watched.start) == (utc("2026-11-01T00:00"), utc("2026-10-31T22:00"))
