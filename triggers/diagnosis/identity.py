"""Checks whether tokens can be obtained, and for which identity; a token itself is never shown."""

import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

from ..azureml.tokens import NoToken, Tokens
from .findings import Finding, fault, ok

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential


class RequestedOnce(Tokens):
    """Tokens that are requested once per scope, even if that fails: without an identity, a failure takes seconds."""

    def __init__(self, client_id: str | None, *, has_managed_identity: bool = False) -> None:
        super().__init__(client_id, has_managed_identity=has_managed_identity)
        self._remembering: _Remembering | None = None

    @property
    def credential(self) -> "TokenCredential":
        if self._remembering is None:
            self._remembering = _Remembering(super().credential)
        return self._remembering


class _Remembering:
    def __init__(self, credential: "TokenCredential") -> None:
        self._credential = credential
        self._answers: dict[tuple[str, ...], AccessToken | Exception] = {}

    def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        if scopes not in self._answers:
            try:
                self._answers[scopes] = self._credential.get_token(*scopes, **options)
            except Exception as error:  # noqa: BLE001  raised again below, each time
                self._answers[scopes] = error
        answer = self._answers[scopes]
        if isinstance(answer, Exception):
            raise answer
        return answer


def token(tokens: Tokens, scope: str) -> Finding:
    """Check that there is a token for the scope; the finding names its identity if the token does."""
    try:
        bearer = tokens.bearer(scope)
    except NoToken as error:
        return fault(
            "identity",
            str(error),
            "on your machine, sign in (az login); in Azure, give the app an identity, and set AZURE_CLIENT_ID to "
            "its client id if it is a user-assigned one",
        )
    return ok("identity", f"there is a token for {scope}{_whose(bearer)}")


def _whose(bearer: str) -> str:
    """The identity that a token names; empty if we cannot read it, as only its audience needs to."""
    try:
        payload = bearer.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        for name in ("upn", "unique_name", "appid", "azp", "oid"):
            if isinstance(claims.get(name), str):
                return f", of {claims[name]}"
    except (ValueError, IndexError, AttributeError):
        return ""
    return ""
