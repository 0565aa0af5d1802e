"""Writes the outcome of a submission, even if the run's row was changed meanwhile."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable
from ..log_lines import logger
from ..scheduling.config import Retry
from ..scheduling.outcome import Answer, Outcome
from ..scheduling.policies import is_used_up, retry_delay
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState
from ..scheduling.run_states import UNSETTLED, WORRYING

log = logger(__name__)


class Settling(Struct, frozen=True, kw_only=True):
    """Writes the outcomes of submissions."""

    ledger: Ledger
    clock: Clock
    retry_first_delay: timedelta
    spread: Callable[[], float]
    """Returns numbers in [-1, 1], so that the retries of many runs do not coincide."""

    def settle(self, claimed: Run, outcome: Outcome, retry: Retry) -> Run:
        """Write the outcome of a submission, even if the reconciler has marked the run as unknown meanwhile."""
        present = claimed
        for _ in range(_SETTLE_TRIES):
            if present.claim_id == claimed.claim_id and present.state in UNSETTLED:
                settled = self._settled(present, outcome, retry)
            elif outcome.run_id is not None and outcome.run_id not in (present.run_id, present.duplicate_run_id):
                settled = with_late_id(present, outcome.run_id, outcome.studio_url, self.clock.now())
            else:
                return present
            written = self.ledger.update(present, settled)
            if written is not None:
                log_run(written)
                return written
            reread = self.ledger.get(claimed.key)
            if reread is None:
                return claimed
            present = reread
        raise LedgerUnavailable(f"{claimed.key}: the row cannot be written, although no other process writes it")

    def _settled(self, run: Run, outcome: Outcome, retry: Retry) -> Run:
        now = self.clock.now()
        claimed_at = run.written_at if run.state is RunState.SUBMITTING else run.claimed_at
        if claimed_at is not None:
            now = min(now, claimed_at + _LONGEST_ATTEMPT)  # a clock that is a day ahead must not use up the retries
        known = replace(run, claimed_at=claimed_at, attempts=run.attempts - outcome.is_untried)
        if outcome.answer is Answer.SUBMITTED:
            run = accepted(known, str(outcome.run_id), outcome.studio_url, now)
            return beyond_reach(run, now) if outcome.is_beyond_reach else run
        if outcome.answer is Answer.UNKNOWN:
            if run.state is RunState.UNKNOWN:
                return replace(known, error=outcome.sentence)
            return known.to(RunState.UNKNOWN, now, error=outcome.sentence)
        if outcome.answer is Answer.REJECTED:
            return known.to(RunState.REJECTED, now, error=outcome.sentence, ended_at=now)
        again = now + retry_delay(max(known.attempts, 1), self.retry_first_delay, outcome.retry_after, self.spread())
        unsent = known.to(RunState.UNSENT, now, error=outcome.sentence, next_attempt_at=again)
        if is_used_up(known, retry, again):
            return unsent.to(RunState.DEAD, now, next_attempt_at=None, ended_at=now)
        return unsent


_LONGEST_ATTEMPT = timedelta(minutes=15)
"""The longest time from a claim to its answer: longer than a function may run."""
_SETTLE_TRIES = 10


def accepted(run: Run, run_id: str, studio_url: str | None, now: datetime) -> Run:
    """The run after the service has accepted it."""
    return run.to(
        RunState.SUBMITTED,
        now,
        run_id=run_id,
        studio_url=studio_url,
        submitted_at=now,
        next_attempt_at=None,
        ended_at=None,
        error=None,
    )


def beyond_reach(run: Run, now: datetime) -> Run:
    """The run as untracked: Azure ML cannot be polled for its end, so it must not hold a slot."""
    maybe = "may have accepted" if run.state is RunState.UNKNOWN else "has accepted"
    sentence = (
        f"Azure ML {maybe} it, but the app cannot tell from its address where to poll it; "
        f"to track later runs, add pipelines.{run.pipeline}.workspace to schedules.yaml"
    )
    return run.to(RunState.UNTRACKED, now, error=sentence, ended_at=now)


def with_late_id(run: Run, run_id: str, studio_url: str | None, now: datetime) -> Run:
    """The run with an id that arrived late; a second id for the same key is stored and logged."""
    if run.run_id is None:
        return accepted(run, run_id, studio_url, now)
    extra = {"action": "duplicate_run", "run_key": run.key, "run_id": run.run_id, "duplicate_run_id": run_id}
    log.error("the service has started a run twice", extra=extra)
    return replace(run, duplicate_run_id=run_id)


def log_run(run: Run) -> None:
    """Log the state of a run, with its reason and error, as one line."""
    level = logging.WARNING if run.state in WORRYING else logging.INFO
    because = ": ".join(part for part in (run.reason, run.error) if part)
    what = f" ({run.blob.path!r})" if run.blob else ""
    extra = {
        "action": f"run_{run.state.value}",
        "run_key": run.key,
        "schedule": run.schedule,
        "run_id": run.run_id,
    }
    tail = f": {because}" if because else ""
    log.log(level, "run %s: %s%s%s", run.state.value, run.key, what, tail, extra=extra)
