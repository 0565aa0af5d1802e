"""The POST to a v2 batch endpoint.

The contract is that of azure-ai-ml 1.35 (_batch_endpoint_operations.invoke, _schema/_deployment/batch/batch_job.py). It
has no tags, so the tags from the file go into the job's properties; the run key also goes into its name. We have not
verified in Azure that the service keeps that name, so a lookup that finds nothing proves nothing unless a lookup by
name has worked before.
"""

from collections.abc import Mapping
from urllib.parse import quote

from ..scheduling.config import Target
from ..scheduling.run_keys import job_name
from ..scheduling.run_request import Submission, own_tags
from ..scheduling.templates import expand
from .addresses import fit
from .call import Call
from .clouds import Audience
from .inputs import PASCAL_CASE, job_inputs
from .jobs import Jobs


class BatchEndpoint(Jobs):
    """Targets given by the key `batch_endpoint`."""

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        return fit(expand(target.name, settings), target, settings)

    def status(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call:
        # A job's URL is below the one that jobs are POSTed to.
        url = f"{self.address(target, settings).partition('?')[0].rstrip('/')}/{quote(run_id, safe='')}"
        return Call(url=url, method="GET", audience=Audience.AZURE_ML)

    def submission(self, submission: Submission, settings: Mapping[str, str]) -> Call:
        """The POST with all settings filled in; raises MissingSetting and UnfitAddress."""
        request = submission.request

        def text(stored: str) -> str:
            return expand(stored, settings)

        tags = {text(name): text(value) for name, value in request.tags.items()}
        properties = {**tags, **own_tags(submission), "experimentName": text(request.experiment_name)}
        deployment = request.target.deployment
        return Call(
            url=self.address(request.target, settings),
            body={
                "properties": {
                    "name": job_name(submission.ledger_id, submission.run_key),
                    "inputData": job_inputs(request, PASCAL_CASE, text),
                    "properties": properties,
                }
            },
            headers={} if deployment is None else {"azureml-model-deployment": text(deployment)},
            audience=Audience.AZURE_ML,
        )
