"""Cancels runs that take longer than their schedule lets them, and waits until Azure ML says how they ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..clock import Clock
from ..log_lines import logger
from ..scheduling.config import Schedule
from ..scheduling.overlap import OpenRun
from ..scheduling.run import TIMEOUT, Run, RunState
from .waiting_line import Service

log = logger(__name__)

_CONFIRMED_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """What limits are kept with."""

    schedules: Mapping[str, Schedule]
    service: Service
    clock: Clock

    def is_over(self, schedule: str, one: OpenRun) -> bool:
        """Whether a submitted run may be over its limit, as far as its open row tells."""
        limit = self._limit(schedule)
        return limit is not None and one.submitted_at is not None and self.clock.now() - one.submitted_at >= limit

    def kept(self, run: Run, *, is_running: bool, server_now: datetime) -> Run:
        """A submitted run as it is once its limit was looked at; Azure ML's word about it was asked for before.

        The cancellation is asked for once: until the end is known the run keeps its slot. The limit counts on the
        ledger's clock, from the claim.
        """
        if run.cancel_requested_at is not None:
            return self._given_up(run) if server_now - run.cancel_requested_at >= _CONFIRMED_WITHIN else run
        limit, began = self._limit(run.schedule), run.claimed_at or run.submitted_at
        if limit is None or began is None or not is_running or server_now - began < limit:
            return run
        for run_id in filter(None, (run.run_id, run.duplicate_run_id)):
            if refused := self.service.cancel(replace(run, run_id=run_id)):
                extra = {"action": "cancel_refused", "run_key": run.key}
                log.warning("%s is over its timeout, and cannot be canceled: %s", run.key, refused, extra=extra)
                return run
        log.info("%s is over its timeout: it is canceled", run.key, extra={"action": "timed_out", "run_key": run.key})
        return replace(run, cancel_requested_at=server_now, azureml_status="CancelRequested")

    def _given_up(self, run: Run) -> Run:
        now = self.clock.now()
        sentence = "over its timeout; Azure ML has accepted the cancellation, and not confirmed it within an hour"
        return run.to(RunState.CANCELED, now, reason=TIMEOUT, error=sentence, ended_at=now)

    def _limit(self, schedule: str) -> timedelta | None:
        found = self.schedules.get(schedule)
        return None if found is None else found.timeout
