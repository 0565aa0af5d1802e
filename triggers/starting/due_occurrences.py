"""Decides what becomes of a time-based schedule's occurrences since its mark, and fires them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..clock import Clock, Stopwatch
from ..ledger.ledger import Ledger, moved
from ..ledger.records import Mark
from ..scheduling.backlog import due_now
from ..scheduling.config import Catchup, Overlap, TimeSchedule
from ..scheduling.identities import trigger_digest, trigger_digest_0_1
from ..scheduling.instants import in_units
from ..scheduling.overlap import slots_of
from ..scheduling.pauses import Pause, is_paused
from ..scheduling.policies import ON_TIME, Decision, decide, floor
from ..scheduling.run import SkipReason
from ..scheduling.run_keys import time_key
from ..scheduling.times.occurrences import TimeTrigger, between, excluded_at, moved_back
from .firing import Firing
from .lives import WOKEN_WITHIN, Lives
from .moved_occurrences import MovedOccurrences
from .occurrence import time_occurrence

EARLY = timedelta(seconds=2)
"""So much before its time a timer may fire (azure-functions-host #7398)."""

AHEAD = timedelta(seconds=5)
"""So far ahead of the storage's clock, which is read in whole seconds, a clock may decide."""

_FRESH = timedelta(seconds=60)
"""Between a decision and acting on it: the catch-up window was compared with the time of the decision."""


@dataclass(frozen=True, kw_only=True)
class DueOccurrences:
    """Fires the occurrences of time-based schedules."""

    ledger: Ledger
    lives: Lives
    firing: Firing
    moved: MovedOccurrences
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    retention: timedelta
    _looked_ahead: set[str] = field(default_factory=set)
    """The schedules whose occurrences of days to come were looked at for those that have moved into the past."""

    def fire(self, schedule: TimeSchedule, min_age: timedelta | None = None) -> int:
        """Fire every occurrence of at least this age that has no row yet; returns how many it started or skipped.

        Without an age it is the schedule's timer that has fired, perhaps a little early. The mark comes with the last
        row or after it, so a crash in between repeats rows, which conflict, and loses none. Occurrences below the
        floor, a day above what is pruned, start nothing: their rows may be gone already.
        """
        is_timer, since_decision = min_age is None, Stopwatch(self.clock)
        now = self.clock.now()
        until = now + (EARLY if min_age is None else -min_age)
        trigger = schedule.trigger
        first_seen = self.lives.of(schedule, is_timer=is_timer).first_seen
        state = self.ledger.timer_state(schedule.name)
        mark = state.mark
        after = _after(schedule, mark, first_seen, min(self.started_at, now))
        # No clock of ours decides what the storage's own has not come to yet.
        latest = state.at + AHEAD
        now, until = min(now, latest), min(until, latest)
        if until <= after:
            return 0
        due, rest = due_now(schedule, after, until, now, state.pauses)
        is_edited = mark is not None and _is_edited(trigger, mark)
        moved_back = 0
        if mark is not None and (is_edited or schedule.name not in self._looked_ahead):
            moved_back = self._fire_moved_back(schedule, after, first_seen, now, state.pauses)
        if not due and mark is not None and not is_edited:
            return moved_back  # woken for nothing: the mark may stay where it is
        decisions = decide(schedule, due, first_seen, now, floor=floor(now, self.retention), pauses=state.pauses)
        following = _following(mark, trigger, until)

        def may_go_on(starts_before: int | None) -> bool:
            """A decision that has grown old is not acted on, nor a start that a pause has overtaken."""
            if since_decision.elapsed() > _FRESH:
                return False
            return not starts_before or not is_paused(self.ledger.present_pauses(schedule.name), self.clock.now())

        skips = [one for one in decisions if one.skip is not None]
        fired = self._fire(schedule, _in_order(schedule, decisions, now), skips, rest, following, may_go_on)
        return moved_back + fired

    def _fire_moved_back(
        self, schedule: TimeSchedule, after: datetime, first_seen: datetime, now: datetime, pauses: Sequence[Pause]
    ) -> int:
        """Fire what is still to come by the rule, and by an edit or a new holiday should have run already.

        It is due now, not late: nobody could have started it in time.
        """
        moments = list(moved_back(schedule.trigger, after))
        decisions = decide(schedule, moments, first_seen, now, floor=floor(now, self.retention), pauses=pauses)
        late = (SkipReason.CATCHUP, SkipReason.SUPERSEDED)
        fired = sum(
            self._fired(schedule, replace(one, skip=None) if one.skip in late else one)
            for one in decisions
            if not self.ledger.has(time_key(schedule.name, one.nominal_time))
        )
        self._looked_ahead.add(schedule.name)
        return fired

    def _fire(
        self,
        schedule: TimeSchedule,
        starts: list[Decision],
        skips: list[Decision],
        rest: datetime | None,
        mark: Mark,
        may_go_on: Callable[[int | None], bool],
    ) -> int:
        """Start first, so that a long list of misses delays nothing, then note what was skipped, the oldest first.

        What is left over is decided anew by the next call, with the rest: the mark stays before it, and moves past
        what has its row. It moves in the transaction of the last row, where nothing is left over.
        """
        fired, started, starts_go_on = 0, 0, True
        left = {one.nominal_time for one in [*starts, *skips]} | ({rest} if rest else set())
        for decision in [*starts, *skips]:
            if decision.skip is None:
                starts_go_on = starts_go_on and may_go_on(started)
                if not starts_go_on:
                    continue
                started += 1
            elif not may_go_on(None):
                break
            left.remove(decision.nominal_time)
            if not left and self._fired(schedule, decision, mark):
                return fired + 1
            if left or not self.ledger.has(time_key(schedule.name, decision.nominal_time)):
                fired += self._fired(schedule, decision)
        if left:
            mark = replace(mark, until=min(left) - timedelta(microseconds=1))
        self.ledger.set_mark(schedule.name, mark)
        return fired

    def _fired(self, schedule: TimeSchedule, decision: Decision, mark: Mark | None = None) -> bool:
        """Start or skip an occurrence; False when its key was claimed before, or the mark was moved meanwhile."""
        occurrence = time_occurrence(schedule, decision.nominal_time)
        early = decision.nominal_time - self.clock.now()
        if early > timedelta(0):
            occurrence = replace(occurrence, remark=f"its timer fired {early.total_seconds():.3f} s early")
        if mark is not None:
            occurrence = replace(occurrence, beside=[moved(mark)])
        whole = self.moved.with_originals(schedule, occurrence)
        if whole is None:
            return False
        return self.firing.fire(schedule, whole, decision.skip, self._because(schedule, decision)) is not None

    def _because(self, schedule: TimeSchedule, decision: Decision) -> str | None:
        """What there is to say of a skip beside its reason."""
        if decision.skip is SkipReason.SUPERSEDED and decision.superseded_by is not None:
            return f"{time_key(schedule.name, decision.superseded_by)} starts in its place (catchup: latest)"
        if decision.skip is SkipReason.CATCHUP:
            late = self.clock.now() - decision.nominal_time
            is_none = schedule.catchup is Catchup.NONE
            rule = "catchup is none" if is_none else f"catchup_window is {in_units(schedule.catchup_window)}"
            return f"nothing decided it until {in_units(late)} after its time, and {rule}"
        if decision.skip is not SkipReason.EXCLUDED:
            return None
        excluded = excluded_at(schedule.trigger, decision.nominal_time)
        return excluded and excluded.because


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
