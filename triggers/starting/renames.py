"""Renamed files and directories of hierarchical namespaces; neither blob triggers nor sweeps find them.

A renamed file is a change at the event's time. The event of a renamed directory has only its name: a row of the ledger
lets the reconciler list it piece by piece, so that the next pass continues where the last one stopped.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

from ..ledger.ledger import Ledger
from ..ledger.rename_rows import RenamedDirectory, RenameLedger
from ..log_lines import logger
from ..scheduling.change import FoundBlob, out_of_scope, path_out_of_scope
from ..scheduling.config import ChangeSchedule, Schedule
from ..scheduling.instants import iso_utc
from ..scheduling.overlap import slots_of
from ..scheduling.renames import Rename, UnfitEvent, clamped, listed_folder, rename_of
from ..scheduling.replacing import replace
from ..scheduling.run import SkipReason
from ..settings import StoreUnavailable
from ..storage.blobs import ListingExpired, Page
from .pieces import Piece, Work, target_of
from .reported_changes import Changes, Fate, renamed

log = logger(__name__)

MOST_RUNS: Final = 5000
"""Runs per renamed directory, if its files are not batched."""
_PIECE: Final = 100
"""Number of files after which the row records the progress."""


class Renames(Struct, frozen=True, kw_only=True):
    """Handles events about renames, and lists renamed directories."""

    schedules: Mapping[str, Schedule]
    changes: Changes
    ledger: Ledger
    rows: RenameLedger

    def note(self, event_type: str, topic: str, subject: str, at: datetime, data: object) -> int:
        """Handle an event; returns how many schedules it concerns. May raise StoreUnavailable after some of them."""
        try:
            rename = rename_of(event_type, topic, subject, at, data)
        except UnfitEvent as error:
            _drop(subject, str(error))
            return 0
        concerned = [one for one in self.schedules.values() if isinstance(one, ChangeSchedule)]
        concerned = [one for one in concerned if self._concerns(one, rename)]
        if not concerned:
            _drop(subject, "no schedule watches its path")
            return 0
        rename = replace(rename, at=clamped(rename.at, self.ledger.now()))
        failed = []
        for schedule in concerned:
            try:
                self._note(schedule, rename)
            except StoreUnavailable as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return len(concerned)

    def _concerns(self, schedule: ChangeSchedule, rename: Rename) -> bool:
        trigger = schedule.trigger
        if trigger.container != rename.container:
            return False
        if rename.is_directory:
            overlaps = listed_folder(trigger, rename.path) is not None
        else:
            overlaps = path_out_of_scope(trigger, rename.path) is None
        return overlaps and self.changes.blobs.account(trigger.connection) == rename.account

    def _note(self, schedule: ChangeSchedule, rename: Rename) -> None:
        self.rows.note(schedule.name, rename.at)
        if not rename.is_directory:
            self.changes.report_renamed(schedule, rename.path, rename.source, rename.at)
            return
        one = RenamedDirectory(
            host=self.changes.blobs.host(schedule.trigger.connection),
            container=rename.container,
            path=rename.path,
            source=rename.source,
            at=rename.at,
        )
        self.rows.begin(schedule.name, one)

    def handle(self, schedule: ChangeSchedule) -> Work:
        """List renamed directories; each piece records a file. Raises BlobUnavailable."""
        for one in self.rows.unfinished(schedule.name):
            yield from self._list(schedule, one)

    def _list(self, schedule: ChangeSchedule, one: RenamedDirectory) -> Work:
        trigger = schedule.trigger
        folder = listed_folder(trigger, one.path)
        is_elsewhere = (self.changes.blobs.host(trigger.connection), trigger.container) != (one.host, one.container)
        if folder is None or is_elsewhere:  # the schedule was edited meanwhile
            self.rows.end(schedule.name, one)
            return
        present: RenamedDirectory | None = one
        while present is not None:
            try:
                page = self.changes.blobs.page(
                    trigger.connection,
                    trigger.container,
                    folder,
                    recursive=trigger.recursive,
                    continuation=present.continuation,
                )
            except ListingExpired:
                self.rows.set(schedule.name, replace(present, continuation=None))
                return
            written: list[RenamedDirectory] = []
            yield from self._handle_page(schedule, present, page, written)
            if not written:
                return
            if page.continuation is None:
                self._end(schedule, written[-1])
                return
            present = self.rows.set(schedule.name, replace(written[-1], continuation=page.continuation, after=None))

    def _handle_page(
        self, schedule: ChangeSchedule, one: RenamedDirectory, page: Page, written: list[RenamedDirectory]
    ) -> Work:
        """Record the files of a page, in pieces; `written` receives the row as it is at the end of the page."""
        rest = [found for found in page.blobs if one.after is None or found.change.path > one.after]
        present: RenamedDirectory | None = one
        for start in range(0, len(rest), _PIECE):
            piece = rest[start : start + _PIECE]
            files = [found for found in piece if out_of_scope(schedule.trigger, found) is None]
            assert present is not None
            free = len(files) if schedule.batch is not None else max(0, MOST_RUNS - present.started)
            # Counted before they are started: if this process dies, the number is then not too low.
            counted = replace(
                present,
                listed=present.listed + sum(not found.is_folder for found in piece),
                started=present.started + len(files[:free]),
                left_out=present.left_out + len(files[free:]),
            )
            claimed = self.rows.set(schedule.name, replace(counted, listed=present.listed, left_out=present.left_out))
            if claimed is None:
                return
            fates: list[Fate] = []
            for found in sorted(files[:free], key=lambda one: one.change.last_modified):
                to = target_of(schedule) if schedule.batch is None else None
                yield Piece(partial(self._record, schedule, claimed, found, fates), to=to)
                if slots_of(schedule) is not None:
                    yield None
            yield None
            if len(fates) < len(files[:free]):
                return  # some have failed: the next pass tries them again
            started = present.started + fates.count(Fate.STARTED)
            present = replace(counted, started=started, after=piece[-1].change.path, version=claimed.version)
        assert present is not None
        written.append(present)

    def _record(self, schedule: ChangeSchedule, of: RenamedDirectory, found: FoundBlob, fates: list[Fate]) -> None:
        below = found.change.path.removeprefix(of.path)
        source = None if of.source is None else f"{of.source}{below}"
        fates.append(self.changes.record_renamed(schedule, renamed(found, of.at), source))

    def _end(self, schedule: ChangeSchedule, one: RenamedDirectory) -> None:
        """Record the result of the listing; if another event has come meanwhile, start over."""
        if not one.listed:
            self.changes.note_gone(schedule, one.container, f"{one.path}/", one.at)
        if one.left_out:
            self._note_left_out(schedule, one)
        if one.again is not None:
            begun = RenamedDirectory(
                host=one.host,
                container=one.container,
                path=one.path,
                source=one.again_source,
                at=one.again,
                version=one.version,
            )
            self.rows.set(schedule.name, begun)
            return
        self.rows.end(schedule.name, one)

    def _note_left_out(self, schedule: ChangeSchedule, one: RenamedDirectory) -> None:
        """Write one row for all files that start no run because the directory has too many."""
        sentence = (
            f"{MOST_RUNS} runs were started for the renamed directory {one.path!r}; {one.left_out} more files in it "
            "start nothing; start them with backfill, and use batch for directories of this size"
        )
        log.warning("%s: %s", schedule.name, sentence, extra={"action": "rename_limit", "schedule": schedule.name})
        named = hashlib.sha256(f"{one.host}/{one.container}/{one.path} {iso_utc(one.at)}".encode()).hexdigest()[:32]
        self.changes.note_many(schedule, f"{schedule.name}~renamed~{named}", SkipReason.FILTERED, sentence)


def _drop(subject: str, because: str) -> None:
    """Log an event that is invalid or concerns no schedule, so that it can be counted."""
    extra = {"action": "event_dropped", "because": because}
    log.info("an event about %r starts nothing: %s", subject[:1100], because, extra=extra)
