"""What the ledger's rows of changes hold: versions, batches that are being made, and sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ..scheduling.batch import Member, group_id
from ..scheduling.change import FoundBlob
from ..scheduling.instants import Instant
from .ports import StoredRow
from .rows import CorruptRow, document_of


class Pruned(NamedTuple):
    """What a call of `prune` came to."""

    deleted: int
    is_all: bool
    """Whether it has come to the end of every kind of row."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a blob, as far as it has to be told from the next one."""

    etag: str
    size: int
    content_md5: str | None
    last_modified: Instant
    created: Instant | None = None
    """None: noted before creation times were."""
    row: str | None = None
    """The ledger's mark of what was read; None for a version that is not in it yet."""


def noted_version(found: FoundBlob) -> Version:
    """What is noted of a blob's present version."""
    change = found.change
    return Version(
        etag=change.etag,
        size=change.size,
        content_md5=found.content_md5,
        last_modified=change.last_modified,
        created=found.created,
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


def head_key(group: str) -> str:
    """Where a batch of a group is, while it is made."""
    return f"b:{group_id(group)}"


def pending_key(member: Member) -> str:
    """Where a change is, while it waits."""
    return f"p:{group_id(member.group)}:{member.digest}"


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


def member_of(row: StoredRow) -> Member:
    """A change that waits for its batch."""
    member = document_of(row, Member)
    if pending_key(member) != row.row_key:
        raise CorruptRow(row.row_key, f"it holds the change {member.digest!r}")
    return member


def members_of(row: StoredRow) -> Sequence[Member]:
    """The members in a row of a batch."""
    return document_of(row, tuple[Member, ...])


def head_of(row: StoredRow) -> Head:
    """A batch that is being made."""
    head = document_of(row, Head)
    if head_key(head.group) != row.row_key:
        raise CorruptRow(row.row_key, f"it holds the group {head.group!r}")
    return replace(head, row=row.etag)


def waiting_since(row: StoredRow) -> tuple[Member, datetime]:
    """A pending change, and when it was added."""
    assert row.written_at is not None, "a stored row has its time"
    return member_of(row), row.written_at
