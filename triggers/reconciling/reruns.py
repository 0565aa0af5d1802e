"""Writes the ends of runs; where a schedule says so, with the rerun that follows in the same transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.config import Rerun, Schedule
from ..scheduling.reruns import REQUESTED_BY, Previous, Reruns
from ..scheduling.run import Run, RunKind, RunState
from ..scheduling.run_keys import replay_key
from ..scheduling.templates import escaped

_SPREAD: Final = 0.2
_KEPT: Final = (
    "schedule",
    "pipeline",
    "nominal_time",
    "previous_time",
    "moved_from",
    "blob",
    "batch",
    "upstream",
    "parameters",
    "webhook",
    "life",
    "note",
)
"""Facts of an occurrence that its rerun has too."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What ends are written with."""

    ledger: Ledger
    schedules: Mapping[str, Schedule]
    clock: Clock
    spread: Callable[[], float]
    """A number in [-1, 1]."""

    def written(self, before: Run, after: Run) -> Run | None:
        """Write the end of a run; None when somebody else has written since `before` was read."""
        again = self._rerun(after)
        if again is not None:
            beside = self.ledger.insert_operations(again.first(again.created_at))
            written = self.ledger.update(before, _followed_by(after, again), beside)
            if written is not None:
                return written
            # Somebody was faster, or has taken the rerun's key with a replay: the end alone says which.
        return self.ledger.update(before, after)

    def _rerun(self, ended: Run) -> Run | None:
        """The rerun that an end leads to: of the newest attempt only, and as often as the file says."""
        schedule = self.schedules.get(ended.schedule)
        rule = None if schedule is None else schedule.rerun
        number = ended.reruns.number if ended.reruns else 0
        if rule is None or number >= rule.attempts or _end_of(ended) not in rule.states or ended.request is None:
            return None
        root = ended.replay_of or ended.key
        own = int(ended.key.removeprefix(f"{root}.r")) if ended.replay_of else 0
        if max(self.ledger.replays(root), default=0) != own:
            return None
        return self._made(ended, root, replay_key(root, own + 1), rule, number + 1)

    def _made(self, ended: Run, root: str, key: str, rule: Rerun, number: int) -> Run:
        """The facts of the occurrence under another key; the request is built anew when it is sent."""
        assert ended.request is not None
        assert ended.ended_at is not None
        delay = rule.delay * 2 ** (number - 1) * (1 + _SPREAD * self.spread())
        previous = Previous(key=ended.key, state=ended.state.value, run_id=ended.run_id)
        facts = {name: getattr(ended, name) for name in _KEPT}
        return Run(
            **facts,
            key=key,
            kind=RunKind.REPLAY,
            state=RunState.WAITING,
            created_at=self.clock.now(),
            due_at=ended.ended_at + delay,
            request=structs.replace(ended.request, display_name=escaped(key)),
            replay_of=root,
            requested_by=REQUESTED_BY,
            reruns=Reruns(number=number, attempts=rule.attempts, tells_each=rule.tells_each, previous=previous),
        )


def last_attempt(ledger: Ledger, run: Run) -> Run:
    """The run that decides how an occurrence has ended: the newest of its reruns that has run, or may yet."""
    seen = {run.key}
    while run.reruns is not None and run.reruns.next_key is not None and run.reruns.next_key not in seen:
        seen.add(run.reruns.next_key)
        following = next(ledger.runs([run.reruns.next_key]), None)
        if following is None or (following.state in _NEVER_RAN and following.run_id is None):
            return run
        run = following
    return run


_NEVER_RAN: Final = frozenset({RunState.SKIPPED, RunState.CANCELED})


def _end_of(run: Run) -> str:
    """How a run has ended, in the words of `rerun.states`; what a person has canceled is in none of them."""
    return (run.reason or "") if run.state is RunState.CANCELED else run.state.value


def _followed_by(ended: Run, again: Run) -> Run:
    assert again.reruns is not None
    own = ended.reruns or Reruns(number=0, attempts=again.reruns.attempts, tells_each=again.reruns.tells_each)
    return replace(ended, reruns=structs.replace(own, next_key=again.key, next_at=again.due_at))
