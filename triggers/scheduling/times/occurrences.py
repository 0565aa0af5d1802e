"""When a time-based schedule runs: the same questions for recurrences and cron expressions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeAlias

from .cron import Cron
from .recurrence import ELAPSED, Recurrence
from .time_zones import ClockChange, clock_change, wall_clock

TimeTrigger: TypeAlias = Recurrence | Cron

_FIRST = datetime(1900, 1, 1, tzinfo=UTC)


def between(trigger: TimeTrigger, after: datetime, until: datetime) -> Iterator[datetime]:
    """Nominal times in (after, until], in UTC, oldest first, each instant once."""
    for moment in _from(trigger, after):
        if moment > until:
            return
        yield moment


def next_after(trigger: TimeTrigger, after: datetime, number: int) -> list[datetime]:
    """The next nominal times strictly after an instant, at most `number` of them, in UTC."""
    return list(islice(_from(trigger, after), number))


def change_at(trigger: TimeTrigger, moment: datetime) -> ClockChange | None:
    """What a clock change does to an occurrence: GAP when its reading does not exist, FOLD when it comes twice."""
    reading = wall_clock(moment, trigger.zone)
    if clock_change(reading, trigger.zone) is ClockChange.FOLD:
        return ClockChange.FOLD
    if follows_wall_clock(trigger) and not _has_reading(trigger, reading):
        return ClockChange.GAP
    return None


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


def follows_wall_clock(trigger: TimeTrigger) -> bool:
    """Whether it names readings that a clock change moves; others live through it, or count real time."""
    return not trigger.counts_instants if isinstance(trigger, Cron) else trigger.frequency not in ELAPSED


def _has_reading(trigger: TimeTrigger, reading: datetime) -> bool:
    """Whether the trigger names this very reading; if not, its occurrence there was moved to the end of a gap."""
    return next(trigger.readings(reading - timedelta(seconds=1)), None) == reading
