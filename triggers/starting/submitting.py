"""Sends a claimed run once and settles it; remembers which targets to leave alone."""

from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Protocol

from ..clock import Clock, LeftAlone, Stopwatch
from ..ledger.ledger import Ledger
from ..log_lines import logger
from ..scheduling.config import Retry
from ..scheduling.identities import target_id
from ..scheduling.outcome import Answer, Outcome
from ..scheduling.run import Run
from ..scheduling.run_request import RunRequest, Submission
from .settling import Settling

log = logger(__name__)


class Submitter(Protocol):
    """The service that runs are submitted to."""

    def place(self, request: RunRequest) -> str | None:
        """Digest of the URL that the current settings resolve to; None if there is none that may be called."""

    def obstacle(self, request: RunRequest) -> str | None:
        """The reason why a request certainly cannot be sent now, such as a missing setting; None if none is known."""

    def is_unreachable(self, request: RunRequest) -> bool:
        """True if connecting to the request's host timed out recently."""

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        """Submit once, unless `is_fresh`, called directly before, returns False. Errors of the service do not raise."""


class Submitting:
    """Sends claimed runs. Every method raises LedgerUnavailable, and nothing else."""

    def __init__(
        self, *, ledger: Ledger, endpoint: Submitter, clock: Clock, freshness: timedelta, settling: Settling
    ) -> None:
        """`freshness` is the age up to which a claim may be sent."""
        self._ledger = ledger
        self._endpoint = endpoint
        self._freshness = freshness
        self._settling = settling
        self._held = LeftAlone(clock)
        """Targets that sent this process a Retry-After."""
        self._silent = LeftAlone(clock)
        """Targets that did not answer the last submission."""
        self._spares = False

    def sparing(self) -> "Submitting":
        """A copy that sends nothing to a target that did not answer the last submission."""
        sparing = copy(self)
        sparing._spares = True  # noqa: SLF001  the same class
        return sparing

    def obstacle(self, run: Run) -> str | None:
        """The reason why a run certainly cannot be sent now; None if none is known."""
        assert run.request is not None, "what is to be sent has its request"
        if self._held.still(target_id(run.request.target)):
            return _LEFT_ALONE
        return self._endpoint.obstacle(run.request)

    def is_left_alone(self, run: Run) -> bool:
        """True if the target did not answer the last submission, or connecting to its host timed out recently."""
        assert run.request is not None, "what is to be sent has its request"
        return bool(self._silent.still(target_id(run.request.target))) or self._endpoint.is_unreachable(run.request)

    def answers(self, target: str) -> bool | None:
        """True if a target answered the last submission, however long ago; None if there was none yet."""
        return self._silent.answers(target)

    def settle(self, claimed: Run, outcome: Outcome, retry: Retry) -> Run:
        """Settle a claim that was not sent."""
        return self._settling.settle(claimed, outcome, retry)

    def submit(self, claimed: Run, claimed_at: Stopwatch, ledger_id: str, retry: Retry) -> Run:
        """Send the run once, unless its claim is too old, and settle it; returns the settled run."""
        assert claimed.request is not None, "a claim holds its request"
        assert claimed.claim_id is not None
        target = target_id(claimed.request.target)
        if held_for := self._held.still(target):
            held = Outcome(answer=Answer.UNSENT, sentence=_LEFT_ALONE, retry_after=held_for, is_untried=True)
            return self._settling.settle(claimed, held, retry)
        if self._spares and (rest := self._silent.still(target)):
            spared = Outcome(answer=Answer.UNSENT, sentence=_SILENT, retry_after=rest, is_untried=True)
            return self._settling.settle(claimed, spared, retry)
        submission = Submission(
            request=claimed.request,
            run_key=claimed.key,
            ledger_id=ledger_id,
            attempt=claimed.claim_id,
        )
        outcome = self._endpoint.submit(submission, lambda: claimed_at.elapsed() <= self._freshness)
        if outcome.is_silence:
            self._silent.did_not_answer(target, _SILENT_FOR)
        elif outcome.answer is not Answer.UNSENT:
            self._silent.has_answered(target)
        if outcome.run_id is not None:
            # Before settling: if the ledger fails now, this line is the only record of the id.
            extra = {"action": "run_accepted", "run_key": claimed.key, "run_id": outcome.run_id}
            log.info("the service accepted the run", extra=extra)
        settled = self._settling.settle(claimed, outcome, retry)
        if outcome.retry_after:
            self._hold(target, claimed, claimed_at, outcome.retry_after)
        return settled

    def _hold(self, target: str, claimed: Run, claimed_at: Stopwatch, retry_after: timedelta) -> None:
        """Send nothing more to a target for a while: this process at once, all reconcilers through the ledger."""
        self._held.leave(target, retry_after)
        if claimed.written_at is not None:
            self._ledger.hold(target, claimed.written_at + claimed_at.elapsed() + retry_after)


_LEFT_ALONE = "Azure ML asked to wait (Retry-After), so nothing was sent"
_SILENT = "not sent: the pipeline did not answer the last submission, so the app waits before it tries again"
_SILENT_FOR = timedelta(seconds=60)
