"""When an open run may be sent: what a pass knows of holds, pauses and the ledger's clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from ..clock import Clock
from ..ledger.open_summary import OpenOf, total
from ..log_lines import logger
from ..scheduling.config import DEFAULT_RETRY, Retry, Schedule, Target
from ..scheduling.identities import target_id, target_id_0_1
from ..scheduling.overlap import OpenRun
from ..scheduling.pauses import Pause, pause_at, paused_within
from ..scheduling.run import Run, RunState, is_rerun

log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass of the reconciler knows of its surroundings, and what its threads meet."""

    server_now: Callable[[], datetime]
    """The ledger's clock."""
    holds: Mapping[str, datetime]
    pauses: Mapping[str, Sequence[Pause]] = field(default_factory=dict)
    """Of every schedule that ever had one."""
    before: Mapping[str, OpenOf] = field(default_factory=dict)
    """What the last pass saw: it stays for the schedules that this one does not come to."""
    open: dict[str, OpenOf] = field(default_factory=dict)
    """What was open of each schedule when the pass came to it."""
    unreachable: dict[str, str] = field(default_factory=dict)
    """Why a schedule's container could not be reached."""
    overdue: dict[str, str] = field(default_factory=dict)
    """Since when a schedule has heard of no change for too long; empty: of none at all."""
    faults: list[Exception] = field(default_factory=list)
    ages: list[timedelta] = field(default_factory=list)
    """Of the runs that Azure ML should have accepted by now."""

    def is_held(self, target: Target) -> bool:
        """Whether a target has asked to be left alone, also where version 0.1.0 has noted it."""
        server_now, names = self.server_now(), (target_id(target), target_id_0_1(target))
        return any(server_now < self.holds.get(name, server_now) for name in names)

    def summary(self) -> dict[str, OpenOf]:
        """What is open of each schedule, and what it could not reach."""
        seen = {
            name: replace(one, unreachable=self.unreachable.get(name), overdue=self.overdue.get(name))
            for name, one in self.open.items()
        }
        return {**self.before, **seen}

    def log(self) -> None:
        """Say that the pass has ended: the line that the alerts read."""
        counts = total(self.summary()).counts
        extra = {
            "action": "pass",
            "open": counts,
            "oldest_open_minutes": max(timedelta(), *self.ages, timedelta()) // timedelta(minutes=1),
            "faults": len(self.faults),
        }
        log.info("a pass has ended, with %d open runs", sum(counts.values()), extra=extra)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What lets the open runs of one schedule through."""

    schedule: Schedule | None
    """None: it has left the file."""
    pauses: Sequence[Pause]
    during: Pass
    clock: Clock

    def is_held(self, run: Run) -> bool:
        """Whether a pause holds the run, or its target has asked to be left alone."""
        if run.request is not None and self.during.is_held(run.request.target):
            return True
        return (self.is_paused() and not run.by_person) or (is_rerun(run) and self.is_disabled())

    def is_paused(self) -> bool:
        """Whether the schedule is paused now."""
        return pause_at(self.pauses, self.clock.now()) is not None

    def is_disabled(self) -> bool:
        """Whether the file says that the schedule starts nothing by itself."""
        return self.schedule is not None and not self.schedule.enabled

    def is_due(self, one: OpenRun) -> bool:
        """Whether the wait is over: by the ledger's clock, since the writer's and the reader's may differ.

        The wait is the distance between two times of the writer's clock; it counts from the writing of the row.
        """
        due = one.next_attempt_at if one.state is RunState.UNSENT else one.due_at
        if due is None or one.written_at is None or one.decided_at is None:
            return due is None or due <= self.clock.now()
        return self.during.server_now() - one.written_at >= due - one.decided_at

    def patience(self, run: Run) -> Retry:
        """How long the run is tried; its age stands still in a pause."""
        retry = self.schedule.retry if self.schedule else DEFAULT_RETRY
        held = paused_within(self.pauses, run.created_at, self.clock.now())
        return Retry(max_age=retry.max_age + held, max_attempts=retry.max_attempts)

    def note(self, one: OpenRun) -> None:
        """Count a run that Azure ML should have accepted; what a pause holds, or what is not due yet, does not age."""
        if one.created_at is None:
            return  # not readable
        now = self.clock.now()
        due = max(one.created_at, one.due_at or one.created_at)
        self.during.ages.append(now - due - paused_within(self.pauses, due, now))
