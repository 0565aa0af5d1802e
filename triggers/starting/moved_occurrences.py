"""Occurrences moved from excluded days to other days: each runs once, on its own day or the other."""

from datetime import datetime

from msgspec import Struct

from ..ledger.ledger import Ledger
from ..ledger.ports import Operation
from ..scheduling.config import TimeSchedule
from ..scheduling.instants import iso_utc
from ..scheduling.replacing import replace
from ..scheduling.run import SkipReason
from ..scheduling.run_keys import time_key
from ..scheduling.times.occurrences import excluded_at, planned_at
from .firing import Firing
from .occurrence import Occurrence, time_occurrence


class MovedOccurrences(Struct, frozen=True, kw_only=True):
    """Writes the rows of moved occurrences in the transaction of the occurrence that they moved to."""

    ledger: Ledger
    firing: Firing

    def with_originals(self, schedule: TimeSchedule, occurrence: Occurrence) -> Occurrence | None:
        """The occurrence with the rows of those moved to it; None if the rule does not name it and all have rows.

        Such a row means that the original has run, or was otherwise decided, before its day was excluded.
        """
        here = planned_at(schedule.trigger, occurrence.nominal_time)
        if not here.moved_from:
            return occurrence
        waiting = [one for one in here.moved_from if not self.ledger.has(time_key(schedule.name, one))]
        if not waiting and not here.is_own:
            return None
        notes = [operation for one in waiting for operation in self._notes(schedule, one, here.at)]
        return replace(occurrence, beside=[*notes, *occurrence.beside])

    def _notes(self, schedule: TimeSchedule, original: datetime, to: datetime) -> list[Operation]:
        excluded = excluded_at(schedule.trigger, original)
        because = f"{excluded.because}; " if excluded else ""
        moved = f"{because}moved to {iso_utc(to)}"
        return self.firing.notes(schedule, time_occurrence(schedule, original), SkipReason.EXCLUDED, moved)
