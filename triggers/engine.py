"""The engine of one process, wired only here and in its base class; each part is built once, when first needed.

The app, the simulator, the tests and the benchmarks all use it, so that what is proved is what runs.
"""

from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from .built_once import built_once
from .clock import LeftAlone
from .scheduling.replacing import replace
from .starting_engine import StartingEngine

if TYPE_CHECKING:
    from .reconciling.chains import Chains
    from .reconciling.open_runs import OpenRuns
    from .reconciling.overdue import Overdue
    from .reconciling.reconciliation import Reconciliation
    from .reconciling.run_hints import RunHints
    from .reconciling.unknown_runs import UnknownRuns
    from .reconciling.webhooks import Webhooks
    from .steering.backfilling import Backfilling
    from .steering.explaining import Explaining
    from .steering.service import Steering


class Engine(StartingEngine):
    """Starts, reconciles and steers the runs of one process."""

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
                webhooks=self.webhooks,
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
        """Makes passes over everything that is open or due."""
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
            chains=self.chains,
            overdue=self.overdue,
            sweeping=Sweeping(changes=changes, sweeps=self.sweeps, clock=self.clock),
            renames=replace(self.renames, changes=changes),
            batching=Batching(
                changes=changes,
                ledger=self.ledger,
                rows=self.change_ledger,
                sweeps=self.sweeps,
                renames=self.rename_rows,
                firing=firing,
                blobs=self.outside.blobs,
                clock=self.clock,
            ),
            clock=self.clock,
            retention=self.pace.retention,
        )

    @built_once
    def chains(self) -> "Chains":
        """Starts the runs of schedules that follow others."""
        from .ledger.chain_rows import ChainLedger
        from .reconciling.chains import Chains

        return Chains(
            config=self.config,
            ledger=self.ledger,
            rows=ChainLedger(self.ledger.table),
            lives=self.lives,
            firing=self.firing.sparing(),
            clock=self.clock,
            started_at=self.started_at,
            tracking=self.pace.tracking,
        )

    @built_once
    def webhooks(self) -> "Webhooks":
        """Calls webhooks, of each schedule one at a time."""
        from .reconciling.webhooks import Webhooks

        return Webhooks(self.outside.webhook_wire, self.config.settings)

    @built_once
    def overdue(self) -> "Overdue":
        """Notices when expected changes stop coming."""
        from .reconciling.overdue import Overdue

        return Overdue(
            rows=self.silences,
            hook=self.webhooks,
            first_delay=self.pace.retry_first_delay,
            spread=self._spread,
        )

    @built_once
    def run_hints(self) -> "RunHints":
        """Checks runs that the workspace's events name."""
        from .reconciling.run_hints import RunHints

        return RunHints(config=self.config, ledger=self.ledger, open_runs=self.open_runs, clock=self.clock)

    @built_once
    def backfilling(self) -> "Backfilling":
        """Starts occurrences and files that have no run."""
        from .steering.backfilling import Backfilling

        return Backfilling(
            changes=self.changes,
            ledger=self.ledger,
            rows=self.change_ledger,
            firing=self.firing,
            moved=self.moved_occurrences,
            clock=self.clock,
        )

    @built_once
    def explaining(self) -> "Explaining":
        """Explains why something did or did not start."""
        from .steering.explained_files import ExplainedFiles
        from .steering.explained_runs import ExplainedRuns
        from .steering.explaining import Explaining

        runs = ExplainedRuns(ledger=self.ledger, clock=self.clock)
        files = ExplainedFiles(
            runs=runs, rows=self.change_ledger, sweeps=self.sweeps, lives=self.lives, blobs=self.outside.blobs
        )
        return Explaining(ledger=self.ledger, files=files, runs=runs, lives=self.lives, clock=self.clock)

    @built_once
    def steering(self) -> "Steering":
        """Serves the requests of people and programs."""
        from .steering.asking import Asking
        from .steering.service import Steering
        from .steering.waiting import Waiting

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
            explaining=self.explaining,
            clock=self.clock,
            waiting=Waiting(clock=self.clock, threads=BoundedSemaphore(self._most_waiters)),
        )
