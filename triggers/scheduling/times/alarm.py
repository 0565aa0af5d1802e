"""A time-based schedule's alarm: the NCRONTAB (UTC) that covers all occurrences with the fewest wake-ups.

Each field has the values that occur from 2026 to 2050. Every cold start computes it, so the years are not played
through: within a span, a clock time means the same UTC every day, and when further days add nothing, the rest of the
span is skipped.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from math import gcd
from typing import Final, NamedTuple

from ..replacing import replace
from .cron import Cron
from .cron_list import CronList
from .excluding import Excluding
from .exclusion import Move
from .occurrences import TimeTrigger, between
from .recurrence import ELAPSED, Frequency, Recurrence
from .rules import Rule, Rules, follows_wall_clock, single
from .spans import DAY, Readings, WallClock, seconds_of, spans
from .time_zones import FORESEEN_FROM, FORESEEN_UNTIL, instant, stretches

_WEEK: Final = 7 * DAY
_LIMITS: Final = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_EVERY_WEEK_DAY: Final = frozenset(range(7))


class Alarm(NamedTuple):
    """The values of the six fields; 0 is Sunday, and day and weekday must both match, as in the Functions host.

    Source: NCrontab and CronSchedule.cs of azure-webjobs-sdk-extensions.
    """

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    week_days: frozenset[int]

    def __str__(self) -> str:
        return " ".join(_field(sorted(values), *limits) for values, limits in zip(self, _LIMITS, strict=True))

    def wake_ups(self, first: date, days: int) -> int:
        """The number of wake-ups in `days` days (UTC) from `first` on."""
        calendar = (first + timedelta(days=n) for n in range(days))
        matching = sum(
            day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.week_days
            for day in calendar
        )
        return matching * len(self.seconds) * len(self.minutes) * len(self.hours)


_FIRST: Final = frozenset({1})
_ANY: Final = Alarm(*(frozenset(range(low, high + 1)) for low, high in _LIMITS))
NEVER: Final = Alarm(frozenset({0}), frozenset({0}), frozenset({0}), _FIRST, _FIRST, _EVERY_WEEK_DAY)
"""Once a year, for a trigger without occurrences in these years: a timer needs an expression."""


def alarm_of(trigger: TimeTrigger) -> Alarm:
    """The alarm that covers the trigger's occurrences from 2026 to 2050 with the fewest wake-ups.

    Excluded days are not looked up, because holidays would slow down a cold start. If occurrences move, any day may
    have one.
    """
    if not isinstance(trigger, Excluding):
        return _of_rules(trigger)
    if trigger.exclusion.move is Move.NONE:
        return _of_rules(trigger.rules)
    found = _union([_on_any_day(rule) for rule in single(trigger.rules)])
    return found._replace(days=_ANY.days, months=_ANY.months, week_days=_ANY.week_days)


def _of_rules(trigger: Rules) -> Alarm:
    return _union([_of_rule(rule) for rule in single(trigger)])


def _on_any_day(rule: Rule) -> Alarm:
    """The alarm for a rule's clock times on every day."""
    if isinstance(rule, Cron):
        times = " ".join(rule.expression.split()[:2])
        return _with_gap_ends(replace(rule, expression=f"{times} * * *", start=None, end=None))
    if rule.frequency not in ELAPSED:
        daily = replace(rule, frequency=Frequency.DAY, interval=1, week_days=(), month_days=())
        return _with_gap_ends(replace(daily, start=None, end=None))
    found = _of_rule(rule)
    # The same time on another day may have another offset.
    minutes = {int(one.offset.total_seconds()) // 60 for one in stretches(rule.zone)}
    shifts = {one - other for one in minutes for other in minutes}
    shifted = frozenset((minute + shift) % 60 for minute in found.minutes for shift in shifts)
    return found._replace(minutes=shifted, hours=_ANY.hours)


def _with_gap_ends(daily: WallClock) -> Alarm:
    """The alarm of a daily rule; an occurrence moved to the end of a gap keeps that time if it moves to another day."""
    found, readings = _of_rule(daily), Readings(daily)
    moved = follows_wall_clock(daily)
    gaps = [span for span in spans(daily, *_foreseen(daily)) if span.is_gap] if moved else []
    ends = {span.end % DAY for span in gaps if next(readings.within(span.first, span.end), None)}
    offsets = {int(one.offset.total_seconds()) for one in stretches(daily.zone)}
    times = {(end - offset) % DAY for end in ends for offset in offsets}
    return found._replace(
        minutes=found.minutes | {time // 60 % 60 for time in times},
        hours=found.hours | {time // 3600 for time in times},
    )


def _union(alarms: list[Alarm]) -> Alarm:
    alarms = [one for one in alarms if one is not NEVER]
    return Alarm(*(frozenset().union(*values) for values in zip(*alarms, strict=True))) if alarms else NEVER


def _of_rule(trigger: Rule) -> Alarm:
    if isinstance(trigger, Recurrence) and trigger.frequency in ELAPSED:
        return _elapsed(trigger, *_foreseen(trigger)).alarm()
    return _readings(trigger, *_foreseen(trigger)).alarm()


def count_between(trigger: TimeTrigger, first: datetime, last: datetime) -> int:
    """The number of occurrences in [first, last], within the foreseen years."""
    foreseen_first, foreseen_last = _foreseen(trigger)
    first, last = max(first, foreseen_first), min(last, foreseen_last)
    if first > last:
        return 0
    if isinstance(trigger, CronList | Excluding):
        return sum(1 for _ in between(trigger, first - timedelta(microseconds=1), last))
    if isinstance(trigger, Recurrence) and trigger.frequency in ELAPSED:
        return len(_instants(trigger, seconds_of(first), seconds_of(last)))
    readings = Readings(trigger)
    found = 0
    for span in spans(trigger, first, last):
        if not span.is_gap:
            found += sum(len(times) for _, times in readings.within(span.first, span.end))
        elif next(readings.within(span.first, span.end), None):
            # An occurrence that the gap moved to its end is one more, unless the rule names that reading anyway.
            found += not any(readings.within(span.end, span.end + 1))
    return found


class _Seen:
    """The times of day and the days, in UTC, on which something occurs."""

    def __init__(self, week_days: frozenset[int]) -> None:
        """`week_days` are those of the readings, 0 is Monday; in UTC they may be the neighboring ones."""
        self.times: set[int] = set()
        self._readings_on = week_days
        self._days: set[int] = set()
        self._months: set[int] = set()
        self._week_days: set[int] = set()

    def add(self, day: int, time: int) -> None:
        """`time` may be outside the day, as a reading minus its offset can be."""
        self.times.add(time % DAY)
        self.add_day(day + time // DAY)

    def add_day(self, ordinal: int) -> None:
        """Add a day on which something occurs."""
        day = date.fromordinal(ordinal)
        self._days.add(day.day)
        self._months.add(day.month)
        self._week_days.add(ordinal % 7)  # 0001-01-01 was a Monday and is 1

    def is_full(self, shifts: Iterable[int]) -> bool:
        """True if further days can add nothing; `shifts` are the days between readings and UTC."""
        return (
            len(self._months) == 12
            and len(self._days) == 31
            and all((day + 1 + shift) % 7 in self._week_days for shift in shifts for day in self._readings_on)
        )

    def alarm(self) -> Alarm:
        if not self.times:
            return NEVER
        return Alarm(
            seconds=frozenset(time % 60 for time in self.times),
            minutes=frozenset(time // 60 % 60 for time in self.times),
            hours=frozenset(time // 3600 for time in self.times),
            days=frozenset(self._days),
            months=frozenset(self._months),
            week_days=frozenset(self._week_days),
        )


def _foreseen(trigger: TimeTrigger) -> tuple[datetime, datetime]:
    """The first and last instants in these years at which the trigger may have an occurrence."""
    return (
        max(FORESEEN_FROM, trigger.start or FORESEEN_FROM),
        min(FORESEEN_UNTIL - timedelta(seconds=1), trigger.end or FORESEEN_UNTIL),
    )


def _readings(trigger: WallClock, first: datetime, last: datetime) -> _Seen:
    readings, seen = Readings(trigger), _Seen(trigger.week_days_named)
    shifts: dict[int, frozenset[int]] = {}
    """By offset, once a whole day with it was seen: by how many days its times are shifted."""
    for span in spans(trigger, first, last):
        if span.is_gap:
            if next(readings.within(span.first, span.end), None):
                seen.add(span.end // DAY, span.end % DAY - span.offset)
            continue
        if span.offset in shifts and seen.is_full(shifts[span.offset]):
            continue
        for day, times in readings.within(span.first, span.end):
            if times is not readings.times:
                for time in times:
                    seen.add(day, time - span.offset)
                continue
            if span.offset not in shifts:
                in_utc = [time - span.offset for time in times]
                seen.times.update(time % DAY for time in in_utc)
                shifts[span.offset] = frozenset(time // DAY for time in in_utc)
            for shift in shifts[span.offset]:
                seen.add_day(day + shift)
            if seen.is_full(shifts[span.offset]):
                break
    return seen


def _elapsed(trigger: Recurrence, first: datetime, last: datetime) -> _Seen:
    instants = _instants(trigger, seconds_of(first), seconds_of(last))
    step = instants.step
    first_day = frozenset({(instants[0] // DAY - 1) % 7} if instants else ())
    seen = _Seen(first_day if step % _WEEK == 0 else _EVERY_WEEK_DAY)
    seen.times.update(moment % DAY for moment in instants[: DAY // gcd(step, DAY)])
    if instants:
        # With a step of a day or less, every day has an occurrence.
        days = range(instants[0] // DAY, instants[-1] // DAY + 1)
        for day in days if step <= DAY else (moment // DAY for moment in instants):
            seen.add_day(day)
            if seen.is_full((0,)):
                break
    return seen


def _instants(trigger: Recurrence, first: int, last: int) -> range:
    """The occurrences in [first, last], in seconds, of a recurrence that counts elapsed time."""
    step = int(ELAPSED[trigger.frequency].total_seconds()) * trigger.interval
    anchor = seconds_of(instant(trigger.anchor, trigger.zone))
    return range(first + (anchor - first) % step, last + 1, step)


def _field(values: list[int], low: int, high: int) -> str:
    """A field of NCRONTAB: a star, a step from the start of the field, or ranges that never wrap around."""
    if len(values) == high - low + 1:
        return "*"
    step = values[1] - values[0] if len(values) > 2 else 0
    if step > 1 and values == list(range(low, high + 1, step)):
        return f"*/{step}"
    ranges: list[list[int]] = []
    for value in values:
        if ranges and value == ranges[-1][-1] + 1:
            ranges[-1].append(value)
        else:
            ranges.append([value])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ranges)
