"""Waits for runs. Each wait occupies a thread that functions need, so the number of waits is limited."""

import time
from collections.abc import Callable
from threading import BoundedSemaphore

from msgspec import Struct

from ..clock import Clock
from ..scheduling.run import Run, RunState


class Waiting(Struct, frozen=True, kw_only=True):
    """Waits for runs to reach a state."""

    clock: Clock
    threads: BoundedSemaphore
    """The threads that may be occupied; backfills occupy them, too."""
    sleep: Callable[[float], None] = time.sleep

    def reached(
        self, run: Run, states: frozenset[RunState], seconds: float, look: Callable[[], Run], look_every: float
    ) -> Run:
        """The run once it is in one of `states`; as it is now if the time is over, or no thread is free to wait.

        `look` reads the run again; `seconds` is the longest wait.
        """
        if run.state in states or not self.threads.acquire(blocking=False):
            return run
        try:
            until = self.clock.monotonic() + seconds
            while run.state not in states and (left := until - self.clock.monotonic()) > 0:
                self.sleep(min(look_every, left))
                run = look()
        finally:
            self.threads.release()
        return run
