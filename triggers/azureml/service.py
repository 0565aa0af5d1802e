"""The shared module: submits a run to whatever starts it, once; what became of it is said in an Outcome."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ..scheduling.config import PipelineKind, Target
from ..scheduling.outcome import Outcome
from ..scheduling.run_request import RunRequest, Submission
from ..scheduling.templates import MissingSetting
from . import batch_endpoint, pipeline_job, published_pipeline
from .addresses import UnfitAddress, job_url, run_service_of, studio_url, url_of
from .call import Call
from .outcomes import JOB_ID, RUN_ID, cut_off, never_sent, of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire

_CALLS: Final[Mapping[PipelineKind, Callable[[Submission, Mapping[str, str]], Call]]] = {
    PipelineKind.ENDPOINT: published_pipeline.call_of,
    PipelineKind.PUBLISHED_PIPELINE: published_pipeline.call_of,
    PipelineKind.PIPELINE_ENDPOINT: published_pipeline.call_of,
    PipelineKind.BATCH_ENDPOINT: batch_endpoint.call_of,
    PipelineKind.COMPONENT: pipeline_job.call_of,
}
JOBS: Final = frozenset({PipelineKind.BATCH_ENDPOINT, PipelineKind.COMPONENT})
"""What starts v2 jobs, whose id is their name."""


def call_of(submission: Submission, settings: Mapping[str, str]) -> Call:
    """What will be sent, settings put in; raises MissingSetting and UnfitAddress."""
    return _CALLS[submission.request.target.kind](submission, settings)


class AzureMl:
    """Submits runs, from any number of threads."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def place(self, request: RunRequest) -> str | None:
        """A digest of where the settings would send a request now; None where they do not tell."""
        try:
            target = request.target
            url = job_url(target, "", self._settings) if target.kind is PipelineKind.COMPONENT else None
            url = url or url_of(target, self._settings)
        except (MissingSetting, UnfitAddress):
            return None
        return hashlib.sha256(url.encode()).hexdigest()[:32]

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        """Send once, unless `is_fresh`, asked directly before, says that the claim has grown too old."""
        try:
            call = call_of(submission, self._settings)
            send = call.prepared(self._wire)
        except (MissingSetting, NoToken, UnfitAddress, NeverSent) as error:
            return never_sent(str(error))
        if not is_fresh():
            return never_sent("too much time had passed since the claim; nothing was sent")
        try:
            reply = send()
        except NeverSent as error:
            return never_sent(str(error))
        except CutOff as error:
            return cut_off(str(error))
        ids = JOB_ID if submission.request.target.kind in JOBS else RUN_ID
        outcome = of_reply(reply.status, reply.headers, reply.body, ids)
        if outcome.run_id is None:
            return outcome
        studio = self._studio_url(submission, call, outcome.run_id)
        return replace(outcome, studio_url=studio, is_beyond_reach=self._is_beyond_reach(submission.request.target))

    def _is_beyond_reach(self, target: Target) -> bool:
        """Whether nobody can ask for the end of its runs; where a setting is missing, that is not for good."""
        try:
            return target.kind not in JOBS and run_service_of(target, self._settings) is None
        except (MissingSetting, UnfitAddress):
            return False

    def _studio_url(self, submission: Submission, call: Call, run_id: str) -> str | None:
        """A batch endpoint's address does not tell its workspace: the file does, where it has one."""
        target = submission.request.target
        try:
            url = call.url if target.workspace is None else job_url(target, run_id, self._settings)
        except (MissingSetting, UnfitAddress):
            return None
        return studio_url(url, run_id)
