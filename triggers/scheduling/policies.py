"""Policies: what happens to missed occurrences, and when and how long an unsent run is retried."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from .config import DEFAULT_RETRY, Catchup, Retry, Schedule, TimeSchedule
from .pauses import Pause, is_paused, pause_at, paused_within
from .replacing import replace
from .run import Run, SkipReason
from .times.occurrences import excluded_at

ON_TIME = timedelta(minutes=10)
"""An occurrence decided within this time after its nominal time is on time; `catchup` does not apply to it."""

LONGEST_DELAY = timedelta(minutes=15)
"""The longest delay between two attempts, unless the service asks for more."""


def floor(now: datetime, retention: timedelta) -> datetime:
    """The time before which rows may be pruned already, with a day of margin; only requests start anything there."""
    return now - retention + timedelta(days=1)


class Decision(Struct, frozen=True):
    """What happens to one occurrence: it starts if `skip` is None."""

    nominal_time: datetime
    skip: SkipReason | None
    superseded_by: datetime | None = None
    """The later occurrence that starts in its place."""


def decide(
    schedule: TimeSchedule,
    due: Sequence[datetime],
    first_seen: datetime,
    now: datetime,
    *,
    floor: datetime,
    pauses: Sequence[Pause] = (),
) -> list[Decision]:
    """Decide on the due occurrences, which are oldest first; the catch-up window is checked only here.

    An occurrence before `floor` may have been pruned, so it starts nothing. Nor does one that is decided in a pause, or
    whose nominal time is in one. That a day is excluded counts before everything but `first_seen` and `floor`.
    """
    excluded = frozenset(one for one in due if excluded_at(schedule.trigger, one))
    paused = frozenset(due) if is_paused(pauses, now) else frozenset(one for one in due if pause_at(pauses, one))
    alive = [moment for moment in due if moment >= max(first_seen, floor) and moment not in paused | excluded]
    missed = [moment for moment in alive if now - moment > ON_TIME]
    started = _caught_up(schedule, missed, now)
    late, caught_up = frozenset(missed), frozenset(started)
    return [
        Decision(moment, SkipReason.FORGOTTEN)
        if first_seen <= moment < floor
        else _decision(moment, _skip(schedule, moment, first_seen, late, caught_up, paused, excluded), started)
        for moment in due
    ]


def _decision(moment: datetime, skip: SkipReason | None, started: Sequence[datetime]) -> Decision:
    return Decision(moment, skip, started[-1] if skip is SkipReason.SUPERSEDED else None)


def _caught_up(schedule: TimeSchedule, missed: list[datetime], now: datetime) -> list[datetime]:
    within = [moment for moment in missed if now - moment <= schedule.catchup_window]
    return {Catchup.NONE: [], Catchup.LATEST: within[-1:], Catchup.ALL: within}[schedule.catchup]


def _skip(
    schedule: TimeSchedule,
    moment: datetime,
    first_seen: datetime,
    missed: frozenset[datetime],
    started: frozenset[datetime],
    paused: frozenset[datetime],
    excluded: frozenset[datetime],
) -> SkipReason | None:
    if moment < first_seen:
        return SkipReason.BEFORE_FIRST_SEEN
    if moment in excluded:
        return SkipReason.EXCLUDED
    if not schedule.enabled:
        return SkipReason.DISABLED
    if moment in paused:
        return SkipReason.PAUSED
    if moment not in missed or moment in started:
        return None
    superseded = schedule.catchup is Catchup.LATEST and started
    return SkipReason.SUPERSEDED if superseded else SkipReason.CATCHUP


def jitter_of(schedule: TimeSchedule) -> timedelta:
    """The schedule's own offset in [0, jitter), in whole seconds; derived from its name, so that it never changes."""
    share = int.from_bytes(hashlib.sha256(schedule.name.encode()).digest()[:8], "big") / 2**64
    return timedelta(seconds=int(schedule.jitter.total_seconds() * share))


def retry_delay(attempts: int, first: timedelta, retry_after: timedelta | None, spread: float) -> timedelta:
    """The delay after `attempts` attempts: doubling up to 15 minutes, ± 20 % by `spread` in [-1, 1].

    The service's Retry-After wins if it is longer.
    """
    doubled = min(first * float(2 ** min(attempts - 1, 30)), LONGEST_DELAY)
    return max(doubled * (1 + spread / 5), retry_after or timedelta(0))


def retry_of(schedule: Schedule | None, run: Run, pauses: Sequence[Pause], now: datetime) -> Retry:
    """How long to try a run, which time spent paused prolongs; `schedule` is None if it has left the file."""
    retry = DEFAULT_RETRY if schedule is None else schedule.retry
    return replace(retry, max_age=retry.max_age + paused_within(pauses, run.created_at, now))


def tried_since(created_at: datetime, due_at: datetime | None) -> datetime:
    """The beginning of the time in which a run is tried: its creation, or the end of its wait."""
    return max(created_at, due_at or created_at)


def is_used_up(run: Run, retry: Retry, next_attempt_at: datetime) -> bool:
    """True if the next attempt would be one too many or too late."""
    since = tried_since(run.created_at, run.due_at)
    return run.attempts >= retry.max_attempts or next_attempt_at - since > retry.max_age
