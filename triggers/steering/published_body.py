"""The request body of a published pipeline's REST endpoint, and its translation into a trigger's body.

Its keys are those of https://learn.microsoft.com/azure/machine-learning/how-to-deploy-pipelines. Like the service, we
ignore their case. null counts as absent.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from .declined import BadInput
from .questions import DatapathBody, DatasetBody, Name, Scalar, SubmittedBody


class DataPath(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """A file or folder of a datastore."""

    data_store_name: Annotated[str, Meta(min_length=1, max_length=255)]
    relative_path: Annotated[str, Meta(max_length=1024)] = ""


class DataSetReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """A registered dataset."""

    id: str | None = None
    name: str | None = None
    version: str | int | None = None


class DataSetValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """Exactly one of the two ways to name a dataset."""

    saved_data_set_reference: DataSetReference | None = None
    data_set_reference: DataSetReference | None = None


class PublishedBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """The body of a submit, which is that of a published pipeline's endpoint."""

    experiment_name: str | None = None
    """In place of the schedule's."""
    display_name: str | None = None
    description: str | None = None
    tags: dict[Name, str | None] | None = None
    parameter_assignments: dict[Name, Scalar | None] | None = None
    data_path_assignments: dict[Name, DataPath | None] | None = None
    data_set_definition_value_assignments: dict[Name, DataSetValue | None] | None = None
    run_source: str | None = None
    continue_on_step_failure: bool | None = msgspec.field(default=None, name="ContinueRunOnStepFailure")
    parent_run_id: str | None = None


_KEYS = {key.lower(): key for key in PublishedBody.__struct_encode_fields__}


def with_known_keys(content: bytes) -> bytes:
    """The body with its keys in their usual case; raises BadInput for duplicate and unknown keys."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content  # reading it raises a better error
    if not isinstance(body, dict):
        return content
    named: dict[str, Any] = {}
    for key, value in body.items():
        name = _KEYS.get(str(key).lower(), str(key))
        if name in named:
            raise BadInput(f"the body: {name} occurs twice")
        named[name] = value
    if unknown := [key for key in named if key not in _KEYS.values()]:
        raise BadInput(f"the body: unknown keys {', '.join(unknown)}; known are {', '.join(_KEYS.values())}")
    return msgspec.json.encode(named)


def submitted(body: PublishedBody, request_id: str | None) -> SubmittedBody:
    """The same call as the body of a trigger; raises BadInput."""
    asked = {
        "request_id": request_id,
        "experiment_name": body.experiment_name,
        "display_name": body.display_name,
        "description": body.description,
        "tags": _present(body.tags),
        "pipeline_parameters": _present(body.parameter_assignments),
        "datapaths": {
            name: DatapathBody(datastore=one.data_store_name, path=one.relative_path)
            for name, one in _present(body.data_path_assignments).items()
        },
        "datasets": {
            name: _dataset(name, one) for name, one in _present(body.data_set_definition_value_assignments).items()
        },
        "run_source": body.run_source,
        "continue_on_step_failure": body.continue_on_step_failure,
        "parent_run_id": body.parent_run_id,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    try:
        return msgspec.convert(msgspec.to_builtins(given), SubmittedBody)
    except msgspec.ValidationError as error:
        raise BadInput(f"the body: {str(error)[:1].lower()}{str(error)[1:]}") from error


def _present(values: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def _dataset(name: str, one: DataSetValue) -> DatasetBody:
    references = [found for found in (one.saved_data_set_reference, one.data_set_reference) if found is not None]
    if len(references) != 1:
        raise BadInput(
            f"the body: DataSetDefinitionValueAssignments: {name!r}: expected one of SavedDataSetReference and "
            "DataSetReference"
        )
    [found] = references
    return DatasetBody(id=found.id, name=found.name, version=found.version)
