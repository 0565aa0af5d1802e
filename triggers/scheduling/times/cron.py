"""Cron expressions of five fields: checks them and turns them into instants.

cronsim parses the expression and finds wall-clock readings. What a clock change does to them is decided here, because
cronsim's own rule loses `*/15 2 * * *` on the spring day and doubles it in autumn.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from .time_zones import LAST_YEAR, instant, next_transition, offset_at, wall_clock

if TYPE_CHECKING:
    from .dialects import Advice

_SECOND = timedelta(seconds=1)
_ANY_TIME = datetime(2024, 1, 1)
_MAX_LENGTH = 400
_FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L or LW",
    "month": "1-12 or jan-dec",
    "day-of-week": "0-7 or sun-sat, 5L, mon#2",
}


class Cron(Struct, frozen=True, kw_only=True):
    """A checked expression in its zone; `start` and `end` are inclusive instants, None means unbounded."""

    expression: str
    zone: ZoneInfo
    start: datetime | None
    end: datetime | None

    def readings(self, after: datetime) -> Iterator[datetime]:
        """Wall-clock readings strictly after a naive one, ignoring clock changes."""
        times = self.clock_times
        for day in self.days(after.toordinal()):
            for clock_time in times:
                reading = datetime.combine(date.fromordinal(day), clock_time)
                if reading > after:
                    yield reading

    @property
    def counts_instants(self) -> bool:
        """True if the hour field allows every hour; clock changes are then followed, instead of moving readings."""
        return len(_fields(self.expression).hours) == 24

    def occurrences(self, after: datetime) -> Iterator[datetime]:
        """Instants after the given one, ascending, ignoring start and end; an instant may come twice."""
        if self.counts_instants:
            return self._lived_through(after)
        # A later reading never means an earlier instant, so the readings up to this one can be left out.
        return (instant(reading, self.zone) for reading in self.readings(wall_clock(after, self.zone)))

    def days(self, first: int) -> Iterator[int]:
        """The days that it names from `first` on, as ordinals (1 is 0001-01-01), ascending."""
        fields = _fields(self.expression)
        if self.expression.split()[2:] == ["*", "*", "*"]:
            yield from range(first, date(LAST_YEAR, 1, 1).toordinal())
            return
        for year in range(date.fromordinal(first).year, LAST_YEAR):
            for month in sorted(fields.months):
                for day in _candidates(fields, monthrange(year, month)[1]):
                    found = date(year, month, day)
                    if found.toordinal() >= first and fields.match_day(found):
                        yield found.toordinal()

    @property
    def clock_times(self) -> tuple[time, ...]:
        """The times of day that it names, ascending."""
        fields = _fields(self.expression)
        return tuple(time(hour, minute) for hour in sorted(fields.hours) for minute in sorted(fields.minutes))

    @property
    def week_days_named(self) -> frozenset[int]:
        """The weekdays (0 is Monday) on which its days may fall."""
        fields = _fields(self.expression)
        if not fields.day_and:
            return frozenset(range(7))
        named = (item[0] if isinstance(item, tuple) else item for item in fields.weekdays)
        return frozenset((day - 1) % 7 for day in named)

    def names_month(self, month: int) -> bool:
        """True if days of this month can match."""
        return month in _fields(self.expression).months

    def missing_days(self, year: int, month: int) -> list[int]:
        """The days that it names for a month but that the month lacks.

        A star or a step names no day in particular, and a range up to the 31st means the rest of the month.
        """
        fields, day_of_month = _fields(self.expression), self.expression.split()[2]
        if month not in fields.months or "*" in day_of_month or "/" in day_of_month or min(fields.days) < 0:
            return []
        rest = {day for first in re.findall(r"(\d+)-31", day_of_month) if int(first) <= 28 for day in range(29, 32)}
        single = {int(day) for day in day_of_month.split(",") if day.isdigit()}
        return sorted(day for day in fields.days - (rest - single) if day > monthrange(year, month)[1])

    def _lived_through(self, after: datetime) -> Iterator[datetime]:
        """Follow the zone's clocks from offset to offset: readings in a gap never come, those in a fold come twice."""
        at, reading_before = after, wall_clock(after, self.zone)
        while True:
            offset = offset_at(at, self.zone)
            for reading in self.readings(reading_before):
                moment = reading.replace(tzinfo=UTC) - offset
                if offset_at(moment, self.zone) != offset:
                    at = next_transition(at, moment, self.zone)
                    reading_before = wall_clock(at, self.zone) - _SECOND
                    break
                at = moment
                yield moment
            else:
                return


@lru_cache(1024)
def _fields(expression: str) -> CronSim:
    """The parsed fields of an expression, which are only read; cached because parsing costs more than the next day."""
    return CronSim(expression, _ANY_TIME)


def fault_in(expression: str) -> str | None:
    """The error in an expression and what to write instead, as a sentence; None if it is valid."""
    fields = expression.split()
    if len(expression) > _MAX_LENGTH:
        return f"longer than {_MAX_LENGTH} characters"
    fault = _plain_fault(fields)
    if fault is None:
        return None
    from .dialects import advice_for

    advice = advice_for(expression)
    return fault if advice is None else _advised(advice)


def _plain_fault(fields: list[str]) -> str | None:
    """The error in fields that are not another system's; None if there is none."""
    if len(fields) != 5:
        return f"expected five fields (minute hour day-of-month month day-of-week), found {len(fields)}"
    if single := re.search(r"(?:^|[\s,])((\w+)-\2/\d+)(?=[\s,]|$)", " ".join(fields)):
        # cronsim reads 20-20/1 as 20-23/1.
        return f"{single[1]!r} is a range of one value; write {single[2]}"
    try:
        next(iter(CronSim(" ".join(fields), _ANY_TIME)))
    except CronSimError as error:
        return _explained(str(error), fields)
    except StopIteration:
        return "no date ever matches this expression"
    return None


def _advised(advice: "Advice") -> str:
    """A hint at what to write instead of another system's line; never a line that would also be refused."""
    if advice.line is None:
        return f"this is {advice.dialect}, which five fields cannot express{advice.remark}"
    if (fault := _plain_fault(advice.line.split())) is not None:
        return f"this is {advice.dialect}; of the five fields that are read here ({', '.join(_FIELDS)}), {fault}"
    return f"this is {advice.dialect}; write {advice.line!r}{advice.remark}"


def _explained(problem: str, fields: list[str]) -> str:
    """Cronsim only says `Bad hour`: add the value, what is allowed, and how to write a range that wraps around."""
    for name, (number, allowed) in zip(_FIELDS, enumerate(_FIELDS.values()), strict=True):
        if problem.endswith(name):
            found = fields[number]
            halves = _unwrapped(found, allowed)
            hint = f"; write a range that wraps around as two, {halves}" if "-" in found else ""
            if name == "day-of-month" and found.isascii() and found.isdigit() and 1 <= int(found) <= 31:
                return f"{name} {found!r}: no month of {fields[3]!r} has that day"
            return f"{name} {found!r}: expected {allowed}, or lists, ranges and steps of them{hint}"
    return problem


def _unwrapped(field: str, allowed: str) -> str:
    """A range of numbers that wraps around, as two; for names, an example."""
    wrapped = re.fullmatch(r"(\d+)-(\d+)", field, re.ASCII)
    limits = re.match(r"(\d+)-(\d+)", allowed)
    if wrapped and limits and int(wrapped[2]) < int(wrapped[1]) <= int(limits[2]):
        return f"{wrapped[1]}-{limits[2]},{limits[1]}-{wrapped[2]}"
    return "fri-sat,sun-mon"


def _candidates(fields: CronSim, length: int) -> list[int]:
    """The days of a month of this length that can match; only the named ones if both day fields must match.

    L and LW are negative numbers in cronsim; the last weekday is never before the 26th.
    """
    if not fields.day_and:
        return list(range(1, length + 1))
    return [day for day in range(1, length + 1) if day in fields.days or (day >= 26 and min(fields.days) < 0)]
