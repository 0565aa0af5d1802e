"""The time rules, evaluated minute by minute over UTC, using nothing of the app but the rule's data.

An independent implementation: it walks the zone's clocks, without arithmetic on intervals, gaps or folds.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def readings_to_instants(zone: ZoneInfo, first: datetime, last: datetime) -> dict[datetime, datetime]:
    """Local time → instant for each minute between two instants: the first instant, or the end of a gap."""
    meant: dict[datetime, datetime] = {}
    moment, expected = first, first.astimezone(zone).replace(tzinfo=None)
    while moment <= last:
        reading = moment.astimezone(zone).replace(tzinfo=None)
        while expected < reading:  # the clocks were put forward
            meant.setdefault(expected, moment)
            expected += MINUTE
        meant.setdefault(reading, moment)
        expected = max(expected, reading + MINUTE)
        moment += MINUTE
    return meant


def moved_by_clock_changes(
    names: Callable[[datetime], bool], zone: ZoneInfo, first: datetime, last: datetime
) -> list[datetime]:
    """The instants in [first, last] of a rule over local times: one for each local time, equal instants merged."""
    meant = readings_to_instants(zone, first - timedelta(days=3), last + timedelta(days=3))
    found = {moment for reading, moment in meant.items() if names(reading)}
    return sorted(moment for moment in found if first <= moment <= last)


def living_through_clock_changes(
    names: Callable[[datetime], bool], zone: ZoneInfo, first: datetime, last: datetime
) -> list[datetime]:
    """The instants in [first, last] whose local time matches a rule: none in a gap, two in a fold."""
    found, moment = [], first
    while moment <= last:
        if names(moment.astimezone(zone).replace(tzinfo=None)):
            found.append(moment)
        moment += MINUTE
    return found


def weeks_between(first: date, last: date) -> int:
    """Whole weeks between the Mondays of the weeks of two days."""
    monday = [day - timedelta(days=day.weekday()) for day in (first, last)]
    return (monday[1] - monday[0]).days // 7


def months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def is_last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).month != day.month


def transitions(zone: ZoneInfo, first: datetime, last: datetime, step: timedelta) -> list[datetime]:
    """The first minutes of new offsets in (first, last]; an offset that begins and ends within one step is missed."""
    found, before = [], first
    while before < last:
        after = min(before + step, last)
        offset = before.astimezone(zone).utcoffset()
        if after.astimezone(zone).utcoffset() != offset:
            low, high = before, after
            while high - low > MINUTE:
                middle = low + (high - low) // 2 // MINUTE * MINUTE
                low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
            found.append(high)
            after = high
        before = after
    return found


EPOCH = datetime(1990, 1, 1, tzinfo=UTC)
END = datetime(2051, 1, 1, tzinfo=UTC)
