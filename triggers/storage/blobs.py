"""Blob storage for change-based schedules: properties, listings and manifests; content is never read."""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

from msgspec import Struct

from ..scheduling.change import BlobChange, CopyStatus, FoundBlob, normal_etag
from ..settings import StoreUnavailable, UnusableConnection

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

_PAGE: Final = 5000
"""Blobs per page; the service's maximum."""


class BlobUnavailable(StoreUnavailable):
    """Blob storage cannot be reached, denies access, or has no such container."""


class ListingExpired(Exception):
    """The service no longer knows the continuation: the listing has to start over."""


class Page(Struct, frozen=True):
    """One page of a listing."""

    blobs: list[FoundBlob]
    continuation: str | None
    """Where the next page begins; None after the last one."""


class Blobs(Protocol):
    """The engine's interface to blob storage. Every method raises BlobUnavailable."""

    def of(self, connection: str, container: str, path: str) -> FoundBlob | None:
        """The blob's present version; None if it is gone."""

    def host(self, connection: str) -> str:
        """The host of the account, with its port if it has one."""

    def account(self, connection: str) -> str:
        """The account's name, in lower case; sends no request."""

    def reach(self, connection: str, container: str) -> None:
        """Check that the container exists and that we may read it."""

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        """Up to 5,000 blobs below a folder (empty: the root), by name; raises ListingExpired."""

    def write(self, connection: str, container: str, path: str, content: bytes) -> None:
        """Write a small blob, replacing any that is there."""


class StorageBlobs:
    """Blob storage in Azure, through one pooled client per account."""

    def __init__(self, open_service: "ServiceOpener") -> None:
        self._open_service = open_service

    def of(self, connection: str, container: str, path: str) -> FoundBlob | None:
        from azure.core.exceptions import ResourceNotFoundError

        with _reached(f"the properties of {container}/{path!r}"):
            blob = self._open_service(connection).get_blob_client(container, path)
            try:
                properties = blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        change = BlobChange(
            host=self.host(connection),
            container=container,
            path=path,
            etag=normal_etag(properties.etag),
            size=properties.size,
            last_modified=properties.last_modified.astimezone(UTC),
        )
        md5 = properties.content_settings.content_md5
        return FoundBlob(
            change=change,
            content_md5=None if md5 is None else bytes(md5).hex(),
            copy_status=_copy_status(properties.copy.status),
            is_folder=_is_folder_marker(properties.metadata.items()),
            created=None if properties.creation_time is None else properties.creation_time.astimezone(UTC),
        )

    def host(self, connection: str) -> str:
        with _reached(f"the account of {connection}"):
            return account_host(urlsplit(self._open_service(connection).url).netloc)

    def account(self, connection: str) -> str:
        with _reached(f"the account of {connection}"):
            return str(self._open_service(connection).account_name).lower().removesuffix("-secondary")

    def reach(self, connection: str, container: str) -> None:
        with _reached(f"the container {container}"):
            self._open_service(connection).get_container_client(container).get_container_properties()

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        from azure.core.exceptions import HttpResponseError

        prefix = f"{folder}/" if folder else ""
        with _reached(f"the listing of {container}/{prefix}"):
            client = self._open_service(connection).get_container_client(container)
            try:
                answer = _listing(client, prefix, recursive=recursive, continuation=continuation)
            except HttpResponseError as error:
                if error.status_code == 400 and continuation:
                    raise ListingExpired(str(error)) from error
                raise
        return _page(answer, self.host(connection), container)

    def write(self, connection: str, container: str, path: str, content: bytes) -> None:
        with _reached(f"{container}/{path!r}"):
            blob = self._open_service(connection).get_blob_client(container, path)
            blob.upload_blob(content, overwrite=True)


def account_host(host: str) -> str:
    """Normalize the host of a storage account: its blob, dfs, secondary and private endpoints have the same blobs."""
    account, _, domain = host.lower().partition(".")
    labels = domain.removesuffix(":443").split(".")
    kept = [one for one in labels if one != "privatelink"]
    kept[:1] = ["blob" if one == "dfs" else one for one in kept[:1]]
    return ".".join([account.removesuffix("-secondary"), *kept]) if domain else host.lower()


class _Answer(Exception):
    """Carries the response of a listing out of the client before it makes objects of it."""


def _listing(client: "ContainerClient", prefix: str, *, recursive: bool, continuation: str | None) -> bytes:
    """The XML of one page.

    The client's own objects cost 460 µs per blob, and its list of names has no ETags. So the response is taken from a
    hook that the client offers, and the rest of its work is skipped.
    """

    def taken(response: Any) -> None:
        answer = response.http_response
        if answer.status_code != 200:
            return
        raise _Answer(answer.body())

    options: dict[str, Any] = {
        "name_starts_with": prefix or None,
        "include": ["copy", "metadata"],
        "results_per_page": _PAGE,
        "raw_response_hook": taken,
    }
    listed = client.list_blobs(**options) if recursive else client.walk_blobs(delimiter="/", **options)
    try:
        next(listed.by_page(continuation))
    except _Answer as answer:
        return bytes(answer.args[0])
    raise AssertionError("the client did not hand over the answer of a listing")


def _page(answer: bytes, host: str, container: str) -> Page:
    """Parse the XML of a listing; each blob's elements are released at once, to spare the garbage collector."""
    found, following = [], None
    for _, element in ET.iterparse(BytesIO(answer)):  # noqa: S314  the service's own reply, over a trusted connection
        if element.tag == "Blob":
            found.append(_found(element, host, container))
            element.clear()
        elif element.tag == "NextMarker":
            following = element.text
    return Page(found, following or None)


def _found(blob: ET.Element, host: str, container: str) -> FoundBlob:
    name = blob.find("Name")
    properties = blob.find("Properties")
    assert name is not None
    assert properties is not None
    path = name.text or ""
    values = {child.tag: child.text or "" for child in properties}
    return FoundBlob(
        change=BlobChange(
            host=host,
            container=container,
            # Characters that XML cannot carry (U+FFFE, U+FFFF) are percent-encoded and flagged as such.
            path=unquote(path) if name.get("Encoded") == "true" else path,
            etag=normal_etag(values.get("Etag", "")),
            size=int(values.get("Content-Length") or 0),
            last_modified=_time(values["Last-Modified"]),
        ),
        content_md5=_hex(values.get("Content-MD5")),
        copy_status=_copy_status(values.get("CopyStatus")),
        is_folder=values.get("ResourceType") == "directory"
        or _is_folder_marker((child.tag, child.text or "") for child in blob.iterfind("Metadata/*")),
        created=_time(values["Creation-Time"]) if "Creation-Time" in values else None,
    )


def _is_folder_marker(metadata: Iterable[tuple[str, str]]) -> bool:
    """True if a blob stands for a folder, as marked by Hadoop's tools and by hierarchical namespaces."""
    return any(name.lower() == "hdi_isfolder" and value.lower() == "true" for name, value in metadata)


@lru_cache(1024)
def _time(text: str) -> datetime:
    """Parse an HTTP time; cached, because the same ones recur in a listing."""
    return parsedate_to_datetime(text).astimezone(UTC)


def _copy_status(text: str | None) -> CopyStatus | None:
    return CopyStatus(text) if text else None


def _hex(base64_text: str | None) -> str | None:
    return b64decode(base64_text).hex() if base64_text else None


@contextmanager
def _reached(what: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError

    try:
        yield
    except UnusableConnection as error:
        raise BlobUnavailable(f"{what} cannot be read: {error}") from error
    except AzureError as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        status = getattr(error, "status_code", None)
        hint = "; the app's identity needs the role Storage Blob Data Owner on the account" if status == 403 else ""
        raise BlobUnavailable(f"{what} cannot be read: {said[0]}{hint}") from error


class ServiceOpener(Protocol):
    """Returns the pooled client of an account; raises UnusableConnection."""

    def __call__(self, connection: str) -> "BlobServiceClient": ...
