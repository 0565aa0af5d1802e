"""Checks storage accounts by real calls: the ledger's table, the host's account, watched containers and their queues.

Write access is tested with conditions that never hold: the service checks the permission first and then the condition,
so nothing is written. Roles: docs/deploy.md.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..ledger.calls import TABLE
from ..scheduling.change import MANIFESTS
from ..settings import UnusableConnection
from ..storage import connections
from .findings import Finding, Findings, fault, not_checked, ok, warning

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

BLOB_ROLE: Final = "Storage Blob Data Owner"
QUEUE_ROLE: Final = "Storage Queue Data Contributor"
TABLE_ROLE: Final = "Storage Table Data Contributor"
_POISON: Final = "webjobs-blobtrigger-poison"
_SCOPE: Final = "https://storage.azure.com/.default"
_QUEUE_VERSION: Final = "2021-12-02"
_PATIENCE: Final[dict[str, Any]] = {
    "connection_timeout": 5,
    "read_timeout": 10,
    "retry_total": 1,
    "initial_backoff": 1,
    "increment_base": 0,
    "random_jitter_range": 0,
}
"""In seconds. By default, the blob client waits 15 before its second try."""
_NEVER: Final = '"0x0"'
"""An ETag that never matches."""


class Declined(Exception):
    """Ends a check with a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


@dataclass(frozen=True, kw_only=True)
class Account:
    """A storage account by its connection."""

    connection: str
    settings: Mapping[str, str]
    credential: "TokenCredential"

    @property
    def has_key(self) -> bool:
        """True if it is accessed by a connection string, False if by an identity."""
        return bool(self.settings.get(self.connection))

    def lacks(self, *services: str) -> bool:
        """True if settings are missing; the app's own faults list them."""
        return connections.problem(self.connection, self.settings, services) is not None


def check_ledger(account: Account) -> Findings:
    """Check that the ledger's table can be read and written."""
    from azure.core import MatchConditions
    from azure.core.exceptions import HttpResponseError
    from azure.data.tables import UpdateMode

    subject = f"ledger {account.connection}"
    if account.lacks("table"):
        yield not_checked(subject, "its connection is not complete (see above)", "fix that first")
        return
    with _collected(account, subject, f"the table {TABLE}", TABLE_ROLE) as findings:
        service = connections.table_service(account.connection, account.settings, account.credential, _PATIENCE)
        table = service.get_table_client(TABLE)
        try:
            next(iter(table.query_entities("PartitionKey eq '~'", results_per_page=1)), None)
            row = {"PartitionKey": "~doctor", "RowKey": "never"}
            table.update_entity(
                row, mode=UpdateMode.MERGE, etag=f"W/{_NEVER}", match_condition=MatchConditions.IfNotModified
            )
        except HttpResponseError as error:
            if error.status_code not in {404, 412}:
                raise
            if "TableNotFound" in f"{getattr(error, 'error_code', '')} {error}":
                remedy = (
                    "the first pass of `reconcile` creates it; if the app has been running, check that function's log"
                )
                raise Declined(warning(subject, f"the table {TABLE} does not exist yet", remedy)) from error
        findings.append(ok(subject, f"the table {TABLE} can be read and written"))
    yield from findings


def check_host(account: Account) -> Findings:
    """Check the account of the Functions host: its blobs, which hold locks and timer state, and its queues."""
    subject = f"host storage {account.connection}"
    if account.lacks("blob"):
        yield not_checked(subject, f"{account.connection} names no blob service", "see docs/settings.md")
        return
    with _collected(account, subject, "its containers", BLOB_ROLE) as findings:
        service = connections.blob_service(account.connection, account.settings, account.credential, _PATIENCE)
        next(iter(service.list_containers(results_per_page=1)), None)
        findings.append(ok(subject, "its containers can be listed"))
    yield from findings
    yield from _queues(account, subject, "?comp=list&maxresults=1", "its queues")


def check_container(account: Account, container: str, *, writes_manifests: bool) -> Findings:
    """Check that a watched container can be listed and, if needed, that manifests can be written to it."""
    subject = f"storage {account.connection}/{container}"
    if account.lacks("blob"):
        yield not_checked(subject, "its connection is not complete (see above)", "fix that first")
        return
    with _collected(account, subject, f"the container {container}", BLOB_ROLE) as findings:
        service = connections.blob_service(account.connection, account.settings, account.credential, _PATIENCE)
        client = service.get_container_client(container)
        next(iter(client.list_blobs(results_per_page=1).by_page()), None)
        findings.append(ok(subject, "it can be listed"))
        if writes_manifests:
            _try_to_write(lambda condition: client.get_blob_client(f"{MANIFESTS}/never").upload_blob(b"", **condition))
            findings.append(ok(subject, "manifests can be written"))
    yield from findings


def check_poison_queue(account: Account) -> Findings:
    """Check the queue of blobs whose function failed five times; the host creates it when needed, never empties it."""
    if not account.lacks("queue"):
        yield from _queues(
            account, f"storage {account.connection}", f"/{_POISON}?comp=metadata", f"the queue {_POISON}"
        )


def _try_to_write(write: Callable[[dict[str, Any]], object]) -> None:
    from azure.core import MatchConditions
    from azure.core.exceptions import HttpResponseError

    try:
        write({"overwrite": True, "etag": _NEVER, "match_condition": MatchConditions.IfNotModified})
    except HttpResponseError as error:
        if error.status_code not in {404, 412}:
            raise


def _queues(account: Account, subject: str, query: str, what: str) -> Findings:
    """Query the queue service with the identity, without a client library: only the host uses queues."""
    if account.has_key:
        return
    uri = account.settings.get(f"{account.connection}__queueServiceUri")
    if not uri:
        remedy = f"set {account.connection}__queueServiceUri"
        yield not_checked(subject, f"{account.connection} names no queue service", remedy)
        return
    with _collected(account, subject, what, QUEUE_ROLE) as findings:
        status, held = _queue_status(uri.rstrip("/") + query, account.credential)
        if held:
            remedy = (
                "sweeps start runs for these files (with polling_interval 0, use backfill); then empty it: "
                f"az storage message clear --queue-name {_POISON} --account-name ACCOUNT --auth-mode login"
            )
            findings.append(warning(subject, f"{what} contains about {held} events that failed five times", remedy))
        else:
            findings.append(ok(subject, f"{what} can be queried{'; it does not exist yet' if status == 404 else ''}"))
    yield from findings


def _queue_status(url: str, credential: "TokenCredential") -> tuple[int, int]:
    """200 or 404, and how many messages a queue says that it holds."""
    from azure.core import PipelineClient
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HeadersPolicy, RetryPolicy
    from azure.core.rest import HttpRequest

    policies = [
        HeadersPolicy({"x-ms-version": _QUEUE_VERSION}),
        RetryPolicy(retry_total=1),
        BearerTokenCredentialPolicy(credential, _SCOPE),
    ]
    with PipelineClient[Any, Any](url, policies=policies) as client:
        response = client.send_request(HttpRequest("GET", url), connection_timeout=5, read_timeout=10)
    if response.status_code not in {200, 404}:
        raise HttpResponseError(response=response)
    return int(response.status_code), int(response.headers.get("x-ms-approximate-messages-count", "0"))


@contextmanager
def _collected(account: Account, subject: str, what: str, role: str) -> Iterator[list[Finding]]:
    """Collect findings; an exception inside becomes the last of them."""
    from azure.core.exceptions import AzureError

    found: list[Finding] = []
    try:
        yield found
    except Declined as declined:
        found.append(declined.finding)
    except UnusableConnection as error:
        found.append(fault(subject, str(error), f"correct the app setting {account.connection}"))
    except ValueError:  # its text is left out: it may contain the setting's value
        sentence = "its settings do not contain the address of a storage account"
        found.append(fault(subject, sentence, f"correct the app settings {account.connection}…"))
    except AzureError as error:
        found.append(_explained(account, subject, what, role, error))


def _explained(account: Account, subject: str, what: str, role: str, error: Exception) -> Finding:
    from azure.core.exceptions import ClientAuthenticationError

    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    status = getattr(error, "status_code", None)
    if status in {401, 403}:
        if account.has_key:
            remedy = f"the account's key in the app setting {account.connection} is wrong or no longer valid"
        else:
            remedy = (
                f"the identity needs the role {role}; it takes some minutes to take effect. If the identity has "
                "it, check the account's firewall"
            )
        return fault(subject, f"the identity may not use {what}: the service answered {status}: {said}", remedy)
    if status == 404:
        remedy = "create it (az storage container create), or correct the container in the schedules file"
        return fault(subject, f"{what} does not exist", remedy)
    if status is None and isinstance(error, ClientAuthenticationError):
        return not_checked(subject, "there is no token (see above)", "fix that first")
    remedy = f"check the addresses in the app settings {account.connection}…, the network and the firewall"
    return fault(subject, f"{what} cannot be reached: {said}", remedy)
