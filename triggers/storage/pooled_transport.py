"""Sends the ledger's requests through urllib3's pools; azure-core's own transport costs as much CPU as the connection.

What that puts in between is a requests session, which prepares each request again, a response with a cookie jar, and a
generator that reads it. Everything above the transport stays azure-core's: authentication, retries, logging.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from azure.core.configuration import ConnectionConfiguration
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.core.rest._http_response_impl import HttpResponseImpl
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError


class Pools(Protocol):
    """Connections that are shared with the rest of the app."""

    def sent(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: Timeout
    ) -> BaseHTTPResponse:
        """Send a request once and return the response, unread. Raises urllib3's errors."""
        ...


class PooledTransport(HttpTransport[HttpRequest, HttpResponse]):
    """A transport for azure-core's pipelines; it reads every response whole."""

    def __init__(self, pools: Pools, *, connection_timeout: float, read_timeout: float) -> None:
        """Times are in seconds."""
        self._pools = pools
        self.connection_config = ConnectionConfiguration(
            connection_timeout=connection_timeout, read_timeout=read_timeout
        )

    def send(
        self,
        request: HttpRequest,
        *,
        connection_timeout: float | None = None,
        read_timeout: float | None = None,
        **_kwargs: Any,
    ) -> HttpResponse:
        times = self.connection_config
        timeout = Timeout(connect=connection_timeout or times.timeout, read=read_timeout or times.read_timeout)
        content: Any = request.content
        body = content.encode() if isinstance(content, str) else content
        # The length that azure-core gives is that of the text; the pools find that of the bytes.
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
        try:
            with self._pools.sent(request.method, request.url, headers, body or None, timeout) as reply:
                return _Response(request, reply, reply.read(decode_content=True))
        except HTTPError as error:
            raise _as_azure_error(error) from error

    def open(self) -> None:
        """Do nothing: the pools open a connection when they need one."""

    def close(self) -> None:
        """Do nothing: the pools belong to the app."""

    def __exit__(self, *_error: object) -> None:
        self.close()


class _Response(HttpResponseImpl):
    def __init__(self, request: HttpRequest, reply: BaseHTTPResponse, content: bytes) -> None:
        headers = CaseInsensitiveDict(reply.headers)
        super().__init__(
            request=request,
            internal_response=reply,
            status_code=reply.status,
            reason=reply.reason,
            content_type=headers.get("Content-Type"),
            headers=headers,
            stream_download_generator=None,
        )
        self._content = content


def _as_azure_error(error: HTTPError) -> AzureError:
    """The error that azure-core's own transport would raise; a request error means that nothing was sent."""
    if isinstance(error, NewConnectionError):
        is_slow = isinstance(error.__cause__, TimeoutError | ConnectTimeoutError)
        return (ServiceRequestTimeoutError if is_slow else ServiceRequestError)(error, error=error)
    if isinstance(error, ReadTimeoutError):
        return ServiceResponseTimeoutError(error, error=error)
    return ServiceResponseError(error, error=error)
