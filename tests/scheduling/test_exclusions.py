"""Excluded days: which occurrences are left out, which move, and what is refused."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from builders import CHANGE, config, examples, file_of, schedule, sentences, timed, utc
from hypothesis import given, settings
from hypothesis import strategies as st

from local.holiday_codes import codes
from triggers.scheduling.file.warnings import warnings_of
from triggers.scheduling.identities import trigger_digest
from triggers.scheduling.instants import iso_utc
from triggers.scheduling.times.alarm import alarm_of, count_between
from triggers.scheduling.times.excluding import Excluding
from triggers.scheduling.times.exclusion import LONGEST_MOVE, holidays_problem
from triggers.scheduling.times.occurrences import between, change_at, excluded, moved_from, next_after, previous
from triggers.scheduling.times.time_zones import ClockChange, instant

ROOT = Path(__file__).parents[2]
DAILY = "cron: {expression: '0 6 * * *', time_zone: Europe/Berlin}"
ALL = "[Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]"
WEEKEND = "week_days: [Saturday, Sunday]"


def excluding(exclude: str, keys: str = DAILY) -> Excluding:
    found = timed(f"{keys}\nexclude: {{{exclude}}}").trigger
    assert isinstance(found, Excluding)
    return found


def local(trigger: Excluding, after: str, number: int) -> list[str]:
    return [f"{one.astimezone(trigger.zone):%a %Y-%m-%d %H:%M}" for one in next_after(trigger, utc(after), number)]


def test_excluded_days_have_no_occurrence() -> None:
    trigger = excluding(f"{WEEKEND}, dates: [2026-12-24], holidays: DE-BY")

    assert local(trigger, "2026-12-22T12:00", 4) == [
        "Wed 2026-12-23 06:00",
        "Mon 2026-12-28 06:00",
        "Tue 2026-12-29 06:00",
        "Wed 2026-12-30 06:00",
    ]
    left_out = excluded(trigger, utc("2026-12-23T12:00"), utc("2026-12-27T12:00"))
    assert [(iso_utc(one.at), one.because, one.moved_to) for one in left_out] == [
        ("2026-12-24T05:00:00Z", "2026-12-24 is excluded", None),
        ("2026-12-25T05:00:00Z", "Christmas Day (DE-BY)", None),
        ("2026-12-26T05:00:00Z", "Saturday is excluded", None),
        ("2026-12-27T05:00:00Z", "Sunday is excluded", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("after", ["Mon 2026-12-28 06:00", "Tue 2026-12-29 06:00"]),
        ("before", ["Fri 2026-12-25 06:00", "Mon 2026-12-28 06:00"]),
    ],
)
def test_an_occurrence_moved_onto_another_one_is_merged_with_it(move: str, expected: list[str]) -> None:
    trigger = excluding(f"{WEEKEND}, move: {move}")

    assert local(trigger, "2026-12-24T12:00", 6)[1 if move == "after" else 0 :][:2] == expected
    assert moved_from(trigger, next_after(trigger, utc("2026-12-24T12:00"), 1)[0]) is None


@pytest.mark.parametrize(
    ("cron", "exclude", "after", "expected"),
    [
        # the last working day of a month
        (
            "0 18 L * *",
            f"{WEEKEND}, holidays: DE-BY, move: before",
            "2026-10-01T00:00",
            ["Fri 2026-10-30 18:00", "Mon 2026-11-30 18:00", "Thu 2026-12-31 18:00", "Fri 2027-01-29 18:00"],
        ),
        # the first working day of a month
        (
            "0 6 1 * *",
            f"{WEEKEND}, holidays: DE-BY, move: after",
            "2026-10-01T12:00",
            ["Mon 2026-11-02 06:00", "Tue 2026-12-01 06:00", "Mon 2027-01-04 06:00", "Mon 2027-02-01 06:00"],
        ),
    ],
)
def test_the_last_or_first_working_day_of_a_month_can_be_expressed(
    cron: str, exclude: str, after: str, expected: list[str]
) -> None:
    trigger = excluding(exclude, f"cron: {{expression: '{cron}', time_zone: Europe/Berlin}}")

    assert local(trigger, after, 4) == expected


def test_a_moved_occurrence_keeps_its_time_of_day_and_its_original_time() -> None:
    trigger = excluding(f"{WEEKEND}, move: after", "cron: {expression: '0 6,18 * * 6', time_zone: Europe/Berlin}")

    found = next_after(trigger, utc("2026-10-23T00:00"), 2)  # the clocks change on Sunday, 2026-10-25

    assert [iso_utc(one) for one in found] == ["2026-10-26T05:00:00Z", "2026-10-26T17:00:00Z"]
    assert [moved_from(trigger, one) for one in found] == [utc("2026-10-24T04:00"), utc("2026-10-24T16:00")]


def test_an_occurrence_moved_into_a_gap_runs_when_the_gap_ends() -> None:
    at_half_past_two = "cron: {expression: '30 2 28 3 *', time_zone: Europe/Berlin}"
    trigger = excluding("dates: [2026-03-28], move: after", at_half_past_two)

    [found] = next_after(trigger, utc("2026-03-01T00:00"), 1)

    assert (iso_utc(found), change_at(trigger, found)) == ("2026-03-29T01:00:00Z", ClockChange.GAP)


def test_an_occurrence_is_moved_by_at_most_a_month() -> None:
    days = [f"2026-12-{day:02}" for day in range(1, 32)]
    trigger = excluding(f"dates: [{', '.join(days)}], move: after", "cron: {expression: '0 6 1,2 12 *'}")

    assert [iso_utc(one) for one in next_after(trigger, utc("2026-11-01T00:00"), 2)] == [
        "2027-01-01T06:00:00Z",
        "2027-12-01T06:00:00Z",
    ]
    more = excluding(f"dates: [{', '.join([*days, '2027-01-01'])}], move: after", "cron: {expression: '0 6 1,2 12 *'}")
    assert moved_from(more, next_after(more, utc("2026-11-01T00:00"), 1)[0]) == utc("2026-12-02T06:00")
    assert [one.moved_to is None for one in excluded(more, utc("2026-11-01T00:00"), utc("2026-12-31T00:00"))] == [
        True,
        False,
    ]


def test_the_previous_time_takes_exclusions_into_account() -> None:
    trigger = excluding(f"{WEEKEND}, move: none")

    assert previous(trigger, utc("2026-12-28T05:00")) == utc("2026-12-25T05:00")


def test_an_occurrence_may_move_past_the_end_time() -> None:
    keys = "cron: {expression: '0 6 * * *', start_time: 2026-12-26T00:00:00, end_time: 2026-12-27T00:00:00}"
    trigger = excluding(f"{WEEKEND}, move: after", keys)

    assert [iso_utc(one) for one in next_after(trigger, utc("2026-01-01T00:00"), 5)] == ["2026-12-28T06:00:00Z"]


RULES = [
    DAILY,
    "cron: {expression: '30 2 * * *', time_zone: Europe/Berlin}",
    "cron: {expression: '0 */5 * * *', time_zone: America/New_York}",
    "cron: {expression: ['0 6 1 * *', '0 23 L * *'], time_zone: Australia/Lord_Howe}",
    "recurrence: {frequency: Hour, interval: 7, time_zone: Europe/Berlin}",
    "recurrence: {frequency: Month, interval: 1, month_days: [1, 15, last], time_of_day: '02:30'}",
]


def by_hand(trigger: Excluding, first: datetime, last: datetime) -> dict[datetime, set[datetime]]:
    """When each occurrence runs, found day by day within a month."""
    zone: ZoneInfo = trigger.zone
    step = {"none": 0, "before": -1, "after": 1}[trigger.exclusion.move.value]
    found: dict[datetime, set[datetime]] = {}
    for original in between(trigger.rules, first - timedelta(days=40), last + timedelta(days=40)):
        reading = original.astimezone(zone)
        day = reading.date()
        for distance in range(LONGEST_MOVE + 1 if step else 1):
            target = day + timedelta(days=distance * step)
            if trigger.exclusion.because(target) is None:
                at = original if target == day else instant(datetime.combine(target, reading.time()), zone)
                found.setdefault(at, set()).add(original)
                break
    return {at: originals for at, originals in found.items() if first < at <= last}


@given(
    rule=st.sampled_from(RULES),
    move=st.sampled_from(["none", "before", "after"]),
    week_days=st.sets(st.sampled_from(["Monday", "Saturday", "Sunday", "Wednesday"]), max_size=3),
    offsets=st.sets(st.integers(0, 60), min_size=1, max_size=25),
    start=st.dates(date(2026, 2, 1), date(2027, 12, 1)),
)
@settings(max_examples=examples(60))
def test_exclusions_agree_with_a_day_by_day_calculation(
    rule: str, move: str, week_days: set[str], offsets: set[int], start: date
) -> None:
    dates = ", ".join(f"{start + timedelta(days=offset)}" for offset in sorted(offsets))
    trigger = excluding(f"dates: [{dates}], week_days: {sorted(week_days)}, move: {move}", rule)
    first = datetime.combine(start, time(11), UTC)
    last = first + timedelta(days=70)

    expected = by_hand(trigger, first, last)

    assert list(between(trigger, first, last)) == sorted(expected)
    assert count_between(trigger, first + timedelta(microseconds=1), last) == len(expected)
    planned = {one.at: one for one in takewhile(lambda one: one.at <= last, trigger.plan(first))}
    for at, originals in expected.items():
        assert set(planned[at].moved_from) | ({at} if planned[at].is_own else set()) == originals
    fields = alarm_of(trigger)
    for moment in expected:
        values = (moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
        assert all(value in field for value, field in zip(values, fields, strict=True)), moment


def test_the_timer_fires_on_every_day_only_if_occurrences_can_move() -> None:
    weekly = "cron: {expression: '0 6 * * 6'}"

    assert str(alarm_of(excluding("dates: [2026-12-26]", weekly))) == str(alarm_of(timed(weekly).trigger))
    assert str(alarm_of(excluding("dates: [2026-12-26], move: before", weekly))) == "0 0 6 * * *"


EXCLUSIONS = [WEEKEND, "dates: [2026-12-25]", "holidays: DE", "holidays: DE, move: after"]


def test_the_timer_covers_an_occurrence_moved_out_of_a_gap() -> None:
    trigger = excluding(
        "dates: [2026-03-29], move: before", "cron: {expression: '30 2 29 3 *', time_zone: Europe/Berlin}"
    )

    [found] = next_after(trigger, utc("2026-03-01T00:00"), 1)

    assert iso_utc(found) == "2026-03-28T02:00:00Z"  # 03:00 in Berlin, when the gap would have ended
    assert found.hour in alarm_of(trigger).hours
    assert found.minute in alarm_of(trigger).minutes


@pytest.mark.parametrize("exclude", EXCLUSIONS)
def test_the_digest_depends_on_the_exclusion(exclude: str) -> None:
    others = [
        timed(DAILY).trigger,
        *(excluding(one) for one in (WEEKEND, "dates: [2026-12-25]", "holidays: DE", "holidays: DE, move: after")),
    ]

    assert sum(trigger_digest(one) == trigger_digest(excluding(exclude)) for one in others) == 1
    assert trigger_digest(excluding("dates: [2026-12-25, 2026-12-24]")) == trigger_digest(
        excluding("dates: [2026-12-24, 2026-12-25]")
    )


@pytest.mark.parametrize(
    ("exclude", "fault"),
    [
        ("{}", "exclude: excludes nothing; write dates, week_days or holidays, or leave the key out"),
        ("{move: after}", "exclude: excludes nothing"),
        ("{dates: [2026-02-30]}", "exclude.dates[0]: expected a date such as 2026-12-25: "),
        ("{dates: [25.12.2026]}", "exclude.dates[0]: expected a date such as 2026-12-25"),
        ("{dates: [20261225]}", "exclude.dates[0]: expected a date such as 2026-12-25"),
        ("{dates: 2026-12-25}", 'exclude.dates: expected a list; write dates: ["2026-12-25"]'),
        ("{week_days: [Sunnday]}", "exclude.week_days[0]: "),
        (f"{{week_days: {ALL}}}", "exclude.week_days: excludes every day"),
        (f"{{week_days: {ALL}, move: after}}", "exclude.week_days: excludes every day"),
        ("{holidays: DE-BX}", "exclude.holidays: no such subdivision of DE; did you mean 'DE-"),
        ("{holidays: DEU}", "exclude.holidays: no such country; did you mean 'DE'"),
        ("{holidays: US-BY}", "exclude.holidays: no such subdivision of US"),
        ("{holidays: Germany}", "exclude.holidays: no such country"),
        ("{holidays: DE, move: later}", "exclude.move: expected one of none, before, after"),
        ("{holiday: DE}", "exclude.holiday: unknown key; did you mean 'holidays'?"),
        ("[2026-12-25]", "exclude: expected a mapping of keys to values"),
        ("DE-BY", "exclude: expected a mapping of keys to values"),
    ],
)  # fmt: skip
def test_an_invalid_exclude_is_one_error(exclude: str, fault: str) -> None:
    [found] = sentences(file_of(f"{DAILY}\nexclude: {exclude}"))

    assert found.startswith(f"schedules.s.{fault}")


def test_excluding_every_occurrence_is_an_error() -> None:
    [fault] = sentences(file_of("cron: {expression: '* * * * 6'}\nexclude: {week_days: [Saturday]}"))

    assert fault == "schedules.s.exclude: the schedule never runs: all of its occurrences are on excluded days"


def test_holidays_that_exclude_every_occurrence_are_a_warning() -> None:
    loaded = config(file_of("cron: {expression: '0 6 25 12 *'}\nexclude: {holidays: DE}"))

    assert [str(one.message) for one in warnings_of(loaded, utc("2026-11-01T00:00"))] == [
        "never runs again: all of its occurrences are on excluded days"
    ]


def test_excluded_dates_that_are_all_past_are_a_warning() -> None:
    loaded = config(file_of(f"{DAILY}\nexclude: {{dates: [2025-12-25, 2025-12-26]}}"))

    [warning] = [one for one in warnings_of(loaded, utc("2026-11-01T00:00")) if "exclude" in one.path]
    assert (warning.path, warning.message) == (
        "schedules.s.exclude.dates",
        "are all in the past; the last one was 2025-12-26",
    )


@pytest.mark.parametrize("keys", [CHANGE, "manual: {}"])
def test_exclude_goes_with_time_based_schedules_only(keys: str) -> None:
    assert sentences(file_of(f"{keys}\nexclude: {{holidays: DE}}")) == [
        "schedules.s.exclude: is valid only in time-based schedules"
    ]
    assert schedule(keys, top="defaults: {exclude: {holidays: DE}}").trigger if keys == CHANGE else True


def test_an_exclude_in_defaults_is_replaced_and_not_merged() -> None:
    top = "defaults: {exclude: {holidays: DE, move: after}}"

    assert schedule(DAILY, top=top).trigger.exclusion.holidays == "DE"
    assert schedule(f"{DAILY}\nexclude: {{{WEEKEND}}}", top=top).trigger == excluding(WEEKEND)


def test_the_table_of_holiday_codes_matches_the_package() -> None:
    assert (ROOT / "triggers/scheduling/times/holiday_codes.json").read_text() == f"{codes()}\n"
    for code, parts in json.loads(codes()).items():
        for part in ("", *parts):
            assert holidays_problem(f"{code}-{part}" if part else code) is None


@pytest.mark.machine
def test_loading_a_file_with_holidays_does_not_import_the_package() -> None:
    """Importing it would slow down every cold start."""
    text = file_of(f"{DAILY}\nexclude: {{holidays: DE, move: after}}")
    code = (
        "import sys; from triggers.scheduling.file.loading import load\n"
        "from triggers.scheduling.times.alarm import alarm_of\n"
        f"made = load({text!r}, 'f', {{'ENDPOINT': ''}})\n"
        "print(alarm_of(made.schedules['s'].trigger), 'holidays' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "0 0 4-5 * * * False\n"
