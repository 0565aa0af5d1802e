"""Time as something that is handed in: the adapters bring the real clock, tests and the simulator their own."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the engine may ask about time."""

    def now(self) -> datetime:
        """The time of day, in UTC; it may be wrong and may jump."""

    def monotonic(self) -> float:
        """Seconds from any beginning; they never go back. For durations within one process."""

    def since_boot(self) -> float:
        """The same, and they also go on while the machine sleeps, where the system has such a clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def since_boot(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Stopwatch:
    """How much time has passed at most: a machine may sleep, be paused and moved, and no one clock tells that."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = (clock.monotonic(), clock.since_boot(), clock.now())

    def elapsed(self) -> timedelta:
        """By the clock that has moved on most."""
        monotonic, since_boot, now = self._began
        seconds = max(self._clock.monotonic() - monotonic, self._clock.since_boot() - since_boot)
        return max(timedelta(seconds=seconds), self._clock.now() - now)


_LONGEST = timedelta(minutes=15)
_MOST_TIMES = 20


class LeftAlone:
    """What this process leaves alone for a while, by name and by its monotonic clock; safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._times: dict[str, int] = {}
        """Name → calls in a row without an answer."""
        self._answered: set[str] = set()

    def leave(self, name: str, time: timedelta) -> None:
        """Leave it alone from now on; what was to be left alone for longer stays so."""
        self._until[name] = max(self._until.get(name, 0.0), self._clock.monotonic() + time.total_seconds())

    def note(self, name: str, first: timedelta, *, has_answered: bool) -> None:
        """Note whether a call was answered; `first` as with did_not_answer."""
        if has_answered:
            self.has_answered(name)
        else:
            self.did_not_answer(name, first)

    def did_not_answer(self, name: str, first: timedelta) -> None:
        """Leave it alone for `first`, and twice as long each further time that it does not answer in a row.

        Calls that overlap count once.
        """
        if self.still(name):
            self._times.setdefault(name, 1)
            return
        times = self._times[name] = min(self._times.get(name, 0) + 1, _MOST_TIMES)
        self.leave(name, min(first * 2 ** (times - 1), _LONGEST))

    def answers(self, name: str) -> bool | None:
        """Whether it answered the last call, however long ago; None if there was none yet."""
        return False if name in self._times else True if name in self._answered else None

    def has_answered(self, name: str) -> None:
        """Reset the count of calls without an answer."""
        self._answered.add(name)
        self._times.pop(name, None)

    def still(self, name: str) -> timedelta:
        """How long it is still left alone; zero, which is false: no longer."""
        return max(timedelta(0), timedelta(seconds=self._until.get(name, 0.0) - self._clock.monotonic()))
