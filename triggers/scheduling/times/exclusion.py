"""Days on which a schedule does not run (dates, weekdays, public holidays), and which days replace them."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from holidays import HolidayBase

WEEK_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LONGEST_MOVE: Final = 31
"""In days."""
_DAY: Final = timedelta(days=1)
_CODES: Final = Path(__file__).with_name("holiday_codes.json")


class Move(Enum):
    """What happens to the occurrences of an excluded day."""

    NONE = "none"
    BEFORE = "before"
    """They run at the same time on the last earlier day that is not excluded."""
    AFTER = "after"
    """They run at the same time on the next day that is not excluded."""


class Exclusion(Struct, frozen=True, kw_only=True):
    """Which days are excluded, in the schedule's zone."""

    dates: frozenset[date]
    week_days: frozenset[int]
    """0 is Monday."""
    holidays: str | None
    """A country of the `holidays` package, with or without a subdivision: its public holidays, on the days observed."""
    move: Move

    def because(self, day: date) -> str | None:
        """Why a day is excluded; None if it is not."""
        if day in self.dates:
            return f"{day} is excluded"
        if day.weekday() in self.week_days:
            return f"{WEEK_DAYS[day.weekday()]} is excluded"
        holiday = self.holidays and _calendar(self.holidays).get(day)
        return f"{holiday} ({self.holidays})" if holiday else None

    def target(self, day: date) -> date | None:
        """The day on which the occurrences of a day run; None if they do not."""
        step = {Move.NONE: 0, Move.BEFORE: -1, Move.AFTER: 1}[self.move]
        for distance in range(LONGEST_MOVE + 1 if step else 1):
            other = day + distance * step * _DAY
            if self.because(other) is None:
                return other
        return None

    def sources(self, day: date, target: date) -> tuple[date, date]:
        """The first and the last day whose occurrences run on `target`, which is the target of `day`."""
        first = last = day
        while self.move is Move.AFTER and first > target - LONGEST_MOVE * _DAY and self.because(first - _DAY):
            first -= _DAY
        while self.move is Move.BEFORE and last < target + LONGEST_MOVE * _DAY and self.because(last + _DAY):
            last += _DAY
        return (first, target) if self.move is Move.AFTER else (target if self.move is Move.BEFORE else day, last)


def holidays_problem(code: str) -> str | None:
    """None for a country (`DE`) or a subdivision (`DE-BY`) whose holidays are known."""
    from ..faults import nearest

    country, hyphen, part = code.partition("-")
    known = codes()
    if country not in known:
        return f"no such country{nearest(country, list(known))}; expected a code such as DE, US or US-CA"
    if hyphen and part not in known[country]:
        near = nearest(code, [f"{country}-{one}" for one in known[country]])
        return f"no such subdivision of {country}{near}; known are {', '.join(known[country]) or 'none'}"
    return None


@cache
def codes() -> Mapping[str, list[str]]:
    """The subdivisions by country; from our own table, because a cold start must not import the package."""
    known: dict[str, list[str]] = json.loads(_CODES.read_text(encoding="utf-8"))
    return known


@cache
def _calendar(code: str) -> "HolidayBase":
    from holidays import country_holidays

    country, _, part = code.partition("-")
    return country_holidays(country, subdiv=part or None, language="en_US")
