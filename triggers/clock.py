"""Time as something that is handed in: the adapters bring the real clock, tests and the simulator their own."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the engine may ask about time."""

    def now(self) -> datetime:
        """The time of day, in UTC; it may be wrong and may jump."""

    def monotonic(self) -> float:
        """Seconds from any beginning; they never go back. For durations within one process."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
