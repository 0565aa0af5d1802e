"""The progress of every life's sweep, one row of the registry each."""

from collections import Counter

from ..scheduling.replacing import replace
from .change_records import SWEEP, SWEEP_0_1, SweepState, missed_of, sweep_key, sweep_of
from .ledger import Ledger
from .ports import following
from .rows import REGISTRY, after_prefix, columns_of, readable, readable_or


class Sweeps:
    """Reads and writes the rows of sweeps. Every method raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self._table = ledger.table

    def state(self, schedule: str, life: str) -> SweepState:
        """The progress of a life's sweep."""
        row = self._table.get(REGISTRY, sweep_key(schedule, life))
        return SweepState() if row is None else replace(readable_or(sweep_of, row, SweepState()), row=row.etag)

    def set(self, schedule: str, life: str, state: SweepState) -> SweepState | None:
        """Replace the state that was read; returns it as written, or None if another caller was first."""
        one = following(sweep_key(schedule, life), columns_of(replace(state, row=None)), state.row)
        written = self._table.write(REGISTRY, [one])
        return None if written is None else replace(state, row=written.etag)

    def missed_by_events(self) -> dict[str, int]:
        """The number of changes, by schedule, that sweeps found and no event had reported."""
        missed: Counter[str] = Counter()
        for life, number in readable(missed_of, self._table.query(REGISTRY, SWEEP, after_prefix(SWEEP))):
            missed[life.partition(":")[0]] += number
        before = dict(readable(missed_of, self._table.query(REGISTRY, SWEEP_0_1, after_prefix(SWEEP_0_1))))
        return {**before, **missed}
