"""The workspace of the Azure ML stand-in: pipelines and their statuses, and Azure Resource Manager.

PUT /_stand-in/workspace {"pipelines": {…}, "refused": {…}, …}   replaces fields of WorkspaceService

Shapes: azureml-pipeline-core 1.62.0 (PipelineEntity, PipelineEndpointEntity, EntityInterface) and, for Resource
Manager, the documented resources as azure-ai-ml 1.22.0 and Event Grid's 2022-06-15 have them.
"""

from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .azureml_service import DEMO_ENDPOINT, DEMO_ENDPOINT_NAME, DEMO_PIPELINE, Service, error_body
from .azurite import ACCOUNT

_NUMBERS = {"Active": 0, "Deprecated": 1, "Disabled": 2}
DEMO_GRAPH = "99999999-0000-0000-0000-000000000001"


def demo_resources() -> dict[str, dict[str, Any]]:
    """The demo's workspace, in which every caller has all permissions, and its datastore."""
    workspace = (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg1"
        "/providers/microsoft.machinelearningservices/workspaces/ws1"
    )
    return {
        workspace: {"name": "ws1", "properties": {}},
        f"{workspace}/providers/microsoft.authorization/permissions": {"value": [{"actions": ["*"], "notActions": []}]},
        f"{workspace}/datastores/workspaceblobstore": blob_datastore(ACCOUNT, "azureml-blobstore"),
    }


def blob_datastore(account: str, container: str) -> dict[str, Any]:
    """A blob datastore as Resource Manager shows it."""
    return {"properties": {"datastoreType": "AzureBlob", "accountName": account, "containerName": container}}


@dataclass
class WorkspaceService:
    """The state; tests replace parts of it."""

    parameters: dict[str, str] = field(default_factory=lambda: {"since": "2026-01-01", "epochs": "10"})
    """The parameters of every pipeline, with their defaults."""
    datapaths: list[str] = field(default_factory=lambda: ["input_datapath"])
    datasets: list[str] = field(default_factory=lambda: ["train_ds"])
    pipelines_list_datapaths: bool = True
    """True if a PipelineEntity lists them too, among its parameters, as the SDK expects."""
    endpoint_status: str = "Active"
    endpoint_versions: dict[str, str] = field(default_factory=lambda: {"1": DEMO_PIPELINE})
    resources: dict[str, dict[str, Any]] = field(default_factory=demo_resources)
    """Path of Resource Manager in lower case → the answer to a GET."""
    full_urls: dict[str, str] = field(default_factory=dict)
    """Id of an event subscription in lower case → the answer of getFullUrl."""
    refused: dict[str, int] = field(default_factory=dict)
    """Part of a path in lower case → the status for every path that contains it."""
    schedules: list[dict[str, Any]] = field(default_factory=list)
    """SDK v1's schedules, as PipelineScheduleEntity."""
    puts: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of all changes, oldest first."""


class WorkspaceRoutes:
    """The routes of the workspace; each takes a call and returns status and body."""

    def pipeline(self, call: Any) -> Any:
        """PipelineEntity; its enum is a number, as in real replies."""
        found = self._refusal(call)
        if found is not None:
            return found
        status = call.service.pipelines.get(call.groups[0])
        if status is None:
            return 404, error_body("UserError", f"Pipeline {call.groups[0]} not found")
        return 200, self._entity(call, call.groups[0], status)

    def pipelines(self, call: Any) -> Any:
        """A JSON array, without pages."""
        return 200, [self._entity(call, one, status) for one, status in call.service.pipelines.items()]

    def schedules(self, call: Any) -> Any:
        """A JSON array of PipelineScheduleEntity, without pages."""
        found = self._refusal(call)
        return found if found is not None else (200, workspace_of(call.service).schedules)

    def set_status(self, call: Any) -> Any:
        """Set a pipeline's status; the body is a JSON string."""
        found = self._refusal(call)
        if found is not None:
            return found
        if call.groups[0] not in call.service.pipelines or call.json() not in _NUMBERS:
            return 400, error_body("UserError", "no such pipeline or status")
        call.service.pipelines[call.groups[0]] = call.json()
        return 200, None

    def interface(self, call: Any) -> Any:
        """EntityInterface, which lists the data paths."""
        found, state = self._refusal(call), workspace_of(call.service)
        if found is not None:
            return found
        return 200, {
            "Parameters": [{"Name": name, "IsOptional": True} for name in state.parameters],
            "DataPathParameters": [{"Name": name, "IsOptional": True} for name in state.datapaths],
            "DataPathParameterList": [{"Name": name, "IsOptional": True} for name in state.datasets],
        }

    def endpoint(self, call: Any) -> Any:
        """PipelineEndpointEntity, by id or by name."""
        found, state = self._refusal(call), workspace_of(call.service)
        if found is not None:
            return found
        wanted = call.groups[0] if call.groups else call.query.get("Name")
        if wanted not in {DEMO_ENDPOINT, DEMO_ENDPOINT_NAME}:
            return 404, error_body("UserError", f"PipelineEndpoint {wanted} not found")
        return 200, {
            "Id": DEMO_ENDPOINT,
            "Name": DEMO_ENDPOINT_NAME,
            "DefaultVersion": next(iter(state.endpoint_versions), None),
            "EntityStatus": _NUMBERS[state.endpoint_status],
            "PipelineVersionList": [
                {"Version": version, "PipelineId": one} for version, one in state.endpoint_versions.items()
            ],
            "tags": {},
        }

    def change_endpoint(self, call: Any) -> Any:
        """Set an endpoint's status; the body is the whole endpoint."""
        state = workspace_of(call.service)
        state.puts.append(call.json())
        state.endpoint_status = call.json()["EntityStatus"]
        return 200, call.json()

    def resource(self, call: Any) -> Any:
        """Any resource of Resource Manager."""
        found, state = self._refusal(call), workspace_of(call.service)
        if found is not None:
            return found
        if "api-version" not in call.query:
            return 400, {"error": {"code": "MissingApiVersionParameter", "message": "api-version is missing"}}
        one = state.resources.get(call.path.lower())
        if one is None:
            return 404, {"error": {"code": "ResourceNotFound", "message": f"{call.path} was not found"}}
        return 200, one

    def full_url(self, call: Any) -> Any:
        """The URL of a webhook, with its key."""
        found, state = self._refusal(call), workspace_of(call.service)
        if found is not None:
            return found
        return 200, {"endpointUrl": state.full_urls.get(call.groups[0].lower(), "")}

    def replace(self, call: Any) -> Any:
        """Replace fields of the state: an extra route for tests with separate processes."""
        state = workspace_of(call.service)
        for key, value in call.json().items():
            assert key in {one.name for one in fields(state)}, key
            setattr(state, key, value)
        return 200, None

    @staticmethod
    def _entity(call: Any, pipeline_id: str, status: str) -> dict[str, Any]:
        state = workspace_of(call.service)
        return {
            "Id": pipeline_id,
            "Name": "demo",
            "EntityStatus": _NUMBERS[status],
            "Url": call.request.server.endpoint,
            "GraphId": DEMO_GRAPH,
            "ParameterAssignments": {
                **state.parameters,
                **{name: "blobs/in" for name in state.datapaths if state.pipelines_list_datapaths},
            },
            "DataSetDefinitionValueAssignments": {name: {} for name in state.datasets},
        }

    @staticmethod
    def _refusal(call: Any) -> Any:
        for part, status in workspace_of(call.service).refused.items():
            if part in call.path.lower():
                return status, error_body("Refused", f"fault switch: {status}")
        return None


def workspace_of(service: Service) -> WorkspaceService:
    """The workspace of a stand-in's service, created when it is first needed."""
    found: WorkspaceService = vars(service).setdefault("workspace", WorkspaceService())
    return found


def event_subscription(resource_id: str, url: str, begins: str, ends: str = "") -> dict[str, Any]:
    """An event subscription as Resource Manager shows it: its URL without the query."""
    assert parse_qs(urlsplit(url).query)
    return {
        "id": resource_id,
        "name": resource_id.rpartition("/")[2],
        "properties": {
            "provisioningState": "Succeeded",
            "destination": {"endpointType": "WebHook", "properties": {"endpointBaseUrl": url.partition("?")[0]}},
            "filter": {
                "subjectBeginsWith": begins,
                "subjectEndsWith": ends,
                "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
                "isSubjectCaseSensitive": True,
            },
            "deadLetterWithResourceIdentity": {"identity": {"type": "SystemAssigned"}},
        },
    }


def routes(pipelines: str) -> list[tuple[str, str, bool, Any]]:
    """The routes, in the form of local.azureml; `pipelines` is the base path of the pipelines service."""
    serve = WorkspaceRoutes()
    return [
        ("GET", rf"{pipelines}/Pipelines/([^/]+)", True, serve.pipeline),
        ("GET", rf"{pipelines}/Pipelines", True, serve.pipelines),
        ("GET", rf"{pipelines}/Schedules", True, serve.schedules),
        ("PUT", rf"{pipelines}/Pipelines/([^/]+)/status", True, serve.set_status),
        ("GET", rf"{pipelines}/Graphs/([^/]+)/Interface", True, serve.interface),
        ("GET", rf"{pipelines}/PipelineEndpoints/Id/([^/]+)", True, serve.endpoint),
        ("GET", rf"{pipelines}/PipelineEndpoints/Name", True, serve.endpoint),
        ("PUT", rf"{pipelines}/PipelineEndpoints/([^/]+)", True, serve.change_endpoint),
        ("POST", r"(/subscriptions/.+)/getFullUrl", True, serve.full_url),
        # Other routes serve jobs.
        ("GET", r"/subscriptions/(?!.*/jobs\b).+", True, serve.resource),
        ("PUT", "/_stand-in/workspace", False, serve.replace),
    ]
