"""Asks Azure ML whether it has accepted a run of ours: run history by the tags of its key and ledger, jobs by name."""

import json
from collections.abc import Mapping
from typing import Any, Final

from ..scheduling.config import PipelineKind
from ..scheduling.outcome import LookUp
from ..scheduling.run import job_name
from ..scheduling.run_request import LEDGER_TAG, RUN_KEY_TAG, RunRequest
from ..scheduling.templates import MissingSetting, expand
from .addresses import UnfitAddress, batch_job_url, history_url, job_url, run_service_of, studio_url, url_of
from .call import Call
from .clouds import Audience
from .outcomes import clean
from .service import JOBS
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire

_PAGES: Final = 20
"""A key has one run, in the worst of cases a few; a service that pages on and on is not answering the question."""


class RunHistory:
    """Looks runs up; it only reads, so asking twice does no harm."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        """The runs with this key and ledger in the request's experiment; not complete when anything went wrong.

        The filter is the SDK's (azureml-core 1.61, _restclient/_odata): (Tags/name eq "value") joined by and.
        """
        try:
            if request.target.kind in JOBS:
                return self._job(request, job_name(ledger_id, run_key))
            service = run_service_of(request.target, self._settings)
            if service is None:
                return LookUp(is_impossible=True, sentence="its address does not tell where runs are looked up")
            url = history_url(service, expand(request.experiment_name, self._settings))
            return self._pages(url, f"{service.pipelines}/", run_key, ledger_id)
        except (MissingSetting, UnfitAddress, NoToken, NeverSent, CutOff) as error:
            return LookUp(sentence=str(error))

    def _job(self, request: RunRequest, name: str) -> LookUp:
        """A job by the name that we gave it. Only of a component's do we know that there can be no second one."""
        is_component = request.target.kind is PipelineKind.COMPONENT
        call = job_call(request, name, self._settings)
        reply = call.asked(self._wire)
        if reply.status == 404:
            return LookUp(complete=True, is_proof=is_component)
        if reply.status != 200:
            return LookUp(sentence=f"the look-up of the job {name} was answered {reply.status}")
        if _object(reply.body).get("name") != name:
            return LookUp(sentence=f"the look-up of the job {name} was answered with something else")
        return LookUp(complete=True, run_ids=(name,), studio_url=studio_url(call.url, name))

    def _pages(self, url: str, within: str, run_key: str, ledger_id: str) -> LookUp:
        question: dict[str, object] = {
            "filter": f'(Tags/{RUN_KEY_TAG} eq "{run_key}") and (Tags/{LEDGER_TAG} eq "{ledger_id}")',
            "orderby": "CreatedUtc asc",
            "top": 100,
        }
        found: list[str] = []
        for _ in range(_PAGES):
            reply = Call(url=url, body=question).asked(self._wire)
            if reply.status != 200:
                return LookUp(sentence=f"run history answered {reply.status}")
            page = _parsed(reply.body)
            if page is None:
                return LookUp(sentence="run history sent something else than a list of runs")
            found += [clean(str(run["runId"])) for run in page["value"] if _is_ours(run, run_key, ledger_id)]
            question["continuationToken"] = page.get("continuationToken")
            if not question["continuationToken"]:
                studio = studio_url(within, found[0]) if found else None
                return LookUp(complete=True, run_ids=tuple(found), studio_url=studio)
        return LookUp(sentence=f"run history did not come to an end within {_PAGES} pages")


def job_call(request: RunRequest, name: str, settings: Mapping[str, str]) -> Call:
    """The question for a v2 job: a batch endpoint knows its own. Raises MissingSetting and UnfitAddress."""
    if request.target.kind is PipelineKind.BATCH_ENDPOINT:
        url = batch_job_url(url_of(request.target, settings), name)
        return Call(url=url, method="GET", audience=Audience.AZURE_ML)
    return Call(url=job_url(request.target, name, settings), method="GET")


def _is_ours(run: Any, run_key: str, ledger_id: str) -> bool:
    """The tags are compared again here: a service that does not know the filter must not make us adopt other runs."""
    if not isinstance(run, dict) or not isinstance(run.get("tags"), dict) or not run.get("runId"):
        return False
    return bool(run["tags"].get(RUN_KEY_TAG) == run_key and run["tags"].get(LEDGER_TAG) == ledger_id)


def _parsed(body: bytes) -> dict[str, Any] | None:
    page = _object(body)
    return page if isinstance(page.get("value"), list) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
