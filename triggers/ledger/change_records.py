"""The contents of the ledger's rows about changes: versions, batches being made, and sweeps."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from ..scheduling.batch import Arrival, Member, group_id
from ..scheduling.change import FoundBlob
from ..scheduling.complete_sets import Closed
from ..scheduling.instants import Instant
from ..scheduling.replacing import replace
from .ports import StoredRow
from .rows import CorruptRow, document_of


class EarlierVersion(Struct, frozen=True, kw_only=True):
    """A version of a blob that was followed by another."""

    etag: str
    last_modified: Instant
    """Or the time of its rename."""


class Version(Struct, frozen=True, kw_only=True):
    """The properties that distinguish one version of a blob from the next."""

    etag: str
    size: int
    content_md5: str | None
    last_modified: Instant
    """Or the time of its rename."""
    created: Instant | None = None
    """None if unknown, as in rows written before this was recorded."""
    earlier: tuple[EarlierVersion, ...] = ()
    """The versions before it, newest first, at most ten: explanations use them to find a lost version's run."""
    row: str | None = None
    """ETag of the row that was read; None if it is not stored yet."""


_EARLIER: Final = 10


def noted_version(found: FoundBlob, before: Version | None) -> Version:
    """The record of a blob's present version; `before` is the one recorded before it."""
    change = found.change
    earlier: tuple[EarlierVersion, ...] = ()
    if before is not None and before.etag:
        earlier = (EarlierVersion(etag=before.etag, last_modified=before.last_modified), *before.earlier)
    return Version(
        etag=change.etag,
        size=change.size,
        content_md5=found.content_md5,
        last_modified=change.changed_at,
        created=found.created,
        earlier=earlier[:_EARLIER],
    )


UNREADABLE: Final = Version(etag="", size=-1, content_md5=None, last_modified=datetime(1900, 1, 1, tzinfo=UTC))
"""Replaces an unreadable row: every version differs from it, so the next one overwrites the row."""


class Head(Struct, frozen=True, kw_only=True):
    """A batch that is being made."""

    group: str
    run_key: str = ""
    count: int = 0
    rows: int = 0
    """Number of rows with members so far."""
    sealed_at: Instant | None = None
    """None while members are still being assigned."""
    row: str | None = None
    path: str | None = None
    """The folder that its run gets; None if version 0.1.0 began the batch."""
    life: str | None = None
    """The life of its schedule in which it was begun; None if version 0.1.0 began it."""
    closed: Closed | None = None
    """How the set was closed, complete or not; None for a plain batch."""


class SweepState(Struct, frozen=True, kw_only=True):
    """The progress of a life's sweep; times are on the ledger's clock."""

    mark: Instant | None = None
    """Files modified before this have been handled; None until the first listing has ended."""
    started_at: Instant | None = None
    """When the newest listing started."""
    listing: bool = False
    """True while that listing is unfinished."""
    of: str = ""
    """Digest of what is listed: after an edit of the schedule, the listing starts over."""
    continuation: str | None = None
    pending_from: Instant | None = None
    """The modification time of the oldest blob that was still being copied."""
    before_first_seen: int = 0
    """Number of blobs in the first listing that are older than the schedule."""
    missed_by_events: int = 0
    """Number of changes that a sweep found and no event had reported."""
    row: str | None = None


PENDING: Final = "p:"
FOR_SETS: Final = "q:"
HEAD: Final = "b:"
SET_HEAD: Final = "qb:"
INCOMPLETE: Final = "qi:"


def head_key(head: Head) -> str:
    """The row key of a batch being made."""
    return f"{HEAD if head.closed is None else SET_HEAD}{group_id(head.group)}"


def pending_key(member: Member, *, for_set: bool) -> str:
    """The row key of a waiting change."""
    return f"{pending_prefix(member.group, for_set=for_set)}{member.digest}"


def pending_prefix(group: str, *, for_set: bool) -> str:
    """The prefix of the row keys of a group's waiting changes."""
    return f"{FOR_SETS if for_set else PENDING}{group_id(group)}:"


SWEEP: Final = "sweep:"
SWEEP_0_1: Final = "w:"


def sweep_key(schedule: str, life: str) -> str:
    """The row key of a life's sweep, in the registry."""
    return f"{SWEEP}{schedule}:{life}"


def version_of(row: StoredRow) -> Version:
    """The newest version of a path."""
    return document_of(row, Version)


def sweep_of(row: StoredRow) -> SweepState:
    """The progress of a sweep."""
    return document_of(row, SweepState)


def missed_of(row: StoredRow) -> tuple[str, int]:
    """A sweep's row key without its prefix, and the number of changes that no event had reported."""
    return row.row_key.partition(":")[2], sweep_of(row).missed_by_events


def arrival_of(row: StoredRow) -> Arrival:
    """A change that waits for its batch."""
    member, for_set = document_of(row, Member), row.row_key.startswith(FOR_SETS)
    if pending_key(member, for_set=for_set) != row.row_key:
        raise CorruptRow(row.row_key, f"it holds the change {member.digest!r}")
    assert row.written_at is not None, "a stored row has its time"
    return Arrival(member=member, at=row.written_at, is_for_set=for_set)


def members_of(row: StoredRow) -> Sequence[Member]:
    """The members in a row of a batch."""
    return document_of(row, tuple[Member, ...])


def head_of(row: StoredRow) -> Head:
    """A batch that is being made."""
    head = document_of(row, Head)
    if head_key(head) != row.row_key:
        raise CorruptRow(row.row_key, f"it holds the group {head.group!r}")
    return replace(head, row=row.etag)


class Incomplete(Struct, frozen=True, kw_only=True):
    """The newest set of a group that was closed incomplete."""

    run_key: str
    deadline: Instant


def incomplete_of(row: StoredRow) -> Incomplete:
    """The incomplete set in a row."""
    return document_of(row, Incomplete)
