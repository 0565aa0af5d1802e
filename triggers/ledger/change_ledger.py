"""The ledger's rows about changes: the newest version of each path, batches, and the progress of sweeps.

docs/rows.md lists them. Row keys contain digests of paths, groups and run keys.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Final, TypeAlias
from uuid import uuid4

from ..scheduling.batch import Arrival, Member, Waiting, batch_key, group_id, waiting_of
from ..scheduling.change import BlobChange, FoundBlob, change_digest
from ..scheduling.complete_sets import Closed, next_members, outdated
from ..scheduling.replacing import replace
from .change_pruning import Pruned, prune
from .change_records import (
    FOR_SETS,
    HEAD,
    INCOMPLETE,
    PENDING,
    SET_HEAD,
    UNREADABLE,
    Head,
    Incomplete,
    Version,
    arrival_of,
    head_key,
    head_of,
    incomplete_of,
    members_of,
    noted_version,
    pending_key,
    pending_prefix,
    version_of,
)
from .ledger import Ledger
from .ports import Create, Delete, Merge, Operation, Replace, StoredRow, following
from .rows import after_prefix, columns_of, numbers_behind, readable, readable_or, replays_of, text_of

OWN_RUN: Final = "(its own)"
"""In place of a batch's run key: the change has its own run, or was skipped on its own."""

Fits: TypeAlias = Callable[[Member], bool]
"""Returns True if the calling process may put a change into a batch."""

_NO_MEMBERS: Final[Sequence[Member]] = ()
_MADE_WITHIN: Final = timedelta(days=1)
_MEMBERS_A_TRANSACTION: Final = 48
"""A transaction has at most 100 writes: two for each member, and two for the batch."""


class ChangeLedger:
    """Reads and writes the rows about changes. Every method raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self._table = ledger.table

    def newest(self, schedule: str, change: BlobChange) -> Version | None:
        """The newest recorded version of a blob; None if there is none."""
        row = self._table.get(schedule, _version_key(change))
        return None if row is None else replace(readable_or(version_of, row, UNREADABLE), row=row.etag)

    def noted(self, found: FoundBlob, before: Version | None) -> list[Operation]:
        """The write that makes this version its path's newest; empty if it is not newer than `before`.

        Its transaction fails if another version was recorded since `before` was read.
        """
        change, row = found.change, None if before is None else before.row
        if before is not None and (before.etag == change.etag or before.last_modified > change.changed_at):
            return []
        return [following(_version_key(change), columns_of(noted_version(found, before)), row)]

    def is_batched(self, schedule: str, change: BlobChange) -> bool:
        """True if the change is in a batch or waits for one."""
        return self._table.get(schedule, f"c:{change_digest(change)}") is not None

    def batch_of(self, schedule: str, digest: str) -> str | None:
        """The run key of the batch that a change is in; empty while it waits for one, None if it never did.

        OWN_RUN if the change left its batch. Also raises CorruptRow.
        """
        row = self._table.get(schedule, f"c:{digest}")
        return None if row is None else text_of(row, "run_key")

    def replays(self, schedule: str, digest: str) -> list[int]:
        """The numbers of a change's replays that are in a batch or wait for one, in ascending order."""
        return numbers_behind(f"c:{digest}.r", self._table.query(schedule, *replays_of("c:", digest)))

    def add(self, schedule: str, member: Member, others: list[Operation], *, for_set: bool = False) -> bool:
        """Let a change wait for its batch; False if it already does, or if a condition of `others` fails."""
        change, write_id = member.change, str(uuid4())
        named = {"path": change.path, "etag": change.etag, "run_key": "", "written_by": write_id}
        operations = [
            Create(f"c:{member.digest}", named),
            Create(pending_key(member, for_set=for_set), columns_of(member)),
            *others,
        ]
        if self._table.write(schedule, operations) is not None:
            return True
        row = self._table.get(schedule, f"c:{member.digest}")
        return row is not None and row.columns.get("written_by") == write_id

    def waiting(self, schedule: str, fits: Fits = bool) -> list[Waiting]:
        """The groups with pending changes that fit, without those for sets; reads every pending row."""
        return waiting_of(one for one in readable(arrival_of, self._rows(schedule, PENDING)) if fits(one.member))

    def heads(self, schedule: str) -> list[Head]:
        """The batches being made; one with an unreadable row is reconstructed from its members."""
        rows = chain.from_iterable(self._rows(schedule, prefix) for prefix in (HEAD, SET_HEAD))
        heads = (readable_or(head_of, row, None) or self._repaired(schedule, row) for row in rows)
        return [head for head in heads if head is not None]

    def _repaired(self, schedule: str, corrupt: StoredRow) -> Head | None:
        """Replace the unreadable row of a batch being made; without it, the group's next batch could not begin.

        Returns None if no members show which batch it is. A batch older than a day is left to people: it may have run,
        and its run's row may have been pruned. A set is closed with the members that it has.
        """
        since = self._table.now() - _MADE_WITHIN
        for row in self._rows(schedule, "m:"):
            first = next(iter(readable_or(members_of, row, _NO_MEMBERS)), None)
            if first is None or group_id(first.group) != corrupt.row_key.partition(":")[2]:
                continue
            run_key = self.batch_of(schedule, first.digest) or OWN_RUN
            is_new = row.written_at is not None and row.written_at >= since
            if not is_new or run_key == OWN_RUN or self._table.get(schedule, f"k:{run_key}") is not None:
                continue
            rows = list(self._rows(schedule, f"m:{_run_id(run_key)}:"))
            count = len(self.members(schedule, run_key))
            head = Head(group=first.group, run_key=run_key, count=count, rows=len(rows), life=first.life)
            if corrupt.row_key.startswith(SET_HEAD):
                now = self._table.now()
                head = replace(head, closed=Closed(until=now, newest=now, number=count), sealed_at=now)
            written = self._table.write(schedule, [Replace(corrupt.row_key, columns_of(head), corrupt.etag)])
            return None if written is None else replace(head, row=written.etag)
        return None

    def all_pending(self, schedule: str) -> Iterator[Arrival]:
        """All changes that wait for a batch."""
        rows = chain.from_iterable(self._rows(schedule, prefix) for prefix in (PENDING, FOR_SETS))
        return readable(arrival_of, rows)

    def for_sets(self, schedule: str) -> Iterator[Arrival]:
        """All changes that wait for a complete set."""
        return readable(arrival_of, self._rows(schedule, FOR_SETS))

    def released(self, one: Arrival) -> list[Operation]:
        """Operations to add to the claim when a change stops waiting for a batch and gets its own run."""
        key = pending_key(one.member, for_set=one.is_for_set)
        return [Delete(key), Merge(f"c:{one.member.digest}", {"run_key": OWN_RUN})]

    def regather(self, schedule: str, one: Arrival, *, for_set: bool) -> None:
        """Let a change wait for a set instead of a plain batch, or vice versa, after its schedule was edited."""
        before = Delete(pending_key(one.member, for_set=one.is_for_set))
        self._table.write(schedule, [before, Create(pending_key(one.member, for_set=for_set), columns_of(one.member))])

    def taken_out(self, schedule: str, head: Head, member: Member) -> list[Operation]:
        """Operations that take a member out of a batch being made; empty if it is no longer in it."""
        for row in self._rows(schedule, f"m:{_run_id(head.run_key)}:"):
            members = readable_or(members_of, row, _NO_MEMBERS)
            if member not in members:
                continue
            rest = tuple(one for one in members if one != member)
            left = replace(head, count=head.count - 1, row=None)
            moved = Replace(head_key(head), columns_of(left), head.row)
            return [
                *([moved] if left.count else self.ended(head)),
                Replace(row.row_key, columns_of(rest), row.etag),
                Merge(f"c:{member.digest}", {"run_key": OWN_RUN}),
            ]
        return []

    def write(self, schedule: str, operations: list[Operation]) -> bool:
        """Write operations whose claim another caller has already made; False if a condition fails."""
        return self._table.write(schedule, operations) is not None

    def begin(
        self, schedule: str, head: Head, fits: Fits, limit: int, expected: AbstractSet[Member] | None = None
    ) -> bool:
        """Begin a batch of a group with its first members; False if another process was first, or nothing waits.

        `head` gives the group, path and life. A set also needs exactly the members in `expected` to be pending.
        """
        members = self._pending(schedule, head, fits, limit)
        if not members or (expected is not None and expected != set(members)):
            return False
        members = members[:_MEMBERS_A_TRANSACTION]
        run_key = batch_key(schedule, head.group, members[0].digest)
        head = replace(head, run_key=run_key, count=len(members), rows=1)
        begun = Create(head_key(head), columns_of(head))
        return self._table.write(schedule, [begun, *_assigned(head, members)]) is not None

    def go_on(self, schedule: str, head: Head, fits: Fits, limit: int, sealed_at: datetime) -> bool:
        """Assign more members, or seal the batch if it is full or nothing waits; False if another process was first."""
        members = self._pending(schedule, head, fits, limit - head.count)
        if not members:
            sealed = Replace(head_key(head), columns_of(replace(head, sealed_at=sealed_at, row=None)), head.row)
            return self._table.write(schedule, [sealed]) is not None
        for start in range(0, len(members), _MEMBERS_A_TRANSACTION):
            piece = members[start : start + _MEMBERS_A_TRANSACTION]
            moved_on = replace(head, count=head.count + len(piece), rows=head.rows + 1, row=None)
            moved = Replace(head_key(head), columns_of(moved_on), head.row)
            written = self._table.write(schedule, [moved, *_assigned(moved_on, piece)])
            if written is None:
                return False
            head = replace(moved_on, row=written.etag)
        return True

    def outdated(self, schedule: str, head: Head) -> list[Arrival]:
        """Pending changes that are older versions of files in a set being made."""
        assert head.closed is not None
        arrivals = list(readable(arrival_of, self._rows(schedule, pending_prefix(head.group, for_set=True))))
        return outdated(head.closed, arrivals, self.members(schedule, head.run_key)) if arrivals else []

    def members(self, schedule: str, run_key: str) -> list[Member]:
        """The members of a batch, without those in unreadable rows."""
        rows = self._rows(schedule, f"m:{_run_id(run_key)}:")
        return [member for members in readable(members_of, rows) for member in members]

    def lacks_members(self, schedule: str, run_key: str) -> bool:
        """True if a row of a batch's members is unreadable or empty; the run then starts without those members."""
        rows = self._rows(schedule, f"m:{_run_id(run_key)}:")
        return any(not readable_or(members_of, row, None) for row in rows)

    def ended(self, head: Head) -> list[Operation]:
        """Operations to add to the claim of a batch's run, so that the group's next batch can begin."""
        done: list[Operation] = [Delete(head_key(head), head.row)]
        if head.closed is None or head.closed.deadline is None:
            return done
        incomplete = Incomplete(run_key=head.run_key, deadline=head.closed.deadline)
        return [*done, Replace(f"{INCOMPLETE}{group_id(head.group)}", columns_of(incomplete))]

    def incomplete(self, schedule: str, group: str) -> Incomplete | None:
        """The group's newest set that was closed incomplete."""
        row = self._table.get(schedule, f"{INCOMPLETE}{group_id(group)}")
        return None if row is None else readable_or(incomplete_of, row, None)

    def prune(self, schedule: str, written_before: datetime, limit: int) -> Pruned:
        """Delete rows of changes and members written before a time; at most `limit` rows of each kind per call."""
        making = {_run_id(head.run_key) for head in self.heads(schedule)}
        return prune(self._table, schedule, making, written_before, limit)

    def _pending(self, schedule: str, head: Head, fits: Fits, limit: int) -> list[Member]:
        """The next members to assign: all of a set, otherwise at most as many as fit into a transaction.

        Empty if an edit has lowered the batch's limit below its present size.
        """
        prefix = pending_prefix(head.group, for_set=head.closed is not None)
        if head.closed is not None:
            arrivals = list(readable(arrival_of, self._rows(schedule, prefix)))
            assigned = self.members(schedule, head.run_key) if arrivals and head.run_key else []
            return next_members(head.closed, (one for one in arrivals if fits(one.member)), assigned)
        number = max(0, min(limit, _MEMBERS_A_TRANSACTION))
        first = list(self._table.query(schedule, prefix, after_prefix(prefix), number)) if number else []
        members = list(filter(fits, readable(_pending_member, iter(first))))
        if len(members) < len(first) == number:  # some are not for this batch: look further
            members = list(islice(filter(fits, readable(_pending_member, self._rows(schedule, prefix))), number))
        return members

    def _rows(self, partition: str, prefix: str) -> Iterator[StoredRow]:
        return self._table.query(partition, prefix, after_prefix(prefix))


def _assigned(head: Head, members: Sequence[Member]) -> list[Operation]:
    """The writes that make pending changes members of a batch."""
    operations: list[Operation] = [Create(f"m:{_run_id(head.run_key)}:{head.rows:06d}", columns_of(tuple(members)))]
    for member in members:
        operations.append(Delete(pending_key(member, for_set=head.closed is not None)))
        operations.append(Merge(f"c:{member.digest}", {"run_key": head.run_key}))
    return operations


def _pending_member(row: StoredRow) -> Member:
    return arrival_of(row).member


def _version_key(change: BlobChange) -> str:
    return f"v:{change_digest(replace(change, etag=''))}"


def _run_id(run_key: str) -> str:
    return hashlib.sha256(run_key.encode()).hexdigest()[:32]
