"""The PUT of a pipeline job that runs a v2 pipeline component.

The contract is that of azure-ai-ml 1.35 (_job_operations, _restclient/arm_ml_service). The job's name is derived from
the run, so repeating the PUT creates no second job.
"""

import re
from collections.abc import Mapping
from typing import Final

from ..scheduling.config import Target
from ..scheduling.run_keys import job_name
from ..scheduling.run_request import Submission, own_tags
from ..scheduling.templates import expand
from .addresses import job_url, workspace_path
from .call import Call
from .inputs import SNAKE_CASE, job_inputs
from .jobs import Jobs


class Component(Jobs):
    """Targets given by the key `component`."""

    name_is_proof = True

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        return job_url(target, "", settings)

    def status(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call:
        return Call(url=job_url(target, run_id, settings), method="GET")

    def submission(self, submission: Submission, settings: Mapping[str, str]) -> Call:
        request = submission.request

        def text(stored: str) -> str:
            return expand(stored, settings)

        tags = {text(name): text(value) for name, value in request.tags.items()}
        properties: dict[str, object] = {
            "jobType": "Pipeline",
            "experimentName": text(request.experiment_name),
            "displayName": text(request.display_name),
            "componentId": _component_id(request.target, settings),
            "tags": {**tags, **own_tags(submission)},
            "inputs": job_inputs(request, SNAKE_CASE, text),
        }
        if request.description is not None:
            properties["description"] = text(request.description)
        if request.continue_on_step_failure is not None:
            properties["settings"] = {"continue_on_step_failure": request.continue_on_step_failure}
        name = job_name(submission.ledger_id, submission.run_key)
        return Call(
            url=job_url(request.target, name, settings),
            method="PUT",
            body={"properties": properties},
            with_azureml_token=True,
        )


_NAMED: Final = re.compile(r"azureml:([^:/@]+):([^:/@]+)\Z")


def _component_id(target: Target, settings: Mapping[str, str]) -> str:
    """Resource id of the component; `azureml:NAME:VERSION` is one in the target's workspace."""
    assert target.workspace is not None, "a component is in a workspace"
    stored = expand(target.name, settings)
    named = _NAMED.match(stored)
    if named is None:
        return stored.removeprefix("azureml:") if stored.startswith("azureml:/subscriptions/") else stored
    return f"{workspace_path(target.workspace, settings)}/components/{named[1]}/versions/{named[2]}"
