"""Resolves unknown runs: looked up in run history, never guessed.

Found → adopted. Not found → `unsent` only when all of this holds: long enough has passed since the request can last
have been on the wire; two complete look-ups, half that time apart, found nothing; and before the second of them history
did know a run of ours on this target that was claimed after the unknown one was sent, so its index has caught up.
Until then the run stays unknown, and the next submission there supplies the proof.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from ..clock import Clock, LeftAlone
from ..ledger.ledger import Ledger
from ..log_lines import logger
from ..scheduling.identities import target_id
from ..scheduling.outcome import FoundRun, LookUp
from ..scheduling.run import Run, RunState
from ..scheduling.run_request import RunRequest
from ..starting.settling import accepted, beyond_reach, log_run

log = logger(__name__)

_WITNESSES: Final = 20
"""How many of a schedule's newest accepted runs may serve as proof."""
_LISTED: Final = 1000
"""Among how many of its newest rows they are looked for: many may wait, or be skipped."""
_WITNESS_STATES: Final = frozenset(
    {RunState.SUBMITTED, RunState.FINISHED, RunState.FAILED, RunState.CANCELED, RunState.UNTRACKED}
)

_REST: Final = timedelta(seconds=20)
_ROWS_TIME: Final = timedelta(minutes=5)
"""By so much the clocks of a row's writer and of Azure ML may differ."""
_CLOCK_GRAIN: Final = timedelta(seconds=2)
"""The ledger's clock is read in whole seconds."""


class LookUps(Protocol):
    """Where accepted runs are looked up, late by an unknown time."""

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        """The runs with this key of this ledger; never raises, an answer that is not complete proves nothing."""


class Addresses(Protocol):
    """Where runs are submitted."""

    def place(self, request: RunRequest) -> str | None:
        """A digest of where the settings, as they are now, would send a request; None where they do not tell."""


class UnknownRuns:
    """Decides about one unknown run at a time."""

    def __init__(
        self, *, ledger: Ledger, history: LookUps, endpoint: Addresses, clock: Clock, settle: timedelta
    ) -> None:
        """`settle` is UNKNOWN_SETTLE_SECONDS."""
        self._endpoint = endpoint
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._settle = settle
        self._left_alone = LeftAlone(clock)
        """Targets whose history did not answer this process."""

    def resolve(self, run: Run, server_now: datetime) -> None:
        """Adopt the run, free it for another attempt, or leave it unknown."""
        assert run.request is not None, "an unknown run has been submitted"
        target = target_id(run.request.target)
        if self._left_alone.still(target):
            return
        since = run.unknown_since or run.written_at
        if since is None:
            return
        may_be_freed = self._may_be_freed(run, since, server_now)
        # Before the look-up that it is the proof for.
        has_caught_up = may_be_freed and self._index_has_caught_up(run, since)
        found = self._history.find(run.request, run.key, self._ledger.ledger_id())
        ours = [one for one in found.runs if _is_of(one, run, since)]
        if ours:
            self._adopt(run, ours, found.studio_url)
        elif found.is_impossible:
            if server_now - since >= self._settle:  # its answer may still come
                untracked = self._ledger.update(run, beyond_reach(run, self._clock.now()))
                if untracked is not None:
                    log_run(untracked)
        elif not found.complete:
            log.info("%s: not looked up: %s", run.key, found.sentence, extra={"action": "look_up_failed"})
            self._left_alone.leave(target, _REST)
        elif run.sent_to is not None and run.sent_to != self._endpoint.place(run.request):
            sentence = "a setting has changed its address since it was sent, so looking there proves nothing: decide"
            if run.error != sentence:
                self._ledger.update(run, replace(run, error=sentence))
        elif run.first_look_up_at is None:
            self._ledger.update(run, replace(run, unknown_since=since, first_look_up_at=server_now))
        elif has_caught_up or (may_be_freed and found.is_proof):
            now = self._clock.now()
            knows = "knows no job of its name" if found.is_proof else "knows later runs, but not this one"
            sentence = f"the service has not accepted it: Azure ML {knows}"
            self._ledger.update(run, run.to(RunState.UNSENT, now, next_attempt_at=now, error=sentence))
            log.info("an unknown run was not accepted", extra={"action": "unknown_unsent", "run_key": run.key})

    def _may_be_freed(self, run: Run, since: datetime, server_now: datetime) -> bool:
        """Whether enough time has passed, so that it is worth looking for the proof."""
        if run.first_look_up_at is None:
            return False
        return server_now - since >= self._settle and server_now - run.first_look_up_at >= self._settle / 2

    def _index_has_caught_up(self, run: Run, since: datetime) -> bool:
        """Whether history knows a run that was claimed, so accepted, after the unknown one was sent."""
        listed = self._ledger.listed(run.schedule, limit=_LISTED).runs
        keys = [one.key for one in listed if one.state in _WITNESS_STATES][:_WITNESSES]
        for witness in self._ledger.runs(keys):
            if not _is_later(witness, run, since):
                continue
            assert witness.request is not None
            found = self._history.find(witness.request, witness.key, self._ledger.ledger_id())
            if witness.run_id in found.run_ids:
                return True
            if not found.complete:
                return False  # history is away: asking for twenty others would only hold the pass up
        return False

    def _adopt(self, run: Run, found: Sequence[FoundRun], studio_url: str | None) -> None:
        adopted = accepted(run, found[0].run_id, studio_url, self._clock.now())
        extra = {"action": "run_adopted", "run_key": run.key, "run_id": found[0].run_id}
        if len(found) > 1:
            adopted = replace(adopted, duplicate_run_id=found[1].run_id)
            log.error("the service has started a run twice", extra={**extra, "action": "duplicate_run"})
        if self._ledger.update(run, adopted) is not None:
            log.info("an unknown run was found", extra=extra)


def _is_of(found: FoundRun, run: Run, since: datetime) -> bool:
    """Whether a run of the same key is of this row: a row that was pruned may have had the key before it.

    The claim tells; where it is not known, what was there well before this row is none of its. A row's time is its
    writer's, or the ledger's of a later moment: the earlier of the two is safe.
    """
    if found.attempt is not None and len(run.claims) >= max(1, run.attempts):
        return found.attempt in run.claims
    began_at = min(run.created_at, run.claimed_at or since)
    return found.created_at is None or found.created_at >= began_at - _ROWS_TIME


def _is_later(witness: Run, run: Run, since: datetime) -> bool:
    """Whether a run can prove that history has caught up with another: same target, claimed after it was sent."""
    if witness.run_id is None or witness.claimed_at is None or witness.request is None or run.request is None:
        return False
    same = (witness.request.target, witness.sent_to) == (run.request.target, run.sent_to)
    return same and witness.claimed_at >= since + _CLOCK_GRAIN
