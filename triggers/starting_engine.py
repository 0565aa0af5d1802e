"""The part of an engine that starts runs: wires firing, changes and due occurrences."""

from collections.abc import Callable
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING

from .built_once import built_once
from .clock import Clock
from .pace import Pace
from .scheduling.config import Config

if TYPE_CHECKING:
    from .ledger.change_ledger import ChangeLedger
    from .ledger.ledger import Ledger
    from .ledger.rename_rows import RenameLedger
    from .ledger.silences import Silences
    from .ledger.sweeps import Sweeps
    from .outside import Outside
    from .starting.due_occurrences import DueOccurrences
    from .starting.firing import Firing
    from .starting.lives import Lives
    from .starting.moved_occurrences import MovedOccurrences
    from .starting.renames import Renames
    from .starting.reported_changes import Changes


class StartingEngine:
    """Starts the runs of one process."""

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

        `most_waiters` is how many callers may wait for the end of a run at the same time.
        """
        from .scheduling.chain import followed

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
    def sweeps(self) -> "Sweeps":
        """The progress of the sweeps."""
        from .ledger.sweeps import Sweeps

        return Sweeps(self.ledger)

    @built_once
    def lives(self) -> "Lives":
        """When each schedule, as it is now defined, was first seen."""
        from .starting.lives import Lives

        return Lives(
            ledger=self.ledger,
            host=lambda connection: self.outside.blobs.host(connection),  # noqa: PLW0108  built when it is needed
            clock=self.clock,
            started_at=self.started_at,
        )

    @built_once
    def silences(self) -> "Silences":
        """When each schedule last received a change."""
        from .ledger.silences import Silences

        return Silences(self.ledger.table)

    @built_once
    def changes(self) -> "Changes":
        """Decides whether the blobs that events, polls and sweeps report start a run."""
        from .starting.reported_changes import Changes

        return Changes(
            blobs=self.outside.blobs,
            ledger=self.ledger,
            rows=self.change_ledger,
            firing=self.firing,
            lives=self.lives,
            silences=self.silences,
            clock=self.clock,
            retention=self.pace.retention,
        )

    @built_once
    def rename_rows(self) -> "RenameLedger":
        """The renamed directories that are still being listed."""
        from .ledger.rename_rows import RenameLedger

        return RenameLedger(self.ledger)

    @built_once
    def renames(self) -> "Renames":
        """Decides whether renamed files and directories start a run."""
        from .starting.renames import Renames

        return Renames(
            schedules=self.config.schedules,
            changes=self.changes,
            ledger=self.ledger,
            rows=self.rename_rows,
        )

    @built_once
    def moved_occurrences(self) -> "MovedOccurrences":
        """Fires occurrences that an exclusion has moved to another day."""
        from .starting.moved_occurrences import MovedOccurrences

        return MovedOccurrences(ledger=self.ledger, firing=self.firing)

    @built_once
    def due_occurrences(self) -> "DueOccurrences":
        """Fires the occurrences of time-based schedules."""
        from .starting.due_occurrences import DueOccurrences

        return DueOccurrences(
            ledger=self.ledger,
            lives=self.lives,
            firing=self.firing,
            moved=self.moved_occurrences,
            clock=self.clock,
            started_at=self.started_at,
            retention=self.pace.retention,
        )
