"""Explains a run: its history, what it waits for and until when, and what to do."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.config import Schedule
from ..scheduling.instants import in_units, iso_utc
from ..scheduling.overlap import has_a_slot, slots_of
from ..scheduling.pauses import is_paused
from ..scheduling.policies import tried_since
from ..scheduling.run import Run, RunState, is_rerun
from ..scheduling.run_keys import replay_key
from ..scheduling.shown import history_of
from ..starting.never_sent import in_the_way_of
from .words import REASONS

_STATES: Final = {
    RunState.WAITING: "it waits",
    RunState.SUBMITTING: "it is being submitted",
    RunState.SUBMITTED: "Azure ML has accepted it; the app polls its status",
    RunState.UNSENT: "Azure ML has definitely not accepted it",
    RunState.UNKNOWN: "Azure ML may have accepted it: the app looks it up in run history before it sends it again",
    RunState.REJECTED: "Azure ML has rejected it: fix the cause, then replay it",
    RunState.DEAD: "all attempts are used up: fix the cause, then replay it",
    RunState.FINISHED: "it has finished in Azure ML",
    RunState.FAILED: "it failed in Azure ML: see its page in the studio, fix the cause, then replay it",
    RunState.CANCELED: "it was canceled",
    RunState.UNREADABLE: "its row cannot be read; a newer version of the app may have written it",
    RunState.UNTRACKED: "how it ended in Azure ML is unknown; check its page in the studio",
}


class ExplainedRuns(Struct, frozen=True, kw_only=True):
    """Explains runs from the ledger."""

    ledger: Ledger
    clock: Clock

    def of(self, keys: Iterable[str]) -> list[Run]:
        """The runs with these keys, each followed by its replays; keys without a row are left out."""
        chains = ([key, *(replay_key(key, number) for number in self.ledger.replays(key))] for key in keys)
        return [run for keys_of_one in chains for run in self.ledger.shown_runs(keys_of_one)]

    def sentences(self, schedule: Schedule, runs: Iterable[Run]) -> Iterator[str]:
        """The history of each run, and what it still waits for."""
        for run in runs:
            yield f"{run.key}: {run.state.value}{f' ({run.reason})' if run.reason else ''}"
            for event in history_of(run):
                said = ": ".join(part for part in (event.state, event.reason) if part)
                yield f"  {event.at}  {said}" if event.at else f"  … {said}"
            if run.state is RunState.UNREADABLE:
                yield f"  {run.error}"
            yield f"  {verdict(run)}"
            for sentence in self._waits(schedule, run):
                yield f"  {sentence}"
            if run.run_id:
                yield f"  run {run.run_id}{f', {run.studio_url}' if run.studio_url else ''}"

    def _waits(self, schedule: Schedule, run: Run) -> Iterator[str]:
        """What an unsent run waits for, and until when."""
        now = self.clock.now()
        if run.state is RunState.UNSENT:
            yield from _next_attempt(schedule, run)
        elif run.state is not RunState.WAITING:
            return
        elif run.due_at is not None and run.due_at > now:
            yield f"it is due at {iso_utc(run.due_at)}"
        if not run.by_person and is_paused(self.ledger.pauses(schedule.name).intervals, now):
            yield "it is sent when the schedule is resumed"
        if is_rerun(run) and not schedule.enabled:
            yield "it is sent when the schedule is enabled"
        if slots_of(schedule) is None:
            return
        open_runs = self.ledger.slots(schedule.name).open_runs
        if not has_a_slot(schedule, open_runs, now):
            yield f"no slot is free; {in_the_way_of((one for one in open_runs if one.key != run.key), now)}"


def verdict(run: Run) -> str:
    """What happened to a run, in one sentence."""
    if run.state is RunState.SKIPPED:
        reason = REASONS.get(run.reason or "", run.reason)
        return f"no run was started: {reason}{f'; {run.error}' if run.error else ''}"
    said = _STATES[run.state]
    return f"{said}: {run.error}" if run.error and run.state is not RunState.UNREADABLE else said


def _next_attempt(schedule: Schedule, run: Run) -> Iterator[str]:
    retry, since = schedule.retry, tried_since(run.created_at, run.due_at)
    if run.next_attempt_at is not None:
        yield f"attempt {run.attempts + 1} of at most {retry.max_attempts} follows at {iso_utc(run.next_attempt_at)}"
    yield f"the app keeps trying until {iso_utc(since + retry.max_age)}, {in_units(retry.max_age)} after the first"
