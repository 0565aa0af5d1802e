"""What the ledger's rows of changes hold: versions, batches that are being made, and sweeps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a blob, as far as it has to be told from the next one."""

    etag: str
    size: int
    content_md5: str | None
    last_modified: datetime
    row: str | None = None
    """The ledger's mark of what was read; None for a version that is not in it yet."""


UNREADABLE: Final = Version(etag="", size=-1, content_md5=None, last_modified=datetime(1900, 1, 1, tzinfo=UTC))
"""Stands for a row that somebody has spoilt: every version differs from it, and the next one mends it."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A batch that is being made."""

    group: str
    run_key: str
    count: int
    rows: int
    """Of members, so far."""
    sealed_at: datetime | None
    """None: members are still assigned."""
    row: str | None = None


@dataclass(frozen=True, kw_only=True)
class SweepState:
    """How far the sweep of a schedule has come; times are the ledger's."""

    mark: datetime | None = None
    """What was modified before this has been seen to; None before the first listing has ended."""
    started_at: datetime | None = None
    """Of the newest listing."""
    listing: bool = False
    """Whether it has not ended yet."""
    of: str = ""
    """What is listed: an edited schedule begins its listing anew."""
    continuation: str | None = None
    pending_from: datetime | None = None
    """The modification time of the oldest copy that was still under way."""
    before_first_seen: int = 0
    """Blobs of the first listing that are older than the schedule."""
    missed_by_events: int = 0
    """Changes that a sweep has found and no event had told."""
    row: str | None = None
