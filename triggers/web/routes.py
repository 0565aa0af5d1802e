"""The HTTP API as a table: what is asked for, with which types, and who answers.

The functions, the description and the command line's way to a deployed app are all made of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from ..scheduling.shown import RunAnswer
from ..steering.answers import BackfillAnswer, HealthAnswer, RunsAnswer, ScheduleAnswer, SchedulesAnswer
from ..steering.declined import BadInput, TooLarge
from ..steering.questions import (
    BackfillBody,
    HeldBody,
    NoBody,
    NoQuery,
    ReplayBody,
    RunQuery,
    RunsQuery,
    SchedulesQuery,
    TriggerBody,
)
from ..steering.service import Steering

Body = TypeVar("Body", bound=msgspec.Struct)
Query = TypeVar("Query", bound=msgspec.Struct)
Answer = TypeVar("Answer", bound=msgspec.Struct)
Part = TypeVar("Part")

_LARGEST_BODY = 65_536
"""A run's row holds what was asked for, more than once."""


@dataclass(frozen=True)
class Asked(Generic[Body, Query]):
    """A request, taken apart and checked."""

    name: str
    """The part of the path that names a schedule or a run; empty where there is none."""
    body: Body
    query: Query


@dataclass(frozen=True)
class Answered(Generic[Answer]):
    """What is answered, and with which status."""

    body: Answer
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Route(Generic[Body, Query, Answer]):
    """One function: a route and a method."""

    function: str
    method: str
    path: str
    """Below /api/; `{schedule}` or `{key}` names what it is about."""
    summary: str
    body: type[Body]
    query: type[Query]
    answer: type[Answer]
    statuses: dict[int, str]
    """What it answers when all is well."""
    handle: Callable[[Steering, Asked[Body, Query]], Answered[Answer]]
    refusals: tuple[int, ...] = ()
    """Beside 400, 401, 500 and 503, which every function may answer."""

    def asked(self, name: str, content: bytes, params: Mapping[str, str]) -> Asked[Body, Query]:
        """The parts of a request; raises BadInput and TooLarge."""
        content = b"" if self.body is NoBody else content
        if len(content) > _LARGEST_BODY:
            raise TooLarge(f"the body has {len(content)} bytes; {_LARGEST_BODY} are the most")
        return Asked(name, self._body(content), self._query(params))

    def _body(self, content: bytes) -> Body:
        try:
            return msgspec.json.decode(content or b"{}", type=self.body)
        except msgspec.ValidationError as error:
            raise BadInput(f"the body: {_sentence(error)}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"the body is not JSON: {error}") from error

    def _query(self, params: Mapping[str, str]) -> Query:
        try:
            found = msgspec.convert(dict(params), self.query, strict=False)
        except msgspec.ValidationError as error:
            raise BadInput(f"the query: {_sentence(error)}") from error
        for name, value in params.items():
            # What is read out of text takes the word null for no value; here that would be no filter.
            if value is not None and getattr(found, name) is None:
                raise BadInput(f"the query: {value} is no value of {name}; leave it out for all")
        return found


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _trigger(steering: Steering, asked: Asked[TriggerBody, NoQuery]) -> Answered[RunAnswer]:
    run, is_new = steering.trigger(asked.name, asked.body)
    return Answered(run, 202 if is_new else 200)


def _run(steering: Steering, asked: Asked[NoBody, RunQuery]) -> Answered[RunAnswer]:
    run, is_all = steering.run(asked.name, asked.query.wait)
    return Answered(run, 200 if is_all else 202)


SCHEDULES = Route(
    function="api_schedules",
    method="GET",
    path="schedules",
    summary="Every schedule of the file, its next occurrences and its last runs",
    body=NoBody,
    query=SchedulesQuery,
    answer=SchedulesAnswer,
    statuses={200: "All of them"},
    handle=lambda steering, asked: Answered(steering.schedules(asked.query.last_runs, details=asked.query.details)),
)

SCHEDULE = Route(
    function="api_schedule",
    method="GET",
    path="schedules/{schedule}",
    summary="One schedule",
    body=NoBody,
    query=NoQuery,
    answer=ScheduleAnswer,
    statuses={200: "The schedule"},
    handle=lambda steering, asked: Answered(steering.schedule(asked.name)),
    refusals=(404, 409),
)

TRIGGER = Route(
    function="api_trigger",
    method="POST",
    path="schedules/{schedule}/trigger",
    summary="Start a run now",
    body=TriggerBody,
    query=NoQuery,
    answer=RunAnswer,
    statuses={202: "A new run", 200: "The run that this request made before"},
    handle=_trigger,
    refusals=(403, 404, 409, 413),
)

PAUSE = Route(
    function="api_pause",
    method="POST",
    path="schedules/{schedule}/pause",
    summary="Let a schedule start nothing; what comes due is skipped",
    body=HeldBody,
    query=NoQuery,
    answer=ScheduleAnswer,
    statuses={200: "The schedule, paused"},
    handle=lambda steering, asked: Answered(steering.pause(asked.name, asked.body)),
    refusals=(404, 409, 413),
)

RESUME = Route(
    function="api_resume",
    method="POST",
    path="schedules/{schedule}/resume",
    summary="Let a paused schedule start runs again",
    body=HeldBody,
    query=NoQuery,
    answer=ScheduleAnswer,
    statuses={200: "The schedule, not paused"},
    handle=lambda steering, asked: Answered(steering.resume(asked.name, asked.body)),
    refusals=(404, 409, 413),
)

BACKFILL = Route(
    function="api_backfill",
    method="POST",
    path="schedules/{schedule}/backfill",
    summary="Start what a schedule missed in [from, to), or list it",
    body=BackfillBody,
    query=NoQuery,
    answer=BackfillAnswer,
    statuses={200: "What is started, and what needs none"},
    handle=lambda steering, asked: Answered(steering.backfill(asked.name, asked.body)),
    refusals=(404, 409, 413),
)

RUNS = Route(
    function="api_runs",
    method="GET",
    path="runs",
    summary="Runs, newest first; a page may be empty and yet have a continuation",
    body=NoBody,
    query=RunsQuery,
    answer=RunsAnswer,
    statuses={200: "A page"},
    handle=lambda steering, asked: Answered(steering.runs(asked.query)),
)

RUN = Route(
    function="api_run",
    method="GET",
    path="runs/{key}",
    summary="One run; with `wait`, after it has ended",
    body=NoBody,
    query=RunQuery,
    answer=RunAnswer,
    statuses={200: "The run", 202: "The run, which has not ended; ask again after Retry-After"},
    handle=_run,
    refusals=(404,),
)

REPLAY = Route(
    function="api_replay",
    method="POST",
    path="runs/{key}/replay",
    summary="One more run for the same occurrence",
    body=ReplayBody,
    query=NoQuery,
    answer=RunAnswer,
    statuses={202: "The new run"},
    handle=lambda steering, asked: Answered(steering.replay(asked.name, asked.body), 202),
    refusals=(404, 409, 413),
)

CANCEL = Route(
    function="api_cancel",
    method="POST",
    path="runs/{key}/cancel",
    summary="Give up a run; one that Azure ML runs is canceled there",
    body=HeldBody,
    query=NoQuery,
    answer=RunAnswer,
    statuses={200: "The run, canceled"},
    handle=lambda steering, asked: Answered(steering.cancel(asked.name, asked.body)),
    refusals=(404, 409, 413),
)

ROUTES: tuple[Route[Any, Any, Any], ...] = (
    SCHEDULES,
    SCHEDULE,
    TRIGGER,
    PAUSE,
    RESUME,
    BACKFILL,
    RUNS,
    RUN,
    REPLAY,
    CANCEL,
)


@dataclass(frozen=True, kw_only=True)
class Described:
    """A route that others than the service object answer: a broken file may not let that be made."""

    function: str
    method: str
    path: str
    summary: str
    answer: type[msgspec.Struct]
    statuses: dict[int, str]
    body: type[msgspec.Struct] = NoBody
    query: type[msgspec.Struct] = NoQuery
    refusals: tuple[int, ...] = ()


HEALTH = Described(
    function="api_health",
    method="GET",
    path="health",
    summary="Whether the app can do its work",
    answer=HealthAnswer,
    statuses={200: "It can", 503: "Something is wrong; it says what"},
)

DESCRIBED: tuple[Route[Any, Any, Any] | Described, ...] = (*ROUTES, HEALTH)
"""Everything that the description of the API tells of."""
