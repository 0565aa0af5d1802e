"""What a schedule needs, in pieces: those that follow one another may be done by several threads at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..scheduling.config import Schedule
from ..scheduling.identities import target_id


@dataclass(frozen=True)
class Piece:
    """Something to do; whatever it raises is the fault of this piece alone."""

    do: Callable[[], object]
    to: str | None = None
    """The target that it may submit a run to; None: it submits nothing."""


Work: TypeAlias = Iterator[Piece | None]
"""The pieces in their order; None: what comes next needs all pieces before it to be done."""


def target_of(schedule: Schedule) -> str:
    """Where the runs of a schedule go, as pieces name it."""
    return target_id(schedule.target)


def do_all(work: Work) -> None:
    """Do every piece, one after the other."""
    for piece in work:
        if piece is not None:
            piece.do()


def guarded(work: Work, faults: list[Exception]) -> Work:
    """The work up to its fault, which is noted: it must not cost the schedule's other parts."""
    try:
        yield from work
    except Exception as error:  # noqa: BLE001  raised with the others' at the end of the pass
        faults.append(error)
