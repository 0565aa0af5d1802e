"""A process of release 0.1.0 (code in tests/data/triggers_0_1_0.zip), which runs next to ours during a deployment.

It uses the same ledger, storage and service. Because it has its own classes, values that pass between it and the
simulator are converted by name.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from builders import SETTINGS
from msgspec import Struct

from triggers.ledger import ports
from triggers.ledger.ports import LedgerUnavailable
from triggers.storage.blobs import BlobUnavailable, ListingExpired

CODE = Path(__file__).parents[1] / "data" / "triggers_0_1_0.zip"
PLACES = {
    "ledger.ports": ("Create", "Replace", "Merge", "Delete", "StoredRow", "Written", "LedgerUnavailable"),
    "scheduling.outcome": ("Answer", "Outcome"),
    "scheduling.look_up": ("LookUp",),
    "scheduling.run_status": ("Seen",),
    "scheduling.run": ("RunState",),
    "scheduling.change": ("BlobChange", "CopyStatus", "FoundBlob"),
    "blob_storage": ("Page", "BlobUnavailable", "ListingExpired"),
}
"""Modules of the release that define the classes of its surroundings' answers."""
OPERATIONS = {name: getattr(ports, name) for name in ("Create", "Replace", "Merge", "Delete")}


def module(name: str) -> Any:
    """A module of the release."""
    if str(CODE) not in sys.path:
        sys.path.append(str(CODE))
    return import_module(f"triggers_0_1_0.{name}")


@cache
def classes() -> dict[str, Any]:
    """The release's own classes for its surroundings' answers."""
    return {name: getattr(module(place), name) for place, names in PLACES.items() for name in names}


def rebuilt(value: Any, known: dict[str, Any]) -> Any:
    """Convert a value to the other side's class, keeping the fields it knows; other values are returned unchanged."""
    other = known.get(type(value).__name__)
    if other is not None and isinstance(value, Enum):
        return other[value.name]
    if other is not None and (is_dataclass(value) or isinstance(value, Struct)):
        names = [name for name in names_in(other) if hasattr(value, name)]
        return other(**{name: rebuilt(getattr(value, name), known) for name in names})
    if isinstance(value, list | tuple):
        return type(value)(rebuilt(one, known) for one in value)
    if isinstance(value, Iterator):
        return iter([rebuilt(one, known) for one in value])
    return value


def names_in(kind: Any) -> list[str]:
    """The names of a class's fields: ours are structs, the release's are dataclasses."""
    return list(kind.__struct_fields__) if issubclass(kind, Struct) else [one.name for one in fields(kind) if one.init]


class AsSeen:
    """One part of the surroundings, as the release sees it."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._calling(found) if callable(found) else found

    @staticmethod
    def _calling(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return rebuilt(method(*rebuilt(arguments, OPERATIONS), **named), classes())
            except (LedgerUnavailable, BlobUnavailable, ListingExpired) as error:
                raise classes()[type(error).__name__](str(error)) from None

        return call


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Time limits."""

    submit_deadline: timedelta
    unknown_settle: timedelta
    retention: timedelta
    first_delay: timedelta = timedelta(seconds=30)


class Release:
    """The engine of one process of the release."""

    def __init__(
        self, text: str, *, outside: Any, table: Any, clock: Any, pace: Pace, spread: Callable[[], float]
    ) -> None:
        """`text` is the schedules file; `outside` are the parts of the simulator."""
        self.config = module("scheduling.loading").load(text, "schedules.yaml", SETTINGS)
        assert not self.config.faults, [str(one) for one in self.config.faults]
        self._clock, self._pace, self._spread = clock, pace, spread
        self._started_at: datetime = clock.now()
        self._endpoint, self._blobs = AsSeen(outside.endpoint), AsSeen(outside.blobs)
        self._history, self._service = AsSeen(outside.history), AsSeen(outside.status)
        self._ledger = module("ledger.ledger").Ledger(AsSeen(table))
        self._firing = module("firing").Firing(
            ledger=self._ledger,
            endpoint=self._endpoint,
            clock=clock,
            submit_deadline=pace.submit_deadline,
            retry_first_delay=pace.first_delay,
            spread=spread,
        )

    def watches(self, name: str) -> bool:
        """True if a schedule is change-based."""
        return isinstance(self.config.schedules[name].trigger, module("scheduling.config").ChangeTrigger)

    def fire(self, name: str) -> None:
        """Handle the firing of a schedule's timer."""
        module("due_occurrences").fire_due(
            self.config.schedules[name],
            self._ledger,
            self._firing,
            self._clock,
            started_at=self._started_at,
            retention=self._pace.retention,
        )

    def report(self, name: str, path: str, blobs: Any) -> None:
        """Handle an event for a blob."""
        now = self._clock.now()
        self._changes(AsSeen(blobs)).report(
            self.config.schedules[name],
            "ccc",
            path,
            now=now,
            first_seen=now,
            held_against_first_seen=False,
            floor=module("scheduling.policies").floor(now, self._pace.retention),
        )

    def renamed(self, path: str, source: str, at: datetime) -> None:
        raise AssertionError("release 0.1.0 knows no renames")

    def run_pass(self, threads: object) -> None:
        """Run a pass of the reconciler, which has one thread."""
        changes = self._changes(self._blobs)
        module("reconciliation").Reconciliation(
            config=self.config,
            ledger=self._ledger,
            firing=self._firing,
            open_runs=self._open_runs(),
            sweeping=module("sweeping").Sweeping(changes=changes, clock=self._clock, retention=self._pace.retention),
            batching=module("batching").Batching(changes=changes, clock=self._clock),
            clock=self._clock,
            started_at=self._started_at,
            retention=self._pace.retention,
        ).run_pass()

    def _changes(self, blobs: Any) -> Any:
        rows = module("ledger.changes").ChangeLedger(self._ledger)
        return module("changes").Changes(blobs=blobs, ledger=self._ledger, rows=rows, firing=self._firing)

    def _open_runs(self) -> Any:
        ledger, clock, pace = self._ledger, self._clock, self._pace
        told = {"ledger": ledger, "wire": None, "first_delay": pace.first_delay, "spread": self._spread}
        return module("open_runs").OpenRuns(
            ledger=ledger,
            firing=self._firing,
            unknown_runs=module("unknown_runs").UnknownRuns(
                ledger=ledger, history=self._history, endpoint=self._endpoint, clock=clock, settle=pace.unknown_settle
            ),
            run_ends=module("run_ends").RunEnds(
                ledger=ledger, service=self._service, clock=clock, tracking=timedelta(days=30)
            ),
            waiting_line=module("waiting_line").WaitingLine(
                ledger=ledger, firing=self._firing, service=self._service, clock=clock
            ),
            webhooks=module("webhooks").Webhooks(settings={}, **told),
            callbacks=module("callbacks").Callbacks(allowed=(), **told),
            clock=clock,
            submit_deadline=pace.submit_deadline,
        )
