"""The HTTP API as a table: what is asked for, with which types, and who answers. Its description is made of it too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from ..scheduling.shown import RunAnswer
from ..steering.answers import BackfillAnswer, HealthAnswer, RunsAnswer, ScheduleAnswer, SchedulesAnswer
from ..steering.questions import (
    BackfillBody,
    HeldBody,
    NoQuery,
    ReplayBody,
    RunQuery,
    RunsQuery,
    SchedulesQuery,
    TriggerBody,
)
from ..steering.service import Steering


@dataclass(frozen=True)
class Question:
    """A request, taken apart and checked."""

    name: str
    """The part of the path that names a schedule or a run; empty where there is none."""
    body: Any
    query: Any


@dataclass(frozen=True)
class Answered:
    """What is answered, and with which status."""

    body: msgspec.Struct
    status: int = 200


Handler: TypeAlias = Callable[[Steering, Question], Answered]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One function: a route and a method."""

    function: str
    method: str
    path: str
    """Below /api/; `{schedule}` or `{key}` names what it is about."""
    summary: str
    answer: type[msgspec.Struct]
    statuses: dict[int, str]
    """What it answers when all is well."""
    handle: Handler | None = None
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] = NoQuery
    refusals: tuple[int, ...] = ()
    """Beside 400, 401, 500 and 503, which every function may answer."""


def _trigger(steering: Steering, asked: Question) -> Answered:
    run, is_new = steering.trigger(asked.name, asked.body)
    return Answered(run, 202 if is_new else 200)


def _run(steering: Steering, asked: Question) -> Answered:
    run, is_all = steering.run(asked.name, asked.query.wait)
    return Answered(run, 200 if is_all else 202)


ROUTES = (
    Route(
        function="api_schedules",
        method="GET",
        path="schedules",
        summary="Every schedule of the file, its next occurrences and its last runs",
        answer=SchedulesAnswer,
        statuses={200: "All of them"},
        handle=lambda steering, asked: Answered(steering.schedules(asked.query.last_runs, details=asked.query.details)),
        query=SchedulesQuery,
    ),
    Route(
        function="api_schedule",
        method="GET",
        path="schedules/{schedule}",
        summary="One schedule",
        answer=ScheduleAnswer,
        statuses={200: "The schedule"},
        handle=lambda steering, asked: Answered(steering.schedule(asked.name)),
        refusals=(404, 409),
    ),
    Route(
        function="api_trigger",
        method="POST",
        path="schedules/{schedule}/trigger",
        summary="Start a run now",
        answer=RunAnswer,
        statuses={202: "A new run", 200: "The run that this request made before"},
        handle=_trigger,
        body=TriggerBody,
        refusals=(403, 404, 409, 413),
    ),
    Route(
        function="api_pause",
        method="POST",
        path="schedules/{schedule}/pause",
        summary="Let a schedule start nothing; what comes due is skipped",
        answer=ScheduleAnswer,
        statuses={200: "The schedule, paused"},
        handle=lambda steering, asked: Answered(steering.pause(asked.name, asked.body)),
        body=HeldBody,
        refusals=(404, 409, 413),
    ),
    Route(
        function="api_resume",
        method="POST",
        path="schedules/{schedule}/resume",
        summary="Let a paused schedule start runs again",
        answer=ScheduleAnswer,
        statuses={200: "The schedule, not paused"},
        handle=lambda steering, asked: Answered(steering.resume(asked.name, asked.body)),
        body=HeldBody,
        refusals=(404, 409, 413),
    ),
    Route(
        function="api_backfill",
        method="POST",
        path="schedules/{schedule}/backfill",
        summary="Start what a schedule did not in [from, to), or show it",
        answer=BackfillAnswer,
        statuses={200: "What is started, and what needs none"},
        handle=lambda steering, asked: Answered(steering.backfill(asked.name, asked.body)),
        body=BackfillBody,
        refusals=(404, 409, 413),
    ),
    Route(
        function="api_runs",
        method="GET",
        path="runs",
        summary="Runs, newest first; a page may be empty and yet have a continuation",
        answer=RunsAnswer,
        statuses={200: "A page"},
        handle=lambda steering, asked: Answered(steering.runs(asked.query)),
        query=RunsQuery,
    ),
    Route(
        function="api_run",
        method="GET",
        path="runs/{key}",
        summary="One run; with `wait`, once it has ended",
        answer=RunAnswer,
        statuses={200: "The run", 202: "The run, which has not ended; ask again after Retry-After"},
        handle=_run,
        query=RunQuery,
        refusals=(404,),
    ),
    Route(
        function="api_replay",
        method="POST",
        path="runs/{key}/replay",
        summary="One more run of what a run was for",
        answer=RunAnswer,
        statuses={202: "The new run"},
        handle=lambda steering, asked: Answered(steering.replay(asked.name, asked.body), 202),
        body=ReplayBody,
        refusals=(404, 409, 413),
    ),
    Route(
        function="api_cancel",
        method="POST",
        path="runs/{key}/cancel",
        summary="Give a run up; one that Azure ML runs is canceled there",
        answer=RunAnswer,
        statuses={200: "The run, canceled"},
        handle=lambda steering, asked: Answered(steering.cancel(asked.name, asked.body)),
        body=HeldBody,
        refusals=(404, 409, 413),
    ),
)

HEALTH = Route(
    function="api_health",
    method="GET",
    path="health",
    summary="Whether the app can do its work",
    answer=HealthAnswer,
    statuses={200: "It can", 503: "Something is wrong; it says what"},
)
"""Answered without the service object, which a broken file may not let be made."""
