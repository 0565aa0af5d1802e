"""Starts what waits for a free slot, oldest first, and does what `overlap` says about the others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .clock import Clock
from .firing import Firing
from .gate import Gate
from .ledger.ledger import Ledger
from .log_lines import logger
from .scheduling.config import Overlap, Schedule
from .scheduling.overlap import KEEPS_NEWEST, OpenRun, has_a_slot, in_line
from .scheduling.run import Run, RunKind, RunState, SkipReason
from .settling import log_run

log = logger(__name__)


class Service(Protocol):
    """Azure ML, as far as runs are canceled."""

    def cancel(self, run: Run) -> str | None:
        """Ask for the cancellation of a submitted run: None when it is accepted, else why not."""


@dataclass(frozen=True, kw_only=True)
class WaitingLine:
    """What the runs that wait are started with."""

    ledger: Ledger
    firing: Firing
    service: Service
    clock: Clock

    def see_to(self, schedule: Schedule, gate: Gate) -> Iterator[None]:
        """Start the runs for which there is a slot, a step at a time: those that are tried again, then the line."""
        now = self.clock.now()
        open_runs = tuple(self.ledger.open_rows(schedule.name))
        again = [run for run in self._runs(open_runs, RunState.UNSENT) if not gate.is_held(run)]
        waiting = [run for run in self._runs(in_line(open_runs, now), RunState.WAITING) if not gate.is_held(run)]
        stays = self._stays(schedule, waiting, open_runs, now)
        for run in waiting:
            if run not in stays:
                self._skip(run, now)
                yield
        if schedule.overlap is Overlap.CANCEL_OTHER and any(_cancels(run) for run in stays):
            yield from self._make_way(schedule, stays[-1])
            again = []
        for run in again:
            gate.note(run)
            if gate.is_due(run):
                self.firing.submit_open(run, schedule, gate.patience(run))
                yield
        for run in stays:
            now_open = tuple(self.ledger.open_rows(schedule.name))
            if not has_a_slot(schedule, now_open, self.clock.now(), kept_for={run.key for run in again}):
                return
            self.firing.submit_open(run, schedule, gate.patience(run))
            yield

    def _runs(self, open_runs: Iterable[OpenRun], state: RunState) -> list[Run]:
        """Those of the open runs that are in a state, also now that they are read."""
        keys = [one.key for one in open_runs if one.state is state]
        return [run for run in self.ledger.runs(keys) if run.state is state]

    def _stays(
        self, schedule: Schedule, waiting: Sequence[Run], open_runs: Sequence[OpenRun], now: datetime
    ) -> list[Run]:
        """Those that go on waiting, or start: what people asked for does always."""
        own = [run for run in waiting if not run.by_person]
        if schedule.overlap in KEEPS_NEWEST:
            own = own[-1:]
        elif schedule.overlap is Overlap.SKIP and not has_a_slot(schedule, open_runs, now):
            own = []
        return [run for run in waiting if run.by_person or run in own]

    def _skip(self, run: Run, now: datetime) -> None:
        skipped = run.to(RunState.SKIPPED, now, reason=SkipReason.OVERLAP.value, ended_at=now)
        if self.ledger.update(run, skipped) is not None:
            log_run(skipped)

    def _make_way(self, schedule: Schedule, newest: Run) -> Iterator[None]:
        """Cancel what is open for the newest that waits; what is being sent, or unknown, is waited for."""
        for run in self.ledger.open_runs(schedule.name):
            if run.state not in (RunState.SUBMITTED, RunState.UNSENT):
                continue
            refused = self.service.cancel(run) if run.state is RunState.SUBMITTED else None
            if refused is not None:
                extra = {"action": "cancel_refused", "run_key": run.key}
                log.warning("%s waits, since %s cannot be canceled: %s", newest.key, run.key, refused, extra=extra)
                continue
            now = self.clock.now()
            sentence = f"canceled for {newest.key} (overlap: cancel_other)"
            canceled = run.to(RunState.CANCELED, now, error=sentence, next_attempt_at=None, ended_at=now)
            if self.ledger.update(run, canceled) is not None:
                log_run(canceled)
            yield


def _cancels(run: Run) -> bool:
    """Whether a run has others canceled: an occurrence, or a person's trigger; what is made up for waits its turn."""
    return not run.by_person or run.kind is RunKind.REQUEST
