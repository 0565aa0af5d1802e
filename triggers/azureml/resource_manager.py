"""Reads Azure Resource Manager: resources by id, and lists page by page."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from .reading import Reader, Unread

_PAGES: Final = 50


class ResourceManager:
    """Reads from one base URL, https://management.azure.com in the public cloud; every method raises Unread."""

    def __init__(self, reader: Reader, base: str) -> None:
        self._reader = reader
        self._base = base.rstrip("/")

    def get(self, resource_id: str, api_version: str) -> dict[str, Any]:
        """One resource; its id is percent-encoded except for slashes and parentheses."""
        return self._reader.mapping(self._url(resource_id, api_version))

    def every(self, path: str, api_version: str) -> Iterator[dict[str, Any]]:
        """The resources of a list. A page at another host is refused, because our token would be sent there."""
        url = self._url(path, api_version)
        for _ in range(_PAGES):
            page = self._reader.mapping(url)
            values = page.get("value")
            if not isinstance(values, list):
                raise Unread("the service did not send a list", status=200)
            yield from (one for one in values if isinstance(one, dict))
            url = str(page.get("nextLink") or "")
            if not url:
                return
            if not url.startswith(f"{self._base}/"):
                raise Unread("the list continues at another address, which gets no token")

    def act(self, resource_id: str, action: str, api_version: str) -> dict[str, Any]:
        """POST a read-only action that returns more than the resource shows."""
        found = self._reader.json(self._url(f"{resource_id}/{action}", api_version), method="POST")
        return found if isinstance(found, dict) else {}

    def _url(self, path: str, api_version: str) -> str:
        return f"{self._base}{quote(path, safe='/()')}?api-version={api_version}"
