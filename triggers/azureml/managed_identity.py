"""Tokens of the managed identity of App Service and Azure Functions, from MSAL alone.

azure-identity's credential for App Service is MSAL's client with azure-core's retries. Importing azure-identity makes
nineteen other credentials and loads cryptography: 60 ms of CPU. So this is that credential without the others; `Tokens`
uses it where azure-identity would choose it.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

import msal
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from requests import RequestException, Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from ..version import USER_AGENT

_RETRIES: Final = Retry(
    total=10,
    connect=3,
    read=3,
    status=3,
    backoff_factor=0.8,
    status_forcelist=frozenset({408, 429, 500, 502, 503, 504, *range(506, 600)}),
    allowed_methods=frozenset({"GET"}),
    raise_on_status=False,
    retry_after_max=30,
)
"""As azure-core's RetryPolicy, except that a long Retry-After is not waited for: the run is tried again later."""
_PATIENCE: Final = (10.0, 60.0)
"""Seconds to connect, and to wait for an answer, which comes from the machine itself."""
_TURN: Final = 5.0
"""Seconds that a thread waits for the token that another one requests."""
_DEFAULT: Final = "/.default"
_NO_REASON: Final = "None, None"


class ManagedIdentity:
    """A credential as azure-core expects it; safe to share between threads. MSAL caches its tokens.

    MSAL finds the endpoint in the environment (IDENTITY_ENDPOINT and IDENTITY_HEADER), and requests a new token when
    half of the old one's life is over, at the latest 5 minutes before its end.
    """

    def __init__(self, client_id: str | None) -> None:
        """`client_id` is that of a user-assigned identity; None for the system-assigned one."""
        whose = msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else None
        self._client = msal.ManagedIdentityClient(
            whose or msal.SystemAssignedManagedIdentity(), http_client=_Endpoint()
        )
        self._lock = Lock()

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """A token for the only scope; raises ClientAuthenticationError. With `claims`, the cached one is not used."""
        (scope,) = scopes
        try:
            with self._in_turn():
                answer = self._client.acquire_token_for_client(
                    resource=scope.removesuffix(_DEFAULT), claims_challenge=claims
                )
        except RequestException as error:
            sentence = f"the managed identity's endpoint does not answer: {type(error).__name__}"
            raise ClientAuthenticationError(sentence) from error
        except (ValueError, TypeError, AttributeError) as error:
            sentence = f"the managed identity's endpoint sent no usable answer: {type(error).__name__}"
            raise ClientAuthenticationError(sentence) from error
        if "access_token" not in answer:
            raise ClientAuthenticationError(f"the managed identity's endpoint refused: {_reason(answer)}")
        return AccessToken(answer["access_token"], int(time.time()) + int(answer["expires_in"]))

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Let one thread request a token, which the others then find; those that wait too long request it as well."""
        is_alone = self._lock.acquire(timeout=_TURN)
        try:
            yield
        finally:
            if is_alone:
                self._lock.release()


class _Endpoint:
    """The HTTP client that MSAL uses."""

    def __init__(self) -> None:
        self._session = Session()
        # The endpoint is on this machine: the secret in the header must reach no proxy.
        self._session.trust_env = False
        self._session.headers["User-Agent"] = USER_AGENT
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))

    def get(self, url: str, *, params: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        """Follow no redirect: the secret in the header is for the endpoint alone."""
        answer = self._session.get(url, params=params, headers=headers, timeout=_PATIENCE, allow_redirects=False)
        answer.encoding = "utf-8"
        return answer


def _reason(answer: Mapping[str, Any]) -> str:
    """The status and message in the endpoint's answer, as MSAL joins them."""
    given = str(answer.get("error_description", _NO_REASON))
    return "it gave no reason" if given == _NO_REASON else " ".join(given.split())
