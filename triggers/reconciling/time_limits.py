"""Cancels runs that exceed their schedule's `timeout`, and waits until Azure ML reports how they ended."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..log_lines import logger
from ..scheduling.config import Schedule
from ..scheduling.overlap import OpenRun
from ..scheduling.replacing import replace
from ..scheduling.run import TIMEOUT, Run, RunState
from .waiting_line import Service

log = logger(__name__)

_CONFIRMED_WITHIN: Final = timedelta(hours=1)


class TimeLimits(Struct, frozen=True, kw_only=True):
    """Enforces the timeouts of submitted runs."""

    schedules: Mapping[str, Schedule]
    service: Service
    clock: Clock

    def is_over(self, schedule: str, one: OpenRun) -> bool:
        """True if a submitted run may be over its limit, according to its open row."""
        limit = self._limit(schedule)
        return limit is not None and one.submitted_at is not None and self.clock.now() - one.submitted_at >= limit

    def kept(self, run: Run, *, is_running: bool, server_now: datetime) -> Run:
        """Cancel a submitted run that is over its limit; returns the run as it then is.

        `is_running` is from a poll just before. Cancellation is requested once; until the end is known, the run keeps
        its slot. The limit counts from the claim, by the ledger's clock.
        """
        if run.cancel_requested_at is not None:
            return self._given_up(run) if server_now - run.cancel_requested_at >= _CONFIRMED_WITHIN else run
        limit, began = self._limit(run.schedule), run.claimed_at or run.submitted_at
        if limit is None or began is None or not is_running or server_now - began < limit:
            return run
        for run_id in filter(None, (run.run_id, run.duplicate_run_id)):
            if refused := self.service.cancel(replace(run, run_id=run_id)):
                extra = {"action": "cancel_refused", "run_key": run.key}
                log.warning("%s has exceeded its timeout and cannot be canceled: %s", run.key, refused, extra=extra)
                return run
        log.info(
            "%s has exceeded its timeout and is being canceled",
            run.key,
            extra={"action": "timed_out", "run_key": run.key},
        )
        return replace(run, cancel_requested_at=server_now, azureml_status="CancelRequested")

    def _given_up(self, run: Run) -> Run:
        now = self.clock.now()
        sentence = "it exceeded its timeout; Azure ML accepted the cancellation but did not confirm it within an hour"
        return run.to(RunState.CANCELED, now, reason=TIMEOUT, error=sentence, ended_at=now)

    def _limit(self, schedule: str) -> timedelta | None:
        found = self.schedules.get(schedule)
        return None if found is None else found.timeout
