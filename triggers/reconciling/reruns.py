"""Writes the ends of runs; if the schedule has `rerun`, with the rerun that follows in the same transaction."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.config import Rerun, Schedule
from ..scheduling.replacing import replace
from ..scheduling.reruns import REQUESTED_BY, Previous, Reruns
from ..scheduling.run import Run, RunKind, RunState, never_ran
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
"""The fields that a rerun takes over from the run that ended."""


class Ends(Struct, frozen=True, kw_only=True):
    """Writes the ends of runs."""

    ledger: Ledger
    schedules: Mapping[str, Schedule]
    clock: Clock
    spread: Callable[[], float]
    """A number in [-1, 1]."""

    def written(self, before: Run, after: Run) -> Run | None:
        """Write the end of a run; None if its row has changed since `before` was read."""
        again = self._rerun(after)
        if again is not None:
            beside = self.ledger.insert_operations(again.first(again.created_at))
            written = self.ledger.update(before, _followed_by(after, again), beside)
            if written is not None:
                return written
            # The row has changed, or a replay has taken the rerun's key. Writing only the end shows which.
        return self.ledger.update(before, after)

    def _rerun(self, ended: Run) -> Run | None:
        """The rerun to start after an end; None if the run is not the newest attempt or `rerun` allows none."""
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
        """A run for the same occurrence under another key; its request is rebuilt when it is sent."""
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
            request=replace(ended.request, display_name=escaped(key)),
            replay_of=root,
            requested_by=REQUESTED_BY,
            reruns=Reruns(number=number, attempts=rule.attempts, tells_each=rule.tells_each, previous=previous),
        )


def last_attempt(ledger: Ledger, run: Run) -> Run:
    """The run whose end counts for the occurrence: the newest rerun that has run or still may."""
    seen = {run.key}
    while run.reruns is not None and run.reruns.next_key is not None and run.reruns.next_key not in seen:
        seen.add(run.reruns.next_key)
        following = next(ledger.runs([run.reruns.next_key]), None)
        if following is None or never_ran(following):
            return run
        run = following
    return run


def _end_of(run: Run) -> str:
    """How a run ended, as a value of `rerun.states`; none of them fits a run that a person canceled."""
    return (run.reason or "") if run.state is RunState.CANCELED else run.state.value


def _followed_by(ended: Run, again: Run) -> Run:
    assert again.reruns is not None
    own = ended.reruns or Reruns(number=0, attempts=again.reruns.attempts, tells_each=again.reruns.tells_each)
    return replace(ended, reruns=replace(own, next_key=again.key, next_at=again.due_at))
