"""What the engine needs of a ledger. One suite of contract tests holds for every implementation."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..scheduling.pauses import Pause
from ..scheduling.run import Run


class LedgerUnavailable(Exception):
    """The ledger cannot be reached or does not let us; what was asked may or may not have happened."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A schedule that has been seen; occurrences before `first_seen` start nothing."""

    schedule: str
    first_seen: datetime


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The instant up to which every occurrence of a time-based schedule has a row."""

    until: datetime
    trigger_digest: str
    version: str | None = None
    """The ledger's mark of what was read; None for a mark that is not in it yet."""


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """A schedule's pauses, oldest first."""

    intervals: tuple[Pause, ...] = ()
    version: str | None = None
    """The ledger's mark of what was read; None for a schedule that was never paused."""


class Ledger(Protocol):
    """Every method raises LedgerUnavailable. Writes are conditional: the store, not the caller, says who was first."""

    def ledger_id(self) -> str:
        """A GUID made once with the ledger: dev and prod may share a workspace, not each other's runs."""

    def register(self, schedule: str, first_seen: datetime) -> Registration:
        """Note a schedule before its first claim; a repeat changes nothing and returns the first registration."""

    def registrations(self) -> list[Registration]:
        """Every schedule ever seen, also those that have left the file since."""

    def insert(self, run: Run) -> Run | None:
        """Claim the run's key: the run as written, or None when the key has a row already.

        When the answer of an insert was lost and it is repeated underneath, the repeat recognises itself.
        """

    def update(self, before: Run, after: Run) -> Run | None:
        """Write what became of a run: as written, or None when somebody else has written since `before` was read."""

    def get(self, key: str) -> Run | None:
        """The run of a key, or None."""

    def open_runs(self, schedule: str) -> Iterator[Run]:
        """The runs of a schedule that are not ended; costs what is open, not what is past."""

    def recent_runs(self, schedule: str, limit: int) -> list[Run]:
        """The newest runs of a schedule, newest first."""

    def now(self) -> datetime:
        """The time by the ledger's own clock, which all instances share; costs a call."""

    def hold(self, target: str, until: datetime) -> None:
        """Remember that a target asked to be left alone until a time of the ledger's clock."""

    def holds(self) -> dict[str, datetime]:
        """The targets that asked to be left alone, each until when; past ones may be among them."""

    def prune(self, schedule: str, created_before: datetime, limit: int) -> int:
        """Delete at most `limit` ended runs of a schedule that were created before a time; how many it were."""

    def mark(self, schedule: str) -> Mark | None:
        """The mark of a time-based schedule; None before its first."""

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        """Write a mark that follows the one that was read; False when somebody else was first."""

    def pauses(self, schedule: str) -> Pauses:
        """The pauses of a schedule."""

    def all_pauses(self) -> dict[str, tuple[Pause, ...]]:
        """The pauses of every schedule that ever had one."""

    def set_pauses(self, schedule: str, pauses: Pauses) -> bool:
        """Write pauses that follow those that were read; False when somebody else was first."""

    def note_pass(self, at: datetime) -> None:
        """Remember that a pass of the reconciler has ended."""

    def last_pass(self) -> datetime | None:
        """When the newest pass of the reconciler ended."""
