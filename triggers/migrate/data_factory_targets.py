"""Finds the pipeline that an AzureMLExecutePipeline activity starts, and its workspace."""

from collections.abc import Mapping
from typing import Any, Final

from .data_factory_files import Factory
from .literals import literal, setting_name
from .texts import Texts, lowered, members, unwrapped, workspace_keys
from .translating import Context, NoCounterpart, translated

_WORKSPACE: Final = {
    "subscription_id": "subscriptionid",
    "resource_group": "resourcegroupname",
    "name": "mlworkspacename",
}


def target(factory: Factory, texts: Texts, activity: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of `pipelines` for an activity."""
    draft = texts.draft
    service = str(lowered(activity.get("linkedServiceName")).get("referencename", ""))
    properties = factory.services.get(service, {})
    known = {key: unwrapped(properties.get(source)) for key, source in _WORKSPACE.items()}
    plain, unknown = _of_linked_service(activity, known)
    workspace = workspace_keys(draft, **plain)
    for key, shown in unknown.items():
        workspace[key] = draft.setting(setting_name(draft.name, key), f"the value of {shown} of {service}")
    endpoint = given.get("mlpipelineendpointid")
    place = "mlPipelineEndpointId" if endpoint is not None else "mlPipelineId"
    found = texts.text(endpoint if endpoint is not None else given.get("mlpipelineid"), place)
    if found is None or "{" in found:
        found = draft.setting(setting_name(draft.name, "ml_pipeline_id"), f"the value of {place} of {draft.name}")
    if endpoint is None:
        return {"published_pipeline": found, "workspace": workspace}
    version = texts.text(given.get("version"), "version")
    return {"pipeline_endpoint": found, **({"version": version} if version else {}), "workspace": workspace}


def _of_linked_service(activity: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The known parts of a workspace, and those that are expressions without a known value."""
    given = members(lowered(activity.get("linkedServiceName")).get("parameters"))
    parameters = {f"linkedservice().{name}".lower(): literal(str(unwrapped(one))) for name, one in given.items()}
    context = Context(known={key: one for key, one in parameters.items() if "@" not in one}, zone="UTC")
    plain, unknown = {}, {}
    for key, one in known.items():
        if not isinstance(one, str) or one.startswith("["):
            continue
        try:
            plain[key] = translated(one, context)
        except NoCounterpart:
            unknown[key] = one
    return plain, unknown
