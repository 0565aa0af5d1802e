"""Checks batch endpoints and pipeline components by Azure Resource Manager: that they exist and have the inputs.

Routes and shapes are those of azure-ai-ml 1.22.0, api-version 2023-04-01. Neither kind has a status to switch.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ..azureml.reading import Unread
from ..azureml.resource_manager import ResourceManager
from ..scheduling.templates import MissingSetting, expand
from .findings import Findings, fault, not_checked, ok, unreadable, warning
from .parameter_names import DATAPATHS, DATASETS, PARAMETERS, KnownNames, compared, used_names
from .published import Entry
from .watched import workspace_of
from .workspaces import API

_COMPONENT: Final = re.compile(r"(?:azureml:)?([^:@/]+):([^:@/]+)")


def check_component(entry: Entry, arm: ResourceManager) -> Findings:
    """Check that the component's version exists and has the inputs that the schedules pass."""
    workspace_id = workspace_of(entry.target, entry.settings)
    named = _COMPONENT.fullmatch(_expanded(entry) or "")
    if workspace_id is None or named is None:
        sentence = "cannot tell whether the component exists: only azureml:NAME:VERSION in a workspace can be queried"
        yield not_checked(entry.subject, sentence, f"check {entry.place}")
        return
    name, version = named.groups()
    try:
        found = arm.get(f"{workspace_id}/components/{name}/versions/{version}", API).get("properties") or {}
    except Unread as error:
        if error.status == 404:
            yield fault(
                entry.subject,
                f"the component {name} has no version {version}, or does not exist",
                f"correct {entry.place}",
            )
        else:
            yield unreadable(entry.subject, error, f"az ml component show --name {name} --version {version}")
        return
    if found.get("isArchived") is True:
        yield warning(entry.subject, f"{name}:{version} is archived", f"name another version in {entry.place}")
    else:
        yield ok(entry.subject, f"the component {name}:{version} exists")
    yield from _inputs(entry, found)


def check_batch_endpoint(entry: Entry, arm: ResourceManager) -> Findings:
    """Check that the endpoint and its deployment exist; their inputs are not checked."""
    workspace_id = workspace_of(entry.target, entry.settings)
    name = (urlsplit(_expanded(entry) or "").hostname or "").partition(".")[0]
    if workspace_id is None or not name:
        sentence = "cannot tell whether the batch endpoint exists: neither the file nor the settings name its workspace"
        settings = "AZUREML_SUBSCRIPTION_ID, AZUREML_RESOURCE_GROUP and AZUREML_WORKSPACE_NAME"
        yield not_checked(entry.subject, sentence, f"set {settings}")
        return
    place = f"{workspace_id}/batchEndpoints/{name}"
    try:
        found = arm.get(place, API).get("properties") or {}
        deployment = _deployment(entry, found)
        if deployment:
            arm.get(f"{place}/deployments/{deployment}", API)
    except Unread as error:
        if error.status == 404:
            what = f" or its deployment {entry.target.deployment}" if entry.target.deployment else ""
            yield fault(
                entry.subject,
                f"the batch endpoint {name}{what} does not exist",
                f"correct {entry.place} and its deployment",
            )
        else:
            yield unreadable(entry.subject, error, f"az ml batch-endpoint show --name {name}")
        return
    if deployment is None:
        remedy = f"set pipelines.{entry.name}.deployment in {entry.file}"
        yield fault(entry.subject, f"the batch endpoint {name} has no default deployment", remedy)
    else:
        yield ok(entry.subject, f"the batch endpoint {name} and its deployment {deployment} exist")
    if any(list(used_names(schedule, entry.settings)) for schedule in entry.schedules):
        sentence = "cannot tell whether the deployment accepts the inputs of the schedules"
        yield not_checked(entry.subject, sentence, f"az ml batch-deployment show --endpoint-name {name}")


def _expanded(entry: Entry) -> str | None:
    try:
        return expand(entry.target.name, entry.settings)
    except MissingSetting:
        return None


def _deployment(entry: Entry, properties: Mapping[str, Any]) -> str | None:
    defaults = properties.get("defaults")
    by_default = defaults.get("deploymentName") if isinstance(defaults, dict) else None
    named = entry.target.deployment or by_default
    return str(named) if named else None


def _inputs(entry: Entry, properties: Mapping[str, Any]) -> Findings:
    spec = properties.get("componentSpec")
    inputs = spec.get("inputs") or {} if isinstance(spec, dict) else None
    if not isinstance(inputs, dict):
        yield not_checked(entry.subject, "the component does not list its inputs", "check its inputs in the studio")
        return
    names = frozenset(str(name) for name in inputs)
    needed = {
        str(name)
        for name, one in inputs.items()
        if isinstance(one, dict) and one.get("optional") is not True and one.get("default") is None
    }
    # A component has only one kind of input: any key of the file may set it.
    known = KnownNames(of={PARAMETERS: names, DATAPATHS: names, DATASETS: names})
    for schedule in entry.schedules:
        yield from compared(schedule, entry.settings, known, entry.file)
        lacking = sorted(needed - {one.name for one in used_names(schedule, entry.settings)})
        if lacking:
            remedy = f"set it in schedules.{schedule.name} of {entry.file}"
            sentence = f"it sets no {', '.join(lacking)}, for which the component has no default"
            yield fault(f"schedule {schedule.name}", sentence, remedy)
