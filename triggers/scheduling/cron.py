"""Cron expressions of five fields: checked, and turned into instants.

cronsim reads the expression and finds wall-clock readings; what a clock change does to them is decided here, since
cronsim's own rule loses `*/15 2 * * *` on the spring day and doubles it in autumn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .time_zones import instant, next_transition, wall_clock

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


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A checked expression in its zone; `start` and `end` are inclusive instants, None means unbounded."""

    expression: str
    zone: ZoneInfo
    start: datetime | None
    end: datetime | None

    def readings(self, after: datetime) -> Iterator[datetime]:
        """Wall-clock readings strictly after a naive one, without regard to clock changes."""
        return iter(CronSim(self.expression, after))

    @property
    def counts_instants(self) -> bool:
        """Whether the hour field admits every hour, so that gaps and folds are lived through instead of mapped."""
        return len(CronSim(self.expression, _ANY_TIME).hours) == 24

    def occurrences(self, after: datetime) -> Iterator[datetime]:
        """Instants after the given one, ascending, without start and end; a repeated instant may come twice."""
        if self.counts_instants:
            return self._lived_through(after)
        # A day's margin: a reading in a gap belongs to the gap's end, and a gap may swallow a whole day.
        margin = wall_clock(after, self.zone) - timedelta(days=2)
        return (instant(reading, self.zone) for reading in self.readings(margin))

    def _lived_through(self, after: datetime) -> Iterator[datetime]:
        """Follow the zone's clocks from offset to offset: readings in a gap never come, in a fold they come twice."""
        at, reading_before = after, wall_clock(after, self.zone)
        while True:
            offset = _offset(at, self.zone)
            for reading in self.readings(reading_before):
                moment = reading.replace(tzinfo=UTC) - offset
                if _offset(moment, self.zone) != offset:
                    at = next_transition(at, moment, self.zone)
                    reading_before = wall_clock(at, self.zone) - _SECOND
                    break
                at = moment
                yield moment
            else:
                return


def fault_in(expression: str) -> str | None:
    """What is wrong with an expression, as a sentence that says what to write instead; None when it is right."""
    fields = expression.split()
    if len(expression) > _MAX_LENGTH:
        return f"longer than {_MAX_LENGTH} characters"
    if expression.strip().startswith("@"):
        return f"names such as {expression.strip()} are not read; write five fields, for example 0 0 * * *"
    if len(fields) == 6:
        return f"six fields: leave out the seconds in front and write {' '.join(fields[1:])!r}"
    if len(fields) != 5:
        return f"expected five fields (minute hour day-of-month month day-of-week), found {len(fields)}"
    try:
        next(iter(CronSim(expression, _ANY_TIME)))
    except CronSimError as error:
        return _explained(str(error), fields)
    except StopIteration:
        return "no date ever fits this expression"
    return None


def _explained(problem: str, fields: list[str]) -> str:
    """Cronsim says only `Bad hour`; add what stands there, what may, and what a wrap-around range should be."""
    for name, (number, allowed) in zip(_FIELDS, enumerate(_FIELDS.values()), strict=True):
        if problem.endswith(name):
            found = fields[number]
            hint = "; a range that wraps around is written as two, fri-sat,sun-mon" if "-" in found else ""
            if name == "day-of-month" and found.isascii() and found.isdigit() and 1 <= int(found) <= 31:
                return f"{name} {found!r}: no month of {fields[3]!r} has that day"
            return f"{name} {found!r} is not made of {allowed}, lists, ranges and steps{hint}"
    return problem


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
