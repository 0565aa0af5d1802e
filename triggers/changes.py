"""Looks at a blob that was reported as added or modified, decides whether it is a change of ours, and fires it."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from .firing import Firing
from .ledger.ledger import Ledger
from .scheduling.change import BlobChange, normal_etag, out_of_scope
from .scheduling.config import ChangeTrigger, Schedule
from .scheduling.pauses import pause_at
from .scheduling.run import Run, SkipReason

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

log = logging.getLogger(__name__)


class BlobUnavailable(Exception):
    """The blob's properties could not be read, or do not tell yet: the host shall deliver the event again."""


class BlobProperties(Protocol):
    """Where the properties of blobs are read."""

    def of(self, connection: str, container: str, path: str) -> BlobChange | None:
        """The blob's present version, None when it is gone; raises BlobUnavailable."""

    def host(self, connection: str) -> str:
        """The host of the account, with its port where it has one."""


def fire_reported(
    schedule: Schedule,
    container: str,
    path: str,
    *,
    blobs: BlobProperties,
    ledger: Ledger,
    firing: Firing,
    first_seen: datetime,
    held_against_first_seen: bool,
    now: datetime,
    floor: datetime,
) -> Run | None:
    """Fire the present version of a reported blob; None when it was claimed before.

    What Event Grid delivers is never held against first_seen; a poll also finds what lay there long before. Versions
    from before `floor` may have been pruned from the ledger: they start nothing.
    """
    trigger = schedule.trigger
    assert isinstance(trigger, ChangeTrigger)
    seen = ledger.register(schedule.name, first_seen).first_seen
    change = blobs.of(trigger.connection, container, path)
    if change is None:
        gone = BlobChange(
            host=blobs.host(trigger.connection),
            container=container,
            path=path,
            etag="",
            size=0,
            last_modified=first_seen,
        )
        return firing.fire_change(schedule, gone, SkipReason.GONE)
    if (because := out_of_scope(trigger, change)) is not None:
        return firing.fire_change(schedule, change, SkipReason.FILTERED, because)
    skip = _skip(schedule, trigger, change, seen if held_against_first_seen else None, floor)
    if skip is None:
        pauses = ledger.pauses(schedule.name).intervals
        skip = SkipReason.PAUSED if pause_at(pauses, now) or pause_at(pauses, change.last_modified) else None
    return firing.fire_change(schedule, change, skip)


def _skip(
    schedule: Schedule, trigger: ChangeTrigger, change: BlobChange, first_seen: datetime | None, floor: datetime
) -> SkipReason | None:
    if trigger.start is not None and change.last_modified < trigger.start:
        return SkipReason.BEFORE_START
    # Blob storage tells modification times in whole seconds.
    if first_seen is not None and change.last_modified < first_seen.replace(microsecond=0):
        return SkipReason.BEFORE_FIRST_SEEN
    if change.last_modified < floor:
        return SkipReason.FORGOTTEN
    if not schedule.enabled:
        return SkipReason.DISABLED
    return None


class StorageBlobs:
    """Reads properties through one pooled client an account; content is never read."""

    def __init__(self, open_service: "ServiceOpener") -> None:
        self._open_service = open_service

    def of(self, connection: str, container: str, path: str) -> BlobChange | None:
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        service = self._open_service(connection)
        blob = service.get_blob_client(container, path)
        try:
            properties = blob.get_blob_properties()
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise BlobUnavailable(f"the properties of {container}/{path!r} could not be read: {said[0]}") from error
        if properties.copy.status == "pending":
            raise BlobUnavailable(f"{container}/{path!r} is still being copied")
        return BlobChange(
            host=urlsplit(blob.url).netloc,
            container=container,
            path=path,
            etag=normal_etag(properties.etag),
            size=properties.size,
            last_modified=properties.last_modified.astimezone(UTC),
        )

    def host(self, connection: str) -> str:
        return urlsplit(self._open_service(connection).url).netloc


class ServiceOpener(Protocol):
    """Gives the pooled client of an account; raises UnusableConnection."""

    def __call__(self, connection: str) -> "BlobServiceClient": ...
