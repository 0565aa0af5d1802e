"""Starts for a person what a schedule did not: occurrences without a row, skipped, dead or rejected ones.

Nothing is submitted here: the runs wait in the ledger, and the reconciler sends them, whatever pauses and catch-up say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from .changes import Changes
from .clock import Clock
from .occurrence import Asked, Occurrence, occurrence_of
from .scheduling.batch import group_of
from .scheduling.change import FoundBlob, change_digest, out_of_scope
from .scheduling.config import ChangeTrigger, Schedule
from .scheduling.occurrences import between
from .scheduling.run import Run, RunKind, RunState, change_key, time_key

_STARTABLE: Final = frozenset({RunState.SKIPPED, RunState.DEAD, RunState.REJECTED})
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Item:
    """One occurrence of a backfill."""

    key: str
    what: str
    """Its nominal time, or its blob's path."""
    starts: bool
    why: str
    """The state of the row that is there, or that there is none."""


@dataclass(frozen=True, kw_only=True)
class Backfilling:
    """What a backfill works with."""

    changes: Changes
    clock: Clock

    def backfill(
        self, schedule: Schedule, first: datetime, before: datetime, asked: Asked, *, dry_run: bool
    ) -> Iterator[Item]:
        """Go through the nominal times, or modification times, in [first, before), oldest first for times.

        What is not due yet is left out. Repeated, it goes on where it was. Raises LedgerUnavailable, BlobUnavailable.
        """
        before = min(before, self.clock.now())
        trigger = schedule.trigger
        if isinstance(trigger, ChangeTrigger):
            for found in self._blobs(trigger, first, before):
                yield self._change(schedule, found, asked, dry_run=dry_run)
            return
        for moment in between(trigger, first - _INSTANT, before - _INSTANT):
            occurrence = Occurrence(key=time_key(schedule.name, moment), kind=RunKind.TIME, nominal_time=moment)
            yield self._start(schedule, occurrence, f"{moment:%Y-%m-%dT%H:%M:%SZ}", asked, dry_run=dry_run)

    def _blobs(self, trigger: ChangeTrigger, first: datetime, before: datetime) -> Iterator[FoundBlob]:
        """The blobs in scope that were modified in [first, before), by name."""
        continuation = None
        while True:
            page = self.changes.blobs.page(
                trigger.connection,
                trigger.container,
                trigger.folder,
                recursive=trigger.recursive,
                continuation=continuation,
            )
            for found in page.blobs:
                if out_of_scope(trigger, found) is None and first <= found.change.last_modified < before:
                    yield found
            continuation = page.continuation
            if continuation is None:
                return

    def _change(self, schedule: Schedule, found: FoundBlob, asked: Asked, *, dry_run: bool) -> Item:
        if schedule.batch is not None:
            return self._batched(schedule, found, dry_run=dry_run)
        change = found.change
        newest = self.changes.rows.newest(schedule.name, change.path)
        beside = [] if newest is not None and newest.etag == change.etag else self.changes.rows.noted(found, newest)
        occurrence = replace(occurrence_of(schedule.name, change), beside=beside)
        return self._start(schedule, occurrence, change.path, asked, dry_run=dry_run)

    def _start(self, schedule: Schedule, occurrence: Occurrence, what: str, asked: Asked, *, dry_run: bool) -> Item:
        present, key = self._newest_of(occurrence.key)
        if present is not None and present.state not in _STARTABLE:
            return Item(present.key, what, starts=False, why=present.state.value)
        why = "no row" if present is None else _in_words(present)
        if dry_run:
            return Item(key, what, starts=True, why=why)
        if present is not None:
            occurrence = replace(occurrence, key=key, kind=RunKind.REPLAY, replay_of=occurrence.key, beside=())
        if occurrence.blob is not None:
            self.changes.write_manifest(schedule, occurrence.key, [occurrence.blob])
        started = self.changes.firing.wait(schedule, occurrence, asked)
        return Item(key, what, starts=started is not None, why=why if started else "started by somebody else meanwhile")

    def _newest_of(self, key: str) -> tuple[Run | None, str]:
        """The newest run of an occurrence, replays included, and the key that the next one has."""
        newest, following, number = None, key, 0
        while (present := self.changes.ledger.get(following)) is not None:
            number += 1
            newest, following = present, f"{key}.r{number}"
        return newest, following

    def _batched(self, schedule: Schedule, found: FoundBlob, *, dry_run: bool) -> Item:
        """Let the change wait for its batch, unless it is in one already that was not in vain."""
        assert schedule.batch is not None
        rows, change = self.changes.rows, found.change
        digest, number, why = change_digest(change), 0, "no row"
        present = self.changes.ledger.get(change_key(schedule.name, change))
        if present is not None:
            digest, number, why = f"{digest}.r1", 1, _in_words(present)
        while (batch_key := rows.batch_of(schedule.name, digest)) is not None:
            run = self.changes.ledger.get(batch_key) if batch_key else None
            if run is None or run.state not in _STARTABLE:
                waits = f"in {batch_key}: {run.state.value}" if run else "waits for its batch"
                return Item(batch_key or f"{schedule.name}~{digest}", change.path, starts=False, why=waits)
            number += 1
            digest, why = f"{change_digest(change)}.r{number}", f"in {batch_key}: {_in_words(run)}"
        if not dry_run:
            newest = rows.newest(schedule.name, change.path)
            noted = [] if newest is not None and newest.etag == change.etag else rows.noted(found, newest)
            rows.add(schedule.name, group_of(schedule.batch, change), change, noted, digest)
        return Item(f"{schedule.name}~{digest}", change.path, starts=True, why=why)


def _in_words(run: Run) -> str:
    return f"{run.state.value} ({run.reason})" if run.reason else run.state.value
