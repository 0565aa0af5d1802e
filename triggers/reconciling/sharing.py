"""Distributes the work of many schedules over threads. Schedules take turns, one piece each.

Only one thread at a time determines a schedule's next piece, so decisions about its slots never run concurrently. The
pieces themselves do. Each target receives only a few submissions at a time.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Condition
from typing import Final, Protocol

from msgspec import Struct, field

from ..scheduling.replacing import replace
from ..starting.pieces import Piece, Work

MOST_TO_A_TARGET: Final = 8
"""Maximum number of submissions in flight to one target; also limited to half of the threads."""
_SILENT: Final = "targets that did not answer"


class Waiting(AbstractContextManager[bool], Protocol):
    """The interface of threading.Condition."""

    def wait(self) -> object:
        """Wait for the next `notify_all`."""

    def notify_all(self) -> None:
        """Wake all waiting threads."""


class Threads(Protocol):
    """The threads that process the work."""

    @property
    def number(self) -> int:
        """The number of threads."""

    def run(self, work: Callable[[], None]) -> None:
        """Run `work` on every thread at once; return when all of them have returned."""

    def condition(self) -> Waiting:
        """A condition that these threads can wait on."""


class Pool(Struct, frozen=True):
    """Separate threads for each pass, so that it takes none from the functions."""

    number: int
    begins: Callable[[], None] = lambda: None
    """Called first in each thread."""

    def run(self, work: Callable[[], None]) -> None:
        if self.number == 1:
            work()
            return
        with ThreadPoolExecutor(self.number, "pass", initializer=self.begins) as pool:
            for one in [pool.submit(work) for _ in range(self.number)]:
                one.result()

    def condition(self) -> Condition:
        return Condition()


class _Source(Struct, eq=False):
    """The work of one schedule, and how many of its pieces are being processed."""

    name: str
    work: Work
    doing: int = 0
    waits: bool = False
    """True while it waits at a barrier until all its pieces have finished."""


class Sharing(Struct, dict=True):
    """The work of one pass."""

    threads: Threads
    is_over: Callable[[], bool]
    """True once no new piece may start."""
    has_turn: Callable[[str], None]
    """Called with the name of a schedule when its turn comes."""
    answers: Callable[[str], bool | None] = lambda _target: True
    """True if a target answered the last submission, False if not; None if there was none yet. All targets that did not
    answer share an eighth of the threads; one without a submission gets a single thread until it has answered."""
    faults: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = self.threads.condition()
        number = self.threads.number
        self._most_to_one = min(MOST_TO_A_TARGET, max(1, number // 2))
        self._most_to_silent = max(1, number // 8)
        self._ready: deque[_Source] = deque()
        self._held: dict[str, deque[tuple[_Source, Piece]]] = {}
        """Target → pieces that wait because too many submissions to it are in flight."""
        self._sending: Counter[str] = Counter()
        self._busy = 0

    def work_off(self, sources: Iterable[tuple[str, Work]]) -> None:
        """Process all work, or as much as possible before `is_over`."""
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
        """The next schedule, or a held piece that may start now; None if nothing is left to do."""
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
        """A held piece whose target has capacity again; its schedule continues too."""
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
        """The next piece of a schedule; None if it has no more, waits at a barrier, or must hold the piece back."""
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
        except Exception as error:  # noqa: BLE001  one piece's error must not stop the others
            self.faults.append(error)
        finally:
            with self._changed:
                source.doing -= 1
                if piece.to is not None:
                    self._sending[piece.to] -= 1
                if source.waits and not source.doing:
                    source.waits = False
                    self._ready.append(source)
