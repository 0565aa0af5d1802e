"""Clocks, passed as arguments: the adapters pass the system clock, tests and the simulator their own."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The clock that the engine uses."""

    def now(self) -> datetime:
        """The time of day, in UTC; it may be wrong and may jump."""

    def monotonic(self) -> float:
        """Seconds from any beginning; they never go back. For durations within one process."""

    def since_boot(self) -> float:
        """Like `monotonic`, but also counts while the machine sleeps, if the system has such a clock."""

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
    """Measures the most time that can have passed: no single clock covers a machine that sleeps, is paused or moved."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = (clock.monotonic(), clock.since_boot(), clock.now())

    def elapsed(self) -> timedelta:
        """The time elapsed on the clock that has advanced most."""
        monotonic, since_boot, now = self._began
        seconds = max(self._clock.monotonic() - monotonic, self._clock.since_boot() - since_boot)
        return max(timedelta(seconds=seconds), self._clock.now() - now)


_LONGEST = timedelta(minutes=15)
_MOST_TIMES = 20


class LeftAlone:
    """The names (hosts, targets) that this process does not call for a while; safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._times: dict[str, int] = {}
        """Name → calls in a row without an answer."""
        self._answered: set[str] = set()

    def leave(self, name: str, time: timedelta) -> None:
        """Leave `name` alone for `time` from now; never shortens a longer wait."""
        self._until[name] = max(self._until.get(name, 0.0), self._clock.monotonic() + time.total_seconds())

    def note(self, name: str, first: timedelta, *, has_answered: bool) -> None:
        """Note whether a call was answered; `first` is as in `did_not_answer`."""
        if has_answered:
            self.has_answered(name)
        else:
            self.did_not_answer(name, first)

    def did_not_answer(self, name: str, first: timedelta) -> None:
        """Leave `name` alone for `first`, doubled with each further unanswered call in a row, up to 15 minutes.

        Calls that overlap count once.
        """
        if self.still(name):
            self._times.setdefault(name, 1)
            return
        times = self._times[name] = min(self._times.get(name, 0) + 1, _MOST_TIMES)
        self.leave(name, min(first * 2 ** (times - 1), _LONGEST))

    def answers(self, name: str) -> bool | None:
        """True if `name` answered its last call, False if not, however long ago; None if it was never called."""
        return False if name in self._times else True if name in self._answered else None

    def has_answered(self, name: str) -> None:
        """Reset the count of calls without an answer."""
        self._answered.add(name)
        self._times.pop(name, None)

    def still(self, name: str) -> timedelta:
        """How much longer `name` is left alone; zero (falsy) if it may be called."""
        return max(timedelta(0), timedelta(seconds=self._until.get(name, 0.0) - self._clock.monotonic()))
