"""Before provisioning: writes what Bicep needs about the schedules, and checks that what they refer to exists.

Otherwise, a template would fail after minutes with an obscure error; this takes seconds and says what is wrong.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from .azure_cli import AzureRefused, az, flat
from .environment import ROOT, SCHEDULES, CannotDeploy, end, schedules, value

_PROVIDERS: Final = ("Microsoft.EventGrid", "Microsoft.Web", "Microsoft.Storage", "Microsoft.Insights")
_OF_A_SUBNET: Final = "Microsoft.App"
"""The service that a subnet must be delegated to."""
_WITHOUT_EVENTS: Final = "Storage"
"""The kind of general-purpose v1 accounts: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage"""


def main() -> None:
    """Write infra/schedules.json and report everything that is wrong."""
    write_schedules()
    subscription = value("AZURE_SUBSCRIPTION_ID")
    problems = [*_provider_problems(), *_workspace_problems(subscription)]
    for account in schedules()["watchedAccounts"]:
        problems += _account_problems(account, subscription)
    if problems:
        raise CannotDeploy("\n".join(problems))
    print("everything the schedules refer to exists")


def write_schedules() -> None:
    """Write infra/schedules.json from `python -m triggers infra`; raises CannotDeploy if that fails."""
    done = subprocess.run([sys.executable, "-m", "triggers", "infra"], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise CannotDeploy("python -m triggers infra rejected the schedules (see above)")
    SCHEDULES.write_bytes(done.stdout)


def _provider_problems() -> Iterator[str]:
    for name in (*_PROVIDERS, *([_OF_A_SUBNET] if os.environ.get("SUBNET_ID") else [])):
        found = az("provider", "show", "--namespace", name) or {}
        if found.get("registrationState") != "Registered":
            yield f"the subscription has not registered {name} yet: az provider register --namespace {name} --wait"


def _workspace_problems(subscription: str) -> Iterator[str]:
    name, group = value("AZUREML_WORKSPACE_NAME"), value("AZUREML_RESOURCE_GROUP")
    try:
        _shown(subscription, group, "Microsoft.MachineLearningServices/workspaces", name)
    except AzureRefused as error:
        yield f"the workspace {name} in {group}: {error}"


def _account_problems(account: dict[str, Any], subscription: str) -> Iterator[str]:
    name, group = account["accountName"], account["resourceGroup"]
    try:
        found = _shown(subscription, group, "Microsoft.Storage/storageAccounts", name)
    except AzureRefused as error:
        yield f"the storage account {name} in {group}: {error}"
        return
    if found["kind"] == _WITHOUT_EVENTS:
        yield f"the storage account {name} is of kind Storage, which has no events: upgrade it to StorageV2"
        return
    container = ("storage", "container-rm", "exists", "--storage-account", found["id"], "--name")
    for one in account["containers"]:
        try:
            if not az(*container, one)["exists"]:
                yield f"the storage account {name} has no container {one}: create it, or correct schedules.yaml"
        except AzureRefused as error:
            yield f"the container {one} of {name}: {error}"
    yield from _topic_problems(account, found["id"])


def _topic_problems(account: dict[str, Any], account_id: str) -> Iterator[str]:
    """Problems with an account's system topic: it has one at most, and an existing one is used only if it is named."""
    topics = [flat(one) for one in az("eventgrid", "system-topic", "list") or []]
    on_it = [one for one in topics if one["source"].lower() == account_id.lower()]
    setting = f"{account['connection']}__systemTopicId"
    if not account["createTopic"]:
        yield from _named_topic_problems(account, on_it, setting)
        return
    group = f"rg-pipeline-triggers-{value('AZURE_ENV_NAME')}"
    for one in on_it:
        if (one["name"].lower(), one["resourceGroup"].lower()) != (account["topicName"], group.lower()):
            yield (
                f"the storage account {account['accountName']} already has the system topic {one['name']}, and Azure "
                f"allows only one: set {setting} to {one['id']}"
            )


def _named_topic_problems(account: dict[str, Any], on_it: list[dict[str, Any]], setting: str) -> Iterator[str]:
    name, group = account["topicName"], account["topicResourceGroup"]
    found = next((one for one in on_it if one["name"].lower() == name.lower()), None)
    if found is None:
        yield f"{setting}: the storage account {account['accountName']} has no system topic {name}"
    elif "SystemAssigned" not in ((found.get("identity") or {}).get("type") or ""):
        yield (
            f"the system topic {name} has no identity of its own, so it cannot write dead letters: "
            f"az eventgrid system-topic update --name {name} --resource-group {group} --identity systemassigned"
        )


def _shown(subscription: str, group: str, kind: str, name: str) -> Any:
    return az(
        "resource", "show", "--ids", f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"
    )


if __name__ == "__main__":
    end(main, __doc__)
