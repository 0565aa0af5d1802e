"""Decides which complete sets to close, and describes incomplete ones."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from ..ledger.change_ledger import ChangeLedger, Fits
from ..ledger.change_records import Head
from ..ledger.rename_rows import RenameLedger
from ..ledger.sweeps import Sweeps
from ..scheduling.batch import Arrival, Member
from ..scheduling.complete_sets import Decision, Seen, decision, incompleteness
from ..scheduling.config import ChangeSchedule
from ..scheduling.gathering import Batch, Expect
from ..scheduling.instants import iso_utc

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class ClosingSets(Struct, frozen=True, kw_only=True):
    """Decides which sets to close, and writes the remarks about them."""

    rows: ChangeLedger
    sweeps: Sweeps
    renames: RenameLedger

    def decisions(
        self, schedule: ChangeSchedule, batch: Batch, expect: Expect, fits: Fits, life: str | None, now: datetime
    ) -> Iterator[Decision]:
        """The sets that have to be closed; reads every waiting row."""
        listed = [one.path for one in self.renames.unfinished(schedule.name)]  # before reading what they may add
        groups: dict[str, list[Arrival]] = {}
        for one in self.rows.for_sets(schedule.name):
            if fits(one.member):
                groups.setdefault(one.member.group, []).append(one)
        if not groups:
            return
        assert life is not None, "the schedule is in the file"
        interval = schedule.trigger.polling_interval
        swept = self.sweeps.state(schedule.name, life).mark if interval else None
        seen = Seen(until=(swept or _NEVER) if interval else None, interval=interval)
        for group, arrivals in groups.items():
            below = group or schedule.trigger.folder
            is_listed = any(_overlap(below, path) for path in listed)
            decided = decision(batch, expect, below, arrivals, seen, now, is_listed=is_listed)
            if decided is not None:
                yield decided

    def remark(self, schedule: str, head: Head, members: Sequence[Member]) -> str | None:
        """What a set lacks, and which earlier set its files came too late for; None if there is nothing to say."""
        sentences = []
        if head.closed is not None and head.closed.lacking:
            sentences.append(incompleteness(head.closed, head.count))
        before = None if head.closed is None else self.rows.incomplete(schedule, head.group)
        if before is not None and before.run_key != head.run_key:
            late = [one for one in members if one.change.changed_at <= before.deadline]
            if late:
                files = "1 file came" if len(late) == 1 else f"{len(late)} files came"
                sentences.append(f"{files} too late for {before.run_key}, closed at {iso_utc(before.deadline)}")
        return "; ".join(sentences) or None


def _overlap(one: str, other: str) -> bool:
    """True if two folders are the same, or one contains the other."""
    one, other = (f"{folder}/" if folder else "" for folder in (one, other))
    return one.startswith(other) or other.startswith(one)
