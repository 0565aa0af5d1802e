"""Processes the open runs of a schedule: sends, looks up and follows them, and marks stale claims as unknown."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..ledger.open_summary import summed
from ..ledger.records import open_run_of
from ..scheduling.config import Schedule
from ..scheduling.overlap import OpenRun, slots_of
from ..scheduling.pauses import Pause
from ..scheduling.run import Run, RunState
from ..scheduling.run_states import TO_BE_ACCEPTED, TO_BE_SENT
from ..starting.firing import Firing
from ..starting.pieces import Piece, Work, guarded, target_of
from ..starting.settling import log_run
from .deliveries import Deliveries
from .gate import Gate, Pass
from .run_ends import RunEnds
from .unknown_runs import UnknownRuns
from .waiting_line import WaitingLine


class OpenRuns(Struct, frozen=True, kw_only=True):
    """Sends, looks up and follows the open runs of one schedule."""

    ledger: Ledger
    firing: Firing
    unknown_runs: UnknownRuns
    run_ends: RunEnds
    waiting_line: WaitingLine
    deliveries: Deliveries
    clock: Clock
    submit_deadline: timedelta

    def handle(
        self, name: str, schedule: Schedule | None, pauses: Sequence[Pause], during: Pass, *, is_faulty: bool
    ) -> Work:
        """Process everything that is open, one piece per run; `schedule` is None if it has left the file.

        If the schedule limits its open runs, sent runs come before unsent ones, because an end may free a slot. A
        faulty schedule's limits are unknown, so its unsent runs keep waiting.
        """
        gate = Gate(schedule=schedule, pauses=pauses, during=during, clock=self.clock)
        limited = schedule is not None and slots_of(schedule) is not None
        left_alone = {RunState.SUBMITTED, RunState.UNKNOWN} | (TO_BE_SENT if limited or is_faulty else set())
        target = name if schedule is None else target_of(schedule)
        submitted: list[OpenRun] = []
        unknown: list[OpenRun] = []
        work = list(self.ledger.open_work(name))
        during.open[name] = summed(one for one in work if isinstance(one, OpenRun))
        for one in work:
            if not isinstance(one, OpenRun):
                yield Piece(partial(self.deliveries.handle, one, during.server_now()))
                if one.task is None:
                    yield None  # a webhook is called for one end at a time
            elif one.state not in left_alone:
                if not self._needs_something(one, gate):
                    continue
                yield Piece(partial(self._one, one, gate), to=target if one.state in TO_BE_SENT else None)
            elif one.state is RunState.SUBMITTED:
                submitted.append(one)
            elif one.state is RunState.UNKNOWN:
                gate.note(one)
                unknown.append(one)
        for one in sorted(unknown, key=lambda one: self.unknown_runs.last_lookup(one.key)):
            yield Piece(partial(self._one, one, gate))
        yield from self._follow_due(name, submitted, gate)
        if limited and schedule is not None:
            yield None
            yield from guarded(self.waiting_line.handle(schedule, gate), during.faults)

    def _needs_something(self, one: OpenRun, gate: Gate) -> bool:
        """True if this pass must read the run. Its open row is enough to skip a run that is not due."""
        if one.state in TO_BE_ACCEPTED:
            gate.note(one)
        if one.state in TO_BE_SENT:
            return gate.is_due(one)
        return one.state is not RunState.SUBMITTING or self._is_stale(one.written_at, gate.during.server_now())

    def _one(self, one: OpenRun, gate: Gate) -> None:
        # Rows are read in pages: a run that was open then may have ended since.
        read = self.ledger.runs if one.state is RunState.UNREADABLE else self.ledger.open_runs
        for run in read([one.key]):
            self._handle(run, gate)

    def _handle(self, run: Run, gate: Gate) -> None:
        """Look up an unknown run, give up a stale claim, or send a run that is due and not held."""
        if run.state is RunState.UNKNOWN:
            self.unknown_runs.resolve(run, gate.during.server_now())
        elif run.state is RunState.SUBMITTING:
            self._give_up_if_stale(run, gate.during.server_now())
        elif (
            run.state in TO_BE_SENT
            and gate.is_due(open_run_of(run))
            and not gate.is_held(present := self.firing.as_in_file(run, gate.schedule))
            and not self.firing.is_left_alone(present)
        ):
            self.firing.submit_open(run, gate.schedule, gate.pauses)

    def _follow_due(self, name: str, submitted: Sequence[OpenRun], gate: Gate) -> Work:
        """Ask Azure ML about the submitted runs that are due, with one query first if there are many."""
        self.run_ends.forget_others(name, submitted)
        due = [one for one in submitted if self.run_ends.is_due(one, self.clock.now())]
        if len(due) >= _MANY:
            rest: list[OpenRun] = []
            yield Piece(partial(self.run_ends.sift, name, due, rest))
            yield None
            due = rest
        for sent in sorted(due, key=self.run_ends.last_polled):
            yield Piece(partial(self._follow, sent.key, gate))

    def _follow(self, key: str, gate: Gate) -> None:
        for run in self.ledger.open_runs([key]):
            if run.state is RunState.SUBMITTED:
                self.run_ends.follow(run, gate.during.server_now())

    def _give_up_if_stale(self, run: Run, server_now: datetime) -> None:
        if not self._is_stale(run.written_at, server_now):
            return
        sentence = "no answer was recorded after the claim, so the service may have accepted the run"
        unknown = run.to(RunState.UNKNOWN, self.clock.now(), error=sentence, claimed_at=run.written_at)
        if self.ledger.update(run, unknown) is not None:
            log_run(unknown)

    def _is_stale(self, written_at: datetime | None, server_now: datetime) -> bool:
        return written_at is not None and server_now - written_at > self.submit_deadline


_MANY: Final = 20
"""From this number of submitted runs on, a bulk query comes first."""
