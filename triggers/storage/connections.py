"""Clients for storage accounts, which are named by their app-setting prefix as in Azure Functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..settings import UnusableConnection
from ..version import USER_AGENT

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient
    from requests import Session

    from .pooled_transport import Pools


# In seconds. The clients' default of 300 would exceed the deadline of a claim.
_TIMES: Final[dict[str, Any]] = {"connection_timeout": 10, "read_timeout": 20}
_PATIENCE: Final[dict[str, Any]] = {**_TIMES, "retry_total": 3}


def problem(prefix: str, settings: Mapping[str, str], services: tuple[str, ...]) -> str | None:
    """A sentence on what the settings lack to reach these services (blob, queue, table); None if nothing."""
    if settings.get(prefix):
        return None
    missing = [name for name in (f"{prefix}__{service}ServiceUri" for service in services) if not settings.get(name)]
    if not missing:
        return None
    for given in (f"{prefix}__accountName", f"{prefix}__serviceUri"):
        if settings.get(given):
            return f"{given} alone is not enough; add {' and '.join(missing)}"
    return (
        f"the app setting {prefix} (a connection string) does not exist, nor {' and '.join(missing)}; add one of them"
    )


def bare_address(prefix: str, settings: Mapping[str, str], services: tuple[str, ...]) -> str | None:
    """Which address lacks its https://, which our clients would put before it and the Functions host does not."""
    if settings.get(prefix):
        return None
    for service in services:
        name = f"{prefix}__{service}ServiceUri"
        if not settings.get(name, "https://").lower().startswith("https://"):
            return f"{name} does not begin with https://; write https://ACCOUNT.{service}.core.windows.net"
    return None


def blob_service(
    prefix: str,
    settings: Mapping[str, str],
    credential: "TokenCredential",
    patience: Mapping[str, Any] = _PATIENCE,
    transport: "HttpTransport[Any, Any] | None" = None,
) -> "BlobServiceClient":
    """A client for the account's blobs, by connection string or identity; raises UnusableConnection.

    Without a transport it makes one of its own, which keeps ten connections.
    """
    from azure.storage.blob import BlobServiceClient

    client: BlobServiceClient = _client(
        BlobServiceClient, "account_url", "blob", prefix, settings, credential, _options(patience, transport)
    )
    return client


def table_service(
    prefix: str,
    settings: Mapping[str, str],
    credential: "TokenCredential",
    patience: Mapping[str, Any] = _PATIENCE,
    transport: "HttpTransport[Any, Any] | None" = None,
) -> "TableServiceClient":
    """A client for the account's tables, by connection string or identity; raises UnusableConnection."""
    from azure.data.tables import TableServiceClient

    client: TableServiceClient = _client(
        TableServiceClient, "endpoint", "table", prefix, settings, credential, _options(patience, transport)
    )
    return client


def session_transport(session: "Session") -> "HttpTransport[Any, Any]":
    """A transport over a session that is shared with others."""
    from azure.core.pipeline.transport import RequestsTransport

    transport: HttpTransport[Any, Any] = RequestsTransport(session=session, session_owner=False, **_TIMES)
    return transport


def pooled_transport(pools: "Pools") -> "HttpTransport[Any, Any]":
    """A transport for tables; it knows no proxies."""
    from .pooled_transport import PooledTransport

    return PooledTransport(pools, **_TIMES)


def _options(patience: Mapping[str, Any], transport: "HttpTransport[Any, Any] | None") -> Mapping[str, Any]:
    return patience if transport is None else {**patience, "transport": transport}


def _client(
    of: Any,
    address: str,
    service: str,
    prefix: str,
    settings: Mapping[str, str],
    credential: "TokenCredential",
    options: Mapping[str, Any],
) -> Any:
    """A client of class `of`, whose URI argument is `address`; unlike its own errors, ours do not quote the setting."""
    if settings.get(prefix):
        try:
            return of.from_connection_string(settings[prefix], user_agent=USER_AGENT, **options)
        except ValueError:
            raise UnusableConnection(f"the app setting {prefix} is not a connection string") from None
    if lacking := problem(prefix, settings, (service,)):
        raise UnusableConnection(lacking)
    uri = f"{prefix}__{service}ServiceUri"
    try:
        return of(**{address: settings[uri]}, credential=credential, user_agent=USER_AGENT, **options)
    except ValueError:
        wanted = f"https://ACCOUNT.{service}.core.windows.net"
        raise UnusableConnection(f"the app setting {uri} is not the URI of a service, as {wanted}") from None
