"""Checks published pipelines and pipeline endpoints: that they exist, are active and have the parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..azureml.addresses import UnfitAddress
from ..azureml.kinds import url_of
from ..azureml.pipelines import ACTIVE, DISABLED, Address, Endpoint, Interface, Pipeline, Pipelines, addressed
from ..azureml.reading import Unread
from ..scheduling.config import Schedule, Target
from ..scheduling.templates import MissingSetting
from .findings import Finding, Findings, fault, not_checked, ok, unreadable, warning
from .parameter_names import DATAPATHS, DATASETS, PARAMETERS, KnownNames, compared

ROLE = "AzureML Data Scientist"


class Unaddressed(Exception):
    """The entry of the file has no address that can be queried; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of `pipelines` with the schedules that use it."""

    name: str
    target: Target
    schedules: Sequence[Schedule]
    settings: Mapping[str, str]
    file: str

    @property
    def subject(self) -> str:
        return f"pipeline {self.name}"

    @property
    def place(self) -> str:
        """The entry's place in the file."""
        return f"pipelines.{self.name}.{self.target.kind.value} in {self.file}"


def address_of(entry: Entry) -> Address:
    """The pipeline or endpoint that the entry's submit URL names; raises Unaddressed."""
    try:
        address = addressed(url_of(entry.target, entry.settings))
    except (MissingSetting, UnfitAddress) as error:
        raise Unaddressed(str(error)) from error
    if address is None:
        raise Unaddressed("its address is not like …/PipelineRuns/PipelineSubmit/ID, which the studio shows")
    return address


def check(entry: Entry, service: Pipelines) -> Findings:
    """Check the endpoint, if there is one, its version, the pipeline itself, and the names of its parameters."""
    try:
        address = address_of(entry)
    except Unaddressed as error:
        yield not_checked(entry.subject, str(error), f"check {entry.place}")
        return
    pipeline_id = address.pipeline_id
    if pipeline_id is None:
        found = _endpoint(entry, address, service)
        if isinstance(found, Finding):
            yield found
            return
        yield from _status(entry, "endpoint", found.name, found.status)
        version = address.version or found.default_version or ""
        pipeline_id = found.versions.get(version)
        if pipeline_id is None:
            yield _no_version(entry, address, found)
            return
    try:
        pipeline = service.pipeline(address.root, pipeline_id)
    except Unread as error:
        yield refused(entry, error, address, f"the pipeline {pipeline_id}")
        return
    yield from _status(entry, "pipeline", pipeline_id, pipeline.status)
    known = _known(service, address.root, pipeline)
    for schedule in entry.schedules:
        yield from compared(schedule, entry.settings, known, entry.file)


def refused(entry: Entry, error: Unread, address: Address, what: str) -> Finding:
    """The finding for a failed read of `what` from the pipelines service."""
    where = f"the workspace {address.workspace_id.rpartition('/')[2]}"
    if error.status == 404:
        sentence = f"{what} does not exist in {where} ({error})"
        return fault(entry.subject, sentence, f"correct {entry.place}, or publish the pipeline again")
    if error.status == 403:
        remedy = (
            f'the identity needs the role {ROLE} on {where}: az role assignment create --role "{ROLE}" '
            f"--assignee OBJECT_ID --scope {address.workspace_id}; it takes some minutes to take effect. With a "
            "private link, the same answer means that this network has no access"
        )
        return fault(entry.subject, f"the identity may not read {what}: {error}", remedy)
    if error.status == 401:
        remedy = (
            "Azure ML rejects the token: check AZUREML_TOKEN_SCOPE, and that identity and workspace are in the same "
            "tenant"
        )
        return fault(entry.subject, f"{what}: {error}", remedy)
    if error.status is None and error.had_token:
        remedy = f"check {entry.place}, `workspace.api`, the network and private endpoints"
        return fault(entry.subject, f"{what} cannot be queried: {error}", remedy)
    return unreadable(entry.subject, error, "try again; the studio shows whether it exists")


def _endpoint(entry: Entry, address: Address, service: Pipelines) -> Endpoint | Finding:
    try:
        return service.endpoint(address)
    except Unread as error:
        what = f"the pipeline endpoint {address.endpoint_id or address.endpoint_name}"
        return refused(entry, error, address, what)


def _status(entry: Entry, what: str, name: str, status: str) -> Findings:
    if status == ACTIVE:
        yield ok(entry.subject, f"the {what} {name} exists and is {ACTIVE}")
        return
    remedy = f"python -m triggers doctor --enable {entry.name}"
    if status == DISABLED:
        yield fault(entry.subject, f"the {what} {name} is {status}: it cannot be started", remedy)
    else:
        yield warning(entry.subject, f"the {what} {name} is {status}", remedy)


def _no_version(entry: Entry, address: Address, endpoint: Endpoint) -> Finding:
    versions = ", ".join(sorted(endpoint.versions)) or "none"
    if address.version is None:
        sentence = f"the endpoint {endpoint.name} has no default version; it has: {versions}"
        return fault(entry.subject, sentence, f"set pipelines.{entry.name}.version in {entry.file}")
    sentence = f"the endpoint {endpoint.name} has no version {address.version}; it has: {versions}"
    return fault(entry.subject, sentence, f"correct the version of pipelines.{entry.name} in {entry.file}")


def _known(service: Pipelines, root: str, pipeline: Pipeline) -> KnownNames:
    """The names that the pipeline lists, each of the kind that the interface of its graph gives it."""
    missing = None
    interface = Interface(parameters=frozenset(), datapaths=frozenset(), datasets=frozenset())
    if pipeline.graph_id is None:
        missing = "the service does not show the pipeline's graph"
    else:
        try:
            interface = service.interface(root, pipeline.graph_id)
        except Unread as error:
            missing = f"the interface of its graph cannot be read: {error}"
    datasets = pipeline.datasets | interface.datasets
    # A name that only the pipeline lists may be a plain parameter or a data path: accept either use.
    either = pipeline.parameters - interface.parameters - interface.datapaths - datasets
    return KnownNames(
        of={PARAMETERS: interface.parameters | either, DATAPATHS: interface.datapaths | either, DATASETS: datasets},
        missing=missing,
    )
