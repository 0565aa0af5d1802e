"""Calls of programs written for a published pipeline's own endpoint: they wait a while for Azure ML's answer.

The claim comes first, and the submission runs in another thread. So a run is not lost if the wait times out.
"""

import logging
from threading import Thread
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.config import Schedule
from ..scheduling.pauses import is_paused
from ..scheduling.run import Run, RunState
from ..scheduling.run_states import ENDED_STATES, REFUSED_OR_CANCELED
from .asking import Asking
from .declined import NotStarted
from .questions import SubmittedBody
from .waiting import Waiting

log = logging.getLogger(__name__)

PATIENCE: Final = 20.0
"""Maximum seconds until the caller gets an answer; if the run is still pending, the caller has to poll it."""
_LOOK_EVERY: Final = 0.5
_DECIDED: Final = ENDED_STATES | {RunState.SUBMITTED}


class ProgramCalls(Struct, frozen=True, kw_only=True):
    """Handles such calls."""

    ledger: Ledger
    asking: Asking
    clock: Clock
    waiting: Waiting

    def submit(self, schedule: Schedule, body: SubmittedBody) -> tuple[Run, bool]:
        """The run of a call, and True if Azure ML has accepted it; raises NotStarted if it never will."""
        run, is_new = self.asking.trigger(schedule, body, by_program=True)
        paused = is_paused(self.ledger.present_pauses(schedule.name), self.clock.now())
        if is_new and run.state is RunState.WAITING and not paused:
            Thread(target=self._send, args=(schedule, run), daemon=True).start()
        if not paused:
            run = self.waiting.reached(run, _DECIDED, PATIENCE, lambda: self.ledger.get(run.key) or run, _LOOK_EVERY)
        if run.state in REFUSED_OR_CANCELED:
            raise NotStarted(run.key, run.state.value, run.error or run.reason)
        return run, run.state in _DECIDED

    def _send(self, schedule: Schedule, run: Run) -> None:
        try:
            self.asking.submitted(schedule, run)
        except Exception:
            log.exception("%s: the submission failed; the reconciler will handle it", run.key)
