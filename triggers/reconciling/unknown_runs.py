"""Resolves unknown runs by looking them up in run history, never by guessing.

A run that is found is adopted. A run that is not found becomes `unsent` only if all of this holds:

- Enough time has passed since the request can last have been on the wire.
- Two complete look-ups, at least half that time apart, found nothing.
- Before the second look-up, history knew a run of ours on this target, of any schedule, that was claimed after the
  unknown run was sent. This proves that its index has caught up. A run of another experiment is such a witness only
  after a longer time.

Until then the run stays unknown, and the next submission to the target supplies the proof.

"There is no such experiment" counts as a complete answer after the longer time, if another experiment of the target
can be queried. A failed answer about one run does not delay the others. If the service does not answer at all, the run
that has waited longest is looked up next.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Protocol

from ..clock import Clock, LeftAlone
from ..ledger.ledger import Ledger
from ..log_lines import logger
from ..scheduling.config import Schedule
from ..scheduling.identities import target_id
from ..scheduling.outcome import FoundRun, LookUp
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState
from ..scheduling.run_request import RunRequest
from ..scheduling.run_states import ACCEPTED_OR_CANCELED
from ..starting.settling import accepted, beyond_reach, log_run
from .turns import Turns

log = logger(__name__)

_WITNESSES: Final = 20
"""How many of a schedule's newest accepted runs may serve as proof."""
_LISTED: Final = 1000
"""How many of its newest rows are searched for them: many may be waiting or skipped."""

_OTHERS: Final = 3
"""How many runs of other experiments are looked up if a run's own experiment is reported not to exist."""
_ELSEWHERE: Final = timedelta(hours=1)
_REST: Final = timedelta(seconds=20)
_ROWS_TIME: Final = timedelta(minutes=5)
"""How far the clocks of a row's writer and of Azure ML may differ."""
_CLOCK_GRAIN: Final = timedelta(seconds=2)
"""The ledger's clock is read in whole seconds."""


class LookUps(Protocol):
    """Looks up accepted runs in an index that lags by an unknown time."""

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        """The runs with this key and ledger id. Never raises; an incomplete answer proves nothing."""


class Addresses(Protocol):
    """Resolves the addresses to which runs are submitted."""

    def place(self, request: RunRequest) -> str | None:
        """Digest of the URL the current settings resolve to; None if a setting is missing."""


class UnknownRuns:
    """Decides about one unknown run at a time."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        history: LookUps,
        endpoint: Addresses,
        schedules: Mapping[str, Schedule],
        clock: Clock,
        settle: timedelta,
    ) -> None:
        """`schedules` are those of the file; `settle` is UNKNOWN_SETTLE_SECONDS."""
        self._endpoint = endpoint
        self._schedules = schedules
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._settle = settle
        self._left_alone = LeftAlone(clock)
        """Targets whose history did not answer this process."""
        self._turns = Turns(clock)

    def last_lookup(self, key: str) -> float:
        """When a run was last looked up, by the monotonic clock; the run looked up longest ago goes first."""
        return self._turns.last_lookup(key)

    def resolve(self, run: Run, server_now: datetime) -> None:
        """Adopt the run, free it for another attempt, or leave it unknown."""
        assert run.request is not None, "an unknown run has been submitted"
        target = target_id(run.request.target)
        since = run.unknown_since or run.written_at
        if since is None or not self._turns.is_next(target, run.key) or self._left_alone.still(target):
            return
        may_be_freed = self._may_be_freed(run, since, server_now)
        # Must precede the look-up whose result it proves.
        has_caught_up = may_be_freed and self._index_has_caught_up(run, since, server_now)
        found = self._history.find(run.request, run.key, self._ledger.ledger_id())
        self._turns.note(target, run.key, is_away=found.is_away)
        ours = [one for one in found.runs if _is_of(one, run, since)]
        self._left_alone.note(target, _REST, has_answered=not found.is_away)
        if ours:
            self._adopt(run, ours, found.studio_url)
        elif found.is_impossible:
            if server_now - since >= self._settle:  # the submission may still be on its way
                untracked = self._ledger.update(run, beyond_reach(run, self._clock.now()))
                if untracked is not None:
                    log_run(untracked)
        elif not found.complete and not self._is_complete(run, found, since, server_now):
            log.info("%s: cannot be looked up: %s", run.key, found.sentence, extra={"action": "look_up_failed"})
        else:
            self._denied(run, found, since, server_now, may_be_freed=has_caught_up or (may_be_freed and found.is_proof))

    def _denied(self, run: Run, found: LookUp, since: datetime, server_now: datetime, *, may_be_freed: bool) -> None:
        """Record that history does not know the run, or free it if it is proven never to have been accepted."""
        assert run.request is not None
        if run.sent_to is not None and run.sent_to != self._endpoint.place(run.request):
            sentence = (
                "a setting has changed the pipeline's address since the run was sent, so a lookup proves nothing: "
                "check the studio, then cancel or replay the run"
            )
            if run.error != sentence:
                self._ledger.update(run, replace(run, error=sentence))
        elif run.first_look_up_at is None:
            self._ledger.update(run, replace(run, unknown_since=since, first_look_up_at=server_now))
        elif may_be_freed:
            now = self._clock.now()
            knows = "has no job of this name" if found.is_proof else "has later runs, but not this one"
            sentence = f"the service has not accepted it: Azure ML {knows}"
            self._ledger.update(run, run.to(RunState.UNSENT, now, next_attempt_at=now, error=sentence))
            log.info("an unknown run was not accepted", extra={"action": "unknown_unsent", "run_key": run.key})

    def _may_be_freed(self, run: Run, since: datetime, server_now: datetime) -> bool:
        """True if enough time has passed to look for the proof."""
        if run.first_look_up_at is None:
            return False
        return server_now - since >= self._settle and server_now - run.first_look_up_at >= self._settle / 2

    def _index_has_caught_up(self, run: Run, since: datetime, server_now: datetime) -> bool:
        """True if history knows a run that was claimed, and so accepted, after the unknown one was sent."""
        for witness in self._accepted(run):
            if not _is_later(witness, since):
                continue
            if not _same_experiment(witness, run) and server_now - since < self._elsewhere():
                continue
            assert witness.request is not None
            found = self._history.find(witness.request, witness.key, self._ledger.ledger_id())
            if witness.run_id in found.run_ids:
                return True
            if not found.complete:
                return False  # history does not answer: looking up the other witnesses would only hold up the pass
        return False

    def _is_complete(self, run: Run, found: LookUp, since: datetime, server_now: datetime) -> bool:
        """True if a missing experiment proves that the run is missing, because another one of the target is found."""
        if not found.lacks_experiment or server_now - since < self._elsewhere():
            return False
        others = (one for one in self._accepted(run) if not _same_experiment(one, run))
        for other in islice(others, _OTHERS):
            assert other.request is not None
            if self._history.find(other.request, other.key, self._ledger.ledger_id()).complete:
                return True
        return False

    def _elsewhere(self) -> timedelta:
        """After how long runs of other experiments count as evidence."""
        return max(_ELSEWHERE, 10 * self._settle)

    def _accepted(self, run: Run) -> Iterator[Run]:
        """The newest runs accepted where the unknown run was sent: those of its schedule, then of the others."""
        assert run.request is not None
        target = run.request.target
        others = [name for name, one in self._schedules.items() if one.target == target and name != run.schedule]
        for name in (run.schedule, *others):
            listed = self._ledger.listed(name, limit=_LISTED).runs
            keys = [one.key for one in listed if one.state in ACCEPTED_OR_CANCELED][:_WITNESSES]
            for witness in self._ledger.runs(keys):
                if witness.request is not None and witness.request.target == target and witness.sent_to == run.sent_to:
                    yield witness

    def _adopt(self, run: Run, found: Sequence[FoundRun], studio_url: str | None) -> None:
        adopted = accepted(run, found[0].run_id, studio_url, self._clock.now())
        extra = {"action": "run_adopted", "run_key": run.key, "run_id": found[0].run_id}
        if len(found) > 1:
            adopted = replace(adopted, duplicate_run_id=found[1].run_id)
            log.error("the service has started a run twice", extra={**extra, "action": "duplicate_run"})
        if self._ledger.update(run, adopted) is not None:
            log.info("an unknown run was found", extra=extra)


def _is_of(found: FoundRun, run: Run, since: datetime) -> bool:
    """True if a found run belongs to this row: a row that was pruned may have had the same key.

    The claim id decides. If it is not known, a run that existed well before this row does not belong to it. A row's
    times come from its writer's clock or, later, from the ledger's, so the earlier of the two is used.
    """
    if found.attempt is not None and len(run.claims) >= max(1, run.attempts):
        return found.attempt in run.claims
    began_at = min(run.created_at, run.claimed_at or since)
    return found.created_at is None or found.created_at >= began_at - _ROWS_TIME


def _is_later(witness: Run, since: datetime) -> bool:
    """True if a run can prove that history has caught up with another: it was claimed after the other was sent."""
    return witness.run_id is not None and witness.claimed_at is not None and witness.claimed_at >= since + _CLOCK_GRAIN


def _same_experiment(one: Run, other: Run) -> bool:
    assert one.request is not None
    assert other.request is not None
    return one.request.experiment_name == other.request.experiment_name
