"""Build → claim → submit → settle: the only place where that order exists."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from .clock import Clock
from .ledger.ledger import Ledger
from .ledger.ports import LedgerUnavailable, Operation
from .log_lines import logger
from .occurrence import Asked, Occurrence
from .scheduling.batch import BatchFacts
from .scheduling.config import Retry, Schedule, Target
from .scheduling.not_yet import refusal
from .scheduling.outcome import Answer, Outcome
from .scheduling.policies import is_used_up, jitter_of, retry_delay
from .scheduling.run import Run, RunKind, RunState, SkipReason, time_key
from .scheduling.run_request import Submission, build_request, with_parameters

log = logger(__name__)


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
        self._held: dict[str, float] = {}
        """Targets that asked this process to be left alone, until when by the monotonic clock."""

    def fire_time(self, schedule: Schedule, nominal_time: datetime, skip: SkipReason | None) -> Run | None:
        """Start, or skip, one occurrence; None when its key was claimed before. With jitter it is claimed and waits."""
        due_at = nominal_time + jitter_of(schedule) if schedule.jitter else None
        key = time_key(schedule.name, nominal_time)
        occurrence = Occurrence(key=key, kind=RunKind.TIME, nominal_time=nominal_time, due_at=due_at)
        return self._fire(schedule, occurrence, skip)

    def fire_change(
        self, schedule: Schedule, change: Occurrence, skip: SkipReason | None, because: str | None = None
    ) -> Run | None:
        """Start, or skip, the run of one blob version; None when its key was claimed before.

        `because` says more about a skip than its reason.
        """
        return self._fire(schedule, change, skip, because)

    def fire_batch(
        self, schedule: Schedule, key: str, sealed_at: datetime, batch: BatchFacts, beside: Sequence[Operation]
    ) -> Run | None:
        """Start the run of a sealed batch; None when it was claimed before."""
        occurrence = Occurrence(key=key, kind=RunKind.BATCH, nominal_time=sealed_at, batch=batch, beside=beside)
        return self._fire(schedule, occurrence, None)

    def wait(self, schedule: Schedule, occurrence: Occurrence, asked: Asked) -> Run | None:
        """Claim a run that a person asked for, and leave its submission to the reconciler; None when it was claimed."""
        now = self._clock.now()
        request = build_request(schedule, occurrence.key, occurrence.nominal_time, occurrence.blob, occurrence.batch)
        run = self._unclaimed(schedule, occurrence, now)
        request = with_parameters(request, asked.parameters)
        waiting = replace(
            run,
            state=RunState.WAITING,
            request=request,
            due_at=now,
            requested_by=asked.by,
            note=asked.note,
            request_id=asked.request_id,
            request_digest=asked.digest,
            parameters=asked.parameters,
            by_person=True,
        )
        return self._noted(waiting, occurrence.beside)

    def submit_at_once(self, run: Run, retry: Retry) -> Run:
        """Submit a run that was just claimed for a person; as it is now, also when the reconciler was first."""
        return self.submit_open(run, retry) or self._ledger.get(run.key) or run

    def submit_open(self, run: Run, retry: Retry) -> Run | None:
        """Submit a run that waits or is unsent; None when somebody else has done so."""
        ledger_id = self._ledger.ledger_id()
        claimed_at = self._clock.monotonic()
        now = self._clock.now()
        claim = run.to(
            RunState.SUBMITTING,
            now,
            claim_id=str(uuid4()),
            claimed_at=None,
            unknown_since=None,
            first_look_up_at=None,
            attempts=run.attempts + 1,
            next_attempt_at=None,
            error=None,
        )
        claimed = self._ledger.update(run, claim)
        return claimed and self._submit(claimed, claimed_at, ledger_id, retry)

    def _fire(
        self, schedule: Schedule, occurrence: Occurrence, skip: SkipReason | None, because: str | None = None
    ) -> Run | None:
        now = self._clock.now()
        run, beside = self._unclaimed(schedule, occurrence, now), occurrence.beside
        if skip is not None:
            return self._noted(replace(run, reason=skip.value, ended_at=now, error=because), beside)
        if refused := refusal(schedule):
            return self._noted(replace(run, state=RunState.REJECTED, ended_at=now, error=refused[1]), beside)
        request = build_request(schedule, run.key, occurrence.nominal_time, occurrence.blob, occurrence.batch)
        if occurrence.due_at is not None and occurrence.due_at > now:
            return self._noted(replace(run, state=RunState.WAITING, request=request, due_at=occurrence.due_at), beside)
        ledger_id = self._ledger.ledger_id()
        claimed_at = self._clock.monotonic()
        claim = replace(
            run,
            state=RunState.SUBMITTING,
            request=request,
            claim_id=str(uuid4()),
            attempts=1,
        )
        claimed = self._ledger.insert(claim.first(now), beside)
        return claimed and self._submit(claimed, claimed_at, ledger_id, schedule.retry)

    def _unclaimed(self, schedule: Schedule, occurrence: Occurrence, now: datetime) -> Run:
        """The run of an occurrence before it is decided what becomes of it."""
        return Run(
            key=occurrence.key,
            schedule=schedule.name,
            kind=occurrence.kind,
            state=RunState.SKIPPED,
            created_at=now,
            pipeline=schedule.pipeline,
            nominal_time=occurrence.nominal_time,
            blob=occurrence.blob,
            batch=occurrence.batch,
            replay_of=occurrence.replay_of,
            webhook=schedule.webhook,
        )

    def _noted(self, run: Run, beside: Sequence[Operation]) -> Run | None:
        """Write a run that ends where it begins, or waits."""
        written = self._ledger.insert(run.first(run.created_at), beside)
        if written is not None:
            log_run(written)
        return written

    def _submit(self, claimed: Run, claimed_at: float, ledger_id: str, retry: Retry) -> Run:
        assert claimed.request is not None, "a claim holds its request"
        assert claimed.claim_id is not None
        target = target_id(claimed.request.target)
        held_for = self._held.get(target, 0.0) - self._clock.monotonic()
        if held_for > 0:
            sentence = "the service asked to be left alone (Retry-After); nothing was sent"
            held = Outcome(answer=Answer.UNSENT, sentence=sentence, retry_after=timedelta(seconds=held_for))
            return self._settle(claimed, held, retry)
        submission = Submission(
            request=claimed.request,
            run_key=claimed.key,
            ledger_id=ledger_id,
            attempt=claimed.claim_id,
        )
        outcome = self._endpoint.submit(submission, lambda: self._clock.monotonic() - claimed_at <= self._freshness)
        if outcome.run_id is not None:
            # Before the settle: should the ledger fail now, this line is what is left of the id.
            extra = {"action": "run_accepted", "run_key": claimed.key, "run_id": outcome.run_id}
            log.info("the service accepted the run", extra=extra)
        settled = self._settle(claimed, outcome, retry)
        if outcome.retry_after:
            self._hold(target, claimed, claimed_at, outcome.retry_after)
        return settled

    def _hold(self, target: str, claimed: Run, claimed_at: float, retry_after: timedelta) -> None:
        """Leave a whole target alone: this process at once, the reconcilers of all instances by the ledger."""
        now = self._clock.monotonic()
        self._held[target] = now + retry_after.total_seconds()
        if claimed.written_at is not None:
            self._ledger.hold(target, claimed.written_at + timedelta(seconds=now - claimed_at) + retry_after)

    def _settle(self, claimed: Run, outcome: Outcome, retry: Retry) -> Run:
        """Write what the submission came to, also when the reconciler has given it up as unknown meanwhile."""
        present = claimed
        for _ in range(_SETTLE_TRIES):
            if present.claim_id == claimed.claim_id and present.state in _UNSETTLED:
                settled = self._settled(present, outcome, retry)
            elif outcome.run_id is not None and outcome.run_id not in (present.run_id, present.duplicate_run_id):
                settled = with_late_id(present, outcome.run_id, outcome.studio_url, self._clock.now())
            else:
                return present
            written = self._ledger.update(present, settled)
            if written is not None:
                log_run(written)
                return written
            reread = self._ledger.get(claimed.key)
            if reread is None:
                return claimed
            present = reread
        raise LedgerUnavailable(f"{claimed.key}: the row cannot be written, although nobody else writes it")

    def _settled(self, run: Run, outcome: Outcome, retry: Retry) -> Run:
        now = self._clock.now()
        claimed_at = run.written_at if run.state is RunState.SUBMITTING else run.claimed_at
        known = replace(run, claimed_at=claimed_at)
        if outcome.answer is Answer.SUBMITTED:
            return accepted(known, str(outcome.run_id), outcome.studio_url, now)
        if outcome.answer is Answer.UNKNOWN:
            if run.state is RunState.UNKNOWN:
                return replace(known, error=outcome.sentence)
            return known.to(RunState.UNKNOWN, now, error=outcome.sentence)
        if outcome.answer is Answer.REJECTED:
            return known.to(RunState.REJECTED, now, error=outcome.sentence, ended_at=now)
        again = now + retry_delay(run.attempts, self._retry_first_delay, outcome.retry_after, self._spread())
        unsent = known.to(RunState.UNSENT, now, error=outcome.sentence, next_attempt_at=again)
        if is_used_up(retry, run.attempts, max(run.created_at, run.due_at or run.created_at), again):
            return unsent.to(RunState.DEAD, now, next_attempt_at=None, ended_at=now)
        return unsent


_SETTLE_TRIES = 10
_UNSETTLED = frozenset({RunState.SUBMITTING, RunState.UNKNOWN})
_WORRYING = frozenset({RunState.UNSENT, RunState.UNKNOWN, RunState.REJECTED, RunState.DEAD})


def accepted(run: Run, run_id: str, studio_url: str | None, now: datetime) -> Run:
    """The run once it is known that the service has accepted it."""
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


def with_late_id(run: Run, run_id: str, studio_url: str | None, now: datetime) -> Run:
    """The run with an id that arrived when nobody waited for it any more; a second id for one key is kept and told."""
    if run.run_id is None:
        return accepted(run, run_id, studio_url, now)
    extra = {"action": "duplicate_run", "run_key": run.key, "run_id": run.run_id, "duplicate_run_id": run_id}
    log.error("the service has started a run twice", extra=extra)
    return replace(run, duplicate_run_id=run_id)


def target_id(target: Target) -> str:
    """A target by a short name that can stand in a row key."""
    return hashlib.sha256(repr(target).encode()).hexdigest()[:32]


def log_run(run: Run) -> None:
    """One line for what has become of a run; an error or a reason is data and is shown as such."""
    level = logging.WARNING if run.state in _WORRYING else logging.INFO
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
