"""Event Grid's events about renamed files and directories, and where their paths are relative to a schedule's folder.

Shapes: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage. Only names are taken from an event; the
properties of a file are read from the storage account that the app's own settings name.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from .config import ChangeTrigger

FILE_RENAMED: Final = "Microsoft.Storage.BlobRenamed"
DIRECTORY_RENAMED: Final = "Microsoft.Storage.DirectoryRenamed"
OLDEST: Final = timedelta(hours=25)
"""Event Grid retries an event for a day."""
_SUBJECT: Final = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)\Z", re.DOTALL)
_TOPIC: Final = re.compile(r".*/storageAccounts/([A-Za-z0-9]+)\Z", re.DOTALL | re.IGNORECASE)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST: Final = 1024


class Rename(Struct, frozen=True, kw_only=True):
    """The rename of a file or directory."""

    account: str
    """In lower case."""
    container: str
    path: str
    """The new name below the container."""
    source: str | None
    """The old name, if it was in the same container."""
    at: datetime
    is_directory: bool


class UnfitEvent(Exception):
    """The event is not a rename, or contradicts itself; the message is a sentence."""


def rename_of(event_type: str, topic: str, subject: str, at: datetime, data: object) -> Rename:
    """The rename that an event reports; raises UnfitEvent."""
    if event_type not in (FILE_RENAMED, DIRECTORY_RENAMED):
        raise UnfitEvent(f"its type is {event_type!r}")
    account, named = _TOPIC.match(topic), _SUBJECT.match(subject)
    if account is None or named is None:
        raise UnfitEvent("its topic or subject does not name a blob of a storage account")
    urls = data if isinstance(data, Mapping) else {}
    destination = _place(urls.get("destinationUrl"), account[1].lower())
    container, written = named.groups()
    if destination is None or destination[0] != container or destination[1] not in (written, unquote(written)):
        raise UnfitEvent("its destinationUrl and subject do not name the same path of the same account")
    path = destination[1].removesuffix("/")
    if problem := _path_problem(path):
        raise UnfitEvent(problem)
    source = _place(urls.get("sourceUrl"), account[1].lower())
    same = source is not None and source[0] == container and _path_problem(source[1].removesuffix("/")) is None
    return Rename(
        account=account[1].lower(),
        container=container,
        path=path,
        source=source[1].removesuffix("/") if same and source is not None else None,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        is_directory=event_type == DIRECTORY_RENAMED,
    )


def clamped(at: datetime, server_now: datetime) -> datetime:
    """The time of an event, limited to what can be true."""
    return min(max(at, server_now - OLDEST), server_now)


def listed_folder(trigger: ChangeTrigger, directory: str) -> str | None:
    """The folder to list for a renamed directory: where it overlaps the watched folder; None if it does not."""
    folder = trigger.folder
    if f"{folder}/".startswith(f"{directory}/"):
        return folder
    is_below = not folder or directory.startswith(f"{folder}/")
    return directory if is_below and trigger.recursive else None


def _place(url: object, account: str) -> tuple[str, str] | None:
    """Container and path of a URL in this account, decoded once; None if it leads elsewhere."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        label = (parts.hostname or "").partition(".")[0]
    except ValueError:
        return None
    path = parts.path.removeprefix("/")
    if label != account:  # the emulator names the account in the path
        first, _, path = path.partition("/")
        if first != account or not re.fullmatch(r"[\d.]+|localhost", parts.hostname or ""):
            return None
    container, slash, below = path.partition("/")
    return (container, unquote(below)) if slash and below else None


def _path_problem(path: str) -> str | None:
    parts = path.split("/")
    if not path or len(path) > _LONGEST or not {"", ".", ".."}.isdisjoint(parts) or _CONTROLS.search(path):
        return "its path is not possible for a file"
    return None
