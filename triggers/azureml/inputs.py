"""Inputs of v2 jobs: data paths as URIs, parameters as literals."""

from collections.abc import Callable
from math import isfinite
from typing import Final

from ..scheduling.config import Datapath, ParameterType
from ..scheduling.run_request import RunRequest

PASCAL_CASE: Final = ("UriFile", "UriFolder", "Literal")
"""Names of the kinds of inputs in batch endpoints (azure-ai-ml 1.35, _schema/_deployment/batch)."""
SNAKE_CASE: Final = ("uri_file", "uri_folder", "literal")
"""Names of the kinds of inputs in Azure Resource Manager (azure-ai-ml 1.35, JobInputType)."""


def job_inputs(request: RunRequest, kinds: tuple[str, str, str], text: Callable[[str], str]) -> dict[str, object]:
    """Inputs by name; `text` fills in settings, and paths are sent verbatim, as azure-ai-ml does."""
    file, folder, literal = kinds
    inputs: dict[str, object] = {
        text(name): {"jobInputType": literal, "value": _typed(text(value), request.parameter_types.get(name))}
        for name, value in request.pipeline_parameters.items()
    }
    for name, one in request.datapaths.items():
        path = text(one.path).lstrip("/")
        uri = f"azureml://datastores/{text(one.datastore)}/paths/{path}"
        inputs[text(name)] = {"jobInputType": folder if _is_folder(one, path) else file, "uri": uri}
    return inputs


def _typed(value: str, kind: ParameterType | None) -> object:
    """Convert a value to its JSON type; one that does not fit stays text, because a manual trigger can pass any."""
    if kind is ParameterType.BOOLEAN:
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind is ParameterType.NUMBER:
        try:
            number = int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            return value
        return number if isfinite(number) else value
    return value


def _is_folder(datapath: Datapath, path: str) -> bool:
    if datapath.is_folder is not None:
        return datapath.is_folder
    return "." not in path.rpartition("/")[2]
