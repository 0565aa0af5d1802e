"""The readings of a wall-clock trigger, split where its zone changes its offset: a span has one offset from UTC.

Whatever is predicted for years (the alarm, its wake-ups, the next clock change that affects a schedule) is computed
from these few spans, not from all occurrences. Readings are in seconds, and a day begins at its ordinal times DAY.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from .cron import Cron
from .recurrence import Recurrence
from .rules import follows_wall_clock
from .time_zones import stretches

DAY: Final = 86_400

WallClock: TypeAlias = Cron | Recurrence
"""A trigger that names readings of its zone's clocks."""


class Span(NamedTuple):
    """Readings in [first, end); UTC is a reading minus the offset."""

    first: int
    end: int
    offset: int
    is_gap: bool = False
    """True if the readings do not exist: all of them mean the end of the gap."""


class Readings:
    """The readings of a wall-clock trigger: clock times on days."""

    def __init__(self, trigger: WallClock) -> None:
        self.times = [(time.hour * 60 + time.minute) * 60 + time.second for time in trigger.clock_times]
        """Seconds of the day, ascending."""
        self._days = trigger.days

    def within(self, first: int, end: int) -> Iterator[tuple[int, list[int]]]:
        """The days (ordinals, ascending) with a reading in [first, end), and their times; for a whole day, `times`."""
        if first // DAY == (end - 1) // DAY and not self._between(first % DAY, (end - 1) % DAY + 1):
            return
        for day in self._days(first // DAY):
            if day * DAY >= end:
                return
            times = self._between(first - day * DAY, end - day * DAY)
            if times:
                yield day, times

    def _between(self, first: int, end: int) -> list[int]:
        if first <= 0 and end >= DAY:
            return self.times
        return self.times[bisect_left(self.times, first) : bisect_left(self.times, end)]


def spans(trigger: WallClock, first: datetime, last: datetime) -> Iterator[Span]:
    """The spans of the instants in [first, last], within the foreseen years, oldest first.

    If the trigger follows clock changes, there are no gaps, and the readings of a fold are in both of its spans.
    """
    begin, end = seconds_of(first), seconds_of(last) + 1
    for start, stop, span in zone_spans(trigger.zone, follows_wall_clock(trigger)):
        if begin <= start and stop <= end:
            yield span
        elif not span.is_gap and (start := max(start, begin)) < (stop := min(stop, end)):
            yield Span(start + span.offset, stop + span.offset, span.offset)


@cache
def zone_spans(zone: ZoneInfo, moved: bool) -> list[tuple[int, int, Span]]:  # noqa: FBT001  as `cache` wants it
    """Every span that is foreseen, with the UTC seconds of its start and its end; a gap is one second long.

    `moved`: clock times that a change skips move to the gap's end, and of a fold's two readings the first counts.
    """
    found: list[tuple[int, int, Span]] = []
    before: int | None = None
    for stretch in stretches(zone):
        offset = int(stretch.offset.total_seconds())
        start, stop = seconds_of(stretch.start), seconds_of(stretch.end)
        if before is not None and moved:
            if offset > before:
                found.append((start, start + 1, Span(start + before, start + offset, offset, is_gap=True)))
            start += max(before - offset, 0)
        before = offset
        if start < stop:
            found.append((start, stop, Span(start + offset, stop + offset, offset)))
    return found


def seconds_of(moment: datetime) -> int:
    """The reading, or the UTC instant, in whole seconds."""
    return moment.toordinal() * DAY + moment.hour * 3600 + moment.minute * 60 + moment.second
