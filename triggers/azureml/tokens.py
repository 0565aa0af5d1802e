"""Access tokens by azure-identity, which is imported when the first one is needed: it costs 0.4 s of a cold start."""

from threading import Lock
from typing import TYPE_CHECKING, Any

from ..version import USER_AGENT

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential


class NoToken(Exception):
    """No identity gave a token; nothing was sent."""


class Tokens:
    """One credential a process, built when first needed; its own cache answers from then on."""

    def __init__(self, client_id: str | None) -> None:
        self._client_id = client_id
        self._lock = Lock()
        self._credential: TokenCredential | None = None

    def bearer(self, scope: str) -> str:
        """A token for the scope; raises NoToken."""
        from azure.core.exceptions import AzureError

        try:
            return self.credential.get_token(scope).token
        except (AzureError, ValueError) as error:  # ValueError: a wrong AZURE_ setting of azure-identity's own
            raise NoToken(f"no token for {scope}: {_first_line(error)}") from error

    @property
    def credential(self) -> "TokenCredential":
        """The managed identity in Azure; on a laptop whatever DefaultAzureCredential finds."""
        with self._lock:
            if self._credential is None:
                from azure.identity import DefaultAzureCredential

                self._credential = DefaultAzureCredential(
                    managed_identity_client_id=self._client_id, user_agent=USER_AGENT
                )
            return self._credential


class LateCredential:
    """A credential for storage clients that builds the shared one only when a token is asked for."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """As azure-core's TokenCredential."""
        return self._tokens.credential.get_token(*scopes, **options)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
