"""POSTs JSON with a token to Azure ML, once, and tells a request that was never sent from one that may have been."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from ..clock import LeftAlone, SystemClock
from ..scheduling.token_hosts import token_problem
from ..scheduling.web_address import host_of
from ..version import USER_AGENT
from .clouds import Audience, cloud_of
from .tokens import Tokens

if TYPE_CHECKING:
    import requests

MAX_IDLE: Final = timedelta(seconds=30)
"""Azure's load balancers drop idle flows after 4 minutes. A server that closes earlier says so, and that is seen."""

_UNREACHABLE_FOR: Final = timedelta(seconds=45)
_MOST_UNFINISHED: Final = 16
_WITH_TOKENS: Final = ("Authorization", "x-azureml-token")
_MASK: Final = "…".encode()
_MAX_REPLY: Final = 1_000_000
"""Bytes. A real reply has some 2,000; whoever sends more is not the service."""


class NeverSent(Exception):
    """No byte of the request can have reached the service."""


class CutOff(Exception):
    """The connection, or the patience, ended before a whole answer was there; the service may have acted."""

    def __init__(self, sentence: str, *, is_silence: bool = False) -> None:
        """`is_silence`: the service had not said anything when the patience ended."""
        super().__init__(sentence)
        self.is_silence = is_silence


@dataclass(frozen=True)
class Reply:
    """An answer of the service; the body is what came of it before it broke off, if it did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True


class Wire:
    """One pool of connections and one credential for a whole process, shared by its threads."""

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
        """`scope` is that of Azure Resource Manager's tokens; None: the one of the cloud that the address belongs to.

        `patience` bounds connecting, sending and reading together, as long as the reply's head comes in one go.
        A connection that was idle for longer than `max_idle` is made anew. `settings` say which hosts, other than
        Azure's, may receive tokens. `unreachable` remembers the hosts that timed out while connecting; a wire that
        `spares` them sends nothing there for a while.
        """
        self._unreachable = unreachable or LeftAlone(SystemClock())
        self._spares = spares
        self._tokens = tokens
        self._settings = settings or {}
        self._scope = scope
        self._patience = patience.total_seconds()
        self._new_session: Callable[[], requests.Session] = lambda: _session(threads, ca_bundle, max_idle)
        self._lock = Lock()
        self._unfinished: list[Thread] = []
        """Calls that nobody waits for any more: their answers drip in."""
        self._session: requests.Session | None = None

    def is_unreachable(self, url: str) -> bool:
        """Whether its host recently timed out while connecting."""
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
        """Everything that can be done before sending, the token first; the call sends, once.

        Without an audience no token of ours goes along.
        Raises NoToken and NeverSent; the call raises NeverSent and CutOff.
        """
        from requests import RequestException

        session = self._shared_session()
        sent = {"Content-Type": content_type, "Accept": "application/json", "User-Agent": USER_AGENT, **(headers or {})}
        try:
            request = _request(method, url, sent, data)
        except RequestException as error:
            raise NeverSent(f"the request cannot be built: {type(error).__name__}") from None
        if audience is not None:
            request.headers["Authorization"] = f"Bearer {self._token(str(request.url), audience)}"
        if with_azureml_token:
            request.headers["x-azureml-token"] = self._token(str(request.url), Audience.AZURE_ML)
        secrets = [request.headers[name].rpartition(" ")[2] for name in _WITH_TOKENS if name in request.headers]
        return lambda: _without(self._send(session, request), secrets)

    def in_time(self, call: Callable[[], Reply]) -> Reply:
        """A whole answer within the patience, however slowly it comes; raises NeverSent and CutOff.

        For questions that may be asked again: what is sent is sent, and an answer that comes later is lost.
        """
        with self._lock:
            self._unfinished = [one for one in self._unfinished if one.is_alive()]
            if len(self._unfinished) >= _MOST_UNFINISHED:
                raise NeverSent("too many answers of the service have not ended yet")
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
            raise CutOff("the service did not finish its answer in time")
        answer = answers[0]
        if not isinstance(answer, Reply):
            raise answer
        if not answer.is_whole:
            raise CutOff("the answer broke off, or did not end in time")
        return answer

    def _token(self, url: str, audience: Audience) -> str:
        """A token for the URL that will be called, if it may have one; raises NoToken and NeverSent."""
        if problem := token_problem(url, self._settings):
            raise NeverSent(problem)
        own = self._scope if audience is Audience.ARM else None
        return self._tokens.bearer(own or cloud_of(url).scopes[audience])

    def _send(self, session: "requests.Session", request: "requests.PreparedRequest") -> Reply:
        from requests import ReadTimeout, RequestException

        from .connection_pool import has_not_connected_in_time, was_never_sent

        host = host_of(str(request.url))
        if self._spares and (rest := self._unreachable.still(host)):
            raise NeverSent(f"connecting to {host} timed out; not trying again for {rest.total_seconds():.0f} s")
        until = time.monotonic() + self._patience
        connect = min(10.0, self._patience / 6)
        # The connect time-out also bounds sending; together with reading that is three parts of the patience.
        timeout = (connect, self._patience - 2 * connect)
        try:
            # The adapter alone: it follows no redirect, keeps no cookie, and costs a third less than Session.post.
            with session.get_adapter(str(request.url)).send(request, stream=True, timeout=timeout) as reply:
                self._unreachable.has_answered(host)
                body, is_whole = _body(reply, until)
                if not 200 <= reply.status_code < 300:
                    # Something may follow that belongs to this answer: nobody shall read it as the next one's.
                    reply.close()
                return Reply(reply.status_code, reply.headers, body, is_whole)
        except RequestException as error:
            if has_not_connected_in_time(error):
                self._unreachable.did_not_answer(host, _UNREACHABLE_FOR)
            sentence = was_never_sent(error)
            if sentence is not None:
                raise NeverSent(sentence) from error
            sentence = f"the connection ended before the service answered: {_brief(error)}"
            raise CutOff(sentence, is_silence=isinstance(error, ReadTimeout)) from error

    def _shared_session(self) -> "requests.Session":
        with self._lock:
            if self._session is None:
                try:
                    self._session = self._new_session()
                except OSError as error:  # ssl.SSLError is one too
                    raise NeverSent(f"the root certificates (REQUESTS_CA_BUNDLE) cannot be read: {error}") from error
            return self._session


def _request(method: str, url: str, headers: Mapping[str, str], data: bytes) -> "requests.PreparedRequest":
    """The request without what `Request.prepare` adds for others: cookies, authentication, hooks."""
    from requests import PreparedRequest

    request = PreparedRequest()
    request.prepare_method(method)
    request.url = _prepared_url(url)
    request.prepare_headers(headers)
    request.prepare_body(data, None)
    return request


@lru_cache(1024)
def _prepared_url(url: str) -> str:
    """The URL as it is sent; raises RequestException."""
    from requests import PreparedRequest

    request = PreparedRequest()
    request.prepare_url(url, None)
    return str(request.url)


def _without(reply: Reply, secrets: Sequence[str]) -> Reply:
    """The reply without tokens that it repeats: what a service says of an error is kept and shown."""
    body = reply.body
    for secret in secrets:
        body = body.replace(secret.encode(), _MASK)
    return replace(reply, body=body)


def _session(threads: int, ca_bundle: str | None, max_idle: timedelta) -> "requests.Session":
    from .connection_pool import new_session

    return new_session(threads, ca_bundle, max_idle)


def _body(reply: "requests.Response", until: float) -> tuple[bytes, bool]:
    """The reply's body, or what came of it before it broke off or the patience ended: the status alone says much."""
    from urllib3.exceptions import HTTPError

    body = b""
    try:
        while chunk := reply.raw.read1(65_536, decode_content=True):
            body += chunk
            if len(body) > _MAX_REPLY or time.monotonic() > until:
                reply.close()
                return body, False
    except (HTTPError, OSError):
        reply.close()
        return body, False
    return body, True


def _brief(error: Exception) -> str:
    """The innermost reason: what stands around it holds the address, whose query may hold a signature."""
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None) or cause
    return " ".join(f"{type(reason).__name__}: {reason}".split())[:300]
