"""Polls the status of runs that Azure ML has accepted."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from ..scheduling.outcome import Seen
from ..scheduling.run import Run, RunState
from ..scheduling.run_request import LEDGER_TAG, RunRequest
from ..scheduling.templates import MissingSetting
from .addresses import UnfitAddress
from .call import Call
from .kind import ByTags
from .kinds import kind_of
from .outcomes import AWAY, clean, of_reply
from .run_history import has_tags, list_of_runs
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire

_OF_PIPELINE_RUNS: Final = ("NotStarted", "Running", "Failed", "Finished", "Canceled")
"""By status code (azureml-pipeline-core 1.62, service_caller_base); real replies have numbers, newer ones words."""

_MORE_PAGES: Final = 10
"""In addition to the pages that the queried runs would fill: ended runs are listed in between."""
_ENDS: Final = {
    "finished": RunState.FINISHED,
    "completed": RunState.FINISHED,
    "failed": RunState.FAILED,
    "canceled": RunState.CANCELED,
    "cancelled": RunState.CANCELED,
}
"""The pipelines service says Finished; run history and jobs say Completed."""


class RunStatus:
    """Queries the status of runs; read-only."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def of(self, run: Run) -> Seen:
        """The status of a submitted run as the service reports it; an error of the service is returned, not raised."""
        try:
            call = self._call(run)
            if call is None:
                return Seen(
                    is_beyond_reach=True, sentence="the app cannot tell from its address where to poll its runs"
                )
            reply = call.asked(self._wire)
        except (MissingSetting, UnfitAddress) as error:
            return Seen(sentence=str(error))
        except (NoToken, NeverSent, CutOff) as error:
            return Seen(sentence=str(error), is_away=True)
        if reply.status == 404:
            return Seen(is_denied=True, sentence="Azure ML has no such run")
        if reply.status != 200:
            said = of_reply(reply.status, reply.headers, reply.body).sentence
            return Seen(sentence=said, is_away=reply.status in AWAY)
        word = word_of(reply.body)
        if word is None:
            return Seen(sentence="the answer contains no status")
        end = _ENDS.get(word.lower())
        return Seen(status=word, end=end, sentence=_detail(reply.body) if end is RunState.FAILED else None)

    def still_running(self, request: RunRequest, ledger_id: str, run_ids: Collection[str]) -> Collection[str]:
        """The ids that run history lists as still running; says nothing about the others. Never raises.

        Queries the runs that this ledger has started in the experiment, newest first, a hundred per page.
        """
        try:
            how = kind_of(request.target).look_up(request, "", ledger_id, self._settings)
            return self._running(how, ledger_id, set(run_ids)) if isinstance(how, ByTags) else ()
        except (MissingSetting, UnfitAddress, NoToken, NeverSent, CutOff):
            return ()

    def _running(self, how: ByTags, ledger_id: str, wanted: set[str]) -> set[str]:
        question: dict[str, object] = {
            "filter": f'(Tags/{LEDGER_TAG} eq "{ledger_id}")',
            "orderby": "CreatedUtc desc",
            "top": 100,
        }
        running: set[str] = set()
        missing = set(wanted)
        for _ in range(len(wanted) // 100 + _MORE_PAGES):
            reply = Call(url=how.url, body=question).asked(self._wire)
            page = list_of_runs(reply.body) if reply.status == 200 else None
            if page is None:
                break
            for run in page.runs:
                run_id, status = str(run.get("runId")), run.get("status")
                if run_id in missing and has_tags(run, {LEDGER_TAG: ledger_id}) and isinstance(status, str) and status:
                    missing.discard(run_id)
                    if status.lower() not in _ENDS:
                        running.add(run_id)
            question["continuationToken"] = page.continuation
            if not missing or not page.continuation:
                break
        return running

    def _call(self, run: Run) -> Call | None:
        assert run.request is not None, "a submitted run has its request"
        assert run.run_id is not None
        target = run.request.target
        return kind_of(target).status(target, run.run_id, self._settings)


def word_of(body: bytes) -> str | None:
    """The status in a PipelineRunEntity ({"Status": {"StatusCode"}}) or a job ({"properties": {"status"}})."""
    try:
        reply = _lower(json.loads(body))
    except (ValueError, RecursionError):
        return None
    if "status" in reply:
        status = reply["status"]
        # A run that was only just accepted has no status yet.
        found = 0 if status is None else _lower(status).get("statuscode") if isinstance(status, dict) else status
    else:
        found = _lower(reply.get("properties")).get("status")
    if isinstance(found, str) and re.fullmatch(r"[0-9]", found):
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return _OF_PIPELINE_RUNS[found] if 0 <= found < len(_OF_PIPELINE_RUNS) else None
    return clean(found)[:100] if isinstance(found, str) and found else None


def _detail(body: bytes) -> str | None:
    """The pipelines service's detail about the status; usually None."""
    status = _lower(_lower(json.loads(body)).get("status"))
    said = status.get("statusdetail")
    return f"Azure ML: {clean(said)[:500]}" if isinstance(said, str) and said.strip() else None


def _lower(value: Any) -> dict[str, Any]:
    return {str(key).lower(): one for key, one in value.items()} if isinstance(value, dict) else {}
