"""Makes batches of pending changes: seals what is due, then claims and submits one run for each sealed batch.

Every step is one conditional transaction, so whoever comes next (a reconciler of another instance, or the next pass
after a crash) goes on where the last one stopped, and no change is in two batches or in none.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .changes import Changes
from .clock import Clock
from .ledger.changes import Head
from .occurrence import occurrence_of
from .scheduling.batch import BatchFacts, is_due
from .scheduling.config import Batch, Schedule
from .scheduling.pauses import Pause, pause_at


@dataclass(frozen=True, kw_only=True)
class Batching:
    """What batches are made with."""

    changes: Changes
    clock: Clock

    def see_to(self, schedule: Schedule, server_now: Callable[[], datetime], pauses: Sequence[Pause]) -> Iterator[None]:
        """Finish the batches that were begun, begin those that are due; a step at a time. Raises BlobUnavailable.

        In a pause nothing is begun and nothing is finished.
        """
        if pause_at(pauses, self.clock.now()):
            return
        if schedule.batch is None:
            yield from self._release(schedule)
            return
        yield from self._finish(schedule, schedule.batch)
        while self._began(schedule, schedule.batch, server_now(), pauses):
            yield from self._finish(schedule, schedule.batch)

    def _began(self, schedule: Schedule, batch: Batch, server_now: datetime, pauses: Sequence[Pause]) -> bool:
        """Begin a batch of every group that is due; False when none was."""
        due = [one for one in self.changes.rows.waiting(schedule.name) if is_due(batch, one, server_now, pauses)]
        begun = [self.changes.rows.begin(schedule.name, one.group, batch.max_items) for one in due]
        return any(begun)

    def _finish(self, schedule: Schedule, batch: Batch) -> Iterator[None]:
        """Assign members until each head is sealed, and start its run."""
        went_on = True
        while went_on:
            went_on = False
            for head in self.changes.rows.heads(schedule.name):
                if head.sealed_at is None:
                    went_on |= self.changes.rows.go_on(schedule.name, head, batch.max_items, self.clock.now())
                else:
                    went_on |= self._fire(schedule, head)
                yield

    def _fire(self, schedule: Schedule, head: Head) -> bool:
        """Claim and submit the run of a sealed batch; False when somebody else was first."""
        assert head.sealed_at is not None
        members = self.changes.rows.members(schedule.name, head.run_key)
        path = self.changes.write_manifest(schedule, head.run_key, (member.change for member in members))
        facts = BatchFacts(group=head.group, count=head.count, manifest=path)
        return (
            self.changes.firing.fire_batch(schedule, head.run_key, head.sealed_at, facts, self.changes.rows.ended(head))
            is not None
        )

    def _release(self, schedule: Schedule) -> Iterator[None]:
        """Start, each on its own, what still waits for a batch of a schedule that makes none any more."""
        for member in self.changes.rows.all_pending(schedule.name):
            occurrence = occurrence_of(schedule.name, member.change, member.digest)
            self.changes.write_manifest(schedule, occurrence.key, [member.change])
            beside = self.changes.rows.released(member)
            self.changes.firing.fire_change(schedule, replace(occurrence, beside=beside), None)
            yield
