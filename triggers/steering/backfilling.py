"""Starts what a schedule missed, on request: occurrences without a row, and skipped, dead or rejected ones.

Nothing is submitted here: the runs wait in the ledger, and the reconciler sends them despite pauses and `catchup`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.change_ledger import OWN_RUN, ChangeLedger
from ..ledger.ledger import Ledger
from ..ledger.rows import CorruptRow
from ..scheduling.batch import member_of
from ..scheduling.change import FoundBlob, change_digest, out_of_scope
from ..scheduling.config import AfterSchedule, ChangeSchedule, ChangeTrigger, ManualSchedule, Schedule, TimeSchedule
from ..scheduling.instants import iso_utc
from ..scheduling.policies import floor
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunKind
from ..scheduling.run_keys import change_key, replay_key, schedule_of, time_key
from ..scheduling.run_states import NEVER_ACCEPTED
from ..scheduling.times.occurrences import between
from ..scheduling.times.rules import INSTANT
from ..starting.due_occurrences import AHEAD
from ..starting.firing import Firing
from ..starting.moved_occurrences import MovedOccurrences
from ..starting.occurrence import Occurrence, Requested, change_occurrence, time_occurrence
from ..starting.reported_changes import Changes
from .declined import WrongState

_MEANWHILE: Final = "started in the meantime"


class Item(Struct, frozen=True):
    """One occurrence of a backfill."""

    key: str
    what: str
    """Its nominal time, or its blob's path."""
    starts: bool
    why: str
    """The state of its row, or that it has none."""


class Backfilling(Struct, frozen=True, kw_only=True):
    """Runs backfills."""

    changes: Changes
    ledger: Ledger
    rows: ChangeLedger
    firing: Firing
    moved: MovedOccurrences
    clock: Clock

    def backfill(
        self,
        schedule: Schedule,
        first: datetime,
        before: datetime,
        asked: Requested,
        *,
        dry_run: bool,
        force: bool = False,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[Item]:
        """Start every occurrence in [first, before) that needs it, by nominal or modification time; times oldest first.

        Times that are not due yet are left out. A repeated call continues where the last one stopped. Occurrences older
        than the ledger's retention may have run: they start only with `force`, under a new key. `goes_on` is called
        after each page of a blob listing, which may be long and have nothing in range; if it returns False, the listing
        ends. Raises WrongState, LedgerUnavailable, BlobUnavailable.
        """
        remembered = floor(self.clock.now(), self.changes.retention)
        before = min(before, self.clock.now(), self.ledger.now() + AHEAD)
        assert not isinstance(schedule, ManualSchedule | AfterSchedule), "it has no occurrences or files to backfill"
        if not force and self._has_any(schedule, first, min(before, remembered)):
            raise WrongState(_forgotten(schedule, remembered, self.changes.retention))
        if isinstance(schedule, ChangeSchedule):
            for found in self._blobs(schedule.trigger, first, before, goes_on):
                is_remembered = found.change.last_modified >= remembered
                yield self._change(schedule, found, asked, dry_run=dry_run, is_remembered=is_remembered)
            return
        for moment in between(schedule.trigger, first - INSTANT, before - INSTANT):
            yield self._start(schedule, moment, asked, dry_run=dry_run, is_remembered=moment >= remembered)

    def _has_any(self, schedule: TimeSchedule | ChangeSchedule, first: datetime, before: datetime) -> bool:
        """True if there may be an occurrence in [first, before); blobs are not listed for this."""
        if first >= before or isinstance(schedule, ChangeSchedule):
            return first < before
        return next(iter(between(schedule.trigger, first - INSTANT, before - INSTANT)), None) is not None

    def _blobs(
        self, trigger: ChangeTrigger, first: datetime, before: datetime, goes_on: Callable[[], bool]
    ) -> Iterator[FoundBlob]:
        """The blobs in scope that were modified in [first, before), by name."""
        continuation = None
        while True:
            page = self.changes.page(trigger, continuation)
            for found in page.blobs:
                if out_of_scope(trigger, found) is None and first <= found.change.last_modified < before:
                    yield found
            continuation = page.continuation
            if continuation is None or not goes_on():
                return

    def _change(
        self, schedule: ChangeSchedule, found: FoundBlob, asked: Requested, *, dry_run: bool, is_remembered: bool
    ) -> Item:
        rows, change, name = self.rows, found.change, schedule.name
        own = change_key(name, change)
        replays = [*self.ledger.replays(own), *rows.replays(name, change_digest(change))]
        key, present = self._next_attempt(own, replays, self._attempt, is_remembered=is_remembered)
        if present is not None and not present.starts:
            return replace(present, what=change.path)
        why = _why(present, is_remembered=is_remembered)
        if dry_run:
            return Item(key, change.path, starts=True, why=why)
        noted, digest = rows.noted(found, rows.newest(name, change)), _digest_in(key)
        if schedule.batch is not None:
            member = member_of(schedule.batch, change, self.changes.lives.id_of(schedule), digest)
            started = rows.add(name, member, noted, for_set=schedule.batch.expect is not None)
        else:
            occurrence = _again(replace(change_occurrence(name, change, digest), beside=noted), own)
            self.changes.write_manifest(schedule, key, [change])
            started = self.firing.wait(schedule, occurrence, asked) is not None
        return Item(key, change.path, starts=started, why=why if started else _MEANWHILE)

    def _attempt(self, key: str) -> Item | None:
        """What happened to an attempt for a change, in its own run or in a batch; None if there is no record."""
        batch = self.rows.batch_of(schedule_of(key), _digest_in(key))
        if batch == "":
            return Item(key, "", starts=False, why="waits for its batch")
        run = self.ledger.get(key)
        if run is None and batch is not None and batch != OWN_RUN:
            run = self.ledger.get(batch)
            if run is None:
                return Item(batch, "", starts=False, why="its batch is being closed")
        if run is None:
            return None if batch is None else Item(key, "", starts=True, why="its record is gone")
        return _item(run)

    def _start(
        self, schedule: TimeSchedule, moment: datetime, asked: Requested, *, dry_run: bool, is_remembered: bool
    ) -> Item:
        own, what = time_key(schedule.name, moment), iso_utc(moment)
        replays = self.ledger.replays(own)
        key, present = self._next_attempt(own, replays, self._own_run, is_remembered=is_remembered)
        if present is not None and not present.starts:
            return replace(present, what=what)
        why = _why(present, is_remembered=is_remembered)
        if dry_run:
            return Item(key, what, starts=True, why=why)
        occurrence = _again(replace(time_occurrence(schedule, moment), key=key, due_at=None), own)
        whole = self.moved.with_originals(schedule, occurrence)
        if whole is None:
            return Item(key, what, starts=False, why="handled on the day from which it was moved")
        started = self.firing.wait(schedule, whole, asked)
        return Item(key, what, starts=started is not None, why=why if started else _MEANWHILE)

    def _next_attempt(
        self, own: str, replays: Sequence[int], attempt: Callable[[str], Item | None], *, is_remembered: bool
    ) -> tuple[str, Item | None]:
        """The key of an occurrence's next attempt, and what happened to the newest one; None if there was none."""
        if replays:
            return replay_key(own, max(replays) + 1), _read(attempt, replay_key(own, max(replays)))
        present = _read(attempt, own)
        if present is not None:
            return replay_key(own, 1), present
        return own if is_remembered else replay_key(own, int(self.clock.now().timestamp())), None

    def _own_run(self, key: str) -> Item | None:
        run = self.ledger.get(key)
        return None if run is None else _item(run)


def _why(present: Item | None, *, is_remembered: bool) -> str:
    if present is not None:
        return present.why
    return "no run yet" if is_remembered else "no record any more; it may have run"


def _forgotten(schedule: Schedule, remembered: datetime, retention: timedelta) -> str:
    return (
        f"{schedule.name}: anything before {iso_utc(remembered)} may already have run, because records are deleted "
        f"after {retention.days} days (LEDGER_RETENTION_DAYS); begin there, or use force, which may start the same run "
        "again"
    )


def _read(attempt: Callable[[str], Item | None], key: str) -> Item | None:
    """What happened to an attempt. One whose row cannot be read may have started."""
    try:
        return attempt(key)
    except CorruptRow as error:
        return Item(key, "", starts=False, why=f"unreadable: {error}")


def _again(occurrence: Occurrence, own: str) -> Occurrence:
    """The occurrence, marked as a replay if its key is not `own`, the original one."""
    if occurrence.key == own:
        return occurrence
    return replace(occurrence, kind=RunKind.REPLAY, replay_of=own)


def _digest_in(key: str) -> str:
    return key.partition("~")[2]


def _item(run: Run) -> Item:
    return Item(run.key, "", starts=run.state in NEVER_ACCEPTED, why=_in_words(run))


def _in_words(run: Run) -> str:
    return f"{run.state.value} ({run.reason})" if run.reason else run.state.value
