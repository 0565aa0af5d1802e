"""Makes batches of pending changes: seals those that are due, then claims and submits one run for each.

Every step is one conditional transaction. So a reconciler of another instance, or the next pass after a crash,
continues where the last one stopped, and every change is in exactly one batch.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct

from ..clock import Clock
from ..ledger.change_ledger import ChangeLedger, Fits
from ..ledger.change_records import Head
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable, Operation
from ..ledger.rename_rows import RenameLedger
from ..ledger.sweeps import Sweeps
from ..scheduling.batch import Arrival, BatchFacts, Member, is_due
from ..scheduling.change import path_out_of_scope
from ..scheduling.config import ChangeSchedule, Schedule
from ..scheduling.gathering import Batch, Expect
from ..scheduling.overlap import slots_of
from ..scheduling.pauses import Pause, is_paused
from ..scheduling.replacing import replace
from ..scheduling.run import RunKind, SkipReason
from ..storage.blobs import Blobs
from .closing_sets import ClosingSets
from .firing import Firing
from .lives import LINGERS, Standing
from .occurrence import Occurrence, change_occurrence
from .pieces import Piece, Work, target_of
from .reported_changes import Changes


class Batching(Struct, frozen=True, kw_only=True):
    """Makes batches and starts their runs."""

    changes: Changes
    ledger: Ledger
    rows: ChangeLedger
    sweeps: Sweeps
    renames: RenameLedger
    firing: Firing
    blobs: Blobs
    clock: Clock

    @property
    def sets(self) -> ClosingSets:
        """The part that decides which sets to close."""
        return ClosingSets(rows=self.rows, sweeps=self.sweeps, renames=self.renames)

    def handle(
        self, schedule: ChangeSchedule, lives: Standing, server_now: Callable[[], datetime], pauses: Sequence[Pause]
    ) -> Work:
        """Finish the batches that were begun, and begin those that are due. Raises BlobUnavailable.

        During a pause, nothing is begun or finished.
        """
        if is_paused(pauses, self.clock.now()):
            return
        yield from self.release_outdated(schedule.name, schedule, lives, server_now())
        if schedule.batch is None:
            return
        yield from self._finish(schedule, schedule.batch, lives, server_now)
        if schedule.batch.expect is not None:
            yield from self._close_sets(schedule, schedule.batch, schedule.batch.expect, lives, server_now)
            return
        goes_on = True
        while goes_on:
            goes_on, due = False, self._due(schedule, schedule.batch, lives, server_now(), pauses)
            while due := self._began(schedule, schedule.batch, lives, due):
                goes_on = True
                yield from self._finish(schedule, schedule.batch, lives, server_now)

    def _close_sets(
        self,
        schedule: ChangeSchedule,
        batch: Batch,
        expect: Expect,
        lives: Standing,
        server_now: Callable[[], datetime],
    ) -> Work:
        """Begin a batch for every set that has to be closed."""
        fits, goes_on = self._fitting(schedule, lives), True
        while goes_on:
            goes_on = False
            for one in self.sets.decisions(schedule, batch, expect, fits, lives.own, server_now()):
                path = one.group or schedule.trigger.folder
                head = Head(group=one.group, path=path, life=lives.own, closed=one.closed)
                goes_on |= self.rows.begin(schedule.name, head, fits, len(one.members), one.members)
            if goes_on:
                yield from self._finish(schedule, batch, lives, server_now)

    def _supersede(self, schedule: ChangeSchedule, older: Arrival, told: list[Arrival]) -> None:
        occurrence = change_occurrence(schedule.name, older.member.change, older.member.digest)
        self._skip(schedule.name, schedule, occurrence, SkipReason.SUPERSEDED, _NEWER, self.rows.released(older))
        told.append(older)

    def _due(
        self,
        schedule: ChangeSchedule,
        batch: Batch,
        lives: Standing,
        server_now: datetime,
        pauses: Sequence[Pause],
    ) -> dict[str, int]:
        """The groups with a batch due → how many batches their waiting changes fill; reads every waiting row."""
        waiting = self.rows.waiting(schedule.name, self._fitting(schedule, lives))
        return {
            one.group: max(1, one.count // batch.max_items) for one in waiting if is_due(batch, one, server_now, pauses)
        }

    def _began(self, schedule: ChangeSchedule, batch: Batch, lives: Standing, due: dict[str, int]) -> dict[str, int]:
        """Begin a batch of every due group; returns the groups begun, each with the number of batches still due."""
        fits, folder = self._fitting(schedule, lives), schedule.trigger.folder
        begun = {}
        for group, batches in due.items():
            head = Head(group=group, path=group or folder, life=lives.own)
            if batches and self.rows.begin(schedule.name, head, fits, batch.max_items):
                begun[group] = batches - 1
        return begun

    def _fitting(self, schedule: ChangeSchedule, lives: Standing) -> Fits:
        """A filter for changes that this process may put into a batch: it watches them, and no other process does."""
        return lambda one: not lives.is_of_others(one.life) and self._unfit(schedule, one) is None

    def _finish(
        self, schedule: ChangeSchedule, batch: Batch, lives: Standing, server_now: Callable[[], datetime]
    ) -> Work:
        """Assign members to each batch until it is sealed, then start its run."""
        went_on, fits = True, self._fitting(schedule, lives)
        while went_on:
            went_on, fired = False, list[bool]()
            for head in self.rows.heads(schedule.name):
                if lives.is_of_others(head.life):
                    continue
                if head.sealed_at is None:
                    older, told = self.rows.outdated(schedule.name, head) if head.closed else [], list[Arrival]()
                    for one in older:
                        yield Piece(partial(self._supersede, schedule, one, told))
                    yield None
                    if len(told) < len(older):
                        continue
                    went_on |= self.rows.go_on(schedule.name, head, fits, batch.max_items, server_now())
                    yield None
                    continue
                yield Piece(partial(self._fire, schedule, batch, head, fired), to=target_of(schedule))
                if slots_of(schedule) is not None:
                    yield None
            yield None
            went_on |= any(fired)

    def _fire(self, schedule: ChangeSchedule, batch: Batch, head: Head, fired: list[bool]) -> None:
        """Claim and submit the run of a sealed batch; `fired` gets False if another process was first."""
        assert head.sealed_at is not None
        members = self.rows.members(schedule.name, head.run_key)
        if len(members) != head.count and not self.rows.lacks_members(schedule.name, head.run_key):
            raise LedgerUnavailable(f"{head.run_key}: {head.count} members were counted, but there are {len(members)}")
        path = self.changes.write_manifest(schedule, head.run_key, (member.change for member in members))
        folder = head.path if head.path is not None else head.group or schedule.trigger.folder
        missing = None if head.closed is None else head.closed.missing
        facts = BatchFacts(group=head.group, count=len(members), manifest=path, path=folder, missing=missing)
        remark = self.sets.remark(schedule.name, head, members)
        occurrence = Occurrence(
            key=head.run_key,
            kind=RunKind.BATCH,
            nominal_time=head.sealed_at,
            batch=facts,
            remark=remark,
            beside=self.rows.ended(head),
        )
        expect = batch.expect
        is_skipped = expect is not None and not expect.starts_incomplete and bool(head.closed and head.closed.lacking)
        skip = SkipReason.INCOMPLETE if is_skipped else None
        fired.append(self.firing.fire(schedule, occurrence, skip, remark if is_skipped else None) is not None)

    def release_outdated(self, name: str, schedule: Schedule | None, lives: Standing, now: datetime) -> Work:
        """Handle changes that wait, or are in a batch being made, but no longer fit the edited schedule.

        A change that is no longer watched is skipped with a row, even if the schedule is time-based now or has left the
        file. If the schedule no longer makes batches, each change gets its own run. Changes recorded by processes with
        a later file are left to them. For an hour, changes that wait for a set are left to processes whose file expects
        one.
        """
        rows = self.rows
        batch = schedule.batch if isinstance(schedule, ChangeSchedule) else None
        is_batched, expects_set = batch is not None, batch is not None and batch.expect is not None
        for one in rows.all_pending(name):
            because = self._unfit(schedule, one.member)
            if lives.is_of_others(one.member.life):
                continue
            if one.is_for_set and not expects_set and because is None and now - one.at < LINGERS:
                continue
            if because or not is_batched:
                yield self._alone(name, schedule, one.member, because, rows.released(one))
                yield None
            elif one.is_for_set != expects_set:
                rows.regather(name, one, for_set=expects_set)
        for head in rows.heads(name):
            present: Head | None = head
            for member in rows.members(name, head.run_key):
                because = self._unfit(schedule, member)
                if present is not None and (because or not is_batched) and not lives.is_of_others(member.life):
                    yield self._alone(name, schedule, member, because, rows.taken_out(name, present, member))
                    yield None
                    present = next((one for one in rows.heads(name) if one.run_key == head.run_key), None)

    def _unfit(self, schedule: Schedule | None, member: Member) -> str | None:
        """The reason why an edited schedule no longer watches a waiting change; None if it does."""
        if schedule is None:
            return "the schedule was removed from the file while it waited"
        if not isinstance(schedule, ChangeSchedule):
            return f"the schedule was edited while it waited and is {schedule.kind_in_words} now"
        trigger, change = schedule.trigger, member.change
        if change.host != self.blobs.host(trigger.connection) or change.container != trigger.container:
            return "the schedule was edited while it waited and watches another container"
        because = path_out_of_scope(trigger, change.path)
        return because and f"the schedule was edited while it waited: {because}"

    def _alone(
        self, name: str, schedule: Schedule | None, member: Member, because: str | None, beside: list[Operation]
    ) -> Piece:
        do = partial(self._fire_alone, name, schedule, member, because, beside)
        return Piece(do, to=None if schedule is None else target_of(schedule))

    def _fire_alone(
        self, name: str, schedule: Schedule | None, member: Member, because: str | None, beside: list[Operation]
    ) -> None:
        """Give a change its own run, or skip it, in the transaction that removes it from where it waits."""
        occurrence = change_occurrence(name, member.change, member.digest)
        if because is not None:
            self._skip(name, schedule, occurrence, SkipReason.FILTERED, because, beside)
            return
        assert isinstance(schedule, ChangeSchedule), "what fits is watched"
        self.changes.write_manifest(schedule, occurrence.key, [member.change])
        if self.firing.fire(schedule, replace(occurrence, beside=beside)) is None:
            self._end_waiting(name, occurrence, beside)

    def _skip(
        self,
        name: str,
        schedule: Schedule | None,
        occurrence: Occurrence,
        reason: SkipReason,
        because: str,
        beside: list[Operation],
    ) -> None:
        if self.firing.skip(name, schedule, replace(occurrence, beside=beside), reason, because) is None:
            self._end_waiting(name, occurrence, beside)

    def _end_waiting(self, name: str, occurrence: Occurrence, beside: list[Operation]) -> None:
        """Stop a change from waiting if its run already has a row."""
        if beside and self.ledger.has(occurrence.key):
            self.rows.write(name, beside)


_NEWER = "a newer version of the file came before its set was closed"
