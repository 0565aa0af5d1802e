"""Finds problems of a deployment before Azure is called; each is a sentence."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

RESOURCE_ID: Final = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/(?P<type>[^/]+/[^/]+)/(?P<name>[^/]+)/?",
    re.IGNORECASE,
)
_GUID: Final = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAMES: Final = (
    ("AZURE_ENV_NAME", 40, r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", "letters, digits, and hyphens between them"),
    ("AZURE_LOCATION", 40, r"[a-z0-9]+", "lower-case letters and digits"),
    ("AZURE_SUBSCRIPTION_ID", 36, _GUID, "a GUID"),
    ("AZUREML_RESOURCE_GROUP", 90, r"[\w.()-]+", "letters, digits and .-_()"),
    ("AZUREML_WORKSPACE_NAME", 33, r"[A-Za-z0-9][A-Za-z0-9_-]{2,}", "3 or more letters, digits, - and _"),
)
_WORDS: Final = {
    "INSTANCE_MEMORY_MB": ("512", "2048", "4096"),
    "STORAGE_SKU": ("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS"),
    "STORAGE_DEFAULT_ACTION": ("Allow", "Deny"),
    "WORKSPACE_ROLE": ("AzureML Data Scientist", "custom"),
    "BLOB_TRIGGER_SOURCE": ("EventGrid",),
    "LEDGER_CONNECTION": ("AzureWebJobsStorage",),
}
"""The last two allow one value: the template keeps the ledger in the app's account; Flex has only Event Grid."""
_NUMBERS: Final = {
    "ALWAYS_READY_INSTANCES": range(21),
    "THREADS_PER_INSTANCE": range(1, 101),
    "LOG_RETENTION_DAYS": range(30, 731),
    "OLDEST_OPEN_RUN_MINUTES": range(15, 1441),
}
_OFTEN_ENOUGH: Final = re.compile(r"\S+ (\*|\*/[1-5]) \* \* \* \*")


def target_problems(environment: Mapping[str, str]) -> Iterator[str]:
    """Problems with the names and places of the app and its workspace, and with its sizes."""
    yield from _name_problems(environment)
    yield from _value_problems(environment)
    target = environment.get("AZURE_SUBSCRIPTION_ID", "")
    workspace = environment.get("AZUREML_SUBSCRIPTION_ID", target)
    if target and workspace.lower() != target.lower():
        yield (
            f"the workspace {environment.get('AZUREML_WORKSPACE_NAME')} is in the subscription {workspace}, "
            f"the app goes into {target}: deploy the app into the workspace's subscription"
        )


def _name_problems(environment: Mapping[str, str]) -> Iterator[str]:
    for name, longest, allowed, in_words in _NAMES:
        value = environment.get(name)
        if not value:
            yield f"{name} is not set"
        elif len(value) > longest:
            yield f"{name} is {len(value)} characters long; at most {longest} are allowed"
        elif not re.fullmatch(allowed, value):
            yield f"{name}: {value!r}: expected {in_words}"


def _value_problems(environment: Mapping[str, str]) -> Iterator[str]:
    for name, words in _WORDS.items():
        if (value := environment.get(name)) and value not in words:
            yield f"{name}: {value!r}: this template supports {' or '.join(words)}"
    for name, numbers in _NUMBERS.items():
        value = environment.get(name)
        if value and not (re.fullmatch(r"\d{1,6}", value, re.ASCII) and int(value) in numbers):
            yield f"{name}: {value!r}: expected a whole number from {numbers.start} to {numbers.stop - 1}"
    if (often := environment.get("RECONCILE_SCHEDULE")) and not _OFTEN_ENOUGH.fullmatch(often):
        yield (
            f"RECONCILE_SCHEDULE: {often!r}: expected an NCRONTAB of at least every five minutes, such as "
            "0 */2 * * * *: an alert fires after ten minutes without a pass"
        )


def account_problems(connections: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    """Problems with the watched accounts, and with the system topics that they may have."""
    target, taken = environment.get("AZURE_SUBSCRIPTION_ID", ""), dict[str, str]()
    for connection in connections:
        account, topic = f"{connection}__accountId", f"{connection}__systemTopicId"
        if not environment.get(account):
            yield (
                f"{account} is not set: the resource id of the storage account that schedules.yaml watches as "
                f"{connection}"
            )
        for setting, kind, in_words in (
            (account, "Microsoft.Storage/storageAccounts", "storage account"),
            (topic, "Microsoft.EventGrid/systemTopics", "system topic"),
        ):
            value = environment.get(setting)
            if not value:
                continue
            yield from _id_problems(setting, value, kind, in_words, target)
            first = taken.setdefault(value.rstrip("/").lower(), setting)
            if first != setting:
                yield f"{setting} is the same {in_words} as {first}: use one connection for their schedules"


def _id_problems(setting: str, value: str, kind: str, in_words: str, target: str) -> Iterator[str]:
    found = RESOURCE_ID.fullmatch(value)
    if found is None or found["type"].lower() != kind.lower():
        shown = f"/subscriptions/…/resourceGroups/…/providers/{kind}/NAME"
        yield f"{setting}: {value!r} is not the resource id of a {in_words} ({shown})"
    elif target and found["subscription"].lower() != target.lower():
        yield (
            f"the {in_words} {found['name']} is in the subscription {found['subscription']}, "
            f"the app goes into {target}: a system topic has to be in its account's subscription"
        )
