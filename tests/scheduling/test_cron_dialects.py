"""Cron expressions of other systems are refused, and the error shows the expression that means the same here."""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triggers.scheduling.times.cron import Cron, fault_in

ROOT = Path(__file__).parents[2]
NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
FIRST = date(2027, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(366 + 365)]


def advised(expression: str) -> str | None:
    """The replacement that the error for an expression advises."""
    fault = fault_in(expression)
    assert fault is not None
    found = re.search(r"write '([^']+)'", fault)
    return found[1] if found else None


@pytest.mark.parametrize(
    ("written", "where", "words"),
    [
        # Recommended for "the first Sunday" in Azure Functions, where both day fields must match.
        ("0 0 4 1-7 * 0", "NCRONTAB", "write '0 4 * * sun#1'"),
        ("0 0 4 8-14 * TUE", "NCRONTAB", "write '0 4 * * tue#2'"),
        ("0 */5 * * * *", "NCRONTAB", "write '*/5 * * * *'"),
        ("0 0 6 * * 1-5", "NCRONTAB", "write '0 6 * * 1-5'"),
        ("30 0 6 * * *", "NCRONTAB", "write '0 6 * * *'; it then runs at second 0 instead of 30"),
        ("0 0 4 15 * MON", "NCRONTAB", "cannot express: its day-of-month and its day-of-week both have to match"),
        ("*/30 * * * * *", "NCRONTAB", "cannot express: its seconds '*/30' would run it more often than once a minute"),
        ("0 0 6 * * 6/2", "NCRONTAB", "write '0 6 * * 6'"),
        ("0 5/1 6 * * 3/2", "NCRONTAB", "write '5 6 * * 3-6/2'"),
        ("0 0 22-2 * * *", "NCRONTAB", "write a range that wraps around as two, 22-23,0-2"),
        ("0 0 12 ? * MON-FRI", "Quartz", "write '0 12 * * mon-fri'"),
        ("0 0 12 ? * 2-6", "Quartz", "write '0 12 * * mon-fri'"),
        ("0 15 10 ? * 6L", "Quartz", "write '15 10 * * 5L'"),
        ("0 15 10 ? * 6#3", "Quartz", "write '15 10 * * fri#3'"),
        ("0 0 12 1/5 * ?", "Quartz", "write '0 12 1/5 * *'"),
        ("0 0 12 ? * FRI-MON", "Quartz", "write '0 12 * * fri,sat,sun,mon'"),
        ("0 0 12 15W * ?", "Quartz", "which five fields cannot express"),
        ("0 0 12 * * ? 2027", "Quartz", "write '0 12 * * *'; its year 2027 belongs in start_time and end_time"),
        ("0 10 * * ? *", "EventBridge", "write '0 10 * * *'"),
        ("cron(15 12 * * ? *)", "EventBridge", "write '15 12 * * *'"),
        ("0 18 ? * MON-FRI *", "EventBridge", "write '0 18 * * mon-fri'"),
        ("0 8 1 * ? 2027", "EventBridge", "write '0 8 1 * *'; its year 2027"),
        ("rate(5 minutes)", "a rate", "write recurrence: {frequency: Minute, interval: 5}"),
        ("@every 6h", "a rate", "write recurrence: {frequency: Hour, interval: 6}"),
        ("TZ=Europe/Berlin 0 6 * * *", "its time zone in front", "write '0 6 * * *' with time_zone: Europe/Berlin"),
        ("CRON_TZ=UTC 0 0 6 * * 1-5", "its time zone in front", "write '0 6 * * 1-5' with time_zone: UTC"),
        ("@daily", "the name @daily", "write '0 0 * * *'"),
        ("@reboot", "the name @reboot", "cannot express"),
        ("Mon..Fri 06:00", "systemd", "write '0 6 * * mon-fri'"),
        ("*-*-01 04:30:00", "systemd", "write '30 4 1 * *'"),
        ("weekly", "systemd", "write '0 0 * * mon'"),
        ("0 6 ? * 2-6", "Quartz or EventBridge", "write '0 6 * * mon-fri'"),
        ("10 * * ? *", "month '?'", "expected 1-12 or jan-dec"),
        ("? ? ? ? ?", "minute '?'", "expected 0-59"),
        ("99 0 6 * * *", "expected five fields", "found 6"),
        ("every day at six", "expected five fields", "found 4"),
    ],
)
def test_an_expression_of_another_cron_dialect_is_recognized_and_translated(
    written: str, where: str, words: str
) -> None:
    fault = fault_in(written)

    assert fault is not None
    assert where in fault
    assert words in fault


def rows_of_the_page() -> list[tuple[str, str]]:
    page = (ROOT / "docs/coming-from.md").read_text().partition("## Two day fields")[0]
    cells = [re.split(r" ?\| ?", line.strip("|"))[1:3] for line in page.splitlines() if line.startswith("| ")]
    return [(written.strip("` "), line.strip("` ")) for written, line in cells[2:]]


@pytest.mark.parametrize(("written", "line"), rows_of_the_page())
def test_the_error_advises_the_expression_shown_on_the_page(written: str, line: str) -> None:
    fault = fault_in(written)

    assert fault is not None
    if line:
        assert line in fault
    else:
        assert "which five fields cannot express" in fault


def numbers(low: int, high: int, *, names: list[str] | None = None, base: int = 0) -> st.SearchStrategy[str]:
    """A field: stars, values, ranges and steps that do not wrap around."""
    value = st.integers(low, high)
    spelled = value if names is None else st.one_of(value, value.map(lambda number: names[number - base]))
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}" if pair[0] != pair[1] else f"{pair[0]}")
    step = st.tuples(st.one_of(st.just("*"), value.map(str)), st.integers(1, high).map(str)).map("/".join)
    one = st.one_of(spelled.map(str), span, step)
    return st.one_of(
        st.just("*"), one, st.lists(st.one_of(spelled.map(str), span), min_size=1, max_size=3).map(",".join)
    )


def values(field: str, low: int, high: int, names: list[str] | None = None, base: int = 0) -> set[int]:
    """The values that a field admits in NCrontab and Quartz."""

    def number(text: str) -> int:
        return names.index(text) + base if names and text in names else int(text)

    admitted: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (number(end) for end in span.split("-"))
        else:
            first = number(span)
            last = high if step else first
        admitted.update(range(first, last + 1, int(step or 1)))
    return admitted


def found_days(matches: Callable[[date], bool]) -> list[date]:
    return [day for day in DAYS if matches(day)]


def days_here(line: str) -> list[date]:
    cron = Cron(expression=line, zone=ZoneInfo("UTC"), start=None, end=None)
    last = DAYS[-1].toordinal()
    found = []
    for ordinal in cron.days(FIRST.toordinal()):
        if ordinal > last:
            break
        found.append(date.fromordinal(ordinal))
    return found


def clock_times_here(line: str) -> set[tuple[int, int]]:
    cron = Cron(expression=line, zone=ZoneInfo("UTC"), start=None, end=None)
    return {(time.hour, time.minute) for time in cron.clock_times}


def clock_times(minute: str, hour: str) -> set[tuple[int, int]]:
    return {(one, other) for one in values(hour, 0, 23) for other in values(minute, 0, 59)}


@given(
    minute=numbers(0, 59),
    hour=numbers(0, 23),
    day=st.one_of(st.just("*"), numbers(1, 31), st.sampled_from(["1-7", "8-14", "15-21", "22-28"])),
    month=numbers(1, 12, names=MONTHS, base=1),
    weekday=numbers(0, 6, names=NAMES),
)
def test_the_expression_advised_for_ncrontab_runs_at_the_same_times(
    minute: str, hour: str, day: str, month: str, weekday: str
) -> None:
    single_steps = any(re.search(r"(?<![\w-])\w+/1\b", field) for field in (minute, hour, day, month, weekday))
    assume(not single_steps)  # Only NCrontab reads 5/1 as 5; this is a separate case below.
    line = advised(f"0 {minute} {hour} {day} {month} {weekday}")
    months, weekdays = values(month, 1, 12, MONTHS, 1), values(weekday, 0, 6, NAMES)
    expected = found_days(
        lambda one: one.day in values(day, 1, 31) and one.month in months and one.isoweekday() % 7 in weekdays
    )

    if line is None:
        assert not expected or not (day.startswith("*") or weekday.startswith("*"))
    else:
        assert fault_in(line) is None
        assert days_here(line) == expected
        assert clock_times_here(line) == clock_times(minute, hour)


def quartz_week_day(field: str, day: date) -> bool:
    nth = re.fullmatch(r"(\w+)#(\d)", field)
    last = re.fullmatch(r"(\d)L", field)
    number = day.isoweekday() % 7 + 1
    if nth:
        return number in values(nth[1], 1, 7, NAMES, 1) and (day.day - 1) // 7 + 1 == int(nth[2])
    if last:
        return number == int(last[1]) and day.day + 7 > monthrange(day.year, day.month)[1]
    return number in values(field, 1, 7, NAMES, 1)


@given(
    minute=numbers(0, 59),
    hour=numbers(0, 23),
    month=numbers(1, 12, names=MONTHS, base=1),
    weekday=st.one_of(
        numbers(1, 7, names=NAMES, base=1),
        st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
        st.integers(1, 7).map(lambda number: f"{number}L"),
    ),
    around=st.sampled_from(["0 {} ", "0 {} *", "{} *", "cron({} *)"]),
)
def test_the_expression_advised_for_quartz_and_eventbridge_runs_at_the_same_times(
    minute: str, hour: str, month: str, weekday: str, around: str
) -> None:
    line = advised(around.format(f"{minute} {hour} ? {month} {weekday}"))
    months = values(month, 1, 12, MONTHS, 1)

    assert line is not None
    assert fault_in(line) is None
    assert days_here(line) == found_days(lambda one: one.month in months and quartz_week_day(weekday, one))
    assert clock_times_here(line) == clock_times(minute, hour)


@given(st.lists(st.text("0123456789*/,-?LW#abcfijmnorstuwy@=() ", max_size=8), max_size=8).map(" ".join))
def test_every_advised_expression_is_valid(written: str) -> None:
    fault = fault_in(written)
    found = fault and re.search(r"write '([^']+)'", fault)

    assert not found or fault_in(found[1]) is None
