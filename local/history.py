"""Fills a machine's ledger with a week of made-up history, so that the dashboard has something to show.

Rows are written through the ledger as the app does, with legal transitions only. A repeat finds the existing rows and
changes nothing.
"""

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from triggers.ledger.ledger import Ledger
from triggers.scheduling.batch import BatchFacts, batch_key
from triggers.scheduling.change import BlobChange
from triggers.scheduling.config import ChangeSchedule, Config, Schedule, TimeSchedule
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_keys import change_key, replay_key, request_key, time_key
from triggers.scheduling.run_request import build_request
from triggers.scheduling.times.occurrences import between
from triggers.starting.occurrence import time_occurrence
from triggers.steering.pausing import pause

WEEK: Final = timedelta(days=7)
PAUSED: Final = "refresh-embeddings"
_MOST: Final = 200
_STUDIO: Final = (
    "https://ml.azure.com/runs/{run_id}?wsid=/subscriptions/00000000-0000-0000-0000-000000000001"
    "/resourcegroups/rg1/workspaces/ws1"
)
_LIVES: Final[Mapping[tuple[str, int], str]] = {
    ("nightly-training", 0): "running",
    ("nightly-training", 3): "failed",
    ("hourly-features", 0): "unsent",
    ("hourly-features", 9): "skipped:superseded",
    ("hourly-features", 10): "skipped:catchup",
    ("hourly-features", 11): "dead",
    ("hourly-features", 60): "canceled",
    ("drift-report", 0): "unknown",
    ("score-uploads", 0): "running",
    ("score-uploads", 4): "skipped:content_unchanged",
    ("score-uploads", 11): "failed",
    ("score-uploads", 17): "skipped:filtered",
    ("gather-sensors", 2): "untracked",
}
"""(Schedule, number) → what happened to that run; 0 is the newest. Most of the others have finished."""


def fill(ledger: Ledger, config: Config, now: datetime, span: timedelta = WEEK) -> int:
    """Write the history of the span before now; returns the number of new runs."""
    runs = [run for schedule in config.schedules.values() for run in _runs(schedule, now, span)]
    for name in config.schedules:
        ledger.register(name, now)
    if PAUSED in config.schedules:
        pause(ledger, PAUSED, now - timedelta(hours=20), "The shop's catalogue moves, until Friday", "ann")
    with ThreadPoolExecutor(8) as pool:
        return sum(written is not None for written in pool.map(ledger.insert, runs))


def _runs(schedule: Schedule, now: datetime, span: timedelta) -> Iterator[Run]:
    """A schedule's runs, newest first, including those that people requested."""
    if isinstance(schedule, ChangeSchedule):
        claimed = [_of_change(schedule, at, number) for number, at in enumerate(_office_hours(schedule, now, span))]
    elif not isinstance(schedule, TimeSchedule):
        claimed = []
    else:
        ends = now - timedelta(minutes=2)
        every = list(between(schedule.trigger, ends - span, ends))
        minutely = len(every) > 1000
        claimed = [_of_time(schedule, at) for at in reversed(every[-12:] if minutely else every[-_MOST:])]
    for number, run in enumerate(claimed):
        lived = _lived(schedule, run, _life(schedule, run, number, now), now)
        yield lived
        if lived.state is RunState.FAILED:
            yield _replayed(schedule, lived, now)
    if schedule.name == "nightly-training":
        key, at = request_key(schedule.name, "before-the-audit"), now - timedelta(hours=5, minutes=12)
        asked = replace(_of_time(schedule, at), key=key, kind=RunKind.REQUEST, by_person=True)
        told = replace(asked, request_id="before-the-audit", requested_by="ann", note="The audit wants today's figures")
        yield _lived(schedule, told, "finished", now)


def _of_time(schedule: Schedule, at: datetime) -> Run:
    return Run(
        key=time_key(schedule.name, at),
        schedule=schedule.name,
        kind=RunKind.TIME,
        state=RunState.WAITING,
        created_at=at + timedelta(seconds=1),
        pipeline=schedule.pipeline,
        nominal_time=at,
    )


def _of_change(schedule: ChangeSchedule, at: datetime, number: int) -> Run:
    trigger = schedule.trigger
    name = f"{at:%Y/%m/%d}/readings-{number:03}.jsonl" if schedule.batch else f"orders-{at:%Y-%m-%d}-{number:03}.csv"
    blob = BlobChange(
        host="account.blob.core.windows.net",
        container=trigger.container,
        path=f"{trigger.folder}/{name}",
        etag=f"0x{sha256(name.encode()).hexdigest()[:14].upper()}",
        size=18_000 + 991 * (number % 37),
        last_modified=at,
    )
    run = replace(_of_time(schedule, at), key=change_key(schedule.name, blob), kind=RunKind.CHANGE, blob=blob)
    if schedule.batch is None:
        return run
    facts = BatchFacts(group=blob.folder, count=3 + number % 29, manifest=None)
    key = batch_key(schedule.name, blob.folder, blob.etag)
    return replace(run, key=key, kind=RunKind.BATCH, blob=None, batch=facts)


def _office_hours(schedule: Schedule, now: datetime, span: timedelta) -> list[datetime]:
    """The times at which files arrive, newest first; more of them during the day."""
    chance = random.Random(schedule.name)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (day - timedelta(days=number) for number in range(span.days + 1))
    minutes = [one + timedelta(minutes=chance.gauss(780, 170)) for one in days for _ in range(16)]
    # The same number for each day, whatever the hour is now: during a day, only the newest end of the list changes.
    past = (one.replace(microsecond=0) for one in minutes if now - span < one < now - timedelta(minutes=3))
    return sorted(past, reverse=True)


def _life(schedule: Schedule, run: Run, number: int, now: datetime) -> str:
    if not schedule.enabled:
        return "skipped:disabled"
    if schedule.name == PAUSED and run.created_at > now - timedelta(hours=20):
        return "skipped:paused"
    if schedule.pipeline == "gone":
        return "rejected" if number < 3 else "finished"
    if (schedule.name, number) in _LIVES:
        return _LIVES[schedule.name, number]
    return "failed" if random.Random(run.key).random() < 0.02 else "finished"


def _lived(schedule: Schedule, run: Run, life: str, now: datetime) -> Run:
    """The run, in the state that `life` names."""
    state, _, reason = life.partition(":")
    chance = random.Random(run.key)
    at = run.created_at
    if state == "skipped":
        return replace(run, state=RunState.SKIPPED, reason=reason, ended_at=at).first(at)
    nominal = run.nominal_time or at
    request = build_request(schedule, replace(run, nominal_time=nominal))
    due_at = time_occurrence(schedule, nominal).due_at if isinstance(schedule, TimeSchedule) else None
    run = replace(run, request=request, due_at=due_at).first(at)
    attempts = {"unsent": 4, "dead": 185}.get(state, 1)
    run = run.to(RunState.SUBMITTING, at + timedelta(seconds=1), attempts=attempts, claim_id=_guid(run.key + "claim"))
    ended = min(at + timedelta(seconds=chance.randint(240, 4200)), now - timedelta(minutes=1))
    if state == "unsent":
        sentence = "the service answered 429: too many requests; Retry-After is respected"
        return run.to(RunState.UNSENT, at, error=sentence, next_attempt_at=now + timedelta(minutes=14))
    if state == "unknown":
        return run.to(RunState.UNKNOWN, at + timedelta(seconds=31), error="no answer within 30 s, it may have started")
    if state == "rejected":
        sentence = "the service answered 404: UserError: Pipeline 1111…-deleted not found"
        return run.to(RunState.REJECTED, at + timedelta(seconds=2), error=sentence, ended_at=at + timedelta(seconds=2))
    if state == "dead":
        sentence = "the service answered 403: the identity has no role on the workspace"
        run = run.to(RunState.UNSENT, at + timedelta(seconds=2), error=sentence)
        return run.to(RunState.DEAD, ended, error=f"{sentence}; 185 attempts were made", ended_at=ended)
    run_id = _guid(run.key)
    known = {"run_id": run_id, "studio_url": _STUDIO.format(run_id=run_id)}
    begun = at + timedelta(seconds=3)
    run = run.to(RunState.SUBMITTED, begun, submitted_at=begun, azureml_status="Running", **known)
    if state == "running":
        return run
    words = {"finished": "Completed", "failed": "Failed", "canceled": "Canceled", "untracked": None}
    told = {"failed": "Azure ML: step train: the process exited with 137", "canceled": "canceled by ben: wrong window"}
    return run.to(RunState(state), ended, azureml_status=words[state], ended_at=ended, error=told.get(state))


def _replayed(schedule: Schedule, run: Run, now: datetime) -> Run:
    """A person's replay of a failed run, half an hour later."""
    key, at = replay_key(run.key, 1), min((run.ended_at or now) + timedelta(minutes=30), now - timedelta(minutes=4))
    again = replace(_of_time(schedule, at), key=key, kind=RunKind.REPLAY, nominal_time=run.nominal_time, blob=run.blob)
    asked = replace(again, replay_of=run.key, requested_by="ben", note="With more memory", by_person=True)
    return _lived(schedule, asked, "finished", now)


def _guid(text: str) -> str:
    return str(UUID(bytes=sha256(text.encode()).digest()[:16]))
