"""The HTTP API as a table of routes: their types and the functions that answer.

The functions, the OpenAPI description and the command line's client are all built from it.
"""

from typing import Any
from urllib.parse import quote

from ..scheduling.shown import RunAnswer
from ..steering.answers import (
    BackfillAnswer,
    ExplainAnswer,
    HealthAnswer,
    RunsAnswer,
    ScheduleAnswer,
    SchedulesAnswer,
    SubmitAnswer,
)
from ..steering.published_body import PublishedBody, with_known_keys
from ..steering.questions import (
    BackfillBody,
    ExplainQuery,
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
from .route import Answered, Asked, Described, Route


def _trigger(steering: Steering, asked: Asked[TriggerBody, NoQuery]) -> Answered[RunAnswer]:
    run, is_new = steering.trigger(asked.name, asked.body)
    return Answered(run, 202 if is_new else 200)


def _submit(steering: Steering, asked: Asked[PublishedBody, NoQuery]) -> Answered[SubmitAnswer]:
    told, is_accepted = steering.submit(asked.name, asked.body, asked.request_id)
    return Answered(told) if is_accepted else Answered(told, 202, f"runs/{quote(told.key, safe='')}")


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
    statuses={200: "All schedules"},
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
    statuses={202: "A new run", 200: "The run that an earlier call with this `request_id` started"},
    handle=_trigger,
    refusals=(403, 404, 409, 413),
)

SUBMIT = Route(
    function="api_submit",
    method="POST",
    path="schedules/{schedule}/submit",
    summary="Start a run with the body of the published pipeline's own endpoint",
    body=PublishedBody,
    query=NoQuery,
    answer=SubmitAnswer,
    statuses={
        200: "Azure ML has accepted the run",
        202: "Not accepted yet; poll Location, or repeat the request with the same Idempotency-Key",
    },
    handle=_submit,
    refusals=(403, 404, 409, 413),
    read=with_known_keys,
)

EXPLAIN = Route(
    function="api_explain",
    method="GET",
    path="schedules/{schedule}/explain",
    summary="Why something did or did not start: a time, a file, or the run after another one",
    body=NoBody,
    query=ExplainQuery,
    answer=ExplainAnswer,
    statuses={200: "The decisions, in their order"},
    handle=lambda steering, asked: Answered(steering.explain(asked.name, asked.query)),
    refusals=(404, 409),
)

PAUSE = Route(
    function="api_pause",
    method="POST",
    path="schedules/{schedule}/pause",
    summary="Pause a schedule; its occurrences are skipped, not queued",
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
    statuses={200: "What is started, and what does not need a new run"},
    handle=lambda steering, asked: Answered(steering.backfill(asked.name, asked.body)),
    refusals=(404, 409, 413),
)

RUNS = Route(
    function="api_runs",
    method="GET",
    path="runs",
    summary="Runs, newest first; a page may be empty and still have a continuation",
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
    statuses={200: "The run", 202: "The run, which has not ended; poll again after Retry-After"},
    handle=_run,
    refusals=(404,),
)

REPLAY = Route(
    function="api_replay",
    method="POST",
    path="runs/{key}/replay",
    summary="Start another run for the same occurrence",
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
    summary="Cancel a run; a submitted one is canceled in Azure ML",
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
    SUBMIT,
    EXPLAIN,
    PAUSE,
    RESUME,
    BACKFILL,
    RUNS,
    RUN,
    REPLAY,
    CANCEL,
)


HEALTH = Described(
    function="api_health",
    method="GET",
    path="health",
    summary="Whether the app works",
    answer=HealthAnswer,
    statuses={200: "It works", 503: "Something is wrong; the answer says what"},
)

DESCRIBED: tuple[Route[Any, Any, Any] | Described, ...] = (*ROUTES, HEALTH)
"""All routes that the API's description contains."""
