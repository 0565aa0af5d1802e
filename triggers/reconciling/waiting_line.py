"""Starts what waits for a free slot, oldest first, and does what `overlap` says about the others."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..log_lines import logger
from ..scheduling.config import Overlap, Schedule
from ..scheduling.overlap import KEEPS_NEWEST, OpenRun, has_a_slot, in_line
from ..scheduling.run import Run, RunState, SkipReason
from ..starting.firing import Firing
from ..starting.settling import log_run
from .gate import Gate

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
        line = [one for one in in_line(open_runs, now) if one.by_person or not gate.is_paused()]
        skipped = _skipped(schedule, line, open_runs, now)
        for one in skipped:
            self._skip(one, now)
            yield
        line = [one for one in line if one not in skipped]
        pushes = [one for one in line if _cancels(one)]
        if schedule.overlap is Overlap.CANCEL_OTHER and pushes:
            newest = pushes[-1]
            yield from self._make_way(newest, open_runs)
            yield from self._start(schedule, [newest], gate, kept_for=())
            return
        again = [run for run in self._runs(open_runs, RunState.UNSENT) if not gate.is_held(run)]
        for run in again:
            gate.note(run)
            if gate.is_due(run):
                self.firing.submit_open(run, schedule, gate.patience(run))
                yield
        yield from self._start(schedule, line, gate, kept_for={run.key for run in again})

    def _start(
        self, schedule: Schedule, line: Sequence[OpenRun], gate: Gate, kept_for: Collection[str]
    ) -> Iterator[None]:
        """Start the first of a line as far as there are slots."""
        for one in line:
            now_open = tuple(self.ledger.open_rows(schedule.name))
            if not has_a_slot(schedule, now_open, self.clock.now(), kept_for):
                return
            for run in self._runs([one], RunState.WAITING):
                if not gate.is_held(run):
                    self.firing.submit_open(run, schedule, gate.patience(run))
            yield

    def _runs(self, open_runs: Iterable[OpenRun], state: RunState) -> list[Run]:
        """Those of the open runs that are in a state, also now that they are read."""
        keys = [one.key for one in open_runs if one.state is state]
        return [run for run in self.ledger.open_runs(keys) if run.state is state]

    def _skip(self, one: OpenRun, now: datetime) -> None:
        for run in self._runs([one], RunState.WAITING):
            skipped = run.to(RunState.SKIPPED, now, reason=SkipReason.OVERLAP.value, ended_at=now)
            if self.ledger.update(run, skipped) is not None:
                log_run(skipped)

    def _make_way(self, newest: OpenRun, open_runs: Iterable[OpenRun]) -> Iterator[None]:
        """Cancel what was open when the line was read; what is being sent, or unknown, is waited for.

        Somebody else may have started the newest meanwhile: then there is nothing more to do.
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
                log.warning("%s waits, since %s cannot be canceled: %s", newest.key, run.key, refused, extra=extra)
                continue
            now = self.clock.now()
            sentence = f"canceled for {newest.key} (overlap: cancel_other)"
            canceled = run.to(RunState.CANCELED, now, error=sentence, next_attempt_at=None, ended_at=now)
            if self.ledger.update(run, canceled) is not None:
                log_run(canceled)
            yield


def _skipped(schedule: Schedule, line: Sequence[OpenRun], open_runs: Sequence[OpenRun], now: datetime) -> list[OpenRun]:
    """Those that wait no longer: what people asked for always does."""
    own = [one for one in line if not one.by_person]
    if schedule.overlap in KEEPS_NEWEST:
        return own[:-1]
    return own if schedule.overlap is Overlap.SKIP and not has_a_slot(schedule, open_runs, now) else []


def _cancels(one: OpenRun) -> bool:
    """Whether a run has others canceled: an occurrence, or a person's trigger; what is made up for waits its turn."""
    return not one.by_person or one.is_request
