"""Starts runs that wait for a free slot, in the order of their occurrences, and applies `overlap` to the others."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..ledger.slots import Slots
from ..log_lines import logger
from ..scheduling.config import Overlap, Schedule
from ..scheduling.overlap import KEEPS_NEWEST, OpenRun, has_a_slot, in_line, next_in_turn, ordered
from ..scheduling.run import Run, RunState, SkipReason
from ..starting.firing import Firing
from ..starting.never_sent import in_the_way_of, newer_has_started, why_skipped
from ..starting.pieces import Piece, Work, target_of
from ..starting.settling import log_run
from .gate import Gate

log = logger(__name__)


class Service(Protocol):
    """Cancels runs in Azure ML."""

    def cancel(self, run: Run) -> str | None:
        """Request the cancellation of a submitted run; None if it is accepted, otherwise why not."""


class WaitingLine(Struct, frozen=True, kw_only=True):
    """Starts the waiting runs of one schedule."""

    ledger: Ledger
    firing: Firing
    service: Service
    clock: Clock

    def handle(self, schedule: Schedule, gate: Gate) -> Work:
        """Start waiting runs while slots are free, one after another, in the order of their occurrences."""
        now = self.clock.now()
        slots = self.ledger.slots(schedule.name)
        line = [one for one in in_line(slots.open_runs, now) if _may_go(one, gate)]
        skipped = _skipped(schedule, line, slots, now)
        for one, (reason, because) in skipped.items():
            self._skip(one, schedule, reason, because, now)
            yield None
        line = [one for one in line if one not in skipped]
        pushes = [one for one in line if not one.is_made_up_for]
        if schedule.overlap is Overlap.CANCEL_OTHER and pushes:
            yield from self._push(schedule, pushes[-1], slots.open_runs, gate)
            return
        if gate.during.is_held(schedule.target):
            return
        again = [one for one in slots.open_runs if one.state is RunState.UNSENT and _may_go(one, gate)]
        for one in again:
            gate.note(one)
        yield from self._start(schedule, ordered([*line, *again]), slots, gate)

    def _start(self, schedule: Schedule, both: Sequence[OpenRun], slots: Slots, gate: Gate) -> Work:
        """Start waiting runs and retries while slots are free.

        A retry that is not due yet keeps its slot from the runs behind it.
        """
        first, second = [one for one in both if not one.is_made_up_for], [one for one in both if one.is_made_up_for]
        kept: set[str] = set()
        while first or second:
            one = next_in_turn(first, second, slots.started_in_a_row)
            if not has_a_slot(schedule, slots.open_runs, self.clock.now(), kept):
                return
            if one.state is RunState.UNSENT and not gate.is_due(one):
                kept.add(one.key)
                continue
            sent: list[Run | None] = []
            yield Piece(partial(self._send, one, schedule, gate, slots, sent), to=target_of(schedule))
            yield None
            if not sent:
                return  # it was not sent now, and a later run must not overtake it
            slots = self.ledger.slots_after(schedule.name, slots, sent[0])

    def _send(self, one: OpenRun, schedule: Schedule, gate: Gate, slots: Slots, sent: list[Run | None]) -> None:
        """Send one run and append it to `sent`: None if another process was first, nothing if it is held."""
        run = next(iter(self._runs([one], one.state)), None)
        if run is None:
            sent.append(None)
            return
        present = self._now(run, gate)
        if not gate.is_held(present) and not self.firing.is_left_alone(present):
            sent.append(self.firing.submit_open(run, schedule, gate.pauses, slots))

    def _push(self, schedule: Schedule, newest: OpenRun, open_runs: Iterable[OpenRun], gate: Gate) -> Work:
        """Cancel open runs to make way for the newest and start it; cancel nothing if it cannot be sent now."""
        for run in self._runs([newest], RunState.WAITING):
            present = self._now(run, gate)
            if gate.is_held(present) or self.firing.is_left_alone(present):
                return
            if obstacle := self.firing.obstacle(present):
                log.warning("%s waits and cancels nothing: %s", run.key, obstacle, extra={"action": "not_canceled"})
                return
            yield from self._make_way(newest, open_runs)
            yield from self._start(schedule, [newest], self.ledger.slots(schedule.name), gate)

    def _now(self, run: Run, gate: Gate) -> Run:
        return self.firing.as_in_file(run, gate.schedule)

    def _runs(self, open_runs: Iterable[OpenRun], state: RunState) -> list[Run]:
        """The runs of those open rows that are in `state`, and still are when they are read."""
        keys = [one.key for one in open_runs if one.state is state]
        return [run for run in self.ledger.open_runs(keys) if run.state is state]

    def _skip(self, one: OpenRun, schedule: Schedule, reason: SkipReason, because: str, now: datetime) -> None:
        for run in self._runs([one], RunState.WAITING):
            error = why_skipped(run, schedule, because)
            skipped = run.to(RunState.SKIPPED, now, reason=reason.value, error=error, ended_at=now)
            if self.ledger.update(run, skipped) is not None:
                log_run(skipped)

    def _make_way(self, newest: OpenRun, open_runs: Iterable[OpenRun]) -> Work:
        """Cancel the runs that were open when the line was read; runs that are being sent or unknown are waited for.

        Stop if another process has started the newest run meanwhile.
        """
        in_the_way = [one.key for one in open_runs if one.state in (RunState.SUBMITTED, RunState.UNSENT)]
        for run in self.ledger.open_runs(in_the_way):
            if not self._runs([newest], RunState.WAITING):
                return
            if run.state not in (RunState.SUBMITTED, RunState.UNSENT):
                continue
            refused = self.service.cancel(run) if run.state is RunState.SUBMITTED else None
            if refused is not None:
                extra = {"action": "cancel_refused", "run_key": run.key}
                log.warning("%s waits because %s cannot be canceled: %s", newest.key, run.key, refused, extra=extra)
                continue
            now = self.clock.now()
            sentence = f"canceled for {newest.key} (overlap: cancel_other)"
            canceled = run.to(RunState.CANCELED, now, error=sentence, next_attempt_at=None, ended_at=now)
            if self.ledger.update(run, canceled) is not None:
                log_run(canceled)
            yield None


def _may_go(one: OpenRun, gate: Gate) -> bool:
    """True if no pause holds the run and, for a rerun, the schedule is not disabled."""
    return (one.by_person or not gate.is_paused()) and not (one.is_rerun and gate.is_disabled())


def _skipped(
    schedule: Schedule, line: Sequence[OpenRun], slots: Slots, now: datetime
) -> dict[OpenRun, tuple[SkipReason, str]]:
    """The runs to skip, and why. Runs that people requested are never skipped."""
    own = [one for one in line if one.is_own]
    if schedule.overlap in KEEPS_NEWEST:
        late = [one for one in own if one.ranks_at is not None and slots.is_superseded(one.ranks_at)]
        displaced = (SkipReason.OVERLAP, f"{own[-1].key} came later and waits in its place" if own else "")
        superseded = (SkipReason.SUPERSEDED, newer_has_started(slots, now))
        return dict.fromkeys(own[:-1], displaced) | dict.fromkeys(late, superseded)
    is_left_out = schedule.overlap is Overlap.SKIP and not has_a_slot(schedule, slots.open_runs, now)
    in_the_way = [one for one in slots.open_runs if one not in own]
    return dict.fromkeys(own if is_left_out else (), (SkipReason.OVERLAP, in_the_way_of(in_the_way, now)))
