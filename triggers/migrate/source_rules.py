"""Small models of when a source fires, independent of this app's, to list the firings that differ.

They follow the services' documentation. If a clock change skips a time, they fire later by the length of the gap, which
the services do not document.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final

from ..scheduling.times.time_zones import zone
from .drafts import Rule
from .recurrences import Given

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST: Final = 9000
"""How many days are searched."""


def rule_of(given: Given) -> Rule | None:
    """The rule of a recurrence; None if it has no start and so counts from when the source was saved."""
    if given.start is None and not (given.interval == 1 and (given.hours or given.minutes)):
        return None

    def fires(after: datetime, number: int) -> list[datetime]:
        found: list[datetime] = []
        for at in _instants(given, after):
            if len(found) == number or (given.end is not None and at > _instant(given.end, given.zone)):
                break
            if at > after and (given.start is None or at >= _instant(given.start, given.zone)):
                found.append(at)
        return found

    return fires


def later(rule: Rule, delay: timedelta) -> Rule:
    """The same rule, later by a delay."""
    return lambda after, number: [at + delay for at in rule(after - delay, number)]


def _instant(reading: datetime, of_zone: str) -> datetime:
    return reading.replace(tzinfo=zone(of_zone)).astimezone(UTC)


def _instants(given: Given, after: datetime) -> Iterator[datetime]:
    if given.frequency in ("Minute", "Hour") and not (given.hours or given.minutes or given.week_days):
        start = _instant(given.start or datetime(2024, 1, 1), given.zone)
        step = timedelta(minutes=given.interval * (60 if given.frequency == "Hour" else 1))
        first = max(0, (after - start) // step)
        yield from (start + step * number for number in count(first))
        return
    there = zone(given.zone)
    first_day = max(after.astimezone(there).date() - timedelta(days=1), given.start.date() if given.start else date.min)
    for number in range(_LONGEST):
        day = first_day + timedelta(days=number)
        if _names(given, day):
            yield from sorted(_instant(datetime.combine(day, clock), given.zone) for clock in _clocks(given))


def _clocks(given: Given) -> list[time]:
    start = given.start or datetime(2024, 1, 1)
    hours, minutes = given.hours or [start.hour], given.minutes or [start.minute]
    if given.frequency == "Hour" and not given.hours:
        hours = [hour for hour in range(24) if (hour - start.hour) % given.interval == 0]
    if given.frequency == "Minute":
        hours = given.hours or list(range(24))
        minutes = given.minutes or [one for one in range(60) if (one - start.minute) % given.interval == 0]
    return sorted(time(hour, minute) for hour in hours for minute in minutes)


def _names(given: Given, day: date) -> bool:
    start = (given.start or datetime(2024, 1, 1)).date()
    weekday = _DAYS[day.weekday()]
    if given.frequency == "Day":
        fits = (day - start).days % given.interval == 0
        return weekday in given.week_days if given.week_days else fits
    if given.frequency == "Week":
        weeks = ((day - timedelta(days=day.weekday())) - (start - timedelta(days=start.weekday()))).days // 7
        return weeks % given.interval == 0 and weekday in (given.week_days or [_DAYS[start.weekday()]])
    if given.frequency == "Month":
        months = (day.year - start.year) * 12 + day.month - start.month
        return months % given.interval == 0 and _names_day_of_month(given, day, start)
    return not given.week_days or weekday in given.week_days


def _names_day_of_month(given: Given, day: date, start: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    if given.occurrences:
        number = (day.day - 1) // 7 + 1
        is_last = day.day + 7 > last
        weekday = _DAYS[day.weekday()]
        return any(
            weekday == name and (number == which or (which == -1 and is_last)) for name, which in given.occurrences
        )
    if given.month_days:
        return day.day in given.month_days or ("last" in given.month_days and day.day == last)
    return day.day == min(start.day, last)
