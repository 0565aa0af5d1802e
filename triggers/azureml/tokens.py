"""Access tokens; what they come from is imported on first use."""

from threading import Lock
from typing import TYPE_CHECKING, Any

from ..version import USER_AGENT

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential


class NoToken(Exception):
    """No identity provided a token; nothing was sent."""


class Tokens:
    """One credential per process, built on first use; it caches its tokens."""

    def __init__(self, client_id: str | None, *, has_managed_identity: bool = False) -> None:
        """`client_id` is that of a user-assigned identity.

        `has_managed_identity` is that of the settings: DefaultAzureCredential would choose the managed identity, too.
        """
        self._client_id = client_id
        self._has_managed_identity = has_managed_identity
        self._lock = Lock()
        self._credential: TokenCredential | None = None

    def bearer(self, scope: str) -> str:
        """A token for the scope; raises NoToken."""
        from azure.core.exceptions import AzureError

        try:
            return self.credential.get_token(scope).token
        except (AzureError, ValueError) as error:  # ValueError: azure-identity rejects one of its AZURE_ settings
            raise NoToken(f"no token for {scope}: {_first_line(error)}") from error

    @property
    def credential(self) -> "TokenCredential":
        """The managed identity in Azure; on a laptop, whatever DefaultAzureCredential finds."""
        with self._lock:
            if self._credential is None:
                self._credential = self._new_credential()
            return self._credential

    def _new_credential(self) -> "TokenCredential":
        if self._has_managed_identity:
            from .managed_identity import ManagedIdentity

            return ManagedIdentity(self._client_id)
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential(managed_identity_client_id=self._client_id, user_agent=USER_AGENT)


class LateCredential:
    """A credential for storage clients that builds the shared one only when a token is requested."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """See azure-core's TokenCredential."""
        return self._tokens.credential.get_token(*scopes, **options)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
