"""A run as shown: in answers of the API and in webhooks."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from .batch import BatchFacts
from .instants import iso_utc, iso_utc_or_none
from .replacing import replace
from .run import FIRST_EVENTS, Run
from .run_request import RunRequest
from .templates import readable
from .upstream import Upstream

Utc: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, description="UTC, with Z")]
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class BlobAnswer(Struct, frozen=True, kw_only=True):
    """One version of a blob."""

    container: str
    path: str
    etag: str
    size: Count
    last_modified: Utc


class BatchAnswer(Struct, frozen=True, kw_only=True):
    """Many changes in one run."""

    group: str
    count: Count
    manifest: str | None
    missing: list[str]
    """The globs of an incomplete set for which no file had come."""


class RequestAnswer(Struct, frozen=True, kw_only=True):
    """The request that was sent to start a run, or will be; app settings are not filled in."""

    experiment_name: str
    description: str | None
    tags: dict[str, str]
    pipeline_parameters: dict[str, str]
    datapaths: dict[str, dict[str, str]]
    """Name → datastore and path."""
    datasets: dict[str, dict[str, str]]
    """Name → id, or name and version."""
    parent_run_id: str | None


class UpstreamAnswer(Struct, frozen=True, kw_only=True):
    """The run after which a chained one starts."""

    key: str
    schedule: str
    run_id: str | None


class RerunsAnswer(Struct, frozen=True, kw_only=True):
    """A run's place among the attempts that the app makes by itself."""

    number: Count
    """0 for the first attempt, which a rerun follows."""
    of: str
    """The key of the first attempt."""
    attempts: Count
    """How many reruns there may be."""
    next_at: Utc | None
    """When the rerun that follows this run's end is due."""


class EventAnswer(Struct, frozen=True, kw_only=True):
    """One line of a run's history; a line without time and state gives the number of lines left out."""

    at: Utc | None
    state: str | None
    reason: str | None


class RunAnswer(Struct, frozen=True, kw_only=True):
    """One occurrence and what became of it; absent values are null."""

    key: str
    schedule: str
    kind: str
    state: str
    reason: str | None
    nominal_time: Utc | None
    moved_from: Utc | None
    """The occurrence of an excluded day that runs at this time instead."""
    due_at: Utc | None
    blob: BlobAnswer | None
    batch: BatchAnswer | None
    pipeline: str
    run_id: str | None
    studio_url: str | None
    azureml_status: str | None
    attempts: Count
    next_attempt_at: Utc | None
    created_at: Utc
    submitted_at: Utc | None
    ended_at: Utc | None
    replay_of: str | None
    upstream: UpstreamAnswer | None
    reruns: RerunsAnswer | None
    request_id: str | None
    requested_by: str | None
    note: str | None
    error: str | None
    history: list[EventAnswer]
    downstream: list[str] = []
    """The keys of the runs that started after this one; only in the answer for a single run."""
    request: RequestAnswer | None = None
    """Only in the answer for a single run; null for a run that is never sent."""


def whole_answer(run: Run) -> RunAnswer:
    """A run as shown by itself: with its request."""
    return replace(run_answer(run), request=_request_answer(run.request))


def run_answer(run: Run) -> RunAnswer:
    """A run as shown."""
    blob, batch = run.blob, run.batch
    return RunAnswer(
        key=run.key,
        schedule=run.schedule,
        kind=run.kind.value,
        state=run.state.value,
        reason=run.reason,
        nominal_time=iso_utc_or_none(run.nominal_time),
        moved_from=iso_utc_or_none(run.moved_from),
        due_at=iso_utc_or_none(run.due_at),
        blob=None
        if blob is None
        else BlobAnswer(
            container=blob.container,
            path=blob.path,
            etag=blob.etag,
            size=blob.size,
            last_modified=iso_utc(blob.last_modified),
        ),
        batch=None if batch is None else _batch_answer(batch),
        pipeline=run.pipeline,
        run_id=run.run_id,
        studio_url=run.studio_url,
        azureml_status=run.azureml_status,
        attempts=run.attempts,
        next_attempt_at=iso_utc_or_none(run.next_attempt_at),
        created_at=iso_utc(run.created_at),
        submitted_at=iso_utc_or_none(run.submitted_at),
        ended_at=iso_utc_or_none(run.ended_at),
        replay_of=run.replay_of,
        upstream=_upstream_answer(run.upstream),
        reruns=_reruns_answer(run),
        request_id=run.request_id,
        requested_by=run.requested_by,
        note=run.note,
        error=run.error,
        history=history_of(run),
    )


def _request_answer(request: RunRequest | None) -> RequestAnswer | None:
    """A run's request in readable form."""
    if request is None:
        return None
    datasets = {
        name: {"id": one.id, "name": one.name, "version": one.version} for name, one in request.datasets.items()
    }
    return RequestAnswer(
        experiment_name=readable(request.experiment_name),
        description=None if request.description is None else readable(request.description),
        tags=_readable(request.tags),
        pipeline_parameters=_readable(request.pipeline_parameters),
        datapaths={
            readable(name): {"datastore": readable(one.datastore), "path": readable(one.path)}
            for name, one in request.datapaths.items()
        },
        datasets={
            readable(name): {key: readable(text) for key, text in one.items() if text is not None}
            for name, one in datasets.items()
        },
        parent_run_id=None if request.parent_run_id is None else readable(request.parent_run_id),
    )


def _readable(texts: Mapping[str, str]) -> dict[str, str]:
    return {readable(name): readable(text) for name, text in texts.items()}


def _batch_answer(batch: BatchFacts) -> BatchAnswer:
    missing = list(batch.missing or ())
    return BatchAnswer(group=batch.group, count=batch.count, manifest=batch.manifest, missing=missing)


def _upstream_answer(upstream: Upstream | None) -> UpstreamAnswer | None:
    if upstream is None:
        return None
    return UpstreamAnswer(key=upstream.key, schedule=upstream.schedule, run_id=upstream.run_id)


def _reruns_answer(run: Run) -> RerunsAnswer | None:
    if run.reruns is None:
        return None
    return RerunsAnswer(
        number=run.reruns.number,
        of=run.replay_of or run.key,
        attempts=run.reruns.attempts,
        next_at=iso_utc_or_none(run.reruns.next_at),
    )


def history_of(run: Run) -> list[EventAnswer]:
    """A run's history; events that were left out are replaced by a line with their number."""
    told = [EventAnswer(at=iso_utc(one.at), state=one.state.value, reason=one.reason) for one in run.history]
    if run.events_left_out:
        told.insert(FIRST_EVENTS, EventAnswer(at=None, state=None, reason=f"{run.events_left_out} events left out"))
    return told
