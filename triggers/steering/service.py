"""Everything that people and programs can read and request. Its methods raise Declined and StoreUnavailable."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.chain import followers_of
from ..scheduling.config import AfterSchedule, Config, ManualSchedule, Schedule, TimeSchedule
from ..scheduling.faults import nearest
from ..scheduling.instants import iso_utc, iso_utc_or_none
from ..scheduling.pauses import Pause, is_paused
from ..scheduling.replacing import replace
from ..scheduling.reruns import REQUESTED_BY
from ..scheduling.run import Run, RunKind
from ..scheduling.run_keys import chain_key, is_run_key
from ..scheduling.run_request import filled_parameters
from ..scheduling.run_states import ENDED_STATES
from ..scheduling.shown import RunAnswer, whole_answer
from ..scheduling.times.occurrences import change_at, expression_at, moved_from, next_after, previous
from ..starting.occurrence import Occurrence
from .answers import (
    BackfillAnswer,
    ExplainAnswer,
    NextAnswer,
    RunsAnswer,
    ScheduleAnswer,
    SchedulesAnswer,
    SubmitAnswer,
    VersionAnswer,
)
from .asking import Asking
from .backfilling import Backfilling
from .bounded_backfills import backfilled
from .declined import BadInput, NotKnown, WrongState
from .explained_files import KnownVersion
from .explaining import Explaining
from .pages import Wanted, page
from .pausing import pause, resume
from .program_calls import ProgramCalls
from .published_body import PublishedBody, submitted
from .questions import BackfillBody, ExplainQuery, HeldBody, ReplayBody, RunsQuery, TriggerBody, checked_instant
from .rules import rules_of
from .waiting import Waiting

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\Z", re.ASCII)
_NEXT: Final = 10
_LAST: Final = 5
_LOOK_EVERY: Final = 1.0


class Steering(Struct, frozen=True, kw_only=True):
    """Serves the HTTP API and the command line."""

    config: Config
    ledger: Ledger
    asking: Asking
    backfilling: Backfilling
    explaining: Explaining
    clock: Clock
    waiting: Waiting
    """For long polls and waiting calls; backfills share its limit."""

    def schedules(self, last_runs: int = _LAST, *, details: bool = False) -> SchedulesAnswer:
        """Every schedule of the file; with `last_runs` = 0 it costs only one request to the ledger."""
        pauses = self.ledger.all_pauses()
        found = [
            self._schedule_answer(one, pauses.get(one.name, ()), self._last_runs(one, last_runs))
            for one in self.config.schedules.values()
        ]
        if details:
            now = self.clock.now()
            found = [_detailed(told, self.config.schedules[told.name], now) for told in found]
        return SchedulesAnswer(schedules=found)

    def schedule(self, name: str) -> ScheduleAnswer:
        """One schedule."""
        return self._schedule(self.named(name))

    def trigger(self, name: str, body: TriggerBody) -> tuple[RunAnswer, bool]:
        """Start a run now; returns it, and True if it is new."""
        _check_by(body.by)
        run, is_new = self.asking.trigger(self.named(name), body)
        return self._answer(run), is_new

    def submit(self, name: str, body: PublishedBody, request_id: str | None) -> tuple[SubmitAnswer, bool]:
        """The run of a program's call, and True if Azure ML has accepted it; raises NotStarted if it never will."""
        calls = ProgramCalls(ledger=self.ledger, asking=self.asking, clock=self.clock, waiting=self.waiting)
        run, is_accepted = calls.submit(self.named(name), submitted(body, request_id))
        answer = SubmitAnswer(id=run.run_id, key=run.key, state=run.state.value, studio_url=run.studio_url)
        return answer, is_accepted

    def pause(self, name: str, body: HeldBody) -> ScheduleAnswer:
        """Pause a schedule, so that it starts nothing until it is resumed; a repeat changes nothing."""
        _check_by(body.by)
        schedule = self.named(name)
        if isinstance(schedule, ManualSchedule):
            raise BadInput(f"{name} is manual: it starts only on request, so there is nothing to pause")
        pause(self.ledger, schedule.name, self.clock.now(), body.note, body.by)
        return self._schedule(schedule)

    def resume(self, name: str, body: HeldBody) -> ScheduleAnswer:
        """Let a schedule start runs again; a repeat changes nothing."""
        _check_by(body.by)
        schedule = self.named(name)
        resume(self.ledger, schedule.name, self.clock.now(), body.note, body.by)
        return self._schedule(schedule)

    def backfill(self, name: str, body: BackfillBody) -> BackfillAnswer:
        """Start what a schedule missed in [from, to), or list it. It stops after a time; a repeat continues."""
        _check_by(body.by)
        schedule = self.named(name)
        if isinstance(schedule, ManualSchedule):
            raise BadInput(f"{name} is manual: it has nothing to backfill; trigger it instead")
        if isinstance(schedule, AfterSchedule):
            raise BadInput(f"{name} is chained: backfill the schedules that it follows, or trigger it with `upstream`")
        first, before = checked_instant(body.first, "from"), checked_instant(body.before, "to")
        if before <= first:
            raise BadInput("to must be later than from")
        if not self.waiting.threads.acquire(blocking=False):
            raise WrongState("too many backfills and long polls are running; try again in a minute or two")
        try:
            return backfilled(self.backfilling, self.clock, schedule, first, before, body)
        finally:
            self.waiting.threads.release()

    def runs(self, query: RunsQuery) -> RunsAnswer:
        """A page of runs, newest first."""
        if query.schedule is not None and not _NAME.match(query.schedule):
            raise BadInput(f"schedule: {query.schedule!r} is not the name of a schedule")
        wanted = Wanted(
            schedule=query.schedule,
            state=query.state,
            since=None if query.since is None else checked_instant(query.since, "since"),
            until=None if query.until is None else checked_instant(query.until, "until"),
            limit=query.limit,
            continuation=query.continuation,
        )
        found, continuation = page(self.ledger, wanted)
        return RunsAnswer(runs=found, continuation=continuation)

    def run(self, key: str, wait: int = 0) -> tuple[RunAnswer, bool]:
        """The run, and False if it has not ended: the wait (in seconds) timed out, or no thread was free to wait."""
        run = self._shown(key)
        if wait:
            run = self.waiting.reached(run, ENDED_STATES, wait, partial(self._shown, key), _LOOK_EVERY)
        return self._answer(run), not wait or run.state in ENDED_STATES

    def explain(self, name: str, query: ExplainQuery) -> ExplainAnswer:
        """Explain why something did or did not start."""
        found = self.explaining.explain(self.named(name), query)
        return ExplainAnswer(
            schedule=name,
            sentence=found.sentence,
            decisions=found.decisions,
            run=None if found.run is None else self._answer(found.run),
            versions=[_version(one) for one in found.versions],
        )

    def _answer(self, run: Run) -> RunAnswer:
        """A single run, with the keys of the runs that followed it."""
        followers = followers_of(run.schedule, self.config.schedules.values())
        keys = (chain_key(one.name, run.key) for one in followers)
        downstream = [key for key in keys if self.ledger.has(key)]
        return replace(whole_answer(run), downstream=downstream)

    def replay(self, key: str, body: ReplayBody) -> RunAnswer:
        """Start another run for the same occurrence."""
        _check_by(body.by)
        run = self._run(key)
        schedule = self.config.schedules.get(run.schedule)
        if schedule is None:
            raise WrongState(f"{run.schedule} is no longer in the file: no new run can be built")
        return self._answer(self.asking.replay(schedule, run, body))

    def cancel(self, key: str, body: HeldBody) -> RunAnswer:
        """Cancel a run."""
        _check_by(body.by)
        return self._answer(self.asking.cancel(self._run(key), body))

    def named(self, name: str) -> Schedule:
        """The schedule with this name; raises NotKnown, or WrongState if it is left out because of errors."""
        found = self.config.schedules.get(name)
        if found is not None:
            return found
        if name in self.config.left_out:
            raise WrongState(f"{name} is not active because of errors, which GET /api/health lists")
        raise NotKnown(f"no schedule {name!r}{nearest(name, list(self.config.schedules))}")

    def _run(self, key: str) -> Run:
        found = self.ledger.get(key) if is_run_key(key) else None
        if found is None:
            raise NotKnown(f"no run {key!r}")
        return found

    def _shown(self, key: str) -> Run:
        """The run, for display: an unreadable row becomes a run in that state."""
        found = self.ledger.shown_runs([key]) if is_run_key(key) else []
        if not found:
            raise NotKnown(f"no run {key!r}")
        return found[0]

    def _schedule(self, one: Schedule) -> ScheduleAnswer:
        return self._schedule_answer(one, self.ledger.pauses(one.name).intervals, self._last_runs(one, _LAST))

    def _last_runs(self, one: Schedule, number: int) -> list[RunAnswer]:
        return self.ledger.recent_answers(one.name, number) if number else []

    def _schedule_answer(self, one: Schedule, pauses: Sequence[Pause], last_runs: list[RunAnswer]) -> ScheduleAnswer:
        paused = is_paused(pauses, self.clock.now())
        return ScheduleAnswer(
            name=one.name,
            kind=one.kind,
            trigger=dict(one.written),
            pipeline=one.pipeline,
            status="Enabled" if one.enabled else "Disabled",
            paused=paused,
            pause_note=pauses[-1].note if paused else None,
            next=upcoming(one, self.clock.now(), _NEXT) if isinstance(one, TimeSchedule) else [],
            last_runs=last_runs,
        )


def upcoming(schedule: TimeSchedule, after: datetime, number: int) -> list[NextAnswer]:
    """The next occurrences strictly after an instant, at most `number` of them."""
    return [
        NextAnswer(
            nominal_time=iso_utc(at),
            local_time=at.astimezone(schedule.zone).isoformat(),
            clock_change=(change := change_at(schedule.trigger, at)) and change.value,
            expression=expression_at(schedule.trigger, at),
            moved_from=iso_utc_or_none(moved_from(schedule.trigger, at)),
        )
        for at in next_after(schedule.trigger, after, number)
    ]


def _detailed(told: ScheduleAnswer, one: Schedule, now: datetime) -> ScheduleAnswer:
    before = previous(one.trigger, now) if isinstance(one, TimeSchedule) else None
    present = Occurrence(key="", kind=RunKind.REQUEST, nominal_time=now, previous_time=before)
    return replace(
        told,
        description=one.request.description,
        pipeline_parameters=dict(one.request.pipeline_parameters),
        pipeline_parameters_now=filled_parameters(one, present),
        rules=rules_of(one),
        trigger_overrides=one.trigger_overrides.value,
    )


def _check_by(by: str | None) -> None:
    if by == REQUESTED_BY:
        raise BadInput(f"by: {REQUESTED_BY!r} is reserved for the app itself; write your own name")


def _version(one: KnownVersion) -> VersionAnswer:
    run = one.runs[-1] if one.runs else None
    return VersionAnswer(
        etag=one.change.etag,
        last_modified=iso_utc(one.change.last_modified),
        state=None if run is None else run.state.value,
        reason=one.reason,
        key=None if run is None else run.key,
    )
