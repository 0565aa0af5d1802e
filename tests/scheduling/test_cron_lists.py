"""Several cron expressions in one schedule: it runs at the times of each of them."""

from datetime import timedelta

import pytest
from builders import file_of, sentences, timed, utc
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.instants import iso_utc
from triggers.scheduling.times.alarm import alarm_of, count_between
from triggers.scheduling.times.cron import Cron
from triggers.scheduling.times.occurrences import between, change_at, expression_at, next_after
from triggers.scheduling.times.time_zones import ClockChange

LINES = ["0 6 * * 1-5", "0 10 * * 6", "30 2 * * *", "*/15 1-3 * * *", "0 0 29 2 *", "15 * * * *", "0 4 L * *"]


def cron_list(*lines: str, zone: str = "UTC", more: str = "") -> str:
    return f"cron: {{expression: {list(lines)}, time_zone: {zone}{more}}}"


def test_a_list_runs_at_the_times_of_all_its_expressions_and_once_at_equal_times() -> None:
    trigger = timed(cron_list("0 6 * * 1-5", "0 10 * * 6", "0 6 1 * *")).trigger

    found = next_after(trigger, utc("2026-11-27T00:00"), 4)

    assert [iso_utc(one) for one in found] == [
        "2026-11-27T06:00:00Z",
        "2026-11-28T10:00:00Z",
        "2026-11-30T06:00:00Z",
        "2026-12-01T06:00:00Z",
    ]
    assert [expression_at(trigger, one) for one in found] == ["0 6 * * 1-5", "0 10 * * 6", "0 6 * * 1-5", "0 6 * * 1-5"]


@given(
    lines=st.lists(st.sampled_from(LINES), min_size=2, max_size=4, unique=True),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    day=st.integers(1, 27),
    month=st.sampled_from([2, 3, 4, 10, 12]),
)
def test_a_list_has_exactly_the_occurrences_of_its_expressions(
    lines: list[str], zone: str, day: int, month: int
) -> None:
    first, last = utc(f"2028-{month:02}-{day:02}T00:00"), utc(f"2028-{month + 1 if month < 12 else 12:02}-27T00:00")
    union = timed(cron_list(*lines, zone=zone)).trigger
    single = [timed(f"cron: {{expression: '{line}', time_zone: {zone}}}").trigger for line in lines]

    found = list(between(union, first, last))

    assert found == sorted({moment for one in single for moment in between(one, first, last)})
    assert count_between(union, first, last) == len([*between(union, first - timedelta(seconds=1), last)])
    fields = alarm_of(union)
    for moment in found:
        values = (moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
        assert all(value in field for value, field in zip(values, fields, strict=True)), moment


def test_a_clock_change_is_reported_only_if_it_moves_the_expression() -> None:
    moved = timed(cron_list("30 2 * * *", "0 9 * * *", zone="Europe/Berlin")).trigger
    meant = timed(cron_list("30 2 * * *", "0 3 * * *", zone="Europe/Berlin")).trigger

    assert change_at(moved, utc("2026-03-29T01:00")) is ClockChange.GAP
    assert change_at(meant, utc("2026-03-29T01:00")) is None
    assert change_at(moved, utc("2026-10-25T00:30")) is ClockChange.FOLD


def test_start_and_end_apply_to_every_expression() -> None:
    trigger = timed(
        cron_list("0 6 * * *", "0 7 * * *", more=", start_time: 2026-11-02T06:30:00, end_time: 2026-11-03T06:30:00")
    ).trigger

    found = between(trigger, utc("2026-11-01T00:00"), utc("2026-12-01T00:00"))

    assert [iso_utc(one) for one in found] == ["2026-11-02T07:00:00Z", "2026-11-03T06:00:00Z"]


def test_a_list_of_one_expression_equals_that_expression() -> None:
    assert timed(cron_list("0  6 * * *")).trigger == timed("cron: {expression: '0 6 * * *'}").trigger
    assert isinstance(timed(cron_list("0 6 * * *")).trigger, Cron)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("cron: {expression: []}", "cron.expression: an empty list never runs; write at least one line"),
        (
            "cron: {expression: ['0 6 * * *', '0 0 4 * * *']}",
            "cron.expression[1]: this is NCRONTAB; write '0 4 * * *'",
        ),
        ("cron: {expression: ['0 6 * * *', 7]}", "cron.expression[1]: "),
        ("cron: {expression: {a: 1}}", "cron.expression: expected five fields"),
        ("cron: ['0 6 * * *', '0 7 * * *']", "cron: expected a mapping of keys to values; write cron: {expression: ["),
        (
            cron_list("0 6 * * *", "0 0 29 2 *", more=", start_time: 2026-03-01T00:00:00, end_time: 2026-04-01T00:00"),
            "cron.expression[1]: never runs: no occurrence is between start_time and end_time",
        ),
        (
            cron_list("0 6 * * *", "1 6 * * *", more=", start_time: 2026-03-01T00:00:00, end_time: 2026-02-01T00:00"),
            "cron.end_time: is before start_time",
        ),
    ],
)
def test_an_invalid_list_is_one_error_at_its_path(keys: str, fault: str) -> None:
    [found] = sentences(file_of(keys))

    assert found.startswith(f"schedules.s.{fault}")
