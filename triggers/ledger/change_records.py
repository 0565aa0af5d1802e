"""What the ledger's rows of changes hold: versions, batches that are being made, and sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ..scheduling.batch import Arrival, Member, group_id
from ..scheduling.change import FoundBlob
from ..scheduling.complete_sets import Closed
from ..scheduling.instants import Instant
from .ports import StoredRow
from .rows import CorruptRow, document_of


@dataclass(frozen=True, kw_only=True)
class EarlierVersion:
    """A version of a blob that another one has followed."""

    etag: str
    last_modified: Instant
    """Or the time at which it was renamed."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a blob, as far as it has to be told from the next one."""

    etag: str
    size: int
    content_md5: str | None
    last_modified: Instant
    """Or the time at which it was renamed."""
    created: Instant | None = None
    """None: noted before creation times were."""
    earlier: tuple[EarlierVersion, ...] = ()
    """Those before it, newest first, a few at most: by them explanations find what a lost version started."""
    row: str | None = None
    """The ledger's mark of what was read; None for a version that is not in it yet."""


_EARLIER: Final = 10


def noted_version(found: FoundBlob, before: Version | None) -> Version:
    """What is noted of a blob's present version, which follows the one that was noted before."""
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
"""Stands for a row that somebody has spoilt: every version differs from it, and the next one mends it."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A batch that is being made."""

    group: str
    run_key: str = ""
    count: int = 0
    rows: int = 0
    """Of members, so far."""
    sealed_at: Instant | None = None
    """None: members are still assigned."""
    row: str | None = None
    path: str | None = None
    """The folder that its run gets; None: version 0.1.0 has begun it."""
    life: str | None = None
    """The life of its schedule in which it was begun; None: by version 0.1.0."""
    closed: Closed | None = None
    """How it was closed, if it is a complete set or was to be one."""


@dataclass(frozen=True, kw_only=True)
class SweepState:
    """How far the sweep of a life has come; times are the ledger's."""

    mark: Instant | None = None
    """What was modified before this has been seen to; None before the first listing has ended."""
    started_at: Instant | None = None
    """Of the newest listing."""
    listing: bool = False
    """Whether it has not ended yet."""
    of: str = ""
    """What is listed: an edited schedule begins its listing anew."""
    continuation: str | None = None
    pending_from: Instant | None = None
    """The modification time of the oldest copy that was still under way."""
    before_first_seen: int = 0
    """Blobs of the first listing that are older than the schedule."""
    missed_by_events: int = 0
    """Changes that a sweep has found and no event had told."""
    row: str | None = None


PENDING: Final = "p:"
FOR_SETS: Final = "q:"
HEAD: Final = "b:"
SET_HEAD: Final = "qb:"
INCOMPLETE: Final = "qi:"


def head_key(head: Head) -> str:
    """Where a batch of a group is, while it is made."""
    return f"{HEAD if head.closed is None else SET_HEAD}{group_id(head.group)}"


def pending_key(member: Member, *, for_set: bool) -> str:
    """Where a change is, while it waits."""
    return f"{pending_prefix(member.group, for_set=for_set)}{member.digest}"


def pending_prefix(group: str, *, for_set: bool) -> str:
    """What the keys of a group's waiting changes begin with."""
    return f"{FOR_SETS if for_set else PENDING}{group_id(group)}:"


SWEEP: Final = "sweep:"
SWEEP_0_1: Final = "w:"


def sweep_key(schedule: str, life: str) -> str:
    """Where the sweep of a life is in the registry."""
    return f"{SWEEP}{schedule}:{life}"


def version_of(row: StoredRow) -> Version:
    """The newest version of a path."""
    return document_of(row, Version)


def sweep_of(row: StoredRow) -> SweepState:
    """How far a sweep has come."""
    return document_of(row, SweepState)


def missed_of(row: StoredRow) -> tuple[str, int]:
    """What a sweep has found that no event had told, by what follows the first mark of its key."""
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


@dataclass(frozen=True, kw_only=True)
class Incomplete:
    """The newest set of a group that was closed incomplete."""

    run_key: str
    deadline: Instant


def incomplete_of(row: StoredRow) -> Incomplete:
    """What a row holds of an incomplete set."""
    return document_of(row, Incomplete)
