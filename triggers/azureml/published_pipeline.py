"""The POST to a published pipeline or pipeline endpoint.

The contract is PipelineSubmissionInfo of azureml-pipeline-core 1.62.0 and the article "Trigger Azure Machine Learning
pipelines". There is no idempotency key and no run id of the caller's choice: two identical POSTs make two runs.
"""

from collections.abc import Mapping
from urllib.parse import quote

from ..scheduling.config import Dataset
from ..scheduling.run_request import Submission, own_tags
from ..scheduling.templates import expand
from .addresses import url_of
from .call import Call


def call_of(submission: Submission, settings: Mapping[str, str]) -> Call:
    """What will be POSTed, settings put in; raises MissingSetting and UnfitAddress."""
    request = submission.request

    def text(stored: str) -> str:
        return expand(stored, settings)

    def texts(stored: Mapping[str, str]) -> dict[str, str]:
        return {text(name): text(value) for name, value in stored.items()}

    body: dict[str, object] = {
        "ExperimentName": text(request.experiment_name),
        "DisplayName": text(request.display_name),
        "RunSource": "API",
        "tags": {**texts(request.tags), **own_tags(submission)},
        "ParameterAssignments": texts(request.pipeline_parameters),
        "DataPathAssignments": {
            text(name): {"DataStoreName": text(one.datastore), "RelativePath": text(one.path)}
            for name, one in request.datapaths.items()
        },
        "DataSetDefinitionValueAssignments": {
            text(name): _dataset(one, settings) for name, one in request.datasets.items()
        },
    }
    if request.description is not None:
        body["Description"] = text(request.description)
    if request.continue_on_step_failure is not None:
        body["ContinueRunOnStepFailure"] = request.continue_on_step_failure
    url = url_of(request.target, settings)
    if request.parent_run_id is not None:
        # A query parameter, not a key of the body (SDK: PipelineRuns submit, parent_run_id).
        url += f"{'&' if '?' in url else '?'}parentRunId={quote(text(request.parent_run_id), safe='')}"
    return Call(url=url, body=body)


def _dataset(dataset: Dataset, settings: Mapping[str, str]) -> dict[str, object]:
    if dataset.id is not None:
        return {"SavedDataSetReference": {"Id": expand(dataset.id, settings)}}
    reference = {"Name": expand(dataset.name or "", settings)}
    if dataset.version is not None:
        reference["Version"] = expand(dataset.version, settings)
    return {"DataSetReference": reference}
