"""Decides when an open run may be sent, from the holds, the pauses and the ledger's clock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from ..clock import Clock
from ..ledger.open_summary import OpenOf, total
from ..log_lines import logger
from ..scheduling.config import Schedule, Target
from ..scheduling.identities import target_id, target_id_0_1
from ..scheduling.overlap import OpenRun
from ..scheduling.pauses import Pause, pause_at, paused_within
from ..scheduling.policies import tried_since
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState, is_rerun

log = logger(__name__)


class Pass(Struct, frozen=True, kw_only=True):
    """What one pass of the reconciler reads at its start, and what its threads find out."""

    server_now: Callable[[], datetime]
    """The ledger's clock."""
    holds: Mapping[str, datetime]
    """Target → until when it asked to be left alone (Retry-After), by the ledger's clock."""
    pauses: Mapping[str, Sequence[Pause]] = field(default_factory=dict)
    """Schedule → its pauses, for schedules that ever had one."""
    before: Mapping[str, OpenOf] = field(default_factory=dict)
    """The summary of the last pass; kept for the schedules that this pass does not reach."""
    open: dict[str, OpenOf] = field(default_factory=dict)
    """Schedule → what was open when the pass reached it."""
    unreachable: dict[str, str] = field(default_factory=dict)
    """Schedule → why its container could not be reached."""
    overdue: dict[str, str] = field(default_factory=dict)
    """Schedule whose changes are overdue → the time of its last change; empty if it had none."""
    faults: list[Exception] = field(default_factory=list)
    ages: list[timedelta] = field(default_factory=list)
    """How long runs have been overdue that Azure ML should have accepted by now."""

    def is_held(self, target: Target) -> bool:
        """True if a target has asked to be left alone, even if version 0.1.0 recorded it."""
        server_now, names = self.server_now(), (target_id(target), target_id_0_1(target))
        return any(server_now < self.holds.get(name, server_now) for name in names)

    def summary(self) -> dict[str, OpenOf]:
        """Schedule → what is open, whether its container could not be reached, and whether its changes are overdue."""
        seen = {
            name: replace(one, unreachable=self.unreachable.get(name), overdue=self.overdue.get(name))
            for name, one in self.open.items()
        }
        return {**self.before, **seen}

    def log(self) -> None:
        """Log the end of the pass; the alerts read this line."""
        counts = total(self.summary()).counts
        extra = {
            "action": "pass",
            "open": counts,
            "oldest_open_minutes": max(timedelta(), *self.ages, timedelta()) // timedelta(minutes=1),
            "faults": len(self.faults),
        }
        log.info("a pass has ended, with %d open runs", sum(counts.values()), extra=extra)


class Gate(Struct, frozen=True, kw_only=True):
    """Decides which open runs of one schedule may be sent."""

    schedule: Schedule | None
    """None if it has left the file."""
    pauses: Sequence[Pause]
    during: Pass
    clock: Clock

    def is_held(self, run: Run) -> bool:
        """True if a pause or a disabled schedule (reruns only) holds the run, or its target asked to be left alone."""
        if run.request is not None and self.during.is_held(run.request.target):
            return True
        return (self.is_paused() and not run.by_person) or (is_rerun(run) and self.is_disabled())

    def is_paused(self) -> bool:
        """True if the schedule is paused now."""
        return pause_at(self.pauses, self.clock.now()) is not None

    def is_disabled(self) -> bool:
        """True if the schedule is disabled in the file."""
        return self.schedule is not None and not self.schedule.enabled

    def is_due(self, one: OpenRun) -> bool:
        """True if the run's wait is over.

        The wait is the difference between two times of the writer's clock. It is measured from the writing of the row
        by the ledger's clock, because the writer's and the reader's clocks may differ.
        """
        due = one.next_attempt_at if one.state is RunState.UNSENT else one.due_at
        if due is None or one.written_at is None or one.decided_at is None:
            return due is None or due <= self.clock.now()
        return self.during.server_now() - one.written_at >= due - one.decided_at

    def note(self, one: OpenRun) -> None:
        """Record how long a run has been overdue. Paused time and time before it is due do not count."""
        if one.created_at is None:
            return  # not readable
        now = self.clock.now()
        since = tried_since(one.created_at, one.due_at)
        self.during.ages.append(now - since - paused_within(self.pauses, since, now))
