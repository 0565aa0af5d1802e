"""Shifts of times in templates: `-1d`, `+2h`, `-1mo+1d`.

Minutes and hours are real time. Days, weeks and months are wall-clock time: the same time on another day, at most the
last of the month. A reading that a clock change skips becomes the end of the gap; of a reading that comes twice, the
first counts.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .time_zones import instant, wall_clock

_TERM: Final = re.compile(r"([+-])(\d+)([0-9A-Za-z]*)", re.ASCII)
_REAL: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_WALL_CLOCK: Final = {"d": timedelta(days=1), "w": timedelta(days=7), "mo": timedelta(days=31)}
_LARGEST: Final = timedelta(days=36_525)
UNITS: Final = "m, h, d, w or mo"


def shift_problem(shift: str) -> str | None:
    """The error in a shift; None if it is valid."""
    total = timedelta(0)
    for _, number, unit in _TERM.findall(shift):
        one = (_REAL | _WALL_CLOCK).get(unit)
        if one is None:
            return f"{number}{unit} is not a valid shift; write a number and one of {UNITS}"
        if len(number) > 9:
            return f"{number}{unit} is more than 100 years"
        total += int(number) * one
    return f"{shift} is more than 100 years" if total > _LARGEST else None


def shifted(moment: datetime, shift: str) -> datetime:
    """A moment in its zone, shifted term by term; raises OverflowError and ValueError outside the calendar."""
    zone = moment.tzinfo
    assert isinstance(zone, ZoneInfo), "a template's times are in the schedule's zone"
    for sign, number, unit in _TERM.findall(shift):
        count = int(sign + number)
        if unit in _REAL:
            moment = (moment.astimezone(UTC) + count * _REAL[unit]).astimezone(zone)
        else:
            reading = wall_clock(moment, zone)
            later = _months_later(reading, count) if unit == "mo" else reading + count * _WALL_CLOCK[unit]
            moment = instant(later, zone).astimezone(zone)
    return moment


def _months_later(reading: datetime, months: int) -> datetime:
    year, month = divmod(reading.year * 12 + reading.month - 1 + months, 12)
    return reading.replace(year=year, month=month + 1, day=min(reading.day, monthrange(year, month + 1)[1]))
