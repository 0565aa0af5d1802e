"""Pauses and resumes a schedule in the ledger; a repeat changes nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable
from ..ledger.records import Pauses
from ..scheduling.pauses import Pause, begun, ended

_TRIES: Final = 5


def pause(ledger: Ledger, schedule: str, at: datetime, note: str | None, by: str | None) -> bool:
    """Skip all occurrences from now on; False if the schedule was already paused (the first note is kept)."""
    return _written(ledger, schedule, lambda pauses: begun(pauses, at, note, by))


def resume(ledger: Ledger, schedule: str, at: datetime, note: str | None, by: str | None) -> bool:
    """End the pause; occurrences that were skipped stay skipped. False if the schedule was not paused."""
    return _written(ledger, schedule, lambda pauses: ended(pauses, at, note, by))


def _written(ledger: Ledger, schedule: str, changed: Callable[[tuple[Pause, ...]], tuple[Pause, ...] | None]) -> bool:
    for _ in range(_TRIES):
        present = ledger.pauses(schedule)
        following = changed(present.intervals)
        if following is None:
            return False
        if ledger.set_pauses(schedule, Pauses(intervals=following, version=present.version)):
            return True
    raise LedgerUnavailable(f"{schedule}: its pauses keep changing; try again")
