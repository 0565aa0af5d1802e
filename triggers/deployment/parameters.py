"""The deployment's parameters that follow from the schedules: event subscriptions, accounts, settings, instances.

`python -m triggers infra` prints them for Bicep. Event Grid's filters are described in
https://learn.microsoft.com/azure/event-grid/event-filtering
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..scheduling.change import MANIFESTS
from ..scheduling.config import ChangeSchedule, ChangeTrigger, TimeSchedule
from ..scheduling.file.loading import load
from ..scheduling.file.yaml_text import Tree, parse
from ..scheduling.globs import literal_ends
from ..scheduling.templates import Setting, tokens
from ..settings import DEPLOYED, read
from .problems import RESOURCE_ID, account_problems, target_problems

HOST_CONNECTION: Final = "AzureWebJobsStorage"
_OWN_CONTAINERS: Final = frozenset({"code", "dead-letters"})
_LEAST_INSTANCES: Final = 40
_MOST_INSTANCES: Final = 1000
_OTHER_INSTANCES: Final = 10
"""Instances for the reconciler, the HTTP functions and the change-based functions, which scale together."""
_SURE_IN_A_SUBJECT: Final = re.compile(r"[A-Za-z0-9._/-]*", re.ASCII)
"""How a subject encodes any other character is not documented."""
_LONGEST_NAME: Final = 40
RENAMES: Final = "storage-renamed"
"""The name of the subscription that reports renames, after the app's name and a hyphen."""
_MOST_VALUES: Final = 25
"""The most values in a subscription's advanced filters; with more containers, no filter is used."""


class Undeployable(Exception):
    """The schedules cannot be deployed; one sentence for each reason."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def parameters(text: str, file: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The parameter `schedules` of infra/main.bicep, for the text of a schedules file; raises Undeployable.

    `environment` holds the future app settings and where the app is deployed; infra/parameters explains each.
    """
    config = load(text, file, {name: _resolved(value) for name, value in environment.items()})
    changes = {name: one.trigger for name, one in config.schedules.items() if isinstance(one, ChangeSchedule)}
    timers = sum(isinstance(one, TimeSchedule) for one in config.schedules.values())
    instances = max(_LEAST_INSTANCES, timers + _OTHER_INSTANCES)
    watched: dict[str, set[str]] = {}
    for trigger in changes.values():
        watched.setdefault(trigger.connection, set()).add(trigger.container)
    host_containers = watched.pop(HOST_CONNECTION, set())
    problems = [str(fault) for fault in (*config.faults, *read(environment).faults)]
    problems += [*target_problems(environment), *account_problems(sorted(watched), environment)]
    problems += [
        f"the container {name} of the app's own account cannot be watched, because the app uses it itself"
        for name in sorted(host_containers & _OWN_CONTAINERS)
    ]
    if instances > _MOST_INSTANCES:
        problems.append(
            f"{timers} time-based schedules need {instances} instances; Flex Consumption allows {_MOST_INSTANCES}"
        )
    if problems:
        raise Undeployable(tuple(problems))
    return {
        "maximumInstanceCount": instances,
        "settings": _settings(text, file, environment),
        "hostContainers": sorted(host_containers),
        "watchedAccounts": [_watched(one, sorted(watched[one]), environment) for one in sorted(watched)],
        "subscriptions": [_subscription(name, trigger) for name, trigger in changes.items()],
        "renames": list(_renames(changes.values())),
    }


def subject(container: str, path: str) -> str:
    """The subject of a blob's events; a filter without `/blobs/` matches nothing."""
    return f"/blobServices/default/containers/{container}/blobs/{path}"


def subject_filter(trigger: ChangeTrigger) -> dict[str, Any]:
    """The narrowest subject filter that passes every change in scope; the app filters out the rest."""
    ends = [literal_ends(glob) for glob in trigger.include]
    below = _common_beginning([first for first, _ in ends])
    backwards = _common_beginning([last[::-1] for _, last in ends])
    folder = f"{trigger.folder}/" if trigger.folder else ""
    return {
        "subjectBeginsWith": subject(trigger.container, _sure(folder + below)),
        "subjectEndsWith": _sure(backwards)[::-1],
        # Our own manifests are not changes. A schedule that watches a folder never sees them.
        "subjectsNotBeginningWith": [] if trigger.folder else [subject(trigger.container, f"{MANIFESTS}/")],
    }


def _common_beginning(texts: list[str]) -> str:
    return os.path.commonprefix(texts)  # noqa: RUF071  compares character by character, as intended


def _sure(text: str) -> str:
    """The beginning of a text, up to the first character that a subject may encode differently."""
    found = _SURE_IN_A_SUBJECT.match(text)
    return found[0] if found else ""


def subscription_name(schedule: str) -> str:
    """The name of a schedule's event subscription, after the app's name and a hyphen."""
    if len(schedule) <= _LONGEST_NAME and "_" not in schedule and schedule != RENAMES:
        return schedule
    digest = hashlib.sha256(schedule.encode()).hexdigest()[:8]
    return f"{schedule[: _LONGEST_NAME - 9].replace('_', '-')}-{digest}"


def _subscription(schedule: str, trigger: ChangeTrigger) -> dict[str, Any]:
    return {
        "name": subscription_name(schedule),
        "schedule": schedule,
        "connection": trigger.connection,
        **subject_filter(trigger),
    }


def _renames(triggers: Iterable[ChangeTrigger]) -> Iterator[dict[str, Any]]:
    """The subscriptions for renamed files and directories: one per account, for all of its watched containers.

    They are always created: we don't know here which accounts have a hierarchical namespace. In others, nothing is
    renamed.
    """
    containers: dict[str, set[str]] = {}
    for one in triggers:
        containers.setdefault(one.connection, set()).add(one.container)
    for connection, names in sorted(containers.items()):
        begins = [subject(name, "") for name in sorted(names)]
        yield {"connection": connection, "subjectsBeginningWith": begins if len(begins) <= _MOST_VALUES else []}


def _watched(connection: str, containers: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    account = RESOURCE_ID.fullmatch(environment[f"{connection}__accountId"])
    topic = RESOURCE_ID.fullmatch(environment.get(f"{connection}__systemTopicId", ""))
    assert account, "checked before"
    own = f"evgt-{hashlib.sha256(account[0].lower().encode()).hexdigest()[:12]}"
    return {
        "connection": connection,
        "accountName": account["name"],
        "resourceGroup": account["group"],
        "containers": containers,
        "topicName": topic["name"] if topic else own,
        "topicResourceGroup": topic["group"] if topic else "",
        "createTopic": topic is None,
    }


def _settings(text: str, file: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The app settings that the file refers to, and those that the app reads, if they are set."""
    tree, _ = parse(text, file)
    names = DEPLOYED.union(_settings_named(tree))
    workspace = {"AZUREML_SUBSCRIPTION_ID": environment["AZURE_SUBSCRIPTION_ID"]}
    found = {**workspace, **{name: environment[name] for name in names if environment.get(name)}}
    return dict(sorted(found.items()))


def _resolved(value: str) -> str:
    """The value, or a valid placeholder for a Key Vault reference, which only the deployed app can resolve."""
    return "https://region.api.azureml.ms/secret" if value.startswith("@Microsoft.KeyVault(") else value


def _settings_named(tree: Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield from (token.name for token in tokens(tree) if isinstance(token, Setting))
    elif isinstance(tree, list | dict):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from _settings_named(one)
