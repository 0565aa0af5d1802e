"""When a time-based schedule runs: the same functions for recurrences and cron expressions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import TypeAlias

from .cron import Cron
from .excluding import Excluded, Excluding, Planned
from .rules import FIRST, INSTANT, Rule, Rules, follows_wall_clock, occurrences_of, single, unbounded
from .time_zones import ClockChange, clock_change, wall_clock

TimeTrigger: TypeAlias = Rules | Excluding

_FIRST_LOOK_BACK = timedelta(minutes=1)
_GROWTH = 8
_LOOK_BACK = timedelta(hours=1)
"""From here on, a span that has occurrences in it is long enough."""


def between(trigger: TimeTrigger, after: datetime, until: datetime) -> Iterator[datetime]:
    """Nominal times in (after, until], in UTC, oldest first, each instant once."""
    for moment in _from(trigger, after):
        if moment > until:
            return
        yield moment


def next_after(trigger: TimeTrigger, after: datetime, number: int) -> list[datetime]:
    """The next nominal times strictly after an instant, at most `number` of them, in UTC."""
    return list(islice(_from(trigger, after), number))


def newest_first(trigger: TimeTrigger, after: datetime, until: datetime) -> Iterator[datetime]:
    """Nominal times in (after, until], in UTC, newest first; searched backwards in growing spans."""
    span = _FIRST_LOOK_BACK
    while until > after:
        start = max(after, until - span)
        found = list(between(trigger, start, until))
        yield from reversed(found)
        until, span = start, span if found and span >= _LOOK_BACK else _GROWTH * span


def previous(trigger: TimeTrigger, moment: datetime) -> datetime | None:
    """The last nominal time before a moment, in UTC, even if it is before the rule's start."""
    whole = (
        Excluding(unbounded(trigger.rules), trigger.exclusion) if isinstance(trigger, Excluding) else unbounded(trigger)
    )
    return next(newest_first(whole, FIRST, moment.astimezone(UTC) - INSTANT), None)


def named_between(trigger: TimeTrigger, after: datetime, until: datetime) -> Iterator[datetime]:
    """The occurrences in (after, until] to decide: those that run, and excluded ones that run on no other day."""
    left_out = (one.at for one in excluded(trigger, after, until) if one.moved_to is None)
    return merge(between(trigger, after, until), left_out)


def excluded(trigger: TimeTrigger, after: datetime, until: datetime) -> Iterator[Excluded]:
    """The occurrences of excluded days in (after, until], oldest first."""
    return trigger.excluded(after, until) if isinstance(trigger, Excluding) else iter(())


def excluded_at(trigger: TimeTrigger, moment: datetime) -> Excluded | None:
    """The excluded occurrence at an instant; None if there is none."""
    return next(excluded(trigger, moment - INSTANT, moment), None)


def moved_back(trigger: TimeTrigger, moment: datetime) -> Iterator[datetime]:
    """The times up to `moment` to which occurrences after it are moved, oldest first."""
    return trigger.moved_back(moment) if isinstance(trigger, Excluding) else iter(())


def planned_at(trigger: TimeTrigger, moment: datetime) -> Planned:
    """An occurrence, with those that were moved to it."""
    if not isinstance(trigger, Excluding):
        return Planned(moment)
    found = next(trigger.plan(moment - INSTANT), None)
    return found if found is not None and found.at == moment else Planned(moment)


def moved_from(trigger: TimeTrigger, moment: datetime) -> datetime | None:
    """The occurrence of an excluded day that runs at a moment not named by the rule itself; None if there is none."""
    here = planned_at(trigger, moment)
    return None if here.is_own else here.moved_from[-1]


def change_at(trigger: TimeTrigger, moment: datetime) -> ClockChange | None:
    """What a clock change does to an occurrence: GAP if its reading does not exist, FOLD if it comes twice."""
    reading = wall_clock(moment, trigger.zone)
    if clock_change(reading, trigger.zone) is ClockChange.FOLD:
        return ClockChange.FOLD
    here = planned_at(trigger, moment)
    if not here.is_own:
        times = [wall_clock(original, trigger.zone).time() for original in here.moved_from]
        return None if reading.time() in times else ClockChange.GAP
    named_by = rules_with(trigger, moment)
    if named_by and all(follows_wall_clock(rule) and not _has_reading(rule, reading) for rule in named_by):
        return ClockChange.GAP
    return None


def rules_of(trigger: TimeTrigger) -> tuple[Rule, ...]:
    """The rules of a trigger, whose occurrences include those of excluded days."""
    return single(trigger.rules if isinstance(trigger, Excluding) else trigger)


def rules_with(trigger: TimeTrigger, moment: datetime) -> list[Rule]:
    """The rules that name an occurrence of the trigger, or one that was moved there."""
    rules = rules_of(trigger)
    named = {moment, *planned_at(trigger, moment).moved_from}
    return [rule for rule in rules if len(rules) == 1 or any(_names(rule, one) for one in named)]


def _names(rule: Rule, moment: datetime) -> bool:
    return next(occurrences_of(rule, moment - INSTANT), None) == moment


def expression_at(trigger: TimeTrigger, moment: datetime) -> str | None:
    """The cron expression that names an occurrence, the first of several; None for a recurrence."""
    named_by = (rule.expression for rule in rules_with(trigger, moment) if isinstance(rule, Cron))
    return next(named_by, None)


def _from(trigger: TimeTrigger, after: datetime) -> Iterator[datetime]:
    return trigger.occurrences(after) if isinstance(trigger, Excluding) else occurrences_of(trigger, after)


def _has_reading(trigger: Rule, reading: datetime) -> bool:
    """True if the trigger names this very reading; otherwise its occurrence there was moved to the end of a gap."""
    return next(trigger.readings(reading - timedelta(seconds=1)), None) == reading
