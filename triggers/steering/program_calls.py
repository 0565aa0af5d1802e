"""Calls of programs written for a published pipeline's own endpoint: they wait a while for Azure ML's answer.

The claim comes first, and the submission runs in another thread. So a run is not lost if the wait times out.
"""

import logging
from collections.abc import Callable
from threading import BoundedSemaphore, Thread
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.config import Schedule
from ..scheduling.pauses import is_paused
from ..scheduling.run import Run, RunState
from ..scheduling.run_states import REFUSED_OR_CANCELED, TO_BE_ACCEPTED
from .asking import Asking
from .declined import NotStarted
from .questions import SubmittedBody

log = logging.getLogger(__name__)

PATIENCE: Final = 20.0
"""Maximum seconds until the caller gets an answer; if the run is still pending, the caller has to poll it."""
_LOOK_EVERY: Final = 0.5


class ProgramCalls(Struct, frozen=True, kw_only=True):
    """Handles such calls."""

    ledger: Ledger
    asking: Asking
    clock: Clock
    waiters: BoundedSemaphore
    sleep: Callable[[float], None]

    def submit(self, schedule: Schedule, body: SubmittedBody) -> tuple[Run, bool]:
        """The run of a call, and True if Azure ML has accepted it; raises NotStarted if it never will."""
        run, is_new = self.asking.trigger(schedule, body, by_program=True)
        paused = is_paused(self.ledger.present_pauses(schedule.name), self.clock.now())
        if is_new and run.state is RunState.WAITING and not paused:
            Thread(target=self._send, args=(schedule, run), daemon=True).start()
        if run.state in TO_BE_ACCEPTED and not paused and self.waiters.acquire(blocking=False):
            try:
                run = self._answered(run)
            finally:
                self.waiters.release()
        if run.state in REFUSED_OR_CANCELED:
            raise NotStarted(run.key, run.state.value, run.error or run.reason)
        return run, run.state not in TO_BE_ACCEPTED

    def _send(self, schedule: Schedule, run: Run) -> None:
        try:
            self.asking.submitted(schedule, run)
        except Exception:
            log.exception("%s: the submission failed; the reconciler goes on with it", run.key)

    def _answered(self, run: Run) -> Run:
        until = self.clock.monotonic() + PATIENCE
        while run.state in TO_BE_ACCEPTED and self.clock.monotonic() < until:
            self.sleep(_LOOK_EVERY)
            run = self.ledger.get(run.key) or run
        return run
