"""Finds the workspaces, datastores and storage accounts that the schedules file refers to."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..azureml.addresses import UnfitAddress
from ..azureml.kinds import url_of
from ..azureml.pipelines import addressed
from ..scheduling.config import ChangeSchedule, ChangeTrigger, PipelineKind, Schedule, Target, Workspace
from ..scheduling.templates import MissingSetting, expand
from .parameter_names import plain

_SETTINGS = Workspace(
    subscription_id="%AZUREML_SUBSCRIPTION_ID%",
    resource_group="%AZUREML_RESOURCE_GROUP%",
    name="%AZUREML_WORKSPACE_NAME%",
    api="",
)


@dataclass(frozen=True, kw_only=True)
class WatchedDatastore:
    """A datastore that a schedule names. `container` is None if only a data path names it."""

    workspace_id: str
    name: str
    schedule: str
    place: str
    container: str | None
    account: str | None
    """The account of the schedule's connection; None if it is unknown."""


def workspace_of(target: Target, settings: Mapping[str, str]) -> str | None:
    """The resource id of a target's workspace; None if neither file nor settings name it."""
    if target.kind is PipelineKind.ENDPOINT:
        try:
            address = addressed(url_of(target, settings))
        except (MissingSetting, UnfitAddress):
            return None
        return None if address is None else address.workspace_id
    one = target.workspace or _SETTINGS
    try:
        subscription, group, name = (
            expand(text, settings) for text in (one.subscription_id, one.resource_group, one.name)
        )
    except MissingSetting:
        return None
    within = f"/subscriptions/{subscription}/resourceGroups/{group}"
    return f"{within}/providers/Microsoft.MachineLearningServices/workspaces/{name}"


def datastores(schedules: Iterable[Schedule], settings: Mapping[str, str], file: str) -> Iterator[WatchedDatastore]:
    """Every datastore that a schedule names, once each. Names that depend on the run are left out."""
    seen = set()
    for schedule in schedules:
        workspace_id = workspace_of(schedule.target, settings)
        for place, text, trigger in _named(schedule):
            name = plain(text, settings)
            if workspace_id is None or name is None:
                continue
            one = WatchedDatastore(
                workspace_id=workspace_id,
                name=name,
                schedule=schedule.name,
                place=f"schedules.{schedule.name}.{place} in {file}",
                container=trigger.container if trigger else None,
                account=account_name(trigger.connection, settings) if trigger else None,
            )
            key = (workspace_id, name, one.container, one.account)
            if key not in seen:
                seen.add(key)
                yield one


def account_name(connection: str, settings: Mapping[str, str]) -> str | None:
    """The account of a connection, from its connection string or the host name of its blob service; None if unknown."""
    if text := settings.get(connection):
        parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
        if parts.get("UseDevelopmentStorage", "").lower() == "true":
            return "devstoreaccount1"
        return parts.get("AccountName") or _label(parts.get("BlobEndpoint", ""))
    return _label(settings.get(f"{connection}__blobServiceUri", ""))


def _named(schedule: Schedule) -> Iterator[tuple[str, str, ChangeTrigger | None]]:
    if isinstance(schedule, ChangeSchedule):
        yield "change.datastore", schedule.trigger.datastore, schedule.trigger
    for name, one in schedule.request.datapaths.items():
        yield f"datapaths.{name}.datastore", one.datastore, None


def _label(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    return host.partition(".")[0] or None if not host.replace(".", "").isdigit() else None
