"""Starts for a person what a schedule did not: occurrences without a row, skipped, dead or rejected ones.

Nothing is submitted here: the runs wait in the ledger, and the reconciler sends them, whatever pauses and catch-up say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..clock import Clock
from ..ledger.change_ledger import OWN_RUN, ChangeLedger
from ..ledger.ledger import Ledger
from ..ledger.rows import CorruptRow
from ..scheduling.batch import member_of
from ..scheduling.change import FoundBlob, out_of_scope
from ..scheduling.config import ChangeSchedule, ChangeTrigger, Schedule, TimeSchedule
from ..scheduling.instants import iso_utc
from ..scheduling.run import Run, RunKind, RunState, change_key, schedule_of, time_key
from ..scheduling.times.occurrences import between
from ..starting.due_occurrences import AHEAD
from ..starting.firing import Firing
from ..starting.occurrence import Asked, Occurrence, change_occurrence
from ..starting.reported_changes import Changes

_STARTABLE: Final = frozenset({RunState.SKIPPED, RunState.DEAD, RunState.REJECTED})
_MEANWHILE: Final = "started by somebody else meanwhile"
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
    ledger: Ledger
    rows: ChangeLedger
    firing: Firing
    clock: Clock

    def backfill(
        self, schedule: Schedule, first: datetime, before: datetime, asked: Asked, *, dry_run: bool
    ) -> Iterator[Item]:
        """Go through the nominal times, or modification times, in [first, before), oldest first for times.

        What is not due yet is left out. Repeated, it goes on where it was. Raises LedgerUnavailable, BlobUnavailable.
        """
        before = min(before, self.clock.now(), self.ledger.now() + AHEAD)
        if isinstance(schedule, ChangeSchedule):
            for found in self._blobs(schedule.trigger, first, before):
                yield self._change(schedule, found, asked, dry_run=dry_run)
            return
        for moment in between(schedule.trigger, first - _INSTANT, before - _INSTANT):
            yield self._start(schedule, moment, asked, dry_run=dry_run)

    def _blobs(self, trigger: ChangeTrigger, first: datetime, before: datetime) -> Iterator[FoundBlob]:
        """The blobs in scope that were modified in [first, before), by name."""
        continuation = None
        while True:
            page = self.changes.page(trigger, continuation)
            for found in page.blobs:
                if out_of_scope(trigger, found) is None and first <= found.change.last_modified < before:
                    yield found
            continuation = page.continuation
            if continuation is None:
                return

    def _change(self, schedule: ChangeSchedule, found: FoundBlob, asked: Asked, *, dry_run: bool) -> Item:
        rows, change, name = self.rows, found.change, schedule.name
        own = change_key(name, change)
        key, present = _next_attempt(own, self._attempt)
        if present is not None and not present.starts:
            return replace(present, what=change.path)
        why = "no row" if present is None else present.why
        if dry_run:
            return Item(key, change.path, starts=True, why=why)
        noted, digest = rows.noted(found, rows.newest(name, change)), _digest_in(key)
        if schedule.batch is not None:
            member = member_of(schedule.batch, change, self.changes.lives.id_of(schedule), digest)
            started = rows.add(name, member, noted)
        else:
            occurrence = _again(replace(change_occurrence(name, change, digest), beside=noted), own)
            self.changes.write_manifest(schedule, key, [change])
            started = self.firing.wait(schedule, occurrence, asked) is not None
        return Item(key, change.path, starts=started, why=why if started else _MEANWHILE)

    def _attempt(self, key: str) -> Item | None:
        """What became of a change's attempt: a run of its own, or in a batch."""
        batch = self.rows.batch_of(schedule_of(key), _digest_in(key))
        if batch == "":
            return Item(key, "", starts=False, why="waits for its batch")
        run = self.ledger.get(key)
        if run is None and batch is not None and batch != OWN_RUN:
            run = self.ledger.get(batch)
            if run is None:
                return Item(batch, "", starts=False, why="its batch is being made")
        if run is None:
            return None if batch is None else Item(key, "", starts=True, why="its row is gone")
        return _item(run)

    def _start(self, schedule: TimeSchedule, moment: datetime, asked: Asked, *, dry_run: bool) -> Item:
        own, what = time_key(schedule.name, moment), iso_utc(moment)
        key, present = _next_attempt(own, self._own_run)
        if present is not None and not present.starts:
            return replace(present, what=what)
        why = "no row" if present is None else present.why
        if dry_run:
            return Item(key, what, starts=True, why=why)
        occurrence = _again(Occurrence(key=key, kind=RunKind.TIME, nominal_time=moment), own)
        started = self.firing.wait(schedule, occurrence, asked)
        return Item(key, what, starts=started is not None, why=why if started else _MEANWHILE)

    def _own_run(self, key: str) -> Item | None:
        run = self.ledger.get(key)
        return None if run is None else _item(run)


def _next_attempt(own: str, attempt: Callable[[str], Item | None]) -> tuple[str, Item | None]:
    """The key of an occurrence's next attempt, and what became of its newest one."""
    newest, key, number = None, own, 0
    while (present := _read(attempt, key)) is not None:
        number += 1
        newest, key = present, f"{own}.r{number}"
    return key, newest


def _read(attempt: Callable[[str], Item | None], key: str) -> Item | None:
    """What became of an attempt; one whose row is not readable may have started."""
    try:
        return attempt(key)
    except CorruptRow as error:
        return Item(key, "", starts=False, why=f"unreadable: {error}")


def _again(occurrence: Occurrence, own: str) -> Occurrence:
    """The occurrence; a replay where it has had a key of its own already."""
    if occurrence.key == own:
        return occurrence
    return replace(occurrence, kind=RunKind.REPLAY, replay_of=own)


def _digest_in(key: str) -> str:
    return key.partition("~")[2]


def _item(run: Run) -> Item:
    return Item(run.key, "", starts=run.state in _STARTABLE, why=_in_words(run))


def _in_words(run: Run) -> str:
    return f"{run.state.value} ({run.reason})" if run.reason else run.state.value
