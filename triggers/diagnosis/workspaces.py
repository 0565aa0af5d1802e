"""Checks workspaces by Azure Resource Manager: that they exist, that runs may be submitted, that datastores fit.

API versions are those of azure-ai-ml 1.22.0 (workspaces and datastores: 2023-04-01); permissions at a resource:
https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from ..azureml.reading import Unread
from ..azureml.resource_manager import ResourceManager
from .findings import Findings, fault, not_checked, ok, unreadable, warning
from .published import ROLE
from .watched import WatchedDatastore

API: Final = "2023-04-01"
_PERMISSIONS: Final = "2022-04-01"
_SUBMISSION: Final = (
    "Microsoft.MachineLearningServices/workspaces/experiments/runs/submit/action",
    "Microsoft.MachineLearningServices/workspaces/experiments/runs/write",
)
"""The actions a submission needs: https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles"""


def check(workspace_id: str, arm: ResourceManager) -> Findings:
    """Check that the workspace exists and that the identity may submit runs, without submitting one."""
    name = workspace_id.rpartition("/")[2]
    subject = f"workspace {name}"
    by_hand = (
        f"give the identity the role {ROLE} on the workspace, or check yourself: az ml workspace show --name {name}"
    )
    try:
        arm.get(workspace_id, API)
    except Unread as error:
        if error.status == 404:
            remedy = "correct `workspace` in the schedules file, or the settings that it names"
            yield fault(subject, f"{workspace_id} does not exist", remedy)
        else:
            yield unreadable(subject, error, by_hand)
        return
    yield ok(subject, "the workspace exists")
    try:
        granted = list(arm.every(f"{workspace_id}/providers/Microsoft.Authorization/permissions", _PERMISSIONS))
    except Unread as error:
        yield unreadable(subject, error, f"check that the identity has the role {ROLE} on the workspace")
        return
    lacking = [action for action in _SUBMISSION if not any(_allows(one, action) for one in granted)]
    if lacking:
        remedy = f'az role assignment create --role "{ROLE}" --assignee OBJECT_ID --scope {workspace_id}'
        yield fault(subject, f"the identity may not submit runs: it lacks {' and '.join(lacking)}", remedy)
    else:
        yield ok(subject, "the identity may submit runs")


def check_datastore(wanted: WatchedDatastore, arm: ResourceManager) -> Findings:
    """Check that the datastore exists and points to the account and container that the schedule watches."""
    subject, name = f"datastore {wanted.name}", wanted.workspace_id.rpartition("/")[2]
    try:
        found = arm.get(f"{wanted.workspace_id}/datastores/{wanted.name}", API).get("properties") or {}
    except Unread as error:
        if error.status == 404:
            sentence = f"the workspace {name} has no datastore {wanted.name}"
            yield fault(subject, sentence, f"correct {wanted.place}; az ml datastore list --workspace-name {name}")
        else:
            yield unreadable(subject, error, f"az ml datastore show --name {wanted.name} --workspace-name {name}")
        return
    there = _pointed_at(found)
    if wanted.container is None:
        yield ok(subject, f"it exists; {wanted.schedule} uses it")
    elif there is None:
        sentence = f"it is of the kind {found.get('datastoreType')}, but {wanted.schedule} watches blobs"
        yield warning(subject, sentence, f"check {wanted.place}")
    elif there[1] != wanted.container or (wanted.account and there[0].lower() != wanted.account.lower()):
        watched = f"{wanted.account or 'its account'}/{wanted.container}"
        sentence = (
            f"it is {there[0]}/{there[1]}, but {wanted.schedule} watches {watched}: runs would look for the changed "
            "file in the wrong place"
        )
        yield fault(subject, sentence, f"correct {wanted.place}, or the container or connection of the schedule")
    elif wanted.account is None:
        sentence = f"the container is that of {wanted.schedule}, but the account of its connection is unknown"
        yield not_checked(subject, sentence, "fix the connection first")
    else:
        yield ok(subject, f"it is {there[0]}/{there[1]}, which {wanted.schedule} watches")


def _pointed_at(properties: Mapping[str, Any]) -> tuple[str, str] | None:
    """The account and container of a blob or Data Lake Gen2 datastore; None for other kinds."""
    container = properties.get("containerName") or properties.get("filesystem")
    account = properties.get("accountName")
    return (str(account), str(container)) if account and container else None


def _allows(permission: Mapping[str, Any], action: str) -> bool:
    def named(key: str) -> bool:
        return any(_matches(str(pattern), action) for pattern in permission.get(key) or [])

    return named("actions") and not named("notActions")


def _matches(pattern: str, action: str) -> bool:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(expression, action, re.IGNORECASE) is not None
