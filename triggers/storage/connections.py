"""Storage accounts by their app-setting prefix, the way Azure Functions names them; one pooled client an account."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..settings import UnusableConnection
from ..version import USER_AGENT

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient


# Seconds; the clients' own 300 would outlast the deadline of a claim.
_PATIENCE: Final[dict[str, Any]] = {"connection_timeout": 10, "read_timeout": 20, "retry_total": 3}


def problem(prefix: str, settings: Mapping[str, str], services: tuple[str, ...]) -> str | None:
    """What the settings lack to reach these services (blob, queue, table) of an account; None when they suffice."""
    if settings.get(prefix):
        return None
    missing = [name for name in (f"{prefix}__{service}ServiceUri" for service in services) if not settings.get(name)]
    if not missing:
        return None
    if settings.get(f"{prefix}__accountName"):
        return f"{prefix}__accountName alone does not do here; add {' and '.join(missing)}"
    return (
        f"the app setting {prefix} (a connection string) does not exist, nor {' and '.join(missing)}; add one of them"
    )


def blob_service(
    prefix: str, settings: Mapping[str, str], credential: "TokenCredential", patience: Mapping[str, Any] = _PATIENCE
) -> "BlobServiceClient":
    """A client for the account's blobs, by connection string or identity; raises UnusableConnection."""
    from azure.storage.blob import BlobServiceClient

    if not settings.get(prefix):
        uri = _uri(prefix, "blob", settings)
        return BlobServiceClient(uri, credential=credential, user_agent=USER_AGENT, **patience)
    try:
        return BlobServiceClient.from_connection_string(settings[prefix], user_agent=USER_AGENT, **patience)
    except ValueError as error:
        raise UnusableConnection(f"the app setting {prefix} is not a connection string: {error}") from error


def table_service(
    prefix: str, settings: Mapping[str, str], credential: "TokenCredential", patience: Mapping[str, Any] = _PATIENCE
) -> "TableServiceClient":
    """A client for the account's tables, by connection string or identity; raises UnusableConnection."""
    from azure.data.tables import TableServiceClient

    if not settings.get(prefix):
        uri = _uri(prefix, "table", settings)
        return TableServiceClient(endpoint=uri, credential=credential, user_agent=USER_AGENT, **patience)
    try:
        return TableServiceClient.from_connection_string(settings[prefix], user_agent=USER_AGENT, **patience)
    except ValueError as error:
        raise UnusableConnection(f"the app setting {prefix} is not a connection string: {error}") from error


def _uri(prefix: str, service: str, settings: Mapping[str, str]) -> str:
    if lacking := problem(prefix, settings, (service,)):
        raise UnusableConnection(lacking)
    return settings[f"{prefix}__{service}ServiceUri"]
