"""The sweep: lists what a change-based schedule watches, and records the changes that no event has reported.

Its progress is in the ledger, so any instance continues where the last one stopped. Files modified before the mark were
handled by earlier sweeps and are skipped without a query to the ledger.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct, field

from ..clock import Clock
from ..ledger.change_records import SweepState
from ..ledger.lives import Life
from ..ledger.sweeps import Sweeps
from ..log_lines import logger
from ..scheduling.change import CopyStatus, FoundBlob, out_of_scope
from ..scheduling.config import ChangeSchedule, ChangeTrigger
from ..scheduling.identities import watched_digest
from ..scheduling.instants import iso_utc
from ..scheduling.overlap import slots_of
from ..scheduling.replacing import replace
from ..scheduling.run import SkipReason
from ..storage.blobs import ListingExpired, Page
from .pieces import Piece, Work, target_of
from .reported_changes import Changes, Fate

log = logger(__name__)

MARGIN: Final = timedelta(minutes=2)
"""How far the mark stays behind the start of a listing, because the clocks of storage servers differ."""

_TRIED_EVERY: Final = 3600.0

LEFT_TO_EVENTS: Final = timedelta(seconds=90)
"""A change younger than this is left to its event; the next sweep sees it again. Less than MARGIN."""


class Sweeping(Struct, frozen=True, kw_only=True):
    """Sweeps the folders that schedules watch."""

    changes: Changes
    sweeps: Sweeps
    clock: Clock
    _try_again_at: dict[str, float] = field(default_factory=dict)
    """Schedule → when its container is tried again, on the monotonic clock."""

    def handle(self, schedule: ChangeSchedule, life: Life, server_now: Callable[[], datetime]) -> Work:
        """If a sweep is due, list page by page; each piece records a change. Raises BlobUnavailable.

        Until all changes of a page have been recorded, the next pass lists it again.
        """
        trigger = schedule.trigger
        if not trigger.polling_interval:
            self._try_container(schedule)
            return
        state = self._begun(life, trigger, server_now())
        while state is not None and state.listing:
            try:
                page = self.changes.page(trigger, state.continuation)
            except ListingExpired:
                self.sweeps.set(schedule.name, life.id, replace(state, continuation=None))
                return
            since = state.mark or life.first_seen.replace(microsecond=0)
            counted, to_record = state, 0
            were_new: list[bool] = []
            # Oldest first: the order matters if runs wait for one another or are superseded.
            for found in sorted(page.blobs, key=lambda one: one.change.last_modified):
                if out_of_scope(trigger, found) is not None:
                    continue
                if found.change.last_modified < since:
                    counted = replace(counted, before_first_seen=counted.before_first_seen + (state.mark is None))
                elif found.copy_status is CopyStatus.PENDING:
                    oldest = min(counted.pending_from or found.change.last_modified, found.change.last_modified)
                    counted = replace(counted, pending_from=oldest)
                elif server_now() - found.change.last_modified >= LEFT_TO_EVENTS:
                    to_record += 1
                    target = target_of(schedule) if schedule.batch is None else None
                    yield Piece(partial(self._record, schedule, found, were_new), to=target)
                    if slots_of(schedule) is not None:
                        yield None
                        if len(were_new) < to_record:
                            return  # a younger change must not overtake this one
            yield None
            if len(were_new) < to_record:
                return
            counted = replace(counted, missed_by_events=counted.missed_by_events + sum(were_new))
            state = self._followed(schedule, life, counted, page)

    def _try_container(self, schedule: ChangeSchedule) -> None:
        """Check once an hour that a container without sweeps can be reached; nothing else would notice."""
        now = self.clock.monotonic()
        if now < self._try_again_at.get(schedule.name, now):
            return
        self.changes.blobs.reach(schedule.trigger.connection, schedule.trigger.container)
        self._try_again_at[schedule.name] = now + _TRIED_EVERY

    def _begun(self, life: Life, trigger: ChangeTrigger, server_now: datetime) -> SweepState | None:
        """The state of the listing under way, or of a new one if it is due; None otherwise."""
        state = self.sweeps.state(life.schedule, life.id)
        of = watched_digest(trigger)
        if state.of == of:
            if state.listing:
                return state
            if state.started_at is not None and server_now - state.started_at < trigger.polling_interval:
                return None
        begun = replace(
            state,
            started_at=server_now,
            listing=True,
            of=of,
            continuation=None,
            pending_from=None,
            before_first_seen=0,
        )
        return self.sweeps.set(life.schedule, life.id, begun)

    def _record(self, schedule: ChangeSchedule, found: FoundBlob, were_new: list[bool]) -> None:
        is_new = self.changes.record(schedule, found, first_seen=None) is not Fate.KNOWN
        if is_new:
            extra = {"action": "found_by_sweep", "schedule": schedule.name}
            log.info("the sweep found %r, which no event had reported", found.change.path, extra=extra)
        were_new.append(is_new)

    def _followed(self, schedule: ChangeSchedule, life: Life, state: SweepState, page: Page) -> SweepState | None:
        """Record that a page has been handled; None if another instance was first and continues."""
        if page.continuation is not None:
            return self.sweeps.set(schedule.name, life.id, replace(state, continuation=page.continuation))
        assert state.started_at is not None, "a listing has begun"
        mark = state.started_at - MARGIN
        if state.pending_from is not None:
            mark = min(mark, state.pending_from)
        if state.mark is None and state.before_first_seen:
            self._note_older_blobs(schedule, life, state.before_first_seen)
        ended = replace(state, listing=False, continuation=None, mark=max(mark, state.mark or mark))
        return self.sweeps.set(schedule.name, life.id, ended)

    def _note_older_blobs(self, schedule: ChangeSchedule, life: Life, number: int) -> None:
        """Write one row for all blobs in the first listing that are older than the schedule."""
        blobs = "1 blob was" if number == 1 else f"{number} blobs were"
        seen = "first seen" if life.is_first else f"seen at {iso_utc(life.first_seen)} to watch this folder"
        sentence = f"{blobs} there before the schedule was {seen}; to start those without a run, use backfill"
        since = "" if life.is_first else f"~{int(life.first_seen.timestamp())}"
        key = f"{schedule.name}~before_first_seen{since}"
        self.changes.note_many(schedule, key, SkipReason.BEFORE_FIRST_SEEN, sentence)
