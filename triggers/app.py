"""The objects of one process: the configuration read at once, everything that touches the network when first needed."""

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import BoundedSemaphore, RLock
from typing import TYPE_CHECKING

from .azureml.tokens import LateCredential, Tokens
from .clock import Clock, SystemClock
from .log_lines import logger
from .scheduling.config import ChangeTrigger, Config
from .scheduling.faults import Fault
from .scheduling.file.loading import load, unreadable
from .settings import Settings
from .storage import connections

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from .azureml.cancellation import Cancellation
    from .azureml.service import AzureMl
    from .azureml.wire import Wire
    from .ledger.change_ledger import ChangeLedger
    from .ledger.ledger import Ledger
    from .reconciling.open_runs import OpenRuns
    from .reconciling.reconciliation import Reconciliation
    from .reconciling.run_hints import RunHints
    from .starting.firing import Firing
    from .starting.reported_changes import Changes
    from .steering.backfilling import Backfilling
    from .steering.service import Steering
    from .storage.blobs import StorageBlobs

log = logger(__name__)


class App:
    """What the functions and the command line share."""

    def __init__(self, settings: Settings, folder: Path, clock: Clock | None = None) -> None:
        """`folder` is where a relative SCHEDULES_FILE counts from."""
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.started_at = self.clock.now()
        self.config = read_config(folder / settings.schedules_file, settings)
        self._lock = RLock()
        self._tokens = Tokens(settings.client_id)
        self._blob_services: dict[str, BlobServiceClient] = {}

    def faults(self) -> list[Fault]:
        """Everything wrong with the file, the settings, and the storage accounts that they name."""
        return [*self.config.faults, *self.settings.faults, *self._connection_faults()]

    @cached_property
    def ledger(self) -> "Ledger":
        from .ledger.azure_table import AzureTable
        from .ledger.ledger import Ledger

        prefix = self.settings.ledger_connection
        return Ledger(
            AzureTable(lambda: connections.table_service(prefix, self.settings.values, LateCredential(self._tokens)))
        )

    @cached_property
    def firing(self) -> "Firing":
        from .starting.firing import Firing

        return Firing(
            ledger=self.ledger,
            endpoint=self.azureml,
            clock=self.clock,
            submit_deadline=self.settings.submit_deadline,
            retry_first_delay=self.settings.retry_first_delay,
            spread=_spread,
        )

    @cached_property
    def reconciliation(self) -> "Reconciliation":
        from .reconciling.reconciliation import Reconciliation
        from .starting.batching import Batching
        from .starting.sweeping import Sweeping

        return Reconciliation(
            config=self.config,
            ledger=self.ledger,
            firing=self.firing,
            open_runs=self.open_runs,
            sweeping=Sweeping(changes=self.changes, clock=self.clock, retention=self.settings.retention),
            batching=Batching(changes=self.changes, clock=self.clock),
            clock=self.clock,
            started_at=self.started_at,
            retention=self.settings.retention,
        )

    @cached_property
    def azureml(self) -> "AzureMl":
        from .azureml.service import AzureMl

        return AzureMl(self._wire, self.config.settings)

    @cached_property
    def open_runs(self) -> "OpenRuns":
        from .azureml.run_history import RunHistory
        from .azureml.run_status import RunStatus
        from .reconciling.callbacks import Callbacks
        from .reconciling.open_runs import OpenRuns
        from .reconciling.run_ends import RunEnds
        from .reconciling.unknown_runs import UnknownRuns
        from .reconciling.waiting_line import WaitingLine
        from .reconciling.webhooks import PATIENCE, Webhooks

        ledger, clock, settings = self.ledger, self.clock, self.settings
        history = RunHistory(self._asking_wire, self.config.settings)
        status = RunStatus(self._asking_wire, self.config.settings)
        outward, first_delay = self._new_wire(PATIENCE), settings.retry_first_delay
        return OpenRuns(
            ledger=ledger,
            firing=self.firing,
            unknown_runs=UnknownRuns(
                ledger=ledger, history=history, endpoint=self.azureml, clock=clock, settle=settings.unknown_settle
            ),
            run_ends=RunEnds(ledger=ledger, service=status, clock=clock, tracking=settings.tracking),
            waiting_line=WaitingLine(ledger=ledger, firing=self.firing, service=self.cancellation, clock=clock),
            webhooks=Webhooks(
                ledger=ledger, wire=outward, settings=self.config.settings, first_delay=first_delay, spread=_spread
            ),
            callbacks=Callbacks(
                ledger=ledger,
                wire=outward,
                allowed=settings.callback_hosts,
                first_delay=first_delay,
                spread=_spread,
            ),
            clock=clock,
            submit_deadline=settings.submit_deadline,
        )

    @cached_property
    def run_hints(self) -> "RunHints":
        from .reconciling.run_hints import RunHints

        return RunHints(config=self.config, ledger=self.ledger, open_runs=self.open_runs, clock=self.clock)

    @cached_property
    def cancellation(self) -> "Cancellation":
        from .azureml.cancellation import Cancellation

        return Cancellation(self._asking_wire, self.config.settings)

    @cached_property
    def _asking_wire(self) -> "Wire":
        """For questions, and cancellations, which may be asked again: a pass shall not wait for one of them."""
        from .reconciling.run_ends import PATIENCE

        return self._new_wire(min(PATIENCE, self.settings.submit_deadline * 0.4))

    @cached_property
    def _wire(self) -> "Wire":
        return self._new_wire(self.settings.submit_deadline * 0.4)

    def _new_wire(self, patience: timedelta) -> "Wire":
        from .azureml.wire import Wire

        return Wire(
            tokens=self._tokens,
            scope=self.settings.token_scope,
            patience=patience,
            threads=self.settings.worker_threads,
            ca_bundle=self.settings.ca_bundle,
            settings=self.settings.values,
        )

    @cached_property
    def blobs(self) -> "StorageBlobs":
        from .storage.blobs import StorageBlobs

        return StorageBlobs(self._blob_service)

    @cached_property
    def changes(self) -> "Changes":
        from .starting.reported_changes import Changes

        return Changes(blobs=self.blobs, ledger=self.ledger, rows=self.change_ledger, firing=self.firing)

    @cached_property
    def backfilling(self) -> "Backfilling":
        from .steering.backfilling import Backfilling

        return Backfilling(changes=self.changes, clock=self.clock)

    @cached_property
    def steering(self) -> "Steering":
        from .steering.asking import Asking
        from .steering.service import Steering

        return Steering(
            config=self.config,
            ledger=self.ledger,
            asking=Asking(
                ledger=self.ledger,
                changes=self.changes,
                clock=self.clock,
                service=self.cancellation,
                callback_hosts=self.settings.callback_hosts,
            ),
            backfilling=self.backfilling,
            clock=self.clock,
            waiters=BoundedSemaphore(max(1, self.settings.threads_that_run // 3)),
        )

    @cached_property
    def change_ledger(self) -> "ChangeLedger":
        from .ledger.change_ledger import ChangeLedger

        return ChangeLedger(self.ledger)

    def _blob_service(self, connection: str) -> "BlobServiceClient":
        with self._lock:
            if connection not in self._blob_services:
                credential = LateCredential(self._tokens)
                service = connections.blob_service(connection, self.settings.values, credential)
                self._blob_services[connection] = service
            return self._blob_services[connection]

    def _connection_faults(self) -> Iterator[Fault]:
        wanted = {self.settings.ledger_connection: ("table",), **watched_connections(self.config)}
        yield from connection_faults(wanted, self.settings)


def watched_connections(config: Config) -> dict[str, tuple[str, ...]]:
    """The storage accounts that the file names, with the services that the host and we need there."""
    # The host keeps the poison queue of a blob trigger in the watched account.
    triggers = (one.trigger for one in config.schedules.values())
    return {one.connection: ("blob", "queue") for one in triggers if isinstance(one, ChangeTrigger)}


def connection_faults(wanted: Mapping[str, tuple[str, ...]], settings: Settings) -> Iterator[Fault]:
    """What the settings lack to reach services of storage accounts, by connection."""
    for prefix, services in wanted.items():
        if sentence := connections.problem(prefix, settings.values, services):
            yield Fault(file="app settings", path=prefix, value="", message=sentence)


def _spread() -> float:
    return random.uniform(-1, 1)


def read_config(path: Path, settings: Settings) -> Config:
    """Load the schedules file; whatever is wrong with it, the app keeps the functions that are right."""
    name = path.name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return unreadable(name, f"the file does not exist; expected it at {path}")
    except OSError as error:
        return unreadable(name, f"the file cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return unreadable(name, f"the file is not UTF-8: byte {error.start} does not belong there")
    try:
        return load(text, name, settings.values)
    except Exception as error:  # a fault of ours, told by /api/health; raised here it would cost the app every function
        log.exception("loading the schedules failed", extra={"action": "load_failed"})
        return unreadable(name, f"loading failed, please report this: {type(error).__name__}: {error}")
