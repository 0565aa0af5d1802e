"""The engine of one process, wired here and nowhere else: it fires, reconciles and steers.

The app, the simulator, the tests and the benchmarks all use it, so that what is proved is what runs. Each part is built
when it is first needed, by one thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore, RLock
from typing import TYPE_CHECKING

from .built_once import built_once
from .clock import Clock, LeftAlone
from .scheduling.chain import followed
from .scheduling.config import Config

if TYPE_CHECKING:
    from .ledger.change_ledger import ChangeLedger
    from .ledger.ledger import Ledger
    from .outside import Outside
    from .reconciling.open_runs import OpenRuns
    from .reconciling.reconciliation import Reconciliation
    from .reconciling.run_hints import RunHints
    from .reconciling.unknown_runs import UnknownRuns
    from .starting.due_occurrences import DueOccurrences
    from .starting.firing import Firing
    from .starting.lives import Lives
    from .starting.reported_changes import Changes
    from .steering.backfilling import Backfilling
    from .steering.explaining import Explaining
    from .steering.service import Steering


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long things may take, and how often they are tried; the settings of the same names explain each."""

    submit_deadline: timedelta = timedelta(seconds=300)
    unknown_settle: timedelta = timedelta(seconds=120)
    retry_first_delay: timedelta = timedelta(seconds=30)
    retention: timedelta = timedelta(days=90)
    tracking: timedelta = timedelta(days=30)


class Engine:
    """What fires, reconciles and steers in one process."""

    def __init__(
        self,
        *,
        config: Config,
        ledger: "Ledger",
        outside: "Outside",
        clock: Clock,
        started_at: datetime,
        pace: Pace,
        spread: Callable[[], float],
        callback_hosts: tuple[str, ...] = (),
        most_waiters: int = 1,
        lock: "RLock | None" = None,
    ) -> None:
        """`started_at` is when the process began, `spread` gives a number in [-1, 1].

        `most_waiters` is how many callers may wait for a run's end at a time.
        """
        self.lock = lock or RLock()
        self.config = config
        self.ledger = ledger.following(followed(config.schedules.values()))
        self.outside = outside
        self.clock = clock
        self.pace = pace
        self.started_at = started_at
        self._spread = spread
        self._callback_hosts = callback_hosts
        self._most_waiters = most_waiters

    @built_once
    def firing(self) -> "Firing":
        """Builds, claims, submits and settles runs."""
        from .starting.firing import Firing

        return Firing(
            ledger=self.ledger,
            endpoint=self.outside.endpoint,
            life_of=self.lives.id_or_none,
            clock=self.clock,
            submit_deadline=self.pace.submit_deadline,
            retry_first_delay=self.pace.retry_first_delay,
            spread=self._spread,
        )

    @built_once
    def change_ledger(self) -> "ChangeLedger":
        """The rows of changes."""
        from .ledger.change_ledger import ChangeLedger

        return ChangeLedger(self.ledger)

    @built_once
    def lives(self) -> "Lives":
        """Since when the schedules are what they are."""
        from .starting.lives import Lives

        return Lives(
            ledger=self.ledger,
            host=lambda connection: self.outside.blobs.host(connection),  # noqa: PLW0108  made when it is needed
            clock=self.clock,
            started_at=self.started_at,
        )

    @built_once
    def changes(self) -> "Changes":
        """Decides about blobs that events, polls and sweeps report."""
        from .starting.reported_changes import Changes

        return Changes(
            blobs=self.outside.blobs,
            ledger=self.ledger,
            rows=self.change_ledger,
            firing=self.firing,
            lives=self.lives,
            clock=self.clock,
            retention=self.pace.retention,
        )

    @built_once
    def due_occurrences(self) -> "DueOccurrences":
        """Fires the occurrences of time-based schedules."""
        from .starting.due_occurrences import DueOccurrences
        from .starting.moved_occurrences import MovedOccurrences

        return DueOccurrences(
            ledger=self.ledger,
            lives=self.lives,
            firing=self.firing,
            moved=MovedOccurrences(ledger=self.ledger, firing=self.firing),
            clock=self.clock,
            started_at=self.started_at,
            retention=self.pace.retention,
        )

    @built_once
    def unknown_runs(self) -> "UnknownRuns":
        """Resolves unknown runs."""
        from .reconciling.unknown_runs import UnknownRuns

        return UnknownRuns(
            ledger=self.ledger,
            history=self.outside.history,
            endpoint=self.outside.endpoint,
            schedules=self.config.schedules,
            clock=self.clock,
            settle=self.pace.unknown_settle,
        )

    @built_once
    def open_runs(self) -> "OpenRuns":
        """Sends, looks up and follows the open runs of one schedule."""
        from .reconciling.callbacks import Callbacks
        from .reconciling.deliveries import Deliveries
        from .reconciling.open_runs import OpenRuns
        from .reconciling.reruns import Ends
        from .reconciling.run_ends import RunEnds
        from .reconciling.time_limits import TimeLimits
        from .reconciling.waiting_line import WaitingLine
        from .reconciling.webhooks import Webhooks

        ledger, clock, outside = self.ledger, self.clock, self.outside
        return OpenRuns(
            ledger=ledger,
            firing=self.firing,
            unknown_runs=self.unknown_runs,
            run_ends=RunEnds(
                ledger=ledger,
                service=outside.status,
                clock=clock,
                tracking=self.pace.tracking,
                ends=Ends(ledger=ledger, schedules=self.config.schedules, clock=clock, spread=self._spread),
                limits=TimeLimits(schedules=self.config.schedules, service=outside.cancellation, clock=clock),
                left_alone=LeftAlone(clock),
            ),
            waiting_line=WaitingLine(ledger=ledger, firing=self.firing, service=outside.cancellation, clock=clock),
            deliveries=Deliveries(
                ledger=ledger,
                webhooks=Webhooks(outside.webhook_wire, self.config.settings),
                callbacks=Callbacks(outside.callback_wire, self._callback_hosts),
                left_alone=LeftAlone(clock),
                first_delay=self.pace.retry_first_delay,
                spread=self._spread,
            ),
            clock=clock,
            submit_deadline=self.pace.submit_deadline,
        )

    @built_once
    def reconciliation(self) -> "Reconciliation":
        """A pass over everything that is open, and due again."""
        from .ledger.chain_rows import ChainLedger
        from .reconciling.chains import Chains
        from .reconciling.reconciliation import Reconciliation
        from .starting.batching import Batching
        from .starting.sweeping import Sweeping

        firing = self.firing.sparing()
        changes = replace(self.changes, firing=firing)
        return Reconciliation(
            config=self.config,
            ledger=self.ledger,
            change_ledger=self.change_ledger,
            lives=self.lives,
            due_occurrences=replace(self.due_occurrences, firing=firing),
            open_runs=self.open_runs,
            chains=Chains(
                config=self.config,
                ledger=self.ledger,
                rows=ChainLedger(self.ledger.table),
                lives=self.lives,
                firing=firing,
                clock=self.clock,
                started_at=self.started_at,
                tracking=self.pace.tracking,
            ),
            sweeping=Sweeping(changes=changes, ledger=self.ledger, rows=self.change_ledger, clock=self.clock),
            batching=Batching(
                changes=changes,
                ledger=self.ledger,
                rows=self.change_ledger,
                firing=firing,
                blobs=self.outside.blobs,
                clock=self.clock,
            ),
            clock=self.clock,
            retention=self.pace.retention,
        )

    @built_once
    def run_hints(self) -> "RunHints":
        """Checks runs that the workspace's events name."""
        from .reconciling.run_hints import RunHints

        return RunHints(config=self.config, ledger=self.ledger, open_runs=self.open_runs, clock=self.clock)

    @built_once
    def backfilling(self) -> "Backfilling":
        """Starts what has no run."""
        from .starting.moved_occurrences import MovedOccurrences
        from .steering.backfilling import Backfilling

        return Backfilling(
            changes=self.changes,
            ledger=self.ledger,
            rows=self.change_ledger,
            firing=self.firing,
            moved=MovedOccurrences(ledger=self.ledger, firing=self.firing),
            clock=self.clock,
        )

    @built_once
    def explaining(self) -> "Explaining":
        """Says why something did, or did not, start."""
        from .steering.explaining import Explaining

        return Explaining(
            ledger=self.ledger,
            rows=self.change_ledger,
            lives=self.lives,
            blobs=self.outside.blobs,
            clock=self.clock,
        )

    @built_once
    def steering(self) -> "Steering":
        """What people ask for."""
        from .steering.asking import Asking
        from .steering.service import Steering

        return Steering(
            config=self.config,
            ledger=self.ledger,
            asking=Asking(
                ledger=self.ledger,
                changes=self.changes,
                rows=self.change_ledger,
                firing=self.firing,
                blobs=self.outside.blobs,
                clock=self.clock,
                service=self.outside.cancellation,
                callback_hosts=self._callback_hosts,
            ),
            backfilling=self.backfilling,
            clock=self.clock,
            waiters=BoundedSemaphore(self._most_waiters),
        )
