"""The shared module: POSTs a run request to a published pipeline or pipeline endpoint.

The contract is PipelineSubmissionInfo of azureml-pipeline-core 1.62.0 and the article "Trigger Azure Machine Learning
pipelines". There is no idempotency key and no run id of the caller's choice: two identical POSTs make two runs. So
nothing below sends anything twice; what became of a POST is said in an Outcome.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from ..scheduling.config import Dataset
from ..scheduling.outcome import Outcome
from ..scheduling.run_request import Submission
from ..scheduling.templates import MissingSetting, expand
from .addresses import UnfitAddress, studio_url, url_of
from .outcomes import cut_off, never_sent, of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire

RUN_KEY_TAG: Final = "trigger_run_key"
LEDGER_TAG: Final = "trigger_ledger"
ATTEMPT_TAG: Final = "trigger_attempt"


@dataclass(frozen=True, kw_only=True)
class Post:
    """A request with everything put in, but for the Authorization header."""

    url: str
    body: Mapping[str, object]


class PublishedPipeline:
    """Submits runs, from any number of threads."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        """POST once, unless `is_fresh`, asked directly before, says that the claim has grown too old."""
        try:
            post = post_of(submission, self._settings)
            call = self._wire.prepared(post.url, json.dumps(post.body).encode())
        except (MissingSetting, NoToken, UnfitAddress, NeverSent) as error:
            return never_sent(str(error))
        if not is_fresh():
            return never_sent("too much time had passed since the claim; nothing was sent")
        try:
            reply = call()
        except NeverSent as error:
            return never_sent(str(error))
        except CutOff as error:
            return cut_off(str(error))
        outcome = of_reply(reply.status, reply.headers, reply.body)
        if outcome.run_id is None:
            return outcome
        return replace(outcome, studio_url=studio_url(post.url, outcome.run_id))


def post_of(submission: Submission, settings: Mapping[str, str]) -> Post:
    """What will be POSTed, settings put in; raises MissingSetting and UnfitAddress."""
    request = submission.request

    def text(stored: str) -> str:
        return expand(stored, settings)

    def texts(stored: Mapping[str, str]) -> dict[str, str]:
        return {text(name): text(value) for name, value in stored.items()}

    tags = {RUN_KEY_TAG: submission.run_key, LEDGER_TAG: submission.ledger_id, ATTEMPT_TAG: submission.attempt}
    body: dict[str, object] = {
        "ExperimentName": text(request.experiment_name),
        "DisplayName": text(request.display_name),
        "RunSource": "API",
        "tags": {**texts(request.tags), **tags},
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
    return Post(url=url, body=body)


def _dataset(dataset: Dataset, settings: Mapping[str, str]) -> dict[str, object]:
    if dataset.id is not None:
        return {"SavedDataSetReference": {"Id": expand(dataset.id, settings)}}
    reference = {"Name": expand(dataset.name or "", settings)}
    if dataset.version is not None:
        reference["Version"] = expand(dataset.version, settings)
    return {"DataSetReference": reference}
