"""Pipeline runs, which published pipelines and pipeline endpoints start.

The contract is PipelineSubmissionInfo of azureml-pipeline-core 1.62.0 and the article "Trigger Azure Machine Learning
pipelines". There is no idempotency key, and the caller cannot choose the run id: two identical POSTs make two runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from urllib.parse import quote

from ..scheduling.config import Dataset, Target
from ..scheduling.run_request import LEDGER_TAG, RUN_KEY_TAG, RunRequest, Submission, own_tags
from ..scheduling.run_service import RunService, run_service
from ..scheduling.templates import expand
from .addresses import cancel_url, fit, history_url, run_url, service_in
from .call import Call
from .kind import ByTags
from .outcomes import RUN_ID


class PipelineRuns(ABC):
    """Base of the targets that start pipeline runs; each has its own URL."""

    ids: tuple[str, ...] = RUN_ID

    @abstractmethod
    def address(self, target: Target, settings: Mapping[str, str]) -> str: ...

    def run_service(self, target: Target, settings: Mapping[str, str]) -> RunService | None:
        """Where the runs are polled; None if the URL does not show that."""
        return run_service(self.address(target, settings))

    def submission(self, submission: Submission, settings: Mapping[str, str]) -> Call:
        request = submission.request

        def text(stored: str) -> str:
            return expand(stored, settings)

        def texts(stored: Mapping[str, str]) -> dict[str, str]:
            return {text(name): text(value) for name, value in stored.items()}

        body: dict[str, object] = {
            "ExperimentName": text(request.experiment_name),
            "DisplayName": text(request.display_name),
            "RunSource": "API" if request.run_source is None else text(request.run_source),
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
        url = self.address(request.target, settings)
        if request.parent_run_id is not None:
            # A query parameter, not a key of the body (SDK: PipelineRuns submit, parent_run_id).
            url += f"{'&' if '?' in url else '?'}parentRunId={quote(text(request.parent_run_id), safe='')}"
        return Call(url=url, body=body)

    def look_up(self, request: RunRequest, run_key: str, ledger_id: str, settings: Mapping[str, str]) -> ByTags | None:
        service = self.run_service(request.target, settings)
        if service is None:
            return None
        url = history_url(service, expand(request.experiment_name, settings))
        tags = {RUN_KEY_TAG: run_key, LEDGER_TAG: ledger_id}
        return ByTags(url, f"{service.pipelines}/", tags)

    def status(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        service = self.run_service(target, settings)
        return None if service is None else Call(url=run_url(service, run_id), method="GET")

    def cancellation(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        service = self.run_service(target, settings)
        return None if service is None else Call(url=cancel_url(service, run_id), method="DELETE")


def in_workspace(target: Target, path: str, settings: Mapping[str, str]) -> str:
    """URL of a pipeline or pipeline endpoint in a workspace; `path` is the part after PipelineRuns."""
    assert target.workspace is not None, "what is named by id or name is in a workspace"
    return fit(f"{service_in(target.workspace, settings).pipelines}/PipelineRuns{path}", target, settings)


def _dataset(dataset: Dataset, settings: Mapping[str, str]) -> dict[str, object]:
    if dataset.id is not None:
        return {"SavedDataSetReference": {"Id": expand(dataset.id, settings)}}
    reference = {"Name": expand(dataset.name or "", settings)}
    if dataset.version is not None:
        reference["Version"] = expand(dataset.version, settings)
    return {"DataSetReference": reference}
