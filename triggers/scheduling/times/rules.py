"""The rules of a time-based trigger, before days are excluded, and their occurrences within start and end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from ..replacing import replace
from .cron import Cron
from .cron_list import CronList
from .recurrence import ELAPSED, Recurrence

Rule: TypeAlias = Recurrence | Cron
Rules: TypeAlias = Rule | CronList

FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
INSTANT: Final = timedelta(microseconds=1)


def occurrences_of(rules: Rules, after: datetime) -> Iterator[datetime]:
    """Instants strictly after the given one, in UTC, ascending, each once, within start and end."""
    after = max(after.astimezone(UTC), FIRST)
    if rules.start is not None:
        after = max(after, rules.start - INSTANT)
    for moment in rules.occurrences(after):
        if rules.end is not None and moment > rules.end:
            return
        if moment > after:
            after = moment
            yield moment


def single(rules: Rules) -> tuple[Rule, ...]:
    """The single rules."""
    return rules.lines if isinstance(rules, CronList) else (rules,)


def unbounded(rules: Rules) -> Rules:
    """The same rules without start and end."""
    if isinstance(rules, CronList):
        return CronList(tuple(replace(line, start=None, end=None) for line in rules.lines))
    return replace(rules, start=None, end=None)


def follows_wall_clock(rule: Rule) -> bool:
    """True if clock changes move its readings; other rules follow clock changes, or count real time."""
    return not rule.counts_instants if isinstance(rule, Cron) else rule.frequency not in ELAPSED
