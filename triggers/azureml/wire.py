"""POSTs JSON with a token to Azure ML, once, and tells a request that was never sent from one that may have been."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

from .tokens import Tokens

if TYPE_CHECKING:
    import requests

MAX_IDLE: Final = timedelta(seconds=30)
"""Azure's load balancers drop idle flows after 4 minutes. A server that closes earlier says so, and that is seen."""

_MAX_REPLY: Final = 1_000_000
"""Bytes. A real reply has some 2,000; whoever sends more is not the service."""


class NeverSent(Exception):
    """No byte of the request can have reached the service."""


class CutOff(Exception):
    """The connection, or the patience, ended before a whole answer was there; the service may have acted."""


@dataclass(frozen=True)
class Reply:
    """An answer of the service; the body is what came of it before it broke off, if it did."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One pool of connections and one credential for a whole process, shared by its threads."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        scope: str,
        patience: timedelta,
        threads: int,
        ca_bundle: str | None,
        max_idle: timedelta = MAX_IDLE,
    ) -> None:
        """`patience` bounds connecting, sending and reading together; a connection idle for longer is made anew."""
        self._tokens = tokens
        self._scope = scope
        self._patience = patience.total_seconds()
        self._new_session: Callable[[], requests.Session] = lambda: _session(threads, ca_bundle, max_idle)
        self._lock = Lock()
        self._session: requests.Session | None = None

    def prepared(self, url: str, data: bytes) -> Callable[[], Reply]:
        """Everything that can be done before sending, the token first; raises NoToken. The call sends, once.

        The call raises NeverSent and CutOff.
        """
        from requests import Request

        session = self._shared_session()
        headers = {
            "Authorization": f"Bearer {self._tokens.bearer(self._scope)}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        request = Request("POST", url, headers=headers, data=data).prepare()
        return lambda: self._send(session, request)

    def _send(self, session: "requests.Session", request: "requests.PreparedRequest") -> Reply:
        from requests import RequestException

        from .connection_pool import was_never_sent

        until = time.monotonic() + self._patience
        connect = min(10.0, self._patience / 6)
        # The connect time-out also bounds sending; together with reading that is three parts of the patience.
        timeout = (connect, self._patience - 2 * connect)
        try:
            # The adapter alone: it follows no redirect, keeps no cookie, and costs a third less than Session.post.
            with session.get_adapter(str(request.url)).send(request, stream=True, timeout=timeout) as reply:
                return Reply(reply.status_code, reply.headers, _body(reply, until))
        except RequestException as error:
            sentence = was_never_sent(error)
            if sentence is not None:
                raise NeverSent(sentence) from error
            raise CutOff(f"the service had not answered when the connection ended: {_brief(error)}") from error

    def _shared_session(self) -> "requests.Session":
        with self._lock:
            if self._session is None:
                self._session = self._new_session()
            return self._session


def _session(threads: int, ca_bundle: str | None, max_idle: timedelta) -> "requests.Session":
    from .connection_pool import new_session

    return new_session(threads, ca_bundle, max_idle)


def _body(reply: "requests.Response", until: float) -> bytes:
    """The reply's body, or what came of it before it broke off or the patience ended: the status alone says much."""
    from urllib3.exceptions import HTTPError

    body = b""
    try:
        while chunk := reply.raw.read1(65_536, decode_content=True):
            body += chunk
            if len(body) > _MAX_REPLY or time.monotonic() > until:
                reply.close()
                break
    except (HTTPError, OSError):
        reply.close()
    return body


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
