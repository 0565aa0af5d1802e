"""One version of one blob, and whether a change-based schedule watches it."""

import hashlib
import json
from datetime import datetime
from enum import Enum

from msgspec import Struct

from .config import ChangeTrigger
from .globs import matches
from .instants import Instant

MANIFESTS = "pipeline-trigger-manifests"
"""The folder of a container that manifests are written to; nothing in it counts as a change."""


class BlobChange(Struct, frozen=True, kw_only=True):
    """A version of a blob, by its properties; `path` is the name below the container, byte for byte."""

    host: str
    """The storage account's host, with its port if it has one: account.blob.core.windows.net."""
    container: str
    path: str
    etag: str
    """Without quotes and W/."""
    size: int
    last_modified: Instant
    renamed_at: Instant | None = None
    """When it got its present name, according to the event; a rename does not change the modification time."""

    @property
    def changed_at(self) -> datetime:
        """When the version appeared under its name."""
        return self.renamed_at or self.last_modified

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part, and without a trailing slash; empty in the container's root."""
        return self.path.rpartition("/")[0]


class CopyStatus(Enum):
    """The progress of the copy that made a blob, as the service reports it."""

    PENDING = "pending"
    SUCCESS = "success"
    ABORTED = "aborted"
    FAILED = "failed"


class FoundBlob(Struct, frozen=True, kw_only=True):
    """A blob as shown by its properties or by a listing."""

    change: BlobChange
    content_md5: str | None
    """In hexadecimal; None if the service stores none, as for large blobs written in blocks."""
    copy_status: CopyStatus | None
    """None if it is not a copy."""
    is_folder: bool
    """A directory of a hierarchical namespace, or the empty blob that stands for one; neither is a change."""
    created: Instant | None = None
    """In whole seconds, as the service reports it; None if it does not."""


def normal_etag(etag: str) -> str:
    """The ETag as used in run keys; it has quotes in properties and none in listings, for the same version."""
    return etag.removeprefix("W/").strip('"')


def change_digest(change: BlobChange) -> str:
    """Digest of one version of a blob: 32 hexadecimal digits.

    It does not cover event id and time, because a second subscription or a sweep would change them.
    """
    version = json.dumps(
        [change.host, change.container, change.path, change.etag], ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(version.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def out_of_scope(trigger: ChangeTrigger, found: FoundBlob) -> str | None:
    """The reason why the schedule does not watch this blob (container, folder, globs or size); None if it does."""
    change = found.change
    if found.is_folder:
        return "it is a folder, not a file"
    if change.container != trigger.container:
        return f"it is in the container {change.container!r}, not {trigger.container!r}"
    if change.size < trigger.min_size:
        return f"its {change.size} bytes are less than min_size {trigger.min_size}"
    return path_out_of_scope(trigger, change.path)


def path_out_of_scope(trigger: ChangeTrigger, path: str) -> str | None:
    """The reason why a blob of this path below the container is not watched; a folder itself (`a/b/`) never is."""
    if path.startswith(f"{MANIFESTS}/"):
        return "it is a manifest of this app"
    below = _below(trigger.folder, path)
    if below is None:
        return f"it is not in the folder {trigger.folder!r}"
    if not below or below.endswith("/"):
        return "it is a folder, not a file"
    if "/" in below and not trigger.recursive:
        return "it is in a subfolder, and recursive is false"
    if not _any_glob(trigger.include, below):
        return f"{below!r} does not match include"
    if _any_glob(trigger.exclude, below):
        return f"{below!r} matches exclude"
    return None


def _below(folder: str, path: str) -> str | None:
    if not folder:
        return path
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else None


def _any_glob(globs: tuple[str, ...], path: str) -> bool:
    return any(matches(glob, path) for glob in globs)
