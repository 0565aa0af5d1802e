"""Reads published pipelines and pipeline endpoints (status, versions, parameter names) and sets their status.

Routes and shapes are those of azureml-pipeline-core 1.62.0 (_restclients/aeva: aml_pipelines_api10.py, PipelineEntity,
PipelineEndpointEntity, EntityInterface). A PipelineEntity has no list of data paths: the SDK reads their defaults as
"datastore/path" from its ParameterAssignments (_aeva_provider.py, create_graph_from_graph_entity), where they look like
plain parameters. The interface of its graph lists each kind separately. None of this has been verified against the real
service.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from msgspec import Struct

from ..scheduling.run_service import run_service
from .reading import Reader, Unread

ACTIVE: Final = "Active"
DISABLED: Final = "Disabled"
_STATUSES: Final = (ACTIVE, "Deprecated", DISABLED)
"""Real replies contain indexes into this list; the SDK also reads the words."""
_SUBMIT: Final = re.compile(
    r"/PipelineRuns/"
    r"(?:PipelineSubmit/(?P<pipeline>[^/]+)|PipelineEndpointSubmit/(?:Id/(?P<id>[^/]+)(?:/(?P<version>[^/]+))?|Name))/?",
    re.IGNORECASE,
)
_ENDPOINT_KEYS: Final = (
    "Name", "DefaultVersion", "Description", "PipelineVersionList", "Url", "Id", "Etag", "CreatedDate",
    "LastModifiedDate", "EntityStatus", "Properties", "SwaggerUrl", "tags",
)  # fmt: skip
"""The keys of the SDK's PipelineEndpointEntity, which its PUT of a whole endpoint sends."""


class Address(Struct, frozen=True, kw_only=True):
    """The target of a submit URL: a published pipeline, or a pipeline endpoint by id or name."""

    root: str
    """`https://…/pipelines/v1.0/subscriptions/…/workspaces/NAME`."""
    workspace_id: str
    """The workspace's resource id."""
    pipeline_id: str | None
    endpoint_id: str | None
    endpoint_name: str | None
    version: str | None
    """The version of the endpoint; None for its default."""


class Pipeline(Struct, frozen=True, kw_only=True):
    """A published pipeline."""

    id: str
    status: str
    graph_id: str | None
    parameters: frozenset[str]
    """May include data paths."""
    datasets: frozenset[str]


class Endpoint(Struct, frozen=True, kw_only=True):
    """A pipeline endpoint; `entity` is the service's reply, which is sent back to change the status."""

    id: str
    name: str
    status: str
    default_version: str | None
    versions: Mapping[str, str]
    """Version → id of its published pipeline."""
    entity: Mapping[str, Any]


class Interface(Struct, frozen=True, kw_only=True):
    """The names of a graph's parameters, separated by kind."""

    parameters: frozenset[str]
    datapaths: frozenset[str]
    datasets: frozenset[str]


def addressed(submit_url: str) -> Address | None:
    """Parse a submit URL; None if it is not one of Azure ML's pipelines service."""
    parts = urlsplit(submit_url)
    service = run_service(submit_url)
    if service is None:
        return None
    match = _SUBMIT.fullmatch(f"{parts.scheme}://{parts.netloc}{parts.path}"[len(service.pipelines) :])
    if match is None:
        return None
    query = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
    name = None if match["pipeline"] or match["id"] else query.get("name")
    if not (match["pipeline"] or match["id"] or name):
        return None
    return Address(
        root=service.pipelines,
        workspace_id=unquote(service.workspace),
        pipeline_id=match["pipeline"] and unquote(match["pipeline"]),
        endpoint_id=match["id"] and unquote(match["id"]),
        endpoint_name=name,
        version=query.get("pipelineversion") or (match["version"] and unquote(match["version"])),
    )


class Pipelines:
    """Client of the pipelines service, for any workspace; every method raises Unread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def pipeline(self, root: str, pipeline_id: str) -> Pipeline:
        """GET …/Pipelines/{id}: PipelineEntity."""
        entity = self._reader.mapping(f"{root}/Pipelines/{_segment(pipeline_id)}")
        return Pipeline(
            id=pipeline_id,
            status=_status(entity),
            graph_id=_text(entity, "GraphId"),
            parameters=_keys(entity, "ParameterAssignments"),
            datasets=_keys(entity, "DataSetDefinitionValueAssignments"),
        )

    def interface(self, root: str, graph_id: str) -> Interface:
        """GET …/Graphs/{id}/Interface: EntityInterface; its third list holds the datasets."""
        entity = self._reader.mapping(f"{root}/Graphs/{_segment(graph_id)}/Interface")
        return Interface(
            parameters=_names(entity, "Parameters"),
            datapaths=_names(entity, "DataPathParameters"),
            datasets=_names(entity, "DataPathParameterList"),
        )

    def endpoint(self, address: Address) -> Endpoint:
        """GET …/PipelineEndpoints/Id/{id}, or …/Name?Name=: PipelineEndpointEntity."""
        if address.endpoint_id is not None:
            place = f"Id/{_segment(address.endpoint_id)}"
        else:
            place = f"Name?Name={_segment(address.endpoint_name or '')}"
        entity = self._reader.mapping(f"{address.root}/PipelineEndpoints/{place}")
        listed = entity.get("PipelineVersionList")
        versions = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return Endpoint(
            id=_text(entity, "Id") or address.endpoint_id or "",
            name=_text(entity, "Name") or address.endpoint_name or "",
            status=_status(entity),
            default_version=_text(entity, "DefaultVersion"),
            versions={str(one.get("Version")): str(one.get("PipelineId")) for one in versions},
            entity=entity,
        )

    def set_pipeline_status(self, root: str, pipeline_id: str, status: str) -> None:
        """PUT …/Pipelines/{id}/status with a bare JSON string as body, like the SDK's `enable()` and `disable()`."""
        self._reader.json(f"{root}/Pipelines/{_segment(pipeline_id)}/status", method="PUT", body=status)

    def set_endpoint_status(self, root: str, endpoint: Endpoint, status: str) -> None:
        """PUT …/PipelineEndpoints/{id} with the whole endpoint as it was read: the SDK has no other way."""
        entity = {key: endpoint.entity[key] for key in _ENDPOINT_KEYS if key in endpoint.entity}
        url = f"{root}/PipelineEndpoints/{_segment(endpoint.id)}"
        self._reader.json(url, method="PUT", body={**entity, "EntityStatus": status})


def _segment(text: str) -> str:
    return quote(text, safe="")


def _status(entity: Mapping[str, Any]) -> str:
    value = entity.get("EntityStatus")
    if isinstance(value, int) and 0 <= value < len(_STATUSES):
        return _STATUSES[value]
    if not isinstance(value, str):
        raise Unread("the service sent something without an EntityStatus", status=200)
    return value


def _text(entity: Mapping[str, Any], key: str) -> str | None:
    value = entity.get(key)
    return None if value in (None, "") else str(value)


def _keys(entity: Mapping[str, Any], key: str) -> frozenset[str]:
    value = entity.get(key)
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _names(entity: Mapping[str, Any], key: str) -> frozenset[str]:
    value = entity.get(key)
    found = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return frozenset(str(one["Name"]) for one in found if one.get("Name"))
