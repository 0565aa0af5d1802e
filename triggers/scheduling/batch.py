"""Batches: many changes in one run. How changes are grouped, when a batch is closed, and what its manifest contains."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from .change import MANIFESTS, BlobChange, change_digest
from .gathering import Batch
from .pauses import Pause, paused_within


class Member(Struct, frozen=True, kw_only=True):
    """A change that waits for its batch, or is in one."""

    digest: str
    """Digest of the version, as in the change's run key."""
    group: str
    change: BlobChange
    life: str | None = None
    """The life of its schedule in which it was reported; None if version 0.1.0 wrote it."""


class Arrival(Struct, frozen=True, kw_only=True):
    """A pending change in the ledger."""

    member: Member
    at: datetime
    """When it was added, on the ledger's clock."""
    is_for_set: bool
    """True if it waits for a complete set."""

    @property
    def changed_at(self) -> datetime:
        """When the file changed."""
        return self.member.change.changed_at


class BatchFacts(Struct, frozen=True, kw_only=True):
    """The data about a batch that its run has."""

    group: str
    """The folder; empty if the whole schedule is one group."""
    count: int
    manifest: str | None
    """The manifest's path below the container; None if the run gets a folder."""
    path: str | None = None
    """The folder that a run gets; None if version 0.1.0 wrote it."""
    missing: tuple[str, ...] | None = None
    """The globs of an incomplete set for which no file had come; None if no globs are expected."""


class Waiting(Struct, frozen=True, kw_only=True):
    """The pending changes of one group."""

    group: str
    count: int
    oldest: datetime
    newest: datetime
    """When the first and the last of them were added, on the ledger's clock."""


def waiting_of(arrivals: Iterable[Arrival]) -> list[Waiting]:
    """Group pending changes."""
    groups: dict[str, Waiting] = {}
    for one in arrivals:
        group = one.member.group
        seen = groups.get(group, Waiting(group=group, count=0, oldest=one.at, newest=one.at))
        groups[group] = Waiting(
            group=group, count=seen.count + 1, oldest=min(seen.oldest, one.at), newest=max(seen.newest, one.at)
        )
    return list(groups.values())


def group_of(batch: Batch, change: BlobChange) -> str:
    """The group that a change belongs to: its folder, or the whole schedule."""
    return change.folder if batch.group_by_folder else ""


def member_of(batch: Batch, change: BlobChange, life: str | None, digest: str | None = None) -> Member:
    """A change as a member of a batch; `digest` replaces its own if it was a member before."""
    return Member(digest=digest or change_digest(change), group=group_of(batch, change), change=change, life=life)


def group_id(group: str) -> str:
    """A short name of the group for use in row keys."""
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def batch_key(schedule: str, group: str, first_member: str) -> str:
    """`score~batch~<digest>`: from a group and its first member, so that a process that continues gets the same key."""
    named = json.dumps([group, first_member], ensure_ascii=False, separators=(",", ":"))
    return f"{schedule}~batch~{hashlib.sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def is_due(batch: Batch, waiting: Waiting, server_now: datetime, pauses: Sequence[Pause]) -> bool:
    """True if a batch is closed: nothing came for `quiet`, the first waited `max_wait`, or `max_items` are there.

    Paused time does not count.
    """
    quiet = server_now - waiting.newest - paused_within(pauses, waiting.newest, server_now)
    waited = server_now - waiting.oldest - paused_within(pauses, waiting.oldest, server_now)
    return quiet >= batch.quiet or waited >= batch.max_wait or waiting.count >= batch.max_items


def manifest_path(schedule: str, run_key: str) -> str:
    """Path of the run's manifest, below the container."""
    return f"{MANIFESTS}/{schedule}/{hashlib.sha256(run_key.encode()).hexdigest()[:32]}.jsonl"


def manifest(changes: Iterable[BlobChange]) -> bytes:
    """One JSON object per line (path, etag, size), sorted by path, so that the same changes give the same bytes."""
    ordered = sorted(changes, key=lambda one: (one.path, one.etag))
    lines = (json.dumps({"path": one.path, "etag": one.etag, "size": one.size}, ensure_ascii=False) for one in ordered)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
