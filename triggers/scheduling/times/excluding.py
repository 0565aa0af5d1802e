"""A trigger with excluded days: which occurrences remain, and which run on another day."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from .exclusion import Exclusion, Move
from .rules import INSTANT, Rules, occurrences_of
from .time_zones import instant, wall_clock

_DAY: Final = timedelta(days=1)
_LOOKED_THROUGH: Final = timedelta(days=50 * 366)
"""How far to search for an occurrence; if all days are excluded, there is none."""


class Planned(NamedTuple):
    """An occurrence that runs."""

    at: datetime
    moved_from: tuple[datetime, ...] = ()
    """Occurrences of excluded days that run here instead, oldest first."""
    is_own: bool = True
    """True if the rule itself names this instant."""


class Excluded(NamedTuple):
    """An occurrence of an excluded day."""

    at: datetime
    because: str
    moved_to: datetime | None


class Excluding(Struct, frozen=True):
    """The occurrences of rules without those of excluded days; moved ones count at the time to which they are moved.

    The rules' start and end apply to occurrences before they are moved.
    """

    rules: Rules
    exclusion: Exclusion

    start = None
    end = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days begin and end."""
        return self.rules.zone

    def occurrences(self, after: datetime) -> Iterator[datetime]:
        """Instants after the given one, ascending, each once."""
        return (one.at for one in self.plan(after))

    def plan(self, after: datetime) -> Iterator[Planned]:
        """The occurrences that run after an instant, oldest first."""
        day = self._first_source(wall_clock(after, self.zone).date())
        last = after + _LOOKED_THROUGH
        while True:
            original = next(occurrences_of(self.rules, self._begin(day) - INSTANT), None)
            if original is None or original > last:
                return
            day = wall_clock(original, self.zone).date()
            target = self.exclusion.target(day)
            if target is not None:
                _, end = self.exclusion.sources(day, target)
                yield from (one for one in self._on(target, day, end, after) if one.at > after)
                day = end
            day += _DAY

    def excluded(self, after: datetime, until: datetime) -> Iterator[Excluded]:
        """The occurrences of excluded days in (after, until], oldest first."""
        while (original := next(occurrences_of(self.rules, after), None)) is not None and original <= until:
            day = wall_clock(original, self.zone).date()
            end_of_day = self._begin(day + _DAY) - INSTANT
            because = self.exclusion.because(day)
            if because is not None:
                target = self.exclusion.target(day)
                for moment in occurrences_of(self.rules, after):
                    if moment > min(until, end_of_day):
                        break
                    yield Excluded(moment, because, None if target is None else self._moved(moment, target))
            after = end_of_day

    def moved_back(self, moment: datetime) -> Iterator[datetime]:
        """The times up to `moment` to which occurrences after it are moved, oldest first."""
        if self.exclusion.move is not Move.BEFORE:
            return
        target = self.exclusion.target(wall_clock(moment, self.zone).date())
        for one in self.plan(self._begin(target) - INSTANT) if target else ():
            if one.at > moment:
                return
            if one.moved_from and one.moved_from[-1] > moment:
                yield one.at

    def _first_source(self, day: date) -> date:
        """The first day whose occurrences may run on this day or later."""
        return self.exclusion.sources(day, day)[0] if self.exclusion.move is Move.AFTER else day

    def _on(self, target: date, first: date, last: date, after: datetime) -> Iterator[Planned]:
        """The occurrences that run on `target`, given the first and the last day that they come from."""
        end = self._begin(last + _DAY)
        if first == last == target:
            begin = max(self._begin(target) - INSTANT, after)
            for original in takewhile(lambda one: one < end, occurrences_of(self.rules, begin)):
                yield Planned(original)
            return
        own: set[datetime] = set()
        moved: dict[datetime, list[datetime]] = {}
        for original in takewhile(lambda one: one < end, occurrences_of(self.rules, self._begin(first) - INSTANT)):
            if wall_clock(original, self.zone).date() == target:
                own.add(original)
            else:
                moved.setdefault(self._moved(original, target), []).append(original)
        for at in sorted(own | moved.keys()):
            yield Planned(at, tuple(moved.get(at, ())), at in own)

    def _moved(self, original: datetime, target: date) -> datetime:
        """The same time on another day."""
        return instant(datetime.combine(target, wall_clock(original, self.zone).time()), self.zone)

    def _begin(self, day: date) -> datetime:
        return instant(datetime.combine(day, time()), self.zone)
