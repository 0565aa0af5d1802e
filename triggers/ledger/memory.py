"""A ledger in memory: the contract without the storage, for tests and the simulator."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from threading import Lock
from uuid import uuid4

from ..scheduling.run import OPEN_STATES, Run
from .ports import Mark, Registration


class MemoryLedger:
    """Holds everything in dictionaries under one lock."""

    def __init__(self) -> None:
        self._id = str(uuid4())
        self._lock = Lock()
        self._versions = count(1)
        self._runs: dict[str, Run] = {}
        self._registrations: dict[str, Registration] = {}
        self._marks: dict[str, Mark] = {}
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
            return None if run.key in self._runs else self._written(run)

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

    def note_pass(self, at: datetime) -> None:
        with self._lock:
            self._last_pass = at

    def last_pass(self) -> datetime | None:
        with self._lock:
            return self._last_pass

    def _written(self, run: Run) -> Run:
        self._runs[run.key] = replace(run, version=str(next(self._versions)))
        return self._runs[run.key]
