"""The ledger's rows of changes: the newest version of every path, batches, and how far sweeps have come.

    partition = schedule    v:<blob>                   the newest version that has a row: how a metadata write is told
                            c:<change>                 a change in a batch, with its run key once it has one; stays
                            p:<group>:<change>         exists while the change waits for its batch
                            q:<group>:<change>         the same where the batch is to be a complete set
                            b:<group>                  exists while a batch of the group is made: sealing, then sealed
                            qb:<group>                 the same of a set
                            qi:<group>                 the group's newest set that was closed incomplete
                            m:<run>:<number>           the members of a batch, 48 a row
    partition = registry    sweep:<schedule>:<life>    a sweep's mark, and where an unfinished listing goes on
                            w:<schedule>               the same in version 0.1.0, which knows no lives
                            x:<schedule>               where pruning goes on

Paths, groups and run keys stand in row keys as digests.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Final, TypeAlias
from uuid import uuid4

from ..scheduling.batch import Arrival, Member, Waiting, batch_key, group_id, waiting_of
from ..scheduling.change import BlobChange, FoundBlob, change_digest
from ..scheduling.complete_sets import Closed, next_members, outdated
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
"""Instead of a batch's run key: the change has a run, or a skip, of its own."""

Fits: TypeAlias = Callable[[Member], bool]
"""Whether a change may be in a batch of the process that makes it."""

_NO_MEMBERS: Final[Sequence[Member]] = ()
_MADE_WITHIN: Final = timedelta(days=1)
_MEMBERS_A_TRANSACTION: Final = 48
"""A transaction holds 100 rows; assigning a member takes two, and two are the batch's own."""


class ChangeLedger:
    """The rows of changes, in the table of a ledger. Every method raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self._table = ledger.table

    def newest(self, schedule: str, change: BlobChange) -> Version | None:
        """The newest version of a blob that has a row."""
        row = self._table.get(schedule, _version_key(change))
        return None if row is None else replace(readable_or(version_of, row, UNREADABLE), row=row.etag)

    def noted(self, found: FoundBlob, before: Version | None) -> list[Operation]:
        """What makes this version its path's newest, for a transaction; nothing for an older one, or the newest itself.

        The transaction fails when somebody else has noted another version since `before` was read.
        """
        change, row = found.change, None if before is None else before.row
        if before is not None and (before.etag == change.etag or before.last_modified > change.changed_at):
            return []
        return [following(_version_key(change), columns_of(noted_version(found, before)), row)]

    def is_batched(self, schedule: str, change: BlobChange) -> bool:
        """Whether the change is in a batch, or waits for one."""
        return self._table.get(schedule, f"c:{change_digest(change)}") is not None

    def batch_of(self, schedule: str, digest: str) -> str | None:
        """The run key of the batch that a change is in, empty while it waits for one; None when it is in none.

        Raises CorruptRow too.
        """
        row = self._table.get(schedule, f"c:{digest}")
        return None if row is None else text_of(row, "run_key")

    def replays(self, schedule: str, digest: str) -> list[int]:
        """The numbers under which a change was in a batch, or waited for one, once more; the lowest first."""
        return numbers_behind(f"c:{digest}.r", self._table.query(schedule, *replays_of("c:", digest)))

    def add(self, schedule: str, member: Member, others: list[Operation], *, for_set: bool = False) -> bool:
        """Let a change wait for its batch; False when it does already, or one of the others does not fit."""
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
        """The groups with pending changes that fit; costs what is pending."""
        return waiting_of(one for one in readable(arrival_of, self._rows(schedule, PENDING)) if fits(one.member))

    def heads(self, schedule: str) -> list[Head]:
        """The batches that are being made; a row that is not readable is made out from the batch's members."""
        rows = chain.from_iterable(self._rows(schedule, prefix) for prefix in (HEAD, SET_HEAD))
        heads = (readable_or(head_of, row, None) or self._mended(schedule, row) for row in rows)
        return [head for head in heads if head is not None]

    def _mended(self, schedule: str, spoilt: StoredRow) -> Head | None:
        """Write a readable row for a batch that is being made: the next batch of its group waits for its end.

        None where its members do not tell which batch it is. What is older than a day may have run, and its run's row
        be pruned already: that is left to people. A set is closed with the members that it has.
        """
        since = self._table.now() - _MADE_WITHIN
        for row in self._rows(schedule, "m:"):
            first = next(iter(readable_or(members_of, row, _NO_MEMBERS)), None)
            if first is None or group_id(first.group) != spoilt.row_key.partition(":")[2]:
                continue
            run_key = self.batch_of(schedule, first.digest) or OWN_RUN
            is_new = row.written_at is not None and row.written_at >= since
            if not is_new or run_key == OWN_RUN or self._table.get(schedule, f"k:{run_key}") is not None:
                continue
            rows = list(self._rows(schedule, f"m:{_run_id(run_key)}:"))
            count = len(self.members(schedule, run_key))
            head = Head(group=first.group, run_key=run_key, count=count, rows=len(rows), life=first.life)
            if spoilt.row_key.startswith(SET_HEAD):
                now = self._table.now()
                head = replace(head, closed=Closed(until=now, newest=now, number=count), sealed_at=now)
            written = self._table.write(schedule, [Replace(spoilt.row_key, columns_of(head), spoilt.etag)])
            return None if written is None else replace(head, row=written.etag)
        return None

    def all_pending(self, schedule: str) -> Iterator[Arrival]:
        """Every change that waits for a batch."""
        rows = chain.from_iterable(self._rows(schedule, prefix) for prefix in (PENDING, FOR_SETS))
        return readable(arrival_of, rows)

    def for_sets(self, schedule: str) -> Iterator[Arrival]:
        """Every change that waits for a complete set."""
        return readable(arrival_of, self._rows(schedule, FOR_SETS))

    def released(self, one: Arrival) -> list[Operation]:
        """What the claim of a change's own run has to hold besides, when it waits for a batch no more."""
        key = pending_key(one.member, for_set=one.is_for_set)
        return [Delete(key), Merge(f"c:{one.member.digest}", {"run_key": OWN_RUN})]

    def regather(self, schedule: str, one: Arrival, *, for_set: bool) -> None:
        """Let a change wait for a set that has waited for a plain batch, or the other way, since its schedule does."""
        before = Delete(pending_key(one.member, for_set=one.is_for_set))
        self._table.write(schedule, [before, Create(pending_key(one.member, for_set=for_set), columns_of(one.member))])

    def taken_out(self, schedule: str, head: Head, member: Member) -> list[Operation]:
        """What takes a member out of a batch that is being made; none when it is in it no more."""
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
        """Write on their own what was meant for a claim that somebody else has made."""
        return self._table.write(schedule, operations) is not None

    def begin(
        self, schedule: str, head: Head, fits: Fits, limit: int, expected: AbstractSet[Member] | None = None
    ) -> bool:
        """Begin a batch of a group with its first members; False when somebody else was first, or nothing waits.

        `head` tells its group, its path and its life. Of a set, all members are expected.
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
        """Assign more members, or seal the batch when it is full or nothing waits; False when somebody was first."""
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
        """Older versions, still pending, of the files in a set that is being made."""
        assert head.closed is not None
        arrivals = list(readable(arrival_of, self._rows(schedule, pending_prefix(head.group, for_set=True))))
        return outdated(head.closed, arrivals, self.members(schedule, head.run_key)) if arrivals else []

    def members(self, schedule: str, run_key: str) -> list[Member]:
        """The members of a batch; those in a row that is not readable are left out."""
        rows = self._rows(schedule, f"m:{_run_id(run_key)}:")
        return [member for members in readable(members_of, rows) for member in members]

    def lacks_members(self, schedule: str, run_key: str) -> bool:
        """Whether a row of a batch's members is not readable, or names none: its run starts without those."""
        rows = self._rows(schedule, f"m:{_run_id(run_key)}:")
        return any(not readable_or(members_of, row, None) for row in rows)

    def ended(self, head: Head) -> list[Operation]:
        """What the claim of a batch's run has to hold besides, so that the next batch of the group can begin."""
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
        """Delete rows of changes and members that were written before a time; at most `limit` rows a kind a call."""
        making = {_run_id(head.run_key) for head in self.heads(schedule)}
        return prune(self._table, schedule, making, written_before, limit)

    def _pending(self, schedule: str, head: Head, fits: Fits, limit: int) -> list[Member]:
        """The next members to assign: of a set all, else at most what fits into a transaction.

        None where an edit has made the batch smaller.
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
