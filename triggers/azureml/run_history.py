"""Looks up whether Azure ML has accepted a run: pipeline runs by their tags in run history, jobs by name."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from ..scheduling.outcome import FoundRun, LookUp
from ..scheduling.run_request import ATTEMPT_TAG, RunRequest
from ..scheduling.templates import MissingSetting
from .addresses import UnfitAddress, studio_url
from .call import Call
from .kind import ByName, ByTags
from .kinds import kind_of
from .outcomes import AWAY, clean
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire

_FRACTION: Final = re.compile(r"\.\d+")
_PAGES: Final = 20
"""A key has one run, at worst a few; a service that keeps sending pages is not answering the query."""


class RunHistory:
    """Looks up runs; read-only, so a lookup can be repeated safely."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        """Find the runs with this key and ledger in the request's experiment; not `complete` if anything failed.

        The filter is the SDK's (azureml-core 1.61, _restclient/_odata): (Tags/name eq "value") joined by and.
        """
        try:
            how = kind_of(request.target).look_up(request, run_key, ledger_id, self._settings)
            if how is None:
                return LookUp(
                    is_impossible=True, sentence="the app cannot tell from its address where to look up its runs"
                )
            return self._job(how) if isinstance(how, ByName) else self._pages(how)
        except (MissingSetting, UnfitAddress) as error:
            return LookUp(sentence=str(error))
        except (NoToken, NeverSent, CutOff) as error:
            return LookUp(sentence=str(error), is_away=True)

    def _job(self, how: ByName) -> LookUp:
        name, reply = how.name, how.call.asked(self._wire)
        if reply.status == 404:
            return LookUp(complete=True, is_proof=how.is_proof)
        if reply.status != 200:
            sentence = f"looking up the job {name} failed: the service answered {reply.status}"
            return LookUp(sentence=sentence, is_away=reply.status in AWAY)
        if _object(reply.body).get("name") != name:
            return LookUp(sentence=f"looking up the job {name} failed: the service answered with something else")
        return LookUp(complete=True, runs=(FoundRun(name),), studio_url=studio_url(how.call.url, name))

    def _pages(self, how: ByTags) -> LookUp:
        question: dict[str, object] = {
            "filter": " and ".join(f'(Tags/{name} eq "{value}")' for name, value in how.tags.items()),
            "orderby": "CreatedUtc asc",
            "top": 100,
        }
        found: list[FoundRun] = []
        for _ in range(_PAGES):
            reply = Call(url=how.url, body=question).asked(self._wire)
            if reply.status == 404:
                return LookUp(sentence="run history has no such experiment", lacks_experiment=True)
            if reply.status != 200:
                return LookUp(sentence=f"run history answered {reply.status}", is_away=reply.status in AWAY)
            page = list_of_runs(reply.body)
            if page is None:
                return LookUp(sentence="run history did not send a list of runs")
            found += [_found(run) for run in page.runs if run.get("runId") and has_tags(run, how.tags)]
            question["continuationToken"] = page.continuation
            if not question["continuationToken"]:
                studio = studio_url(how.within, found[0].run_id) if found else None
                return LookUp(complete=True, runs=tuple(found), studio_url=studio)
        return LookUp(sentence=f"run history has more than {_PAGES} pages for this query")


def has_tags(run: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    """True if the run has these tags; checked again in case the service ignores the filter."""
    found = run.get("tags")
    return isinstance(found, dict) and all(found.get(name) == value for name, value in tags.items())


def _found(run: Mapping[str, Any]) -> FoundRun:
    attempt = run["tags"].get(ATTEMPT_TAG)
    return FoundRun(clean(str(run["runId"])), _time(run.get("createdUtc")), None if attempt is None else str(attempt))


def _time(text: object) -> datetime | None:
    """Parse a time of the service without its fraction of a second; None if it is not a time."""
    try:
        found = datetime.fromisoformat(_FRACTION.sub("", str(text)))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


class RunsPage(Struct, frozen=True):
    """One page of run history's reply."""

    runs: list[Mapping[str, Any]]
    continuation: object
    """The token for the next page; falsy on the last page."""


def list_of_runs(body: bytes) -> RunsPage | None:
    """The runs in a reply; None if it is something else."""
    page = _object(body)
    value = page.get("value")
    if not isinstance(value, list):
        return None
    return RunsPage([one for one in value if isinstance(one, dict)], page.get("continuationToken"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
