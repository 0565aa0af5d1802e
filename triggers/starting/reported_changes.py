"""Decides whether a blob that was reported or found starts a run, joins a batch or is skipped, and records that."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from msgspec import Struct

from ..clock import Clock
from ..ledger.change_ledger import ChangeLedger
from ..ledger.change_records import Version
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable
from ..ledger.silences import Silences
from ..log_lines import logger
from ..scheduling.batch import manifest, manifest_path, member_of
from ..scheduling.change import BlobChange, CopyStatus, FoundBlob, out_of_scope, path_out_of_scope
from ..scheduling.config import ChangeSchedule, ChangeTrigger, DataPathKind
from ..scheduling.instants import iso_utc
from ..scheduling.pauses import Pause, is_left_out
from ..scheduling.policies import floor
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunKind, RunState, SkipReason
from ..scheduling.run_keys import change_key
from ..scheduling.silence import expects_changes
from ..storage.blobs import Blobs, BlobUnavailable, Page
from .firing import Firing
from .lives import Lives
from .occurrence import change_occurrence

log = logger(__name__)

_BEFORE_AN_EDIT: Final = timedelta(minutes=10)
"""The time a deployment may take, in which old processes do not yet watch a new folder."""
_TRIES: Final = 5


class Changes(Struct, frozen=True, kw_only=True):
    """Reads changes, decides on them and records them."""

    blobs: Blobs
    ledger: Ledger
    rows: ChangeLedger
    firing: Firing
    lives: Lives
    silences: Silences
    clock: Clock
    retention: timedelta

    def page(self, trigger: ChangeTrigger, continuation: str | None) -> Page:
        """A page of the blobs that a trigger watches; raises BlobUnavailable and ListingExpired."""
        return self.blobs.page(
            trigger.connection,
            trigger.container,
            trigger.folder,
            recursive=trigger.recursive,
            continuation=continuation,
        )

    def report(self, schedule: ChangeSchedule, container: str, path: str, *, polled: bool) -> bool:
        """Record the present version of a reported blob; False if it was recorded before. Raises BlobUnavailable.

        A poll also finds files that are much older than the schedule. Events only report uploads, so they all count in
        a schedule's first life; after an edit, those since shortly before it.
        """
        trigger = schedule.trigger
        life = self.lives.of(schedule)
        found = self.blobs.of(trigger.connection, container, path)
        if found is None:
            return self.note_gone(schedule, container, path, self.clock.now())
        if (because := out_of_scope(trigger, found)) is not None:
            filtered = change_occurrence(schedule.name, found.change)
            return self.firing.fire(schedule, filtered, SkipReason.FILTERED, because) is not None
        if found.copy_status is CopyStatus.PENDING:
            if trigger.polling_interval:
                log.info("%s/%r is still being copied; the next sweep handles it", container, path)
                return False
            raise BlobUnavailable(f"{container}/{path!r} is still being copied")
        first_seen = life.first_seen if polled else self.events_since(schedule)
        return self.record(schedule, found, first_seen=first_seen, told=not polled) is not Fate.KNOWN

    def report_renamed(self, schedule: ChangeSchedule, path: str, source: str | None, at: datetime) -> bool:
        """Record a file that was renamed at a time; False if it was recorded before. Raises BlobUnavailable.

        `source` is the old name, if it was in the same container.
        """
        trigger = schedule.trigger
        found = self.blobs.of(trigger.connection, trigger.container, path)
        if found is None:
            return self.note_gone(schedule, trigger.container, path, at)
        found = renamed(found, at)
        if (because := out_of_scope(trigger, found)) is not None:
            filtered = change_occurrence(schedule.name, found.change)
            return self.firing.fire(schedule, filtered, SkipReason.FILTERED, because) is not None
        return self.record_renamed(schedule, found, source) is not Fate.KNOWN

    def note_many(self, schedule: ChangeSchedule, key: str, reason: SkipReason, sentence: str) -> None:
        """Write one row for many files that start nothing."""
        now = self.clock.now()
        run = Run(
            key=key,
            schedule=schedule.name,
            kind=RunKind.CHANGE,
            state=RunState.SKIPPED,
            created_at=now,
            pipeline=schedule.pipeline,
            reason=reason.value,
            error=sentence,
            ended_at=now,
        )
        self.ledger.insert(run.first(now))

    def record_renamed(self, schedule: ChangeSchedule, found: FoundBlob, source: str | None) -> "Fate":
        """Record a file in scope that was renamed."""
        first_seen = self.events_since(schedule)
        return self.record(schedule, found, first_seen=first_seen, told=True, renamed_from=source)

    def events_since(self, schedule: ChangeSchedule) -> datetime | None:
        """The time from which events count: None (all do) in a first life, after an edit shortly before it."""
        life = self.lives.of(schedule)
        return None if life.is_first else life.first_seen - _BEFORE_AN_EDIT

    def note_gone(self, schedule: ChangeSchedule, container: str, path: str, at: datetime) -> bool:
        """Record that a reported blob is gone; each time that a path is gone gets its own row."""
        host = self.blobs.host(schedule.trigger.connection)
        gone = BlobChange(host=host, container=container, path=path, etag="", size=0, last_modified=at)
        if self.ledger.has(change_key(schedule.name, gone)):
            gone = replace(gone, etag=f"gone {iso_utc(at)}")
        return self.firing.fire(schedule, change_occurrence(schedule.name, gone), SkipReason.GONE) is not None

    def record(
        self,
        schedule: ChangeSchedule,
        found: FoundBlob,
        *,
        first_seen: datetime | None,
        told: bool = False,
        renamed_from: str | None = None,
    ) -> "Fate":
        """Record a version that is in scope, unless it was recorded before or is left to its event.

        Versions from before the floor start nothing, because their rows may have been pruned. If unchanged versions
        start runs, only an event can distinguish an upload from a metadata write; nothing is recorded without one
        (`told` is False). A file that was renamed within the scope is unchanged.
        """
        name, change, now = schedule.name, found.change, self.clock.now()
        if expects_changes(schedule):
            self.silences.note(name, self.lives.of(schedule).id, change.changed_at)
        lowest = floor(now, self.retention)
        for _ in range(_TRIES):
            newest = self.rows.newest(name, change)
            if newest is not None and newest.etag == change.etag:
                return Fate.KNOWN
            skip, because = _skip(schedule, found, newest, first_seen, lowest), None
            if skip is SkipReason.CONTENT_UNCHANGED and newest is not None:
                because = f"the same bytes as the version of {iso_utc(newest.last_modified)}, ETag {newest.etag}"
            if skip is None and renamed_from is not None and self._is_moved(schedule, found, renamed_from):
                skip, because = SkipReason.CONTENT_UNCHANGED, f"renamed from {renamed_from!r}"
            if skip is SkipReason.CONTENT_UNCHANGED and schedule.trigger.starts_unchanged:
                if not told:
                    return Fate.KNOWN
                skip = None
            if skip is None:
                skip = _paused(self.ledger.present_pauses(name), change, now)
            if self._recorded(schedule, found, newest, skip, because):
                return Fate.STARTED if skip is None else Fate.SKIPPED
            if self.ledger.has(change_key(name, change)) or self.rows.is_batched(name, change):
                return Fate.KNOWN
        raise LedgerUnavailable(f"{change.path!r} keeps changing; try again")

    def _is_moved(self, schedule: ChangeSchedule, found: FoundBlob, source: str) -> bool:
        """True if the file was elsewhere in the scope before, and its version has a row there."""
        if path_out_of_scope(schedule.trigger, source) is not None:
            return False
        version = self.rows.newest(schedule.name, replace(found.change, path=source))
        if version is None:
            return False
        is_same = None not in (found.content_md5, found.created) and (
            (found.change.size, found.content_md5, found.created)
            == (version.size, version.content_md5, version.created)
        )
        return version.etag == found.change.etag or is_same

    def _recorded(
        self,
        schedule: ChangeSchedule,
        found: FoundBlob,
        newest: Version | None,
        skip: SkipReason | None,
        because: str | None,
    ) -> bool:
        """Write the decision; False if this version already has a row, or another was recorded meanwhile."""
        change, noted = found.change, self.rows.noted(found, newest)
        occurrence = replace(change_occurrence(schedule.name, change), beside=noted)
        if skip is not None:
            return self.firing.fire(schedule, occurrence, skip, because) is not None
        if schedule.batch is not None:
            if self.ledger.has(occurrence.key):
                return False
            member = member_of(schedule.batch, change, self.lives.of(schedule).id)
            return self.rows.add(schedule.name, member, noted, for_set=schedule.batch.expect is not None)
        self.write_manifest(schedule, occurrence.key, [change])
        return self.firing.fire(schedule, occurrence, None) is not None

    def write_manifest(self, schedule: ChangeSchedule, run_key: str, changes: Iterable[BlobChange]) -> str | None:
        """Write the manifest of a run and return its path; None if its schedule wants none.

        This comes before the claim. Repeating it is harmless: the same changes give the same bytes.
        """
        trigger = schedule.trigger
        if trigger.data_path is not DataPathKind.MANIFEST:
            return None
        path = manifest_path(schedule.name, run_key)
        self.blobs.write(trigger.connection, trigger.container, path, manifest(changes))
        return path


class Fate(Enum):
    """The result of recording a version."""

    KNOWN = "known"
    """It was recorded before, or is left to its event."""
    SKIPPED = "skipped"
    STARTED = "started"
    """It has a run, or waits for a batch."""


def renamed(found: FoundBlob, at: datetime) -> FoundBlob:
    """The blob, as renamed at a time."""
    return replace(found, change=replace(found.change, renamed_at=at))


def _skip(
    schedule: ChangeSchedule, found: FoundBlob, newest: Version | None, first_seen: datetime | None, lowest: datetime
) -> SkipReason | None:
    changed, start = found.change.changed_at, schedule.trigger.start
    if found.copy_status in (CopyStatus.ABORTED, CopyStatus.FAILED):
        return SkipReason.COPY_FAILED
    if start is not None and changed < start:
        return SkipReason.BEFORE_START
    # Blob storage gives modification times in whole seconds.
    if first_seen is not None and changed < first_seen.replace(microsecond=0):
        return SkipReason.BEFORE_FIRST_SEEN
    if found.change.last_modified < lowest:
        return SkipReason.FORGOTTEN
    if not schedule.enabled:
        return SkipReason.DISABLED
    return SkipReason.CONTENT_UNCHANGED if newest is not None and _is_unchanged(found, newest) else None


def _is_unchanged(found: FoundBlob, newest: Version) -> bool:
    """True if a new ETag is only a metadata write, or the same bytes written in place.

    A blob that was deleted and written again has another creation time.
    """
    if None not in (found.created, newest.created) and found.created != newest.created:
        return False
    same = (found.change.size, found.content_md5) == (newest.size, newest.content_md5)
    return same and found.content_md5 is not None and found.change.changed_at >= newest.last_modified


def _paused(pauses: Sequence[Pause], change: BlobChange, now: datetime) -> SkipReason | None:
    return SkipReason.PAUSED if is_left_out(pauses, change.changed_at, now) else None
