"""Decides on a time-based schedule's occurrences since its mark, and starts or skips them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

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
from ..scheduling.replacing import replace
from ..scheduling.run import SkipReason
from ..scheduling.run_keys import time_key
from ..scheduling.times.occurrences import TimeTrigger, between, excluded_at, moved_back
from .firing import Firing
from .lives import WOKEN_WITHIN, Lives
from .moved_occurrences import MovedOccurrences
from .occurrence import time_occurrence

EARLY = timedelta(seconds=2)
"""How early a timer may fire (azure-functions-host #7398)."""

AHEAD = timedelta(seconds=5)
"""How far the app's clock may be ahead of the storage's, which is read in whole seconds."""

_FRESH = timedelta(seconds=60)
"""An older decision is made again, because it compared the catch-up window with an earlier time."""


class DueOccurrences(Struct, frozen=True, kw_only=True):
    """Starts or skips the due occurrences of time-based schedules."""

    ledger: Ledger
    lives: Lives
    firing: Firing
    moved: MovedOccurrences
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    retention: timedelta
    _looked_ahead: set[str] = field(default_factory=set)
    """The schedules whose future occurrences were checked for ones that have moved into the past."""

    def fire(self, schedule: TimeSchedule, min_age: timedelta | None = None) -> int:
        """Fire every occurrence of at least this age that has no row yet; returns how many it started or skipped.

        Without `min_age`, the schedule's timer has fired, perhaps a little early. The mark is written with the last row
        or after it, so a crash in between repeats rows, which conflict, and loses none. Occurrences before the floor,
        which is a day later than the pruning limit, start nothing: their rows may be gone already.
        """
        is_timer, since_decision = min_age is None, Stopwatch(self.clock)
        now = self.clock.now()
        until = now + (EARLY if min_age is None else -min_age)
        trigger = schedule.trigger
        first_seen = self.lives.of(schedule, is_timer=is_timer).first_seen
        state = self.ledger.timer_state(schedule.name)
        mark = state.mark
        after = _after(schedule, mark, first_seen, min(self.started_at, now))
        # Our clock must not decide occurrences that the storage's clock has not reached yet.
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
            return moved_back  # nothing was due: the mark may stay where it is
        decisions = decide(schedule, due, first_seen, now, floor=floor(now, self.retention), pauses=state.pauses)
        following = _following(mark, trigger, until)

        def may_go_on(starts_before: int | None) -> bool:
            """False if the decision is too old, or if the schedule was paused after the first start."""
            if since_decision.elapsed() > _FRESH:
                return False
            return not starts_before or not is_paused(self.ledger.present_pauses(schedule.name), self.clock.now())

        skips = [one for one in decisions if one.skip is not None]
        fired = self._fire(schedule, _in_order(schedule, decisions, now), skips, rest, following, may_go_on)
        return moved_back + fired

    def _fire_moved_back(
        self, schedule: TimeSchedule, after: datetime, first_seen: datetime, now: datetime, pauses: Sequence[Pause]
    ) -> int:
        """Fire future occurrences that an edit or a new holiday has moved into the past.

        They count as due now, not as late, because they could not have been started in time.
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
        """Start first, so that a long list of misses delays nothing, then record the skips, oldest first.

        Occurrences that are left over are decided again by the next call, so the mark stays before the first of them.
        If none is left over, the mark moves in the transaction of the last row.
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
        """Start or skip an occurrence; False if its key was claimed before, or the mark was moved meanwhile."""
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
        """The explanation of a skip, in addition to its reason; None if there is none."""
        if decision.skip is SkipReason.SUPERSEDED and decision.superseded_by is not None:
            return f"{time_key(schedule.name, decision.superseded_by)} starts in its place (catchup: latest)"
        if decision.skip is SkipReason.CATCHUP:
            late = self.clock.now() - decision.nominal_time
            is_none = schedule.catchup is Catchup.NONE
            rule = "catchup is none" if is_none else f"catchup_window is {in_units(schedule.catchup_window)}"
            return f"it was not handled until {in_units(late)} after its time, and {rule}"
        if decision.skip is not SkipReason.EXCLUDED:
            return None
        excluded = excluded_at(schedule.trigger, decision.nominal_time)
        return excluded and excluded.because


def _after(schedule: TimeSchedule, mark: Mark | None, first_seen: datetime, started_at: datetime) -> datetime:
    """The time after which occurrences are decided now.

    An edited schedule has no past: occurrences that its old trigger missed, or that its new one would have had, are
    dropped. It begins with the start of the process that reads it, so old and new instances that alternate drop nothing
    twice.
    """
    if mark is None:
        return _before(schedule, first_seen)
    if mark.until < first_seen:
        return max(mark.until, _before(schedule, first_seen))
    if not _is_edited(schedule.trigger, mark):
        return mark.until
    return max(mark.until, started_at.replace(second=0, microsecond=0) - timedelta(microseconds=1))


def _in_order(schedule: TimeSchedule, decisions: Sequence[Decision], now: datetime) -> list[Decision]:
    """The occurrences to start, in order: by nominal time if runs wait for one another.

    Otherwise those on time come first, so that a long backlog does not delay them. With `cancel_other` the newest comes
    first, and the others are superseded.
    """
    starts = [one for one in decisions if one.skip is None]
    if slots_of(schedule) is None:
        return sorted(starts, key=lambda one: now - one.nominal_time > ON_TIME)
    return starts[::-1] if schedule.overlap is Overlap.CANCEL_OTHER else starts


def _following(mark: Mark | None, trigger: TimeTrigger, until: datetime) -> Mark:
    """The mark that follows the one that was read, for the present trigger."""
    return Mark(
        until=until,
        trigger_digest=trigger_digest(trigger),
        trigger_digest_0_1=trigger_digest_0_1(trigger),
        version=None if mark is None else mark.version,
    )


def _is_edited(trigger: TimeTrigger, mark: Mark) -> bool:
    """True if the trigger means something else than the one that the mark was written for."""
    if mark.trigger_digest is not None:
        return mark.trigger_digest != trigger_digest(trigger)
    return mark.trigger_digest_0_1 is not None and mark.trigger_digest_0_1 != trigger_digest_0_1(trigger)


def _before(schedule: TimeSchedule, first_seen: datetime) -> datetime:
    """Where a schedule without a mark begins; an occurrence shortly before it was seen is included, as skipped."""
    earlier = list(between(schedule.trigger, first_seen - WOKEN_WITHIN, first_seen - timedelta(microseconds=1)))
    return (earlier[-1] if earlier else first_seen) - timedelta(microseconds=1)
