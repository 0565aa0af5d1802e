"""Where the next pass begins: behind the schedule whose turn it was last, so that none is always the last."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Lock
from typing import Final

from ..clock import Clock
from ..ledger.ledger import Ledger

_EVERY: Final = timedelta(seconds=30)
"""A pass that is killed has come so far at least."""


class Cursor:
    """Whose turn it was last; the ledger keeps it from pass to pass."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._lock = Lock()
        self._name: str | None = None
        self._written_at = clock.monotonic()

    def in_turn(self, names: Sequence[str]) -> list[str]:
        """The names in the order in which this pass comes to them."""
        last = self._ledger.cursor() or ""
        return [*(one for one in names if one > last), *(one for one in names if one <= last)]

    def note(self, name: str) -> None:
        """It is a schedule's turn."""
        with self._lock:
            self._name = name
            is_time = self._clock.monotonic() - self._written_at >= _EVERY.total_seconds()
            if is_time:
                self._written_at = self._clock.monotonic()
        if is_time:
            self.write()

    def write(self) -> None:
        """Keep it for the next pass."""
        if self._name is not None:
            self._ledger.set_cursor(self._name)
