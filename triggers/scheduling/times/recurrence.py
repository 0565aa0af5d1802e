"""Recurrences by frequency and interval: pure functions of the rule and an instant, counted from an anchor.

The anchor counts in both directions, so nothing drifts, and the next run is known without any state.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from itertools import count
from zoneinfo import ZoneInfo

from msgspec import Struct

from .time_zones import LAST_YEAR, instant, wall_clock

LAST_DAY = 0
"""In `month_days`: the last day of the month."""

DEFAULT_ANCHOR = datetime(2024, 1, 1)
"""A Monday. A 1970 anchor would put `Hour` at :30 in zones whose offset then was not a whole hour (Singapore)."""


class Frequency(Enum):
    """The frequencies of the SDK's ScheduleRecurrence."""

    MINUTE = "Minute"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


ELAPSED = {Frequency.MINUTE: timedelta(minutes=1), Frequency.HOUR: timedelta(hours=1)}
"""The frequencies that count real time; the others are readings of the zone's clocks."""


class Recurrence(Struct, frozen=True, kw_only=True):
    """A checked recurrence; `start` and `end` are inclusive instants, None means unbounded."""

    frequency: Frequency
    interval: int
    times: tuple[time, ...]
    """Clock times, ascending; empty for the anchor's time of day."""
    week_days: tuple[int, ...]
    """0 is Monday, ascending; empty for the anchor's weekday."""
    month_days: tuple[int, ...]
    """1 to 31 and LAST_DAY; empty for the anchor's day, or the month's last day if the month is shorter."""
    anchor: datetime
    """A naive reading in the zone."""
    zone: ZoneInfo
    start: datetime | None
    end: datetime | None

    def occurrences(self, after: datetime) -> Iterator[datetime]:
        """Instants after the given one, ascending, ignoring start and end; an instant may come twice."""
        if self.frequency in ELAPSED:
            return self._elapsed(after)
        # A later reading never means an earlier instant, so the readings up to this one can be left out.
        return (instant(reading, self.zone) for reading in self.readings(wall_clock(after, self.zone)))

    def readings(self, after: datetime) -> Iterator[datetime]:
        """Wall-clock readings strictly after a naive one, ignoring clock changes; for Day, Week and Month."""
        for day in self.days(after.toordinal()):
            for clock_time in self.clock_times:
                reading = datetime.combine(date.fromordinal(day), clock_time)
                if reading > after:
                    yield reading

    @property
    def clock_times(self) -> tuple[time, ...]:
        """The times of day that it names, ascending; without meaning if elapsed time counts."""
        return self.times or (self.anchor.time(),)

    def _elapsed(self, after: datetime) -> Iterator[datetime]:
        step = ELAPSED[self.frequency] * self.interval
        anchor = instant(self.anchor, self.zone)
        for n in count((after - anchor) // step + 1):
            if anchor.timestamp() + step.total_seconds() * n >= _END_OF_TIME:
                return
            yield anchor + step * n

    def days(self, first: int) -> Iterator[int]:
        """The days that it names from `first` on, as ordinals (1 is 0001-01-01), ascending; for Day, Week and Month."""
        days = {Frequency.DAY: self._every_day, Frequency.WEEK: self._every_week, Frequency.MONTH: self._every_month}
        for ordinal in days[self.frequency](first):
            if ordinal > _LAST_ORDINAL:
                return
            if ordinal >= first:
                yield ordinal

    @property
    def week_days_named(self) -> frozenset[int]:
        """The weekdays (0 is Monday) on which its days may fall."""
        if self.frequency is Frequency.WEEK:
            return frozenset(self.week_days or (self.anchor.weekday(),))
        if self.frequency is Frequency.DAY and self.interval % 7 == 0:
            return frozenset({self.anchor.weekday()})
        return frozenset(range(7))

    def missing_days(self, year: int, month: int) -> list[int]:
        """The days that it names for a month but that the month lacks."""
        number = year * 12 + month - 1
        if self.frequency is not Frequency.MONTH or LAST_DAY in self.month_days:
            return []
        if (number - _month_number(self.anchor.date())) % self.interval:
            return []
        return [day for day in self.month_days or (self.anchor.day,) if day > monthrange(year, month)[1]]

    def _every_day(self, first: int) -> Iterator[int]:
        anchor = self.anchor.toordinal()
        return count(anchor + _floor(first - anchor, self.interval), self.interval)

    def _every_week(self, first: int) -> Iterator[int]:
        """Week 0 is the week, from Monday, that contains the anchor."""
        monday = self.anchor.toordinal() - self.anchor.weekday()
        step = 7 * self.interval
        for start in count(monday + _floor(first - monday, step), step):
            for week_day in self.week_days or (self.anchor.weekday(),):
                yield start + week_day

    def _every_month(self, first: int) -> Iterator[int]:
        anchor = _month_number(self.anchor.date())
        month_of_first = _month_number(date.fromordinal(first))
        for number in count(anchor + _floor(month_of_first - anchor, self.interval), self.interval):
            year, month = divmod(number, 12)
            if year < 1:
                continue
            if year > LAST_YEAR:
                yield _LAST_ORDINAL + 1
                continue
            start = date(year, month + 1, 1).toordinal() - 1
            for day in self._days_of(monthrange(year, month + 1)[1]):
                yield start + day

    def _days_of(self, length: int) -> list[int]:
        """The days that it names in a month of this length, ascending; days that the month lacks are left out."""
        if not self.month_days:
            return [min(self.anchor.day, length)]
        return sorted({length if day == LAST_DAY else day for day in self.month_days if day <= length})


_LAST_ORDINAL = date(LAST_YEAR, 1, 1).toordinal()
_END_OF_TIME = datetime(LAST_YEAR, 1, 1, tzinfo=UTC).timestamp()


def _floor(distance: int, step: int) -> int:
    """The largest multiple of `step` that is not above `distance`."""
    return distance // step * step


def _month_number(day: date) -> int:
    return day.year * 12 + day.month - 1
