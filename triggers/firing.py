"""Build → claim → submit → settle: the only place where that order exists."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from .clock import Clock
from .ledger.ports import Ledger
from .scheduling.change import BlobChange
from .scheduling.config import Retry, Schedule
from .scheduling.not_yet import refusal
from .scheduling.outcome import Answer, Outcome
from .scheduling.policies import is_used_up, retry_delay
from .scheduling.run import Run, RunKind, RunState, SkipReason, change_key, time_key
from .scheduling.run_request import Submission, build_request

log = logging.getLogger(__name__)


class Endpoint(Protocol):
    """Where runs are submitted."""

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        """Submit once, unless `is_fresh`, asked directly before, says no. Never raises for what the service does."""


class Firing:
    """Fires occurrences into the ledger and the endpoint. Every method raises LedgerUnavailable, and nothing else."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        endpoint: Endpoint,
        clock: Clock,
        submit_deadline: timedelta,
        retry_first_delay: timedelta,
        spread: Callable[[], float],
    ) -> None:
        """`spread` gives numbers in [-1, 1]: retries of many runs shall not come all at once."""
        self._ledger = ledger
        self._endpoint = endpoint
        self._clock = clock
        self._freshness = submit_deadline.total_seconds() / 5
        self._retry_first_delay = retry_first_delay
        self._spread = spread

    def fire_time(self, schedule: Schedule, nominal_time: datetime, skip: SkipReason | None) -> Run | None:
        """Start, or skip, one occurrence; None when its key was claimed before."""
        key = time_key(schedule.name, nominal_time)
        return self._fire(schedule, key, RunKind.TIME, nominal_time, None, skip)

    def fire_change(self, schedule: Schedule, change: BlobChange, skip: SkipReason | None) -> Run | None:
        """Start, or skip, the run of one blob version; None when its key was claimed before."""
        key = change_key(schedule.name, change)
        return self._fire(schedule, key, RunKind.CHANGE, change.last_modified, change, skip)

    def retry(self, run: Run, retry: Retry) -> Run | None:
        """Submit an unsent run again; None when somebody else has done so."""
        claimed_at = self._clock.monotonic()
        now = self._clock.now()
        claim = run.to(
            RunState.SUBMITTING,
            now,
            claim_id=str(uuid4()),
            claimed_at=now,
            attempts=run.attempts + 1,
            next_attempt_at=None,
            error=None,
        )
        claimed = self._ledger.update(run, claim)
        return claimed and self._submit(claimed, claimed_at, retry)

    def _fire(
        self,
        schedule: Schedule,
        key: str,
        kind: RunKind,
        nominal_time: datetime,
        blob: BlobChange | None,
        skip: SkipReason | None,
    ) -> Run | None:
        now = self._clock.now()
        run = Run(
            key=key,
            schedule=schedule.name,
            kind=kind,
            state=RunState.SKIPPED,
            created_at=now,
            pipeline=schedule.pipeline,
            nominal_time=nominal_time,
            blob=blob,
            reason=None if skip is None else skip.value,
        )
        if skip is not None:
            return self._noted(replace(run, ended_at=now))
        if refused := refusal(schedule):
            return self._noted(replace(run, state=RunState.REJECTED, ended_at=now, error=refused[1]))
        request = build_request(schedule, key, nominal_time, blob)
        claimed_at = self._clock.monotonic()
        claim = replace(
            run,
            state=RunState.SUBMITTING,
            request=request,
            claim_id=str(uuid4()),
            claimed_at=now,
            attempts=1,
        )
        claimed = self._ledger.insert(claim.first(now))
        return claimed and self._submit(claimed, claimed_at, schedule.retry)

    def _noted(self, run: Run) -> Run | None:
        """Write a run that ends where it begins."""
        written = self._ledger.insert(run.first(run.created_at))
        if written is not None:
            _log_run("run " + run.state.value, written)
        return written

    def _submit(self, claimed: Run, claimed_at: float, retry: Retry) -> Run:
        assert claimed.request is not None, "a claim holds its request"
        assert claimed.claim_id is not None
        submission = Submission(
            request=claimed.request,
            run_key=claimed.key,
            ledger_id=self._ledger.ledger_id(),
            attempt=claimed.claim_id,
        )
        outcome = self._endpoint.submit(submission, lambda: self._clock.monotonic() - claimed_at <= self._freshness)
        if outcome.run_id is not None:
            # Before the settle: should the ledger fail now, this line is what is left of the id.
            extra = {"action": "run_accepted", "run_key": claimed.key, "run_id": outcome.run_id}
            log.info("the service accepted the run", extra=extra)
        return self._settle(claimed, outcome, retry)

    def _settle(self, claimed: Run, outcome: Outcome, retry: Retry) -> Run:
        """Write what the submission came to, also when the reconciler has given it up as unknown meanwhile."""
        present = claimed
        while True:
            settled = self._settled(present, outcome, retry)
            written = self._ledger.update(present, settled)
            if written is not None:
                _log_run("run " + written.state.value, written)
                return written
            reread = self._ledger.get(claimed.key)
            if reread is None or reread.claim_id != claimed.claim_id or reread.state not in _UNSETTLED:
                extra = {"action": "settle_overtaken", "run_key": claimed.key, "run_id": outcome.run_id}
                log.error("the run was settled by somebody else", extra=extra)
                return reread or claimed
            present = reread

    def _settled(self, run: Run, outcome: Outcome, retry: Retry) -> Run:
        now = self._clock.now()
        if outcome.answer is Answer.SUBMITTED:
            return run.to(
                RunState.SUBMITTED,
                now,
                run_id=outcome.run_id,
                studio_url=outcome.studio_url,
                submitted_at=now,
                error=None,
            )
        if outcome.answer is Answer.UNKNOWN:
            unchanged = run.state is RunState.UNKNOWN
            return (
                replace(run, error=outcome.sentence)
                if unchanged
                else run.to(RunState.UNKNOWN, now, error=outcome.sentence)
            )
        if outcome.answer is Answer.REJECTED:
            return run.to(RunState.REJECTED, now, error=outcome.sentence, ended_at=now)
        again = now + retry_delay(run.attempts, self._retry_first_delay, outcome.retry_after, self._spread())
        if is_used_up(retry, run.attempts, run.created_at, again):
            return run.to(RunState.DEAD, now, error=outcome.sentence, ended_at=now)
        return run.to(RunState.UNSENT, now, error=outcome.sentence, next_attempt_at=again)


_UNSETTLED = frozenset({RunState.SUBMITTING, RunState.UNKNOWN})


def _log_run(sentence: str, run: Run) -> None:
    """One line a run's change of state; an error or a reason is data and is shown as such."""
    level = logging.WARNING if run.state in _WORRYING else logging.INFO
    because = run.reason or run.error
    extra = {"action": sentence.replace(" ", "_"), "run_key": run.key, "schedule": run.schedule, "run_id": run.run_id}
    log.log(level, "%s: %s%s", sentence, run.key, f": {because}" if because else "", extra=extra)


_WORRYING = frozenset({RunState.UNSENT, RunState.UNKNOWN, RunState.REJECTED, RunState.DEAD})
