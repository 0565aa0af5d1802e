"""Where the next pass begins: after the schedule that had the last turn, so that no schedule is always last."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Lock
from typing import Final

from ..clock import Clock
from ..ledger.ledger import Ledger

_EVERY: Final = timedelta(seconds=30)
"""How often the position is saved. If a pass is killed, the next one repeats at most this much."""


class Cursor:
    """The schedule that had the last turn, kept in the ledger between passes."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._lock = Lock()
        self._name: str | None = None
        self._written_at = clock.monotonic()

    def in_turn(self, names: Sequence[str]) -> list[str]:
        """The names in the order in which this pass processes them."""
        last = self._ledger.cursor() or ""
        return [*(one for one in names if one > last), *(one for one in names if one <= last)]

    def note(self, name: str) -> None:
        """Note that it is the turn of schedule `name`; save the position now and then."""
        with self._lock:
            self._name = name
            is_time = self._clock.monotonic() - self._written_at >= _EVERY.total_seconds()
            if is_time:
                self._written_at = self._clock.monotonic()
        if is_time:
            self.write()

    def write(self) -> None:
        """Save it for the next pass."""
        if self._name is not None:
            self._ledger.set_cursor(self._name)
