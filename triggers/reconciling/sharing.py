"""Shares the work of many schedules between threads: the schedules take turns, a piece each.

A schedule's next piece is asked for by one thread at a time, so what decides about its slots is never done twice at
once; its pieces themselves are done beside one another. No target gets more than a few submissions at a time.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from threading import Condition
from typing import Final, Protocol

from ..starting.pieces import Piece, Work

MOST_TO_A_TARGET: Final = 8
"""Submissions in flight to one target; no more than half of the threads."""
_SILENT: Final = "targets that did not answer"


class Waiting(AbstractContextManager[bool], Protocol):
    """What threading.Condition does."""

    def wait(self) -> object:
        """Wait until somebody notifies."""

    def notify_all(self) -> None:
        """Wake whoever waits."""


class Threads(Protocol):
    """Where the work is done."""

    @property
    def number(self) -> int:
        """How many there are."""

    def run(self, work: Callable[[], None]) -> None:
        """Do the same on each thread at once; returns when all have returned."""

    def condition(self) -> Waiting:
        """What these threads wait with."""


@dataclass(frozen=True)
class Pool:
    """Threads of its own for each pass, so that a pass takes none from the functions."""

    number: int
    begins: Callable[[], None] = lambda: None
    """What each thread does first."""

    def run(self, work: Callable[[], None]) -> None:
        if self.number == 1:
            work()
            return
        with ThreadPoolExecutor(self.number, "pass", initializer=self.begins) as pool:
            for one in [pool.submit(work) for _ in range(self.number)]:
                one.result()

    def condition(self) -> Condition:
        return Condition()


@dataclass(eq=False)
class _Source:
    """One schedule's work, and how many of its pieces are being done."""

    name: str
    work: Work
    doing: int = 0
    waits: bool = False
    """For all of its pieces."""


@dataclass
class Sharing:
    """The work of one pass."""

    threads: Threads
    is_over: Callable[[], bool]
    """Whether nothing is to be begun any more."""
    has_turn: Callable[[str], None]
    """Hears whose turn it is."""
    answers: Callable[[str], bool | None] = lambda _target: True
    """Whether a target answered the last time. Those that did not get few of the threads, all together, and one that
    was not asked yet (None) gets one until it has answered."""
    faults: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = self.threads.condition()
        number = self.threads.number
        self._most_to_one = min(MOST_TO_A_TARGET, max(1, number // 2))
        self._most_to_silent = max(1, number // 8)
        self._ready: deque[_Source] = deque()
        self._held: dict[str, deque[tuple[_Source, Piece]]] = {}
        """Target → pieces that wait until less is in flight to it."""
        self._sending: Counter[str] = Counter()
        self._busy = 0

    def work_off(self, sources: Iterable[tuple[str, Work]]) -> None:
        """Do everything, or what can be done until it is over."""
        self._ready.extend(_Source(name, work) for name, work in sources)
        self.threads.run(self._worker)

    def _worker(self) -> None:
        while (taken := self._taken()) is not None:
            source, piece = taken
            try:
                piece = piece or self._next_of(source)
                if piece is not None:
                    self._do(source, piece)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _taken(self) -> tuple[_Source, Piece | None] | None:
        """Whose turn it is, or a piece that may be done now; None when there is nothing more to do."""
        with self._changed:
            while not self.is_over():
                taken = self._released() or ((self._ready.popleft(), None) if self._ready else None)
                if taken is not None:
                    self._busy += 1
                    return taken
                if not self._busy:
                    return None
                self._changed.wait()
            return None

    def _released(self) -> tuple[_Source, Piece] | None:
        """A piece that was held, now that its target has answered others; its source goes on, too."""
        for target, held in self._held.items():
            if held and self._sending[target] < self._most(target):
                source, piece = held.popleft()
                self._sending[target] += 1
                self._ready.append(source)
                self._changed.notify_all()
                return source, piece
        return None

    def _most(self, target: str) -> int:
        if target == _SILENT:
            return self._most_to_silent
        return 1 if self.answers(target) is None else self._most_to_one

    def _next_of(self, source: _Source) -> Piece | None:
        """The next piece of a source, if it may be done at once."""
        try:
            self.has_turn(source.name)
            piece = next(source.work)
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001  raised with the others' at the end of the pass
            self.faults.append(error)
            return None
        with self._changed:
            if piece is None:
                source.waits = bool(source.doing)
            else:
                source.doing += 1
                if piece.to is not None and self.answers(piece.to) is False:
                    piece = replace(piece, to=_SILENT)
                if piece.to is not None and self._sending[piece.to] >= self._most(piece.to):
                    self._held.setdefault(piece.to, deque()).append((source, piece))
                    return None
                if piece.to is not None:
                    self._sending[piece.to] += 1
            if not source.waits:
                self._ready.append(source)
                self._changed.notify_all()
        return piece

    def _do(self, source: _Source, piece: Piece) -> None:
        try:
            piece.do()
        except Exception as error:  # noqa: BLE001  one piece's fault must not cost its neighbours
            self.faults.append(error)
        finally:
            with self._changed:
                source.doing -= 1
                if piece.to is not None:
                    self._sending[piece.to] -= 1
                if source.waits and not source.doing:
                    source.waits = False
                    self._ready.append(source)
