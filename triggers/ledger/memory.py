"""A ledger in memory: the contract without the storage, for tests and the simulator."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from uuid import uuid4

from ..scheduling.pauses import Pause
from ..scheduling.run import OPEN_STATES, Run
from .ports import Mark, Pauses, Registration


class MemoryLedger:
    """Holds everything in dictionaries under one lock."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`now` is the clock of the store."""
        self._now = now
        self._id = str(uuid4())
        self._lock = Lock()
        self._versions = count(1)
        self._runs: dict[str, Run] = {}
        self._registrations: dict[str, Registration] = {}
        self._marks: dict[str, Mark] = {}
        self._pauses: dict[str, Pauses] = {}
        self._holds: dict[str, datetime] = {}
        self._last_pass: datetime | None = None

    def ledger_id(self) -> str:
        return self._id

    def register(self, schedule: str, first_seen: datetime) -> Registration:
        with self._lock:
            return self._registrations.setdefault(schedule, Registration(schedule=schedule, first_seen=first_seen))

    def registrations(self) -> list[Registration]:
        with self._lock:
            return sorted(self._registrations.values(), key=lambda one: one.schedule)

    def insert(self, run: Run) -> Run | None:
        with self._lock:
            present = self._runs.get(run.key)
            if present is not None and not _is_repeat(run, present):
                return None
            return present or self._written(run)

    def update(self, before: Run, after: Run) -> Run | None:
        with self._lock:
            return self._written(after) if self._runs[before.key].version == before.version else None

    def get(self, key: str) -> Run | None:
        with self._lock:
            return self._runs.get(key)

    def open_runs(self, schedule: str) -> Iterator[Run]:
        with self._lock:
            found = [run for run in self._runs.values() if run.schedule == schedule and run.state in OPEN_STATES]
        return iter(sorted(found, key=lambda run: run.key))

    def recent_runs(self, schedule: str, limit: int) -> list[Run]:
        with self._lock:
            found = [run for run in self._runs.values() if run.schedule == schedule]
        return sorted(found, key=lambda run: run.created_at, reverse=True)[:limit]

    def now(self) -> datetime:
        return self._now()

    def hold(self, target: str, until: datetime) -> None:
        with self._lock:
            self._holds[target] = until

    def holds(self) -> dict[str, datetime]:
        with self._lock:
            return dict(self._holds)

    def prune(self, schedule: str, created_before: datetime, limit: int) -> int:
        with self._lock:
            past = [
                run.key
                for run in self._runs.values()
                if run.schedule == schedule and run.created_at < created_before and run.state not in OPEN_STATES
            ][:limit]
            for key in past:
                del self._runs[key]
        return len(past)

    def mark(self, schedule: str) -> Mark | None:
        with self._lock:
            return self._marks.get(schedule)

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        with self._lock:
            present = self._marks.get(schedule)
            if (present.version if present else None) != mark.version:
                return False
            self._marks[schedule] = replace(mark, version=str(next(self._versions)))
            return True

    def pauses(self, schedule: str) -> Pauses:
        with self._lock:
            return self._pauses.get(schedule, Pauses())

    def all_pauses(self) -> dict[str, tuple[Pause, ...]]:
        with self._lock:
            return {schedule: one.intervals for schedule, one in self._pauses.items()}

    def set_pauses(self, schedule: str, pauses: Pauses) -> bool:
        with self._lock:
            if self._pauses.get(schedule, Pauses()).version != pauses.version:
                return False
            self._pauses[schedule] = replace(pauses, version=str(next(self._versions)))
            return True

    def note_pass(self, at: datetime) -> None:
        with self._lock:
            self._last_pass = at

    def last_pass(self) -> datetime | None:
        with self._lock:
            return self._last_pass

    def _written(self, run: Run) -> Run:
        self._runs[run.key] = replace(run, version=str(next(self._versions)), written_at=self._now())
        return self._runs[run.key]


def _is_repeat(run: Run, present: Run) -> bool:
    """Whether an insert met what it has written itself, its answer being lost the first time."""
    return run.claim_id is not None and run.claim_id == present.claim_id and len(present.history) == 1
