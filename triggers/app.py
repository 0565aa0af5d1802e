"""The objects of one process: its configuration, read at start; its engine and clients, built when first needed."""

import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from .azureml.tokens import LateCredential, Tokens
from .built_once import built_once
from .clock import Clock, LeftAlone, SystemClock
from .log_lines import logger
from .pace import Pace
from .scheduling.config import ChangeSchedule, Config
from .scheduling.faults import Fault, place_of
from .scheduling.file.loading import load, unreadable
from .settings import Settings, UnusableConnection
from .storage import connections

if TYPE_CHECKING:
    from azure.core.pipeline.transport import HttpTransport
    from azure.storage.blob import BlobServiceClient

    from .azureml.cancellation import Cancellation
    from .azureml.connection_pool import Connections
    from .azureml.run_history import RunHistory
    from .azureml.run_status import RunStatus
    from .azureml.service import AzureMl
    from .azureml.wire import Wire
    from .engine import Engine
    from .storage.blobs import StorageBlobs

log = logger(__name__)


class App:
    """The configuration, engine and clients that the functions and the command line share."""

    def __init__(self, settings: Settings, folder: Path, clock: Clock | None = None) -> None:
        """A relative SCHEDULES_FILE is resolved against `folder`."""
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.started_at = self.clock.now()
        self.config = read_config(folder, settings)
        self.lock = RLock()
        self._unreachable = LeftAlone(self.clock)
        """Hosts that timed out while connecting."""
        self._tokens = Tokens(settings.client_id, has_managed_identity=settings.has_managed_identity)
        self._warnings: tuple[date | None, list[Fault]] = None, []
        """The date of the last check, and its warnings."""
        self._blob_services: dict[str, BlobServiceClient] = {}

    def faults(self) -> list[Fault]:
        """All errors in the schedules file and the settings, including the settings of storage connections."""
        return [*self.config.faults, *self.settings.faults, *self._connection_faults()]

    def warnings(self) -> list[Fault]:
        """Warnings about the schedules file; computed once a day, because they name upcoming dates."""
        from .scheduling.file.warnings import warnings_of

        now = self.clock.now()
        day, found = self._warnings
        if day != now.date():
            found = warnings_of(self.config, now)
            self._warnings = now.date(), found
        return found

    @built_once
    def engine(self) -> "Engine":
        """The engine, which starts, reconciles and steers runs."""
        from .engine import Engine
        from .ledger.azure_table import AzureTable
        from .ledger.ledger import Ledger

        settings, credential = self.settings, LateCredential(self._tokens)
        prefix = settings.ledger_connection
        return Engine(
            config=self.config,
            ledger=Ledger(
                AzureTable(
                    lambda: connections.table_service(
                        prefix, settings.values, credential, transport=self._ledger_transport
                    )
                )
            ),
            outside=self,
            clock=self.clock,
            started_at=self.started_at,
            pace=Pace(
                submit_deadline=settings.submit_deadline,
                unknown_settle=settings.unknown_settle,
                retry_first_delay=settings.retry_first_delay,
                retention=settings.retention,
                tracking=settings.tracking,
            ),
            spread=_spread,
            callback_hosts=settings.callback_hosts,
            most_waiters=max(1, settings.threads_that_run // 3),
            lock=self.lock,
        )

    # What the engine talks to

    @built_once
    def endpoint(self) -> "AzureMl":
        """Submits runs."""
        from .azureml.service import AzureMl

        return AzureMl(self._new_wire(self.settings.submit_deadline * 0.4), self.config.settings)

    @built_once
    def history(self) -> "RunHistory":
        """Looks runs up."""
        from .azureml.run_history import RunHistory

        return RunHistory(self._question_wire, self.config.settings)

    @built_once
    def status(self) -> "RunStatus":
        """Follows runs."""
        from .azureml.run_status import RunStatus

        return RunStatus(self._question_wire, self.config.settings)

    @built_once
    def cancellation(self) -> "Cancellation":
        """Cancels runs."""
        from .azureml.cancellation import Cancellation

        return Cancellation(self._new_wire(self._short_patience), self.config.settings)

    @built_once
    def webhook_wire(self) -> "Wire":
        """Calls webhooks and Azure DevOps' tasks."""
        from .reconciling.webhooks import PATIENCE

        return self._new_wire(PATIENCE)

    callback_wire = webhook_wire

    @built_once
    def blobs(self) -> "StorageBlobs":
        """The watched containers."""
        from .storage.blobs import StorageBlobs

        return StorageBlobs(self._blob_service)

    @built_once
    def _question_wire(self) -> "Wire":
        """For requests that may be repeated; it skips hosts that timed out, so that no pass waits for one twice."""
        return self._new_wire(self._short_patience, spares=True)

    @property
    def _short_patience(self) -> timedelta:
        from .reconciling.run_ends import PATIENCE

        return min(PATIENCE, self.settings.submit_deadline * 0.4)

    def _new_wire(self, patience: timedelta, *, spares: bool = False) -> "Wire":
        from .azureml.wire import Wire

        return Wire(
            tokens=self._tokens,
            scope=self.settings.token_scope,
            patience=patience,
            threads=self._most_threads,
            ca_bundle=self.settings.ca_bundle,
            settings=self.settings.values,
            unreachable=self._unreachable,
            spares=spares,
        )

    @built_once
    def _ledger_transport(self) -> "HttpTransport[Any, Any]":
        """The ledger's way to its table: past requests, if no proxy is in the way."""
        return self._blob_transport if _has_proxies() else connections.pooled_transport(self._storage_connections)

    @built_once
    def _blob_transport(self) -> "HttpTransport[Any, Any]":
        from .azureml.connection_pool import new_session

        session = new_session(self._storage_connections)
        # Use the environment's proxies, as the storage clients do by default. Without any, requests would search the
        # environment for them at each request, which costs a tenth of it.
        session.trust_env = _has_proxies()
        return connections.session_transport(session)

    @built_once
    def _storage_connections(self) -> "Connections":
        """Those to storage: one for each thread, with a shared TLS context."""
        from .azureml.connection_pool import Connections
        from .azureml.wire import MAX_IDLE

        try:
            return Connections(self._most_threads, self.settings.ca_bundle, MAX_IDLE)
        except OSError as error:
            raise UnusableConnection(f"the root certificates (REQUESTS_CA_BUNDLE) cannot be read: {error}") from error

    @property
    def _most_threads(self) -> int:
        return self.settings.worker_threads + self.settings.reconcile_threads

    def _blob_service(self, connection: str) -> "BlobServiceClient":
        with self.lock:
            if connection not in self._blob_services:
                credential = LateCredential(self._tokens)
                service = connections.blob_service(
                    connection, self.settings.values, credential, transport=self._blob_transport
                )
                self._blob_services[connection] = service
            return self._blob_services[connection]

    def _connection_faults(self) -> Iterator[Fault]:
        wanted = {self.settings.ledger_connection: ("table",), **watched_connections(self.config)}
        yield from connection_faults(wanted, self.settings)


def _has_proxies() -> bool:
    """True if the environment names proxies."""
    from urllib.request import getproxies

    return bool(getproxies())


def watched_connections(config: Config) -> dict[str, tuple[str, ...]]:
    """Connection → the services of the watched storage account that the host and the app need."""
    # The host keeps the poison queue of a blob trigger in the watched account.
    watching = (one for one in config.schedules.values() if isinstance(one, ChangeSchedule))
    return {one.trigger.connection: ("blob", "queue") for one in watching}


def connection_faults(wanted: Mapping[str, tuple[str, ...]], settings: Settings) -> Iterator[Fault]:
    """Yield a fault for each connection whose settings do not suffice to reach its services."""
    for prefix, services in wanted.items():
        for problem in (connections.problem, connections.bare_address):
            if sentence := problem(prefix, settings.values, services):
                yield Fault(file="app settings", path=prefix, value="", message=sentence)


def _spread() -> float:
    return random.uniform(-1, 1)


def read_config(folder: Path, settings: Settings) -> Config:
    """Load the schedules file. Never raises: errors become faults, and the app keeps its other functions."""
    name = settings.schedules_file
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return unreadable(name, f"the file does not exist; it should be at {path}")
    except OSError as error:
        return unreadable(name, f"the file cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return unreadable(name, f"the file is not UTF-8: byte {error.start} is invalid")
    try:
        return load(text, name, settings.values)
    except Exception as error:  # our bug, shown by /api/health; raised here, it would take down every function
        log.exception("loading the schedules failed", extra={"action": "load_failed"})
        return unreadable(name, f"loading failed because of a bug; please report it: {place_of(error)}")
