"""Creates event subscriptions after a deployment, for change-based schedules, accounts' renames and the workspace.

The webhook of blob triggers requires the system key blobs_extension, which the host creates when it first runs with
such a trigger. So the subscriptions are created after the code is deployed. Safe to repeat: names are fixed, and Azure
Resource Manager changes only what differs.
"""

import json
import sys
import time
from typing import Any, Final
from urllib.parse import quote

from .azure_cli import AzureRefused, az, flat
from .environment import ROOT, CannotDeploy, end, looks, pause_seconds, schedules, value
from .preflight import write_schedules

_TRIES: Final = 5
"""Event Grid validates the webhook at once, which fails while the host is starting."""
_WEBHOOK: Final = "/runtime/webhooks/blobs"
_RENAMES: Final = "storage-renamed"
_RENAMED: Final = "storage_renamed"
"""The function that the subscription for renames calls."""
_DEPLOYMENT: Final = ROOT / "infra" / "app" / "event-subscriptions.bicepparam"
_RUN_EVENTS: Final = ROOT / "infra" / "app" / "run-events.bicepparam"


def main() -> None:
    """Connect every topic, verify the subscriptions, and delete those of removed schedules."""
    write_schedules()
    told = schedules()
    wanted = told["subscriptions"]
    topics = json.loads(value("EVENT_TOPICS"))
    lacking = sorted({one["connection"] for one in wanted} - {topic["connection"] for topic in topics})
    if lacking:
        raise CannotDeploy(f"there is no event topic for {', '.join(lacking)} yet: provision first (azd provision)")
    key = _key() if wanted else ""
    for topic in topics:
        mine = [one for one in wanted if one["connection"] == topic["connection"]]
        renames = any(one["connection"] == topic["connection"] for one in told["renames"])
        _deploy(topic, key)
        _verify(topic, mine, renames=renames)
    for topic in _other_topics(topics):
        _verify(topic, [], renames=False)
    print(f"{len(wanted)} event subscription(s) in place")
    _connect_runs()


def _connect_runs() -> None:
    """Subscribe to the workspace's run events. Without permission, only print a note: the app polls runs anyway."""
    try:
        az(
            *("deployment", "group", "create", "--resource-group", value("AZUREML_RESOURCE_GROUP")),
            *("--name", f"{value('FUNCTION_APP_NAME')}-run-events"[:64]),
            *("--template-file", str(_RUN_EVENTS.with_suffix(".bicep")), "--parameters", str(_RUN_EVENTS)),
        )
    except AzureRefused as error:
        print(
            f"the workspace does not report its runs, so the app notices their ends up to a minute later: {error}",
            file=sys.stderr,
        )
    else:
        print("the workspace reports its runs")


def _other_topics(topics: list[dict[str, str]]) -> list[dict[str, str]]:
    """The subscription's other topics: of accounts that are no longer watched, or that never were."""
    names = {(one["name"].lower(), one["resourceGroup"].lower()) for one in topics}
    found = az("eventgrid", "system-topic", "list") or []
    return [one for one in found if (one["name"].lower(), one["resourceGroup"].lower()) not in names]


def _key() -> str:
    """The app's key for the webhook; waits until it exists."""
    group, app = value("AZURE_RESOURCE_GROUP"), value("FUNCTION_APP_NAME")
    answer = ""
    for _ in looks():
        try:
            keys = az("functionapp", "keys", "list", "--resource-group", group, "--name", app) or {}
            found: str | None = (keys.get("systemKeys") or {}).get("blobs_extension")
        except AzureRefused as error:  # the host is not up yet
            found, answer = None, f"; the last answer: {error}"
        if found:
            return found
        print("waiting for the app to start …", flush=True)
        time.sleep(pause_seconds())
    raise CannotDeploy(
        f"the app {app} has no system key blobs_extension: its host has not started or has no blob trigger; "
        f"check its functions in the portal{answer}"
    )


def _deploy(topic: dict[str, str], key: str) -> None:
    values = {
        "BLOBS_EXTENSION_KEY": key,
        "TOPIC_NAME": topic["name"],
        "TOPIC_CONNECTION": topic["connection"],
    }
    for tries_left in reversed(range(_TRIES)):
        try:
            az(
                *("deployment", "group", "create", "--resource-group", topic["resourceGroup"]),
                *("--name", f"{value('FUNCTION_APP_NAME')}-{topic['connection']}"[:64]),
                *("--template-file", str(_DEPLOYMENT.with_suffix(".bicep")), "--parameters", str(_DEPLOYMENT)),
                extra_environment=values,
            )
        except AzureRefused as error:
            sentence = str(error).replace(quote(key, safe=""), "…").replace(key, "…")
            if not tries_left:
                raise CannotDeploy(f"the topic {topic['name']}: {sentence}") from None
            print(f"the topic {topic['name']}, trying again in a moment: {sentence}", flush=True)
            time.sleep(pause_seconds() * 3)
        else:
            return


def _verify(topic: dict[str, str], wanted: list[dict[str, Any]], *, renames: bool) -> None:
    """Check that every subscription exists and is complete; delete those of schedules that are gone."""
    app = value("FUNCTION_APP_NAME")
    on = ("--resource-group", topic["resourceGroup"], "--system-topic-name", topic["name"])
    there = {
        one["name"]: flat(one)
        for one in az("eventgrid", "system-topic", "event-subscription", "list", *on) or []
        if one["name"].startswith(f"{app}-")
    }
    for one in wanted:
        name = f"{app}-{one['name']}"
        found = _in_place(there, name)
        subjects, destination = found.get("filter") or {}, flat(found.get("destination") or {})
        for what, is_so, should in (
            ("watches", subjects.get("subjectBeginsWith"), one["subjectBeginsWith"]),
            ("tells", destination.get("endpointBaseUrl"), f"https://{value('FUNCTION_APP_HOST')}{_WEBHOOK}"),
        ):
            if is_so != should:
                raise CannotDeploy(f"the event subscription {name} {what} {is_so}, not {should}; run this again")
    if renames:
        name = f"{app}-{_RENAMES}"
        function = str(flat(_in_place(there, name).get("destination") or {}).get("resourceId"))
        if not function.endswith(f"/sites/{app}/functions/{_RENAMED}"):
            raise CannotDeploy(f"the event subscription {name} calls {function}, not {_RENAMED}; run this again")
    for name in there:
        az("eventgrid", "system-topic", "event-subscription", "delete", *on, "--name", name, "--yes")
        print(f"{name}: deleted, because its schedule no longer exists")


def _in_place(there: dict[str, Any], name: str) -> dict[str, Any]:
    """Remove a subscription from `there` and return it; raises CannotDeploy if it is missing or not ready."""
    found: dict[str, Any] = there.pop(name, {})
    state = found.get("provisioningState")
    if state != "Succeeded":
        raise CannotDeploy(f"the event subscription {name} is {state or 'missing'}; run this again")
    return found


if __name__ == "__main__":
    end(main, __doc__)
