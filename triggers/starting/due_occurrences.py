"""Decides what becomes of a time-based schedule's occurrences since its mark, and fires them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..clock import Clock, Stopwatch
from ..ledger.ledger import Ledger
from ..ledger.records import Mark
from ..scheduling.config import Overlap, TimeSchedule
from ..scheduling.identities import trigger_digest, trigger_digest_0_1
from ..scheduling.overlap import slots_of
from ..scheduling.pauses import is_paused
from ..scheduling.policies import ON_TIME, Decision, decide, floor
from ..scheduling.times.occurrences import TimeTrigger, between
from .firing import Firing
from .lives import WOKEN_WITHIN, Lives
from .occurrence import time_occurrence

EARLY = timedelta(seconds=2)
"""So much before its time a timer may fire (azure-functions-host #7398)."""

AHEAD = timedelta(seconds=5)
"""So far ahead of the storage's clock, which is read in whole seconds, a clock may decide."""

_FRESH = timedelta(seconds=60)
"""Between a decision and acting on it: the catch-up window was compared with the time of the decision."""

_ROWS_A_CALL = 1000
"""Skipped occurrences that one call notes; the next one goes on."""


@dataclass(frozen=True, kw_only=True)
class DueOccurrences:
    """Fires the occurrences of time-based schedules."""

    ledger: Ledger
    lives: Lives
    firing: Firing
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    retention: timedelta

    def fire(self, schedule: TimeSchedule, min_age: timedelta | None = None) -> int:
        """Fire every occurrence of at least this age that has no row yet; returns how many it started or skipped.

        Without an age it is the schedule's timer that has fired, perhaps a little early. Rows come first and the mark
        after them, so a crash in between repeats rows, which conflict, and loses none. Occurrences below the floor, a
        day above what is pruned, start nothing: their rows may be gone already.
        """
        is_timer, since_decision = min_age is None, Stopwatch(self.clock)
        now = self.clock.now()
        until = now + (EARLY if min_age is None else -min_age)
        trigger = schedule.trigger
        first_seen = self.lives.of(schedule, is_timer=is_timer).first_seen
        mark = self.ledger.mark(schedule.name)
        after = _after(schedule, mark, first_seen, min(self.started_at, now))
        if until <= after:
            return 0
        due = list(between(trigger, after, until))
        if not due and mark is not None and not _is_edited(trigger, mark):
            return 0  # woken for nothing: one row was read, and the mark may stay where it is
        # No clock of ours decides what the storage's own has not come to yet.
        latest = self.ledger.now() + AHEAD
        now, until = min(now, latest), min(until, latest)
        if until <= after:
            return 0
        due = [moment for moment in due if moment <= until]
        pauses = self.ledger.pauses(schedule.name).intervals
        decisions = decide(schedule, due, first_seen, now, floor=floor(now, self.retention), pauses=pauses)
        following = _following(mark, trigger, until)

        def may_start(number: int) -> bool:
            """A decision that has grown old is not acted on, nor one that a pause has overtaken."""
            if since_decision.elapsed() > _FRESH:
                return False
            return number == 0 or not is_paused(self.ledger.pauses(schedule.name).intervals, self.clock.now())

        skips = [one for one in decisions if one.skip is not None]
        return self._fire(schedule, _in_order(schedule, decisions, now), skips, following, may_start)

    def _fire(
        self,
        schedule: TimeSchedule,
        starts: list[Decision],
        skips: list[Decision],
        mark: Mark,
        may_start: Callable[[int], bool],
    ) -> int:
        """Start first, so that a long list of misses delays nothing, then note what was skipped, the oldest first.

        What is left over is decided anew by the next call: the mark stays before it, and moves past what has its row.
        """
        fired, started = 0, 0
        for decision in starts:
            if not may_start(started):
                break
            fired += self._fired(schedule, decision)
            started += 1
        for decision in skips[:_ROWS_A_CALL]:
            fired += self._fired(schedule, decision)
        left = [*starts[started:], *skips[_ROWS_A_CALL:]]
        if left:
            until = min(one.nominal_time for one in left) - timedelta(microseconds=1)
            mark = replace(mark, until=until)
        self.ledger.set_mark(schedule.name, mark)
        return fired

    def _fired(self, schedule: TimeSchedule, decision: Decision) -> bool:
        occurrence = time_occurrence(schedule, decision.nominal_time)
        early = decision.nominal_time - self.clock.now()
        if early > timedelta(0):
            occurrence = replace(occurrence, remark=f"its timer fired {early.total_seconds():.3f} s early")
        return self.firing.fire(schedule, occurrence, decision.skip) is not None


def _after(schedule: TimeSchedule, mark: Mark | None, first_seen: datetime, started_at: datetime) -> datetime:
    """Where the occurrences begin that are decided now.

    An edited schedule has no past: what its old trigger missed and its new one would have named is let go. Its life
    begins with the process that reads it; while old and new instances alternate, nothing is let go twice.
    """
    if mark is None:
        return _before(schedule, first_seen)
    if mark.until < first_seen:
        return max(mark.until, _before(schedule, first_seen))
    if not _is_edited(schedule.trigger, mark):
        return mark.until
    return max(mark.until, started_at.replace(second=0, microsecond=0) - timedelta(microseconds=1))


def _in_order(schedule: TimeSchedule, decisions: Sequence[Decision], now: datetime) -> list[Decision]:
    """What is to be started, in which order: by nominal time where runs wait for one another.

    Elsewhere what is on time comes first, so that a long backlog does not make it late. Where the newest cancels the
    others, it starts alone: those before it are superseded.
    """
    starts = [one for one in decisions if one.skip is None]
    if slots_of(schedule) is None:
        return sorted(starts, key=lambda one: now - one.nominal_time > ON_TIME)
    return starts[::-1] if schedule.overlap is Overlap.CANCEL_OTHER else starts


def _following(mark: Mark | None, trigger: TimeTrigger, until: datetime) -> Mark:
    """The mark after the one that was read, for the trigger as it is now."""
    return Mark(
        until=until,
        trigger_digest=trigger_digest(trigger),
        trigger_digest_0_1=trigger_digest_0_1(trigger),
        version=None if mark is None else mark.version,
    )


def _is_edited(trigger: TimeTrigger, mark: Mark) -> bool:
    """Whether the trigger has another meaning than the one that the mark was written for."""
    if mark.trigger_digest is not None:
        return mark.trigger_digest != trigger_digest(trigger)
    return mark.trigger_digest_0_1 is not None and mark.trigger_digest_0_1 != trigger_digest_0_1(trigger)


def _before(schedule: TimeSchedule, first_seen: datetime) -> datetime:
    """Where a schedule without a mark begins: the last occurrence before it was seen gets its row too, as skipped."""
    earlier = list(between(schedule.trigger, first_seen - WOKEN_WITHIN, first_seen - timedelta(microseconds=1)))
    return (earlier[-1] if earlier else first_seen) - timedelta(microseconds=1)
