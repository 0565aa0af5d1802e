"""The HTTP session that all submissions share: pooled connections, one TLS context, no redirects, no retries.

How urllib3 and requests behave by default, and why it is changed here:
- requests parses the root certificates again for every new connection (measured: 30 of 35 ms of a call). The adapter
  gives all connections one context.
- A load balancer may silently drop a connection that was idle for minutes. A POST on it would end in a read timeout,
  which looks the same as an accepted run. So a connection that was idle too long is replaced.
- After an error, what matters is whether the request can have reached the service. Everything that fails while
  connecting, including the TLS handshake, is raised as NewConnectionError.
"""

import os
import ssl
import time
from datetime import timedelta
from functools import cache
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError


class _Connecting:
    """Additions to both kinds of connection; mixed in before urllib3's class."""

    max_idle = 0.0
    """Seconds."""
    _used_at = 0.0

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


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext, size: int, max_idle: timedelta) -> None:
        self._context = context
        self._max_idle = max_idle
        super().__init__(pool_connections=16, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._max_idle)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context verifies."""


def new_session(threads: int, ca_bundle: str | None, max_idle: timedelta) -> requests.Session:
    """A session for `threads` concurrent threads that trusts the bundle, or certifi's roots if it is None."""
    session = requests.Session()
    # The environment could add proxies, replace our token by a .netrc password, and name a bundle to read at each
    # request.
    session.trust_env = False
    adapter = _Adapter(_context(ca_bundle or certifi.where()), threads, max_idle)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@cache
def _context(bundle: str) -> ssl.SSLContext:
    """The TLS context that trusts a bundle; cached, because reading the certificates dominates the first call."""
    is_folder = os.path.isdir(bundle)  # noqa: PTH112  a setting's text
    return ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)


def was_never_sent(error: requests.RequestException) -> str | None:
    """The reason why no byte of the request can have reached the service; None if some may have."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return "its address is not a URL that can be called"  # the library's message would quote it
    reason = _reason_of(error)
    if not isinstance(reason, NewConnectionError):
        return None
    return f"no connection to the service: {str(reason).partition(': ')[2] or reason}"


def has_not_connected_in_time(error: requests.RequestException) -> bool:
    """True if connecting to the host timed out; the next caller would wait just as long in vain."""
    reason = _reason_of(error)
    return isinstance(reason, NewConnectionError) and isinstance(reason.__cause__, TimeoutError | ConnectTimeoutError)


def _reason_of(error: requests.RequestException) -> object:
    cause = error.args[0] if error.args else None
    return cause.reason if isinstance(cause, MaxRetryError) else cause


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time while connecting"
    return " ".join(str(error).split()) or type(error).__name__
