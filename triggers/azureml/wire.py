"""Sends a request to Azure ML once, and distinguishes one that was never sent from one that may have been."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..clock import LeftAlone, SystemClock
from ..scheduling.replacing import replace
from ..scheduling.token_hosts import token_problem
from ..scheduling.web_address import host_of
from ..version import USER_AGENT
from .clouds import Audience, cloud_of
from .tokens import Tokens

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from .connection_pool import Connections

MAX_IDLE: Final = timedelta(seconds=30)
"""Azure's load balancers silently drop idle flows after 4 minutes. A server that closes earlier says so."""

_UNREACHABLE_FOR: Final = timedelta(seconds=45)
_MOST_UNFINISHED: Final = 16
_MASK: Final = "…".encode()
_MAX_REPLY: Final = 1_000_000
"""In bytes. A real reply has about 2,000; anything longer is not from the service."""


class NeverSent(Exception):
    """No byte of the request can have reached the service."""


class CutOff(Exception):
    """The connection ended or the wait timed out before the reply was complete; the service may have acted."""

    def __init__(self, sentence: str, *, is_silence: bool = False) -> None:
        """`is_silence` is True if the wait timed out before the service sent anything."""
        super().__init__(sentence)
        self.is_silence = is_silence


class Reply(Struct, frozen=True):
    """A reply of the service; if it broke off, `body` is the part that was received."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True


class _Request(Struct, frozen=True):
    """A request with its tokens."""

    method: str
    url: str
    headers: Mapping[str, str]
    data: bytes | None


class Wire:
    """One connection pool and one credential for a whole process, shared by its threads."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        scope: str | None,
        patience: timedelta,
        threads: int,
        ca_bundle: str | None,
        max_idle: timedelta = MAX_IDLE,
        settings: Mapping[str, str] | None = None,
        unreachable: LeftAlone | None = None,
        spares: bool = False,
    ) -> None:
        """`scope` is that of Azure Resource Manager's tokens; None for that of the URL's cloud.

        `patience` bounds connecting, sending and reading together, provided that the reply's head arrives in one piece.
        A connection that was idle longer than `max_idle` is replaced. `settings` name the hosts, in addition to
        Azure's, that may receive tokens. `unreachable` remembers the hosts that timed out while connecting; if `spares`
        is True, nothing is sent to them for a while.
        """
        self._unreachable = unreachable or LeftAlone(SystemClock())
        self._spares = spares
        self._tokens = tokens
        self._settings = settings or {}
        self._scope = scope
        self._patience = patience.total_seconds()
        self._open: Callable[[], Connections] = lambda: _opened(threads, ca_bundle, max_idle)
        self._lock = Lock()
        self._unfinished: list[Thread] = []
        """Calls that timed out while their replies still trickle in."""
        self._connections: Connections | None = None

    def is_unreachable(self, url: str) -> bool:
        """True if connecting to its host timed out recently."""
        return bool(self._unreachable.still(host_of(url)))

    def prepared(
        self,
        url: str,
        data: bytes,
        *,
        method: str = "POST",
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        audience: Audience | None = Audience.ARM,
        with_azureml_token: bool = False,
    ) -> Callable[[], Reply]:
        """Prepare a request, including its token; calling the result sends it, once.

        Without an audience no token is sent. Raises NoToken and NeverSent; the call raises NeverSent and CutOff.
        """
        from requests import RequestException
        from requests.utils import check_header_validity

        from .connection_pool import quoted_url

        connections = self._shared_connections()
        sent = {"Content-Type": content_type, "Accept": "application/json", "User-Agent": USER_AGENT, **(headers or {})}
        secrets = []
        try:
            url = quoted_url(url)
            if audience is not None:
                secrets.append(self._token(url, audience))
                sent["Authorization"] = f"Bearer {secrets[-1]}"
            if with_azureml_token:
                secrets.append(self._token(url, Audience.AZURE_ML))
                sent["x-azureml-token"] = secrets[-1]
            for header in sent.items():
                check_header_validity(header)
        except RequestException as error:
            raise NeverSent(f"the request cannot be built: {type(error).__name__}") from None
        request = _Request(method, url, sent, data or None)
        return lambda: _without(self._send(connections, request), secrets)

    def in_time(self, call: Callable[[], Reply]) -> Reply:
        """Return a complete reply, or give up when `patience` ends; raises NeverSent and CutOff.

        Only for requests that can be repeated: the request is not recalled, and a reply that comes later is lost.
        """
        with self._lock:
            self._unfinished = [one for one in self._unfinished if one.is_alive()]
            if len(self._unfinished) >= _MOST_UNFINISHED:
                raise NeverSent("too many earlier requests still wait for their replies")
        answers: list[Reply | NeverSent | CutOff] = []

        def ask() -> None:
            try:
                answers.append(call())
            except (NeverSent, CutOff) as error:
                answers.append(error)

        thread = Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self._patience)
        if not answers:
            with self._lock:
                self._unfinished.append(thread)
            raise CutOff("the service did not finish its reply in time")
        answer = answers[0]
        if not isinstance(answer, Reply):
            raise answer
        if not answer.is_whole:
            raise CutOff("the reply broke off, or did not end in time")
        return answer

    def _token(self, url: str, audience: Audience) -> str:
        """A token for the URL, if one may be sent there; raises NoToken and NeverSent."""
        if problem := token_problem(url, self._settings):
            raise NeverSent(problem)
        own = self._scope if audience is Audience.ARM else None
        return self._tokens.bearer(own or cloud_of(url).scopes[audience])

    def _send(self, connections: "Connections", request: _Request) -> Reply:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        from .connection_pool import has_not_connected_in_time, was_never_sent

        host = host_of(request.url)
        if self._spares and (rest := self._unreachable.still(host)):
            raise NeverSent(f"connecting to {host} timed out; not trying again for {rest.total_seconds():.0f} s")
        until = time.monotonic() + self._patience
        connect = min(10.0, self._patience / 6)
        # The connect timeout also bounds sending, so connecting, sending and reading add up to the patience.
        timeout = Timeout(connect=connect, read=self._patience - 2 * connect)
        try:
            with connections.sent(request.method, request.url, request.headers, request.data, timeout) as reply:
                self._unreachable.has_answered(host)
                body, is_whole = _body(reply, until)
                if not 200 <= reply.status < 300:
                    # More of this reply may follow; it must not be read as part of the next one.
                    reply.close()
                return Reply(reply.status, reply.headers, body, is_whole)
        except HTTPError as error:
            if has_not_connected_in_time(error):
                self._unreachable.did_not_answer(host, _UNREACHABLE_FOR)
            sentence = was_never_sent(error)
            if sentence is not None:
                raise NeverSent(sentence) from error
            sentence = f"the connection ended before the service answered: {_brief(error)}"
            raise CutOff(sentence, is_silence=isinstance(error, ReadTimeoutError)) from error

    def _shared_connections(self) -> "Connections":
        with self._lock:
            if self._connections is None:
                try:
                    self._connections = self._open()
                except OSError as error:  # ssl.SSLError is one too
                    raise NeverSent(f"the root certificates (REQUESTS_CA_BUNDLE) cannot be read: {error}") from error
            return self._connections


def _without(reply: Reply, secrets: Sequence[str]) -> Reply:
    """Mask tokens that the reply repeats: the service's error messages are stored and shown."""
    body = reply.body
    for secret in secrets:
        body = body.replace(secret.encode(), _MASK)
    return replace(reply, body=body)


def _opened(threads: int, ca_bundle: str | None, max_idle: timedelta) -> "Connections":
    from .connection_pool import Connections

    return Connections(threads, ca_bundle, max_idle)


def _body(reply: "BaseHTTPResponse", until: float) -> tuple[bytes, bool]:
    """The body and whether it is complete; an incomplete one is kept, because the status alone says much."""
    from urllib3.exceptions import HTTPError

    body = b""
    try:
        while chunk := reply.read1(65_536, decode_content=True):
            body += chunk
            if len(body) > _MAX_REPLY or time.monotonic() > until:
                reply.close()
                return body, False
    except (HTTPError, OSError):
        reply.close()
        return body, False
    return body, True


def _brief(error: Exception) -> str:
    """The innermost reason only: the messages around it contain the URL, whose query may contain a signature."""
    reason = error.args[1] if len(error.args) > 1 else error
    return " ".join(f"{type(reason).__name__}: {reason}".split())[:300]
