"""The work of a schedule, split into pieces that several threads can process at once."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from msgspec import Struct

from ..scheduling.config import Schedule
from ..scheduling.identities import target_id


class Piece(Struct, frozen=True):
    """One call. If it raises, only this piece fails."""

    do: Callable[[], object]
    to: str | None = None
    """The target to which it may submit a run; None if it submits nothing."""


Work: TypeAlias = Iterator[Piece | None]
"""The pieces in order. None is a barrier: the next piece starts only after all earlier ones have finished."""


def target_of(schedule: Schedule) -> str:
    """The target of a schedule's runs, as a value for `Piece.to`."""
    return target_id(schedule.target)


def do_all(work: Work) -> None:
    """Process every piece in this thread, in order."""
    for piece in work:
        if piece is not None:
            piece.do()


def guarded(work: Work, faults: list[Exception]) -> Work:
    """The work up to its first exception, which goes to `faults`, so that the schedule's other work continues."""
    try:
        yield from work
    except Exception as error:  # noqa: BLE001  raised with the others' at the end of the pass
        faults.append(error)
