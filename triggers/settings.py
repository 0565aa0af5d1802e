"""The app settings: the only place that reads the environment."""

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec import Struct

from .scheduling.faults import Fault
from .scheduling.replacing import replace
from .scheduling.token_hosts import SETTING as TOKEN_HOSTS
from .scheduling.token_hosts import entries_problem, token_problem

_LEAST_IN_PRODUCTION: Final = {
    "SUBMIT_DEADLINE_SECONDS": 60,
    "UNKNOWN_SETTLE_SECONDS": 60,
    "RETRY_FIRST_DELAY_SECONDS": 5,
}
DEPLOYED: Final = frozenset(
    {
        "AZUREML_API",
        "AZUREML_RESOURCE_GROUP",
        "AZUREML_TOKEN_SCOPE",
        "AZUREML_WORKSPACE_NAME",
        "AZUREML_ARM",
        "CALLBACK_HOSTS",
        "LEDGER_RETENTION_DAYS",
        "RECONCILE_SCHEDULE",
        "RECONCILE_THREADS",
        "RETRY_FIRST_DELAY_SECONDS",
        "RUN_TRACKING_DAYS",
        "SCHEDULES_FILE",
        "SUBMIT_DEADLINE_SECONDS",
        "TOKEN_HOSTS",
        "UNKNOWN_SETTLE_SECONDS",
    }
)
"""The settings that an environment's parameters may contain; the template sets the others."""
_THREADS: Final = "PYTHON_THREADPOOL_THREAD_COUNT"
_HOSTS_ZONE: Final = "WEBSITE_TIME_ZONE"
"""The zone in which the Functions host reads NCRONTAB; the timers' are written for UTC."""
_OF_APP_SERVICE: Final = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")
_OF_OTHER_CREDENTIALS: Final = (
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "IDENTITY_SERVER_THUMBPRINT",
)
"""Each lets azure-identity (1.27) try another credential first, or only that one."""
_SHORTEST_RETENTION = 7
_MOST_RECONCILE_THREADS = 64
_SOURCES = ("EventGrid", "LogsAndContainerScan")


class StoreUnavailable(Exception):
    """The ledger or a storage account cannot be reached or denies access; trying again later may help."""


class UnusableConnection(StoreUnavailable):
    """A storage account's app settings are missing or incomplete; the message says which to add."""


class Settings(Struct, frozen=True, kw_only=True):
    """The parsed app settings; `values` holds all of them as text, for `%NAME%` and for connections."""

    values: Mapping[str, str]
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    """Values that are allowed but rarely meant."""
    schedules_file: str
    reconcile_threads: int
    """Threads of a reconciler pass, in addition to those that functions run on."""
    reconcile_schedule: str
    """NCRONTAB, or `%RECONCILE_SCHEDULE%` for the host to resolve if that setting exists."""
    blob_trigger_source: str
    ledger_connection: str
    """The app-setting prefix of the storage account that keeps the ledger."""
    client_id: str | None
    """The client id of the user-assigned identity; None for whatever DefaultAzureCredential finds."""
    token_scope: str | None
    """The scope of Azure Resource Manager's tokens; None for that of the target's cloud."""
    submit_deadline: timedelta
    """How long a submission may take before its run is treated as unknown."""
    unknown_settle: timedelta
    """How long an unknown run is looked up before it may be sent again."""
    retry_first_delay: timedelta
    retention: timedelta
    """How long ended runs are kept."""
    tracking: timedelta
    """How long the app waits for the end of a submitted run."""
    callback_hosts: tuple[str, ...]
    """Hosts that may be called back, in addition to Azure DevOps' own."""
    worker_threads: int
    """The functions' share of pooled connections: PYTHON_THREADPOOL_THREAD_COUNT, or 32."""
    threads_that_run: int
    """How many functions run at a time: the setting, or the Python worker's default for this machine."""
    has_app_service_authentication: bool
    """True if App Service authentication identifies the caller."""
    ca_bundle: str | None
    """The path of the root certificates to trust; None for certifi's."""
    has_managed_identity: bool = False
    """True if tokens come from the managed identity of App Service or Functions, and from no other credential."""


def environment() -> Mapping[str, str]:
    """The process's environment, without local.settings.json."""
    return dict(os.environ)


def from_environment(folder: Path) -> Settings:
    """Settings from the environment, then from the folder's local.settings.json, which exists on laptops only."""
    local, faults = _local_values(folder / "local.settings.json")
    found = read({**local, **os.environ})
    identity = _is_managed_identity(os.environ)  # without local.settings.json, which MSAL and azure-identity never read
    return replace(found, faults=(*faults, *found.faults), has_managed_identity=identity)


def _is_managed_identity(values: Mapping[str, str]) -> bool:
    """True if DefaultAzureCredential would take the credential for App Service, and no other."""
    return all(map(values.get, _OF_APP_SERVICE)) and not any(name in values for name in _OF_OTHER_CREDENTIALS)


def read(values: Mapping[str, str]) -> Settings:
    """Settings from name-value pairs; an invalid value becomes a fault, and its default is used."""
    faults: list[Fault] = []

    def checked(name: str, default: str, problem_of: Callable[[str], str | None]) -> str:
        value = values.get(name) or default
        problem = problem_of(value)
        if problem:
            # Without the value: it may be a secret in the wrong place.
            faults.append(Fault(file="app settings", path=name, value="", message=problem))
            return default
        return value

    def seconds(name: str, default: int) -> timedelta:
        return timedelta(seconds=float(checked(name, str(default), _seconds_problem)))

    checked("AZUREML_ARM", "", lambda value: token_problem(value, values) if value else None)
    checked(TOKEN_HOSTS, "", entries_problem)
    threads = int(checked(_THREADS, "32", _count_problem))
    return Settings(
        values=dict(values),
        schedules_file=values.get("SCHEDULES_FILE") or "schedules.yaml",
        reconcile_threads=int(checked("RECONCILE_THREADS", "16", _pool_problem)),
        reconcile_schedule="%RECONCILE_SCHEDULE%" if values.get("RECONCILE_SCHEDULE") else "0 * * * * *",
        blob_trigger_source=checked("BLOB_TRIGGER_SOURCE", "EventGrid", _source_problem),
        ledger_connection=values.get("LEDGER_CONNECTION") or "AzureWebJobsStorage",
        client_id=values.get("AZURE_CLIENT_ID") or None,
        token_scope=values.get("AZUREML_TOKEN_SCOPE") or None,
        submit_deadline=seconds("SUBMIT_DEADLINE_SECONDS", 300),
        unknown_settle=seconds("UNKNOWN_SETTLE_SECONDS", 120),
        retention=timedelta(days=int(checked("LEDGER_RETENTION_DAYS", "90", _retention_problem))),
        retry_first_delay=seconds("RETRY_FIRST_DELAY_SECONDS", 30),
        worker_threads=threads,
        tracking=timedelta(days=int(checked("RUN_TRACKING_DAYS", "30", _count_problem))),
        callback_hosts=tuple(filter(None, re.split(r"[,\s]+", values.get("CALLBACK_HOSTS", "").lower()))),
        # If it is unset, the worker uses the default of concurrent.futures.
        threads_that_run=threads if values.get(_THREADS) else min(32, (os.cpu_count() or 1) + 4),
        has_app_service_authentication=values.get("WEBSITE_AUTH_ENABLED", "").lower() in {"true", "1"},
        ca_bundle=values.get("REQUESTS_CA_BUNDLE") or values.get("SSL_CERT_FILE") or None,
        faults=tuple(faults),
        warnings=_warnings(values),
    )


def _warnings(values: Mapping[str, str]) -> tuple[str, ...]:
    low = tuple(
        f"{name} is {values[name]}: values below {least} are for tests"
        for name, least in _LEAST_IN_PRODUCTION.items()
        if values.get(name) and not _seconds_problem(values[name]) and float(values[name]) < least
    )
    if not values.get(_HOSTS_ZONE):
        return low
    sentence = f"{_HOSTS_ZONE} is set: timers fire by another clock than UTC, so their runs start minutes late"
    return (*low, f"{sentence}; remove it, each schedule has its own time_zone")


def _seconds_problem(value: str) -> str | None:
    right = re.fullmatch(r"\d{1,6}(\.\d+)?", value) and float(value) > 0
    return None if right else "expected a number of seconds above 0"


def _count_problem(value: str) -> str | None:
    return None if re.fullmatch(r"[1-9]\d{0,2}", value) else "expected a whole number from 1 to 999"


def _pool_problem(value: str) -> str | None:
    right = re.fullmatch(r"\d{1,2}", value) and 1 <= int(value) <= _MOST_RECONCILE_THREADS
    return None if right else f"expected a whole number from 1 to {_MOST_RECONCILE_THREADS}"


def _retention_problem(value: str) -> str | None:
    right = re.fullmatch(r"\d{1,4}", value) and int(value) >= _SHORTEST_RETENTION
    return None if right else f"expected a whole number of days, {_SHORTEST_RETENTION} or more"


def _source_problem(value: str) -> str | None:
    return None if value in _SOURCES else f"expected {' or '.join(_SOURCES)}"


def _local_values(file: Path) -> tuple[dict[str, str], list[Fault]]:
    """The `Values` of local.settings.json, as Azure Functions Core Tools would put them into the environment."""

    def fault(message: str) -> tuple[dict[str, str], list[Fault]]:
        return {}, [Fault(file=file.name, path="", value="", message=message)]

    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}, []
    except json.JSONDecodeError as error:
        return fault(f"line {error.lineno}: this is not JSON: {error.msg}; none of its values is used")
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        return fault(f"the file cannot be read: {error}")
    values = content.get("Values") if isinstance(content, dict) else None
    if not isinstance(values, dict) or content.get("IsEncrypted"):
        return fault('expected {"IsEncrypted": false, "Values": {…}}; none of its values is used')
    return {str(name): str(value) for name, value in values.items()}, []
