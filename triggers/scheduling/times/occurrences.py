"""When a time-based schedule runs: the same questions for recurrences and cron expressions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeAlias

from msgspec.structs import replace

from .cron import Cron
from .cron_list import CronList
from .recurrence import ELAPSED, Recurrence
from .time_zones import ClockChange, clock_change, wall_clock

Rule: TypeAlias = Recurrence | Cron
TimeTrigger: TypeAlias = Rule | CronList

_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_FIRST_LOOK_BACK = timedelta(hours=1)


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
    """Nominal times in (after, until], in UTC, newest first: looked for backwards, in spans that grow."""
    span = _FIRST_LOOK_BACK
    while until > after:
        start = max(after, until - span)
        found = list(between(trigger, start, until))
        yield from reversed(found)
        until, span = start, span if found else 2 * span


def previous(trigger: TimeTrigger, moment: datetime) -> datetime | None:
    """The last nominal time before a moment, in UTC, also where the rule would have had one before its start."""
    unbounded = without_bounds(trigger)
    return next(newest_first(unbounded, _FIRST, moment.astimezone(UTC) - timedelta(microseconds=1)), None)


def without_bounds(trigger: TimeTrigger) -> TimeTrigger:
    """The trigger as it would be without start and end."""
    if isinstance(trigger, CronList):
        return CronList(tuple(replace(line, start=None, end=None) for line in trigger.lines))
    return replace(trigger, start=None, end=None)


def change_at(trigger: TimeTrigger, moment: datetime) -> ClockChange | None:
    """What a clock change does to an occurrence: GAP when its reading does not exist, FOLD when it comes twice."""
    reading = wall_clock(moment, trigger.zone)
    if clock_change(reading, trigger.zone) is ClockChange.FOLD:
        return ClockChange.FOLD
    named_by = rules_with(trigger, moment)
    if named_by and all(follows_wall_clock(rule) and not _has_reading(rule, reading) for rule in named_by):
        return ClockChange.GAP
    return None


def rules_of(trigger: TimeTrigger) -> tuple[Rule, ...]:
    """The rules whose occurrences a trigger has."""
    return trigger.lines if isinstance(trigger, CronList) else (trigger,)


def rules_with(trigger: TimeTrigger, moment: datetime) -> list[Rule]:
    """The rules that name an occurrence of the trigger."""
    rules = rules_of(trigger)
    before = moment - timedelta(microseconds=1)
    return [rule for rule in rules if len(rules) == 1 or next_after(rule, before, 1) == [moment]]


def expression_at(trigger: TimeTrigger, moment: datetime) -> str | None:
    """The cron expression that names an occurrence, the first of several; None of a recurrence."""
    named_by = (rule.expression for rule in rules_with(trigger, moment) if isinstance(rule, Cron))
    return next(named_by, None)


def _from(trigger: TimeTrigger, after: datetime) -> Iterator[datetime]:
    after = max(after.astimezone(UTC), _FIRST)
    if trigger.start is not None:
        after = max(after, trigger.start - timedelta(microseconds=1))
    for moment in trigger.occurrences(after):
        if trigger.end is not None and moment > trigger.end:
            return
        if moment > after:
            after = moment
            yield moment


def follows_wall_clock(trigger: Rule) -> bool:
    """Whether it names readings that a clock change moves; others live through it, or count real time."""
    return not trigger.counts_instants if isinstance(trigger, Cron) else trigger.frequency not in ELAPSED


def _has_reading(trigger: Rule, reading: datetime) -> bool:
    """Whether the trigger names this very reading; if not, its occurrence there was moved to the end of a gap."""
    return next(trigger.readings(reading - timedelta(seconds=1)), None) == reading
