"""The connections that all submissions share: pooled, with one TLS context; no redirects, no retries.

How urllib3 and requests behave by default, and why it is changed here:
- requests parses the root certificates again for every new connection (measured: 30 of 35 ms of a call). Here
  all connections have one context.
- A requests session prepares each request again and gives its response a cookie jar. Requests therefore go to urllib3's
  pools directly; a session is there for clients that need one.
- The head of a request and its body are two writes, over TLS two records. Here they are one.
- A load balancer may silently drop a connection that was idle for minutes. A POST on it would end in a read timeout,
  which looks the same as an accepted run. So a connection that was idle too long is replaced.
- After an error, what matters is whether the request can have reached the service. Everything that fails while
  connecting, including the TLS handshake, is raised as NewConnectionError.
"""

import os
import ssl
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError


class _Connecting:
    """Additions to both kinds of connection; mixed in before urllib3's class."""

    max_idle = 0.0
    """Seconds."""
    _used_at = 0.0
    _body_follows = False
    _head = b""

    @property
    def is_connected(self) -> bool:
        """Also False after `max_idle`, so that the pool reconnects."""
        return bool(super().is_connected) and time.monotonic() - self._used_at < self.max_idle  # type: ignore[misc]

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except NewConnectionError:
            raise
        except (OSError, HTTPError) as error:
            raise NewConnectionError(self, f"{_reason(error)}") from error  # type: ignore[arg-type]
        self._used_at = time.monotonic()

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        self._body_follows = isinstance(body, bytes) and len(body) > 0
        super().request(method, url, body, *args, **kwargs)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        """Send the head of a request together with its body: one system call and one TLS record instead of two."""
        if self._body_follows:
            self._body_follows, self._head = False, data
            return
        head, self._head = self._head, b""
        super().send(head + data if head else data)  # type: ignore[misc]

    def getresponse(self) -> Any:
        response = super().getresponse()  # type: ignore[misc]
        self._used_at = time.monotonic()
        return response


class _PlainConnection(_Connecting, HTTPConnection):
    pass


class _TlsConnection(_Connecting, HTTPSConnection):
    pass


def _pool_classes(max_idle: timedelta) -> dict[str, type[HTTPConnectionPool]]:
    rest = {"max_idle": max_idle.total_seconds()}
    plain, tls = type("Plain", (_PlainConnection,), rest), type("Tls", (_TlsConnection,), rest)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }


class Connections:
    """A pool of connections for each host, with one TLS context for all of them."""

    def __init__(self, threads: int, ca_bundle: str | None, max_idle: timedelta) -> None:
        """For `threads` concurrent threads; trusts the bundle, or certifi's roots if it is None. Raises OSError."""
        self.threads = threads
        self.context = _context(ca_bundle or certifi.where())
        self.pools = PoolManager(num_pools=16, maxsize=threads, ssl_context=self.context)
        self.pools.pool_classes_by_scheme = _pool_classes(max_idle)

    def sent(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: Timeout
    ) -> BaseHTTPResponse:
        """Send a request once, without a proxy, and return the response, unread. Raises urllib3's errors."""
        pool, target = self._pool_of(url)
        return pool.urlopen(
            method,
            target,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=timeout,
            preload_content=False,
            decode_content=False,
        )

    def _pool_of(self, url: str) -> tuple[HTTPConnectionPool, str]:
        """The pool of a URL's host, and what is to be requested there."""
        try:
            parts = urlsplit(url)
            pool = self.pools.connection_from_host(parts.hostname, parts.port, parts.scheme)
        except ValueError as error:
            raise LocationValueError(str(error)) from error
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return pool, target


class _Adapter(HTTPAdapter):
    """Gives a requests session these connections."""

    def __init__(self, connections: Connections) -> None:
        self._context = connections.context
        super().__init__(pool_maxsize=connections.threads, max_retries=0)
        self.poolmanager = connections.pools

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context verifies."""


def new_session(connections: Connections) -> requests.Session:
    """A session over these connections; its caller decides whether it reads the environment."""
    session = requests.Session()
    # The environment could add proxies, replace our token by a .netrc password, and name a bundle to read at each
    # request.
    session.trust_env = False
    adapter = _Adapter(connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@lru_cache(1024)
def quoted_url(url: str) -> str:
    """The URL as it is sent; raises requests' errors."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return str(request.url)


@cache
def _context(bundle: str) -> ssl.SSLContext:
    """The TLS context that trusts a bundle; cached, because reading the certificates dominates the first call."""
    is_folder = os.path.isdir(bundle)  # noqa: PTH112  a setting's text
    return ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)


def was_never_sent(error: HTTPError) -> str | None:
    """The reason why no byte of the request can have reached the service; None if some may have."""
    if isinstance(error, LocationValueError):
        return "its address is not a URL that can be called"  # the library's message would quote it
    if not isinstance(error, NewConnectionError):
        return None
    return f"no connection to the service: {str(error).partition(': ')[2] or error}"


def has_not_connected_in_time(error: HTTPError) -> bool:
    """True if connecting to the host timed out; the next caller would wait just as long in vain."""
    return isinstance(error, NewConnectionError) and isinstance(error.__cause__, TimeoutError | ConnectTimeoutError)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time while connecting"
    return " ".join(str(error).split()) or type(error).__name__
