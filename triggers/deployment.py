"""What Azure must hold around the schedules: event subscriptions, watched accounts, app settings, room to scale.

Only a deployment reads it: `python -m triggers infra` prints it for Bicep. Facts about Event Grid's filters:
https://learn.microsoft.com/azure/event-grid/event-filtering
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .scheduling.change import MANIFESTS
from .scheduling.config import ChangeTrigger
from .scheduling.globs import literal_ends
from .scheduling.loading import load
from .scheduling.templates import Setting, tokens
from .scheduling.yaml_text import Tree, parse
from .settings import DEPLOYED

HOST_CONNECTION: Final = "AzureWebJobsStorage"
_LEAST_INSTANCES: Final = 40
_MOST_INSTANCES: Final = 1000
_OTHER_INSTANCES: Final = 10
"""For the reconciler, the HTTP functions and the change-based ones, which scale together."""
_SURE_IN_A_SUBJECT: Final = re.compile(r"[A-Za-z0-9._/-]*", re.ASCII)
"""Beyond these it is not documented how a subject writes a character."""
_LONGEST_NAME: Final = 40
_RESOURCE_ID: Final = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/(?P<type>[^/]+/[^/]+)/(?P<name>[^/]+)/?",
    re.IGNORECASE,
)


class Undeployable(Exception):
    """What is asked for cannot be deployed; one sentence for each reason."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def parameters(text: str, file: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The parameter `schedules` of infra/main.bicep, for the text of a schedules file; raises Undeployable.

    `environment` holds the app settings that are to be, and where the app goes: infra/parameters explains each.
    """
    config = load(text, file, environment)
    changes = {name: one.trigger for name, one in config.schedules.items() if isinstance(one.trigger, ChangeTrigger)}
    timers = len(config.schedules) - len(changes)
    instances = max(_LEAST_INSTANCES, timers + _OTHER_INSTANCES)
    watched: dict[str, set[str]] = {}
    for trigger in changes.values():
        watched.setdefault(trigger.connection, set()).add(trigger.container)
    host_containers = watched.pop(HOST_CONNECTION, set())
    problems = [str(fault) for fault in config.faults]
    problems += _target_problems(environment)
    for connection in watched:
        problems += _account_problems(connection, environment)
    if instances > _MOST_INSTANCES:
        problems.append(
            f"{timers} time-based schedules want {instances} instances; Flex Consumption has {_MOST_INSTANCES}"
        )
    if problems:
        raise Undeployable(tuple(problems))
    return {
        "maximumInstanceCount": instances,
        "settings": _settings(text, file, environment),
        "hostContainers": sorted(host_containers),
        "watchedAccounts": [_watched(one, sorted(watched[one]), environment) for one in sorted(watched)],
        "subscriptions": [_subscription(name, trigger) for name, trigger in changes.items()],
    }


def subject(container: str, path: str) -> str:
    """The subject of a blob's events; without `/blobs/` a filter matches nothing."""
    return f"/blobServices/default/containers/{container}/blobs/{path}"


def subject_filter(trigger: ChangeTrigger) -> dict[str, Any]:
    """The narrowest filter of subjects that lets every change in scope pass; what it lets pass too is left to us."""
    ends = [literal_ends(glob) for glob in trigger.include]
    below = _common_beginning([first for first, _ in ends])
    backwards = _common_beginning([last[::-1] for _, last in ends])
    folder = f"{trigger.folder}/" if trigger.folder else ""
    return {
        "subjectBeginsWith": subject(trigger.container, _sure(folder + below)),
        "subjectEndsWith": _sure(backwards)[::-1],
        # Our own manifests are no changes; in a folder of its own a schedule never sees them.
        "subjectsNotBeginningWith": [] if trigger.folder else [subject(trigger.container, f"{MANIFESTS}/")],
    }


def _common_beginning(texts: list[str]) -> str:
    return os.path.commonprefix(texts)  # noqa: RUF071  character by character is what is wanted


def _sure(text: str) -> str:
    """The beginning of a text up to the first character that a subject may write otherwise."""
    found = _SURE_IN_A_SUBJECT.match(text)
    return found[0] if found else ""


def _subscription(schedule: str, trigger: ChangeTrigger) -> dict[str, Any]:
    name = schedule
    if len(name) > _LONGEST_NAME or "_" in name:
        digest = hashlib.sha256(schedule.encode()).hexdigest()[:8]
        name = f"{schedule[: _LONGEST_NAME - 9].replace('_', '-')}-{digest}"
    return {"name": name, "schedule": schedule, "connection": trigger.connection, **subject_filter(trigger)}


def _watched(connection: str, containers: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    account = _RESOURCE_ID.fullmatch(environment[f"{connection}__accountId"])
    topic = _RESOURCE_ID.fullmatch(environment.get(f"{connection}__systemTopicId", ""))
    assert account, "checked before"
    return {
        "connection": connection,
        "accountName": account["name"],
        "resourceGroup": account["group"],
        "containers": containers,
        "systemTopicName": topic["name"] if topic else "",
        "systemTopicResourceGroup": topic["group"] if topic else "",
    }


def _settings(text: str, file: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The app settings that the file names, and those that the app knows, as far as they are set."""
    tree, _ = parse(text, file)
    names = DEPLOYED.union(_settings_named(tree))
    workspace = {"AZUREML_SUBSCRIPTION_ID": environment["AZURE_SUBSCRIPTION_ID"]}
    found = {**workspace, **{name: environment[name] for name in names if environment.get(name)}}
    return dict(sorted(found.items()))


def _settings_named(tree: Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield from (token.name for token in tokens(tree) if isinstance(token, Setting))
    elif isinstance(tree, list | dict):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from _settings_named(one)


def _target_problems(environment: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with where the app and its workspace are."""
    for name, longest, allowed, in_words in (
        ("AZURE_ENV_NAME", 40, r"[A-Za-z0-9-]+", "letters, digits and hyphens"),
        ("AZURE_LOCATION", 40, r"[a-z0-9]+", "lower-case letters and digits"),
        ("AZURE_SUBSCRIPTION_ID", 36, r"[0-9a-fA-F-]+", "a GUID's"),
        ("AZUREML_RESOURCE_GROUP", 90, r"[\w.()-]+", "letters, digits and .-_()"),
        ("AZUREML_WORKSPACE_NAME", 33, r"[A-Za-z0-9_-]+", "letters, digits, - and _"),
    ):
        value = environment.get(name)
        if not value:
            yield f"{name} is not set"
        elif len(value) > longest:
            yield f"{name} is {len(value)} characters long; {longest} are the most"
        elif not re.fullmatch(allowed, value):
            yield f"{name}: {value!r} has other characters than {in_words}"
    target = environment.get("AZURE_SUBSCRIPTION_ID", "")
    workspace = environment.get("AZUREML_SUBSCRIPTION_ID", target)
    if workspace.lower() != target.lower():
        yield (
            f"the workspace {environment.get('AZUREML_WORKSPACE_NAME')} is in the subscription {workspace}, "
            f"the app goes into {target}: deploy the app into the workspace's subscription"
        )
    if (source := environment.get("BLOB_TRIGGER_SOURCE", "EventGrid")) != "EventGrid":
        yield f"BLOB_TRIGGER_SOURCE is {source}: Flex Consumption has only EventGrid"
    if (ledger := environment.get("LEDGER_CONNECTION", HOST_CONNECTION)) != HOST_CONNECTION:
        yield f"LEDGER_CONNECTION is {ledger}: this template keeps the ledger in the app's own account; leave it out"


def _account_problems(connection: str, environment: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a watched account, and with the system topic that it may have."""
    target = environment.get("AZURE_SUBSCRIPTION_ID", "")

    account, topic = f"{connection}__accountId", f"{connection}__systemTopicId"
    if not environment.get(account):
        yield (
            f"{account} is not set: the resource id of the storage account that schedules.yaml watches as {connection}"
        )
    for setting, kind, in_words in (
        (account, "Microsoft.Storage/storageAccounts", "storage account"),
        (topic, "Microsoft.EventGrid/systemTopics", "system topic"),
    ):
        if value := environment.get(setting):
            yield from _id_problems(setting, value, kind, in_words, target)


def _id_problems(setting: str, value: str, kind: str, in_words: str, target: str) -> Iterator[str]:
    found = _RESOURCE_ID.fullmatch(value)
    if found is None or found["type"].lower() != kind.lower():
        shown = f"/subscriptions/…/resourceGroups/…/providers/{kind}/NAME"
        yield f"{setting}: {value!r} is not the resource id of a {in_words} ({shown})"
    elif target and found["subscription"].lower() != target.lower():
        yield (
            f"the {in_words} {found['name']} is in the subscription {found['subscription']}, "
            f"the app goes into {target}: a system topic has to be in its account's subscription"
        )
