"""Warns of unexpected behavior of a time-based schedule, with the next date affected; shown by `validate`.

These are clock changes that affect one of its times, days that a month lacks, and cron steps that start over too early.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Final, NamedTuple

from ..config import Catchup, Overlap, Schedule, TimeSchedule
from ..replacing import replace
from ..templates import names_in
from ..times.alarm import count_between
from ..times.cron import Cron
from ..times.dialects import both_days
from ..times.excluding import Excluding
from ..times.occurrences import TimeTrigger, next_after, rules_of
from ..times.recurrence import Recurrence
from ..times.rules import Rule, follows_wall_clock
from ..times.spans import DAY, Readings, WallClock, seconds_of
from ..times.time_zones import stretches, wall_clock
from .leaf_checks import reading, reading_problem


class _Field(NamedTuple):
    """A field of a cron expression: its number of values (None where months differ), and when it starts over."""

    size: int | None
    anew: str
    unit: timedelta
    """The smallest distance between two values."""
    value: Callable[[datetime], int]


_FIELDS: Final = (
    _Field(60, "hour", timedelta(minutes=1), lambda reading: reading.minute),
    _Field(24, "day", timedelta(hours=1), lambda reading: reading.hour),
    _Field(None, "month", timedelta(days=1), lambda reading: reading.day),
    _Field(12, "year", timedelta(days=28), lambda reading: reading.month),
    _Field(7, "week", timedelta(days=1), lambda reading: reading.isoweekday() % 7),
)
_LOOKED_THROUGH: Final = 2000
"""How many readings are searched for the place where a step starts over."""

_MONTHS: Final = 1200
_DAY_FIELDS: Final = 2
"""From this field on, the fields are about days, not about times of day."""


def foreseen(schedule: Schedule, now: datetime, *, clock_changes: bool = True) -> Iterator[tuple[str, str]]:
    """Keys of the schedule, each with a sentence; False for `clock_changes` leaves those out."""
    if not isinstance(schedule, TimeSchedule):
        return
    trigger = schedule.trigger
    if not next_after(trigger, now, 1):
        yield _key(trigger), _never_again(trigger, now)
        return
    for sentence in (*_half_clock_time(schedule), *_fixed_offset(trigger, now)):
        yield _key(trigger), sentence
    yield from _windows(schedule)
    yield from _past_dates(trigger, now)
    for number, rule in enumerate(rules_of(trigger)):
        key = f"{_key(trigger)}[{number}]" if len(rules_of(trigger)) > 1 else _key(trigger)
        for sentence in _of_rule(rule, now, clock_changes=clock_changes):
            yield key, sentence


def _never_again(trigger: TimeTrigger, now: datetime) -> str:
    rules = trigger.rules if isinstance(trigger, Excluding) else trigger
    if next_after(rules, now, 1):
        return "never runs again: all of its occurrences are on excluded days"
    return "never runs again: its last occurrence is in the past"


def _past_dates(trigger: TimeTrigger, now: datetime) -> Iterator[tuple[str, str]]:
    """Warn if all dates are past: they belong to one year, and are easily forgotten in the next."""
    dates = trigger.exclusion.dates if isinstance(trigger, Excluding) else ()
    if dates and max(dates) < wall_clock(now, trigger.zone).date():
        yield "exclude.dates", f"are all in the past; the last one was {max(dates)}"


def _of_rule(rule: Rule, now: datetime, *, clock_changes: bool) -> Iterator[str]:
    if clock_changes and follows_wall_clock(rule):
        yield from _clock_changes(rule, now)
    yield from _short_months(rule, now)
    if isinstance(rule, Cron):
        yield from _either_day(rule, now)
        yield from _uneven_steps(rule, now)


def _key(trigger: TimeTrigger) -> str:
    return "recurrence" if isinstance(rules_of(trigger)[0], Recurrence) else "cron.expression"


def _clock_changes(trigger: WallClock, now: datetime) -> Iterator[str]:
    """The next gap and the next fold that contain one of the trigger's readings."""
    readings = Readings(trigger)
    told: set[bool] = set()
    for old, new in pairwise(stretches(trigger.zone)):
        if not max(now, trigger.start or now) < new.start <= (trigger.end or new.start):
            continue
        first, end = sorted(seconds_of(new.start + offset) for offset in (old.offset, new.offset))
        is_gap = new.offset > old.offset
        day, times = next(readings.within(first, end), (0, []))
        if times and is_gap not in told:
            told.add(is_gap)
            met = f"{_clock(times[0])} %s on {date.fromordinal(day)} (clock change in {trigger.zone.key})"
            if is_gap:
                yield f"{met % 'does not exist'}: it runs when the gap ends, at {_clock(end % DAY)}"
            else:
                yield f"{met % 'occurs twice'}: it runs once, the first time"


def _short_months(trigger: Rule, now: datetime) -> Iterator[str]:
    """The next month that lacks a day that the trigger names."""
    local = wall_clock(max(now, trigger.start or now), trigger.zone)
    first = local.year * 12 + local.month - 1
    for year, month in ((number // 12, number % 12 + 1) for number in range(first, first + _MONTHS)):
        missing = () if _ends_within(trigger, year, month) else trigger.missing_days(year, month)
        if not missing:
            continue
        if isinstance(trigger, Recurrence) and not trigger.month_days:
            what = "it runs on the month's last day, since the day comes from start_time"
        elif isinstance(trigger, Cron) and _never_comes(trigger, missing[0]):
            yield f"no month of {trigger.expression.split()[3]!r} has a day {missing[0]}, so it never runs"
            return
        else:
            last = "L" if isinstance(trigger, Cron) else "last"
            what = f"it is skipped; for the last day of every month, write {last}"
        yield f"{year}-{month:02} has no day {missing[0]}: {what}"
        return


def _never_comes(trigger: Cron, day: int) -> bool:
    """True if a day exists in none of the months that the expression names; 2028 is a leap year."""
    named = [month for month in range(1, 13) if trigger.names_month(month)]
    return all(day in trigger.missing_days(2028, month) for month in named)


def _half_clock_time(schedule: TimeSchedule) -> Iterator[str]:
    """Hours without minutes, or minutes without hours: other services take the missing part from start_time."""
    written = schedule.written.get("recurrence")
    if not isinstance(written, dict) or bool(written.get("hours")) == bool(written.get("minutes")):
        return
    start = written.get("start_time")
    begins = None
    if isinstance(start, str) and reading_problem(start) is None:
        begins = reading(start, schedule.zone)
    elsewhere = "Data Factory, Logic Apps and Azure ML's v2 schedules take the %s of start_time"
    if written.get("hours") and begins is not None and begins.minute:
        yield f"has no minutes, so it runs at minute 0 ({elsewhere % 'minute'}); write minutes: [{begins.minute}]"
    if written.get("minutes"):
        hours = f"[{begins.hour}]" if begins is not None else "[0]"
        where = f" ({elsewhere % 'hour'})" if begins is not None and begins.hour else ""
        yield f"has no hours, so it runs only in hour 0{where}; write hours: {hours}, or list all hours"


def _windows(schedule: TimeSchedule) -> Iterator[tuple[str, str]]:
    """Policies that leave time ranges from {previous_time} to {scheduled_time} without a run."""
    key = next((key for key, text in schedule.request.texts() if "previous_time" in names_in(text)), None)
    if key is None:
        return
    if schedule.catchup is not Catchup.ALL:
        left_out = f"catchup {schedule.catchup.value} starts no run for the time windows of missed occurrences"
        yield key, f"{left_out}; write catchup: all"
    if schedule.overlap not in (Overlap.ALLOW, Overlap.BUFFER_ALL):
        left_out = f"overlap {schedule.overlap.value} starts no run for the time windows of skipped occurrences"
        yield key, f"{left_out}; write overlap: buffer_all"


def _fixed_offset(trigger: TimeTrigger, now: datetime) -> Iterator[str]:
    """Zones with a fixed offset, whose names are easily mistaken for another zone."""
    name = trigger.zone.key
    if not re.fullmatch(r"(Etc/)?GMT[+-]\d+|EST|MST|HST", name) or name.endswith(("+0", "-0")):
        return
    offset = now.astimezone(trigger.zone).strftime("%z")
    shown = f"UTC{offset[:3]}:{offset[3:]}"
    yield f"time_zone {name} is {shown} all year; for daylight saving time, name a city, such as America/New_York"


def _either_day(trigger: Cron, now: datetime) -> Iterator[str]:
    """Both day fields are restricted: a day has to match one of them, where other systems require both."""
    fields = trigger.expression.split()
    day_of_month, day_of_week = fields[2], fields[4]
    if day_of_month.startswith("*") or day_of_week.startswith("*"):
        return
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    number = count_between(replace(trigger, start=None, end=None), today, today + timedelta(days=365))
    both = both_days(fields)
    instead = f"for days that match both, write {both!r}" if both else "five fields cannot require both"
    yield f"runs {number} times a year: on days that match {day_of_month} or {day_of_week}; {instead}"


def _uneven_steps(trigger: Cron, now: datetime) -> Iterator[str]:
    """Steps that do not divide their range, such as */45: where they start over, two runs are closer together."""
    for position, (text, field) in enumerate(zip(trigger.expression.split(), _FIELDS, strict=True)):
        span, _, step = text.partition("/")
        if not step.isdigit() or int(step) == 1 or not (span == "*" or span.isdigit()):
            continue
        if field.size and field.size % int(step) == 0:
            continue
        if span == "*" and field.size and int(step) >= field.size:
            yield f"{text} runs once every {field.anew}: a step counts only within its field"
            continue
        begin = max(now, trigger.start or now)
        readings = _readings(trigger, begin) if position < _DAY_FIELDS else _first_readings(trigger, begin)
        for one, other in pairwise(islice(readings, _LOOKED_THROUGH)):
            is_anew = field.value(other) < field.value(one)
            if is_anew and other - one < field.unit * int(step) and not _is_after_end(trigger, other):
                pair = f"after {one:%Y-%m-%d %H:%M} comes {other:%Y-%m-%d %H:%M}"
                yield f"{text} starts over every {field.anew}: {pair}"
                break


def _is_after_end(trigger: Cron, reading: datetime) -> bool:
    return trigger.end is not None and reading > wall_clock(trigger.end, trigger.zone)


def _readings(trigger: Cron, now: datetime) -> Iterator[datetime]:
    return trigger.readings(wall_clock(now, trigger.zone))


def _first_readings(trigger: Cron, now: datetime) -> Iterator[datetime]:
    """Each day's first reading."""
    days = trigger.days(wall_clock(now, trigger.zone).toordinal())
    return (datetime.combine(date.fromordinal(day), trigger.clock_times[0]) for day in days)


def _ends_within(trigger: Rule, year: int, month: int) -> bool:
    """True if a trigger ends before a month does."""
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return trigger.end is not None and following > trigger.end


def _clock(seconds: int) -> str:
    return f"{time(seconds // 3600, seconds // 60 % 60)}"[:5]
