"""Submits a run to its target, once, and returns an Outcome."""

import hashlib
from collections.abc import Callable, Mapping

from ..scheduling.config import Target
from ..scheduling.outcome import Outcome
from ..scheduling.replacing import replace
from ..scheduling.run_request import RunRequest, Submission
from ..scheduling.templates import MissingSetting
from .addresses import UnfitAddress, job_url, studio_url
from .call import Call
from .kinds import kind_of, url_of
from .outcomes import cut_off, never_sent, of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire


def call_of(submission: Submission, settings: Mapping[str, str]) -> Call:
    """The request to send, with settings filled in; raises MissingSetting and UnfitAddress."""
    return kind_of(submission.request.target).submission(submission, settings)


class AzureMl:
    """Submits runs; may be used by any number of threads."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def place(self, request: RunRequest) -> str | None:
        """Digest of the URL that the current settings resolve to; None if there is none that may be called."""
        try:
            url = url_of(request.target, self._settings)
        except (MissingSetting, UnfitAddress):
            return None
        return hashlib.sha256(url.encode()).hexdigest()[:32]

    def obstacle(self, request: RunRequest) -> str | None:
        """The reason why the settings cannot make a call of this request; None if they can."""
        try:
            call_of(Submission(request=request, run_key="", ledger_id="", attempt=""), self._settings)
        except (MissingSetting, UnfitAddress) as error:
            return str(error)
        return None

    def is_unreachable(self, request: RunRequest) -> bool:
        """True if connecting to the request's host timed out recently."""
        try:
            return self._wire.is_unreachable(url_of(request.target, self._settings))
        except (MissingSetting, UnfitAddress):
            return False

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        """Send once, unless `is_fresh`, called directly before, returns False because the claim is too old."""
        try:
            call = call_of(submission, self._settings)
            send = call.prepared(self._wire)
        except (MissingSetting, NoToken, UnfitAddress, NeverSent) as error:
            return never_sent(str(error))
        if not is_fresh():
            return replace(never_sent("too much time had passed since the claim, so nothing was sent"), is_untried=True)
        try:
            reply = send()
        except NeverSent as error:
            return never_sent(str(error))
        except CutOff as error:
            return replace(cut_off(str(error)), is_silence=error.is_silence)
        target = submission.request.target
        outcome = of_reply(reply.status, reply.headers, reply.body, kind_of(target).ids)
        if outcome.run_id is None:
            return outcome
        studio = self._studio_url(submission, call, outcome.run_id)
        return replace(outcome, studio_url=studio, is_beyond_reach=self._is_beyond_reach(target))

    def _is_beyond_reach(self, target: Target) -> bool:
        """True if the status of its runs can never be polled; a missing setting is only temporary."""
        try:
            return kind_of(target).status(target, "", self._settings) is None
        except (MissingSetting, UnfitAddress):
            return False

    def _studio_url(self, submission: Submission, call: Call, run_id: str) -> str | None:
        """URL of the run's studio page. A batch endpoint's URL does not show its workspace, but the file may."""
        target = submission.request.target
        try:
            url = call.url if target.workspace is None else job_url(target, run_id, self._settings)
        except (MissingSetting, UnfitAddress):
            return None
        return studio_url(url, run_id)
