"""Simulated time, random faults, and processes that start and die.

A discrete-event simulation: every call of the engine to the outside is a greenlet switch into the world. The world
lets time pass, and may crash or freeze the instance there. The same seed gives the same story.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol

from greenlet import getcurrent, greenlet
from msgspec import Struct

from triggers.ledger.ports import Operation

START = datetime(2026, 10, 24, 21, 0, tzinfo=UTC)
"""Four hours before the clocks go back in Berlin."""


DAY_AHEAD = 86_400
"""Seconds: the largest error of a clock."""


class Ended(Protocol):
    """Called when an activity has ended."""

    def __call__(self, *, well: bool) -> None: ...


class Crash(BaseException):
    """The instance ends here; none of its code runs afterwards, as after kill -9."""


class Rates(Struct):
    """Chances of faults per step (a call of the engine) and per message."""

    crash: float = 0.003
    freeze: float = 0.005
    storage_error: float = 0.05
    answer_lost: float = 0.06
    refused: float = 0.1
    rejected: float = 0.002
    cut_before: float = 0.1
    reply_lost: float = 0.15
    history_away: float = 0.2
    clock_step: float = 0.1
    event_lost: float = 0.03
    timer_lost: float = 0.1
    timer_late: float = 0.03
    timer_early: float = 0.1
    edit: float = 0.025
    """Per minute: a deployment of another file."""
    rollout: float = 0.0
    """Per minute: a deployment of the other release (this one or 0.1.0)."""
    clock_stands: float = 0.5
    """Per freeze: the monotonic clock stands still."""
    most_ahead: float = DAY_AHEAD
    """The largest error of a clock, in seconds."""

    def none(self) -> "Rates":
        """A world in which everything works."""
        return Rates(**dict.fromkeys(self.__struct_fields__, 0.0))


@dataclass(eq=False)
class Instance:
    """One worker process; `skew` is how wrong its clock is, in seconds."""

    name: str
    started_at: float
    skew: float
    alive: bool = True
    frozen_until: float = 0.0
    monotonic_stood: float = 0.0
    boot_stood: float = 0.0
    """How long the clocks have stood still, because some freezes are a suspended or paused machine."""


@dataclass
class World:
    """The queue of future events, and all random draws."""

    seed: int
    rates: Rates = field(default_factory=Rates)
    now: float = 0.0
    """True seconds since START."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.faults: Counter[str] = Counter()
        self.trace: deque[str] = deque(maxlen=20_000)
        self.states: dict[str, list[tuple[float, str]]] = {}
        """Run key → the times at which the run was written, with its states."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._main = getcurrent()

    @property
    def time(self) -> datetime:
        """The true time."""
        return START + timedelta(seconds=self.now)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedule an action at a time."""
        heapq.heappush(self._events, (max(seconds, self.now), next(self._numbers), action))

    def run_until(self, seconds: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= seconds:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = seconds

    def happens(self, chance: float, fault: str) -> bool:
        """Draw a fault, and count it."""
        if chance and self.rng.random() < chance:
            self.faults[fault] += 1
            return True
        return False

    def written(self, operations: Sequence[Operation]) -> None:
        """Record the state in which a run was written, and the true time."""
        for one in operations:
            if one.row_key.startswith("k:") and "state" in one.columns:
                self.states.setdefault(one.row_key[2:], []).append((self.now, str(one.columns["state"])))

    def note(self, sentence: str) -> None:
        """Add a line to the story."""
        self.trace.append(f"{self.time:%d %H:%M:%S.%f} {sentence}")

    def spawn(self, instance: Instance, activity: Callable[[], None], ended: Ended) -> None:
        """Start an activity on an instance; `ended` is called with True if it ended without an error."""

        def body() -> None:
            try:
                activity()
            except Crash:
                ended(well=False)
            except Exception as error:  # noqa: BLE001  the host sees only that the function raised
                self.note(f"{instance.name}: raised {error}")
                ended(well=False)
            else:
                ended(well=True)

        one = greenlet(body, parent=self._main)
        self.at(self.now, one.switch)

    def step(self, instance: Instance, what: str, seconds: float | None = None, *, freezes: float = 1) -> None:
        """A call to the outside: time passes, and the instance may not survive it.

        `freezes` multiplies the chance of a freeze.
        """
        if self.happens(self.rates.crash, "crash"):
            self.note(f"{instance.name}: crashes at {what}")
            instance.alive = False
        if self.happens(self.rates.freeze * freezes, "freeze"):
            instance.frozen_until = self.now + self.rng.choice((5, 70, 200, 400, 1500, 4000))
            slept = instance.frozen_until - self.now
            self.note(f"{instance.name}: freezes at {what} for {slept:.0f} s")
            if self.happens(self.rates.clock_stands, "monotonic clock stands"):
                instance.monotonic_stood += slept
                instance.boot_stood += slept if self.rng.random() < 0.5 else 0.0
        self.sleep(instance, self.rng.uniform(0.001, 0.05) if seconds is None else seconds)

    def sleep(self, instance: Instance, seconds: float) -> None:
        """Let time pass for an activity of an instance, longer if the instance freezes."""
        self._switch(seconds)
        while instance.alive and instance.frozen_until > self.now:
            self._switch(instance.frozen_until - self.now)
        if not instance.alive:
            raise Crash

    def waking(self) -> Callable[[], None]:
        """Return a function that wakes this activity once, after it called `stay`."""
        me = getcurrent()
        woken: list[bool] = []

        def wake() -> None:
            if not woken:
                woken.append(True)
                self.at(self.now, me.switch)

        return wake

    def stay(self, instance: Instance) -> None:
        """Wait until another activity wakes this one."""
        self._main.switch()
        self.sleep(instance, 0.0)

    def _switch(self, seconds: float) -> None:
        me = getcurrent()
        self.at(self.now + seconds, me.switch)
        self._main.switch()
