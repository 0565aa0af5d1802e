"""Builders for the objects that tests use."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings

from triggers.azureml.wire import CutOff, Reply
from triggers.engine import Engine as WiredEngine
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.sweeps import Sweeps
from triggers.pace import Pace
from triggers.reconciling.open_runs import OpenRuns
from triggers.reconciling.reconciliation import Reconciliation
from triggers.scheduling.change import BlobChange, FoundBlob
from triggers.scheduling.config import ChangeSchedule, Config, Schedule, TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.outcome import Answer, FoundRun, LookUp, Outcome, Seen
from triggers.scheduling.overlap import OpenRun
from triggers.scheduling.run import Run
from triggers.scheduling.run_request import RunRequest, Submission
from triggers.scheduling.run_states import OPEN_STATES
from triggers.starting.reported_changes import Changes
from triggers.steering.answers import HealthAnswer
from triggers.storage.blobs import BlobUnavailable, Page

ADDRESS = (
    "https://westeurope.api.azureml.ms/pipelines/v1.0/subscriptions/s/resourceGroups/g"
    "/providers/Microsoft.MachineLearningServices/workspaces/w/PipelineRuns/PipelineSubmit/1"
)
"""A submit URL as the studio shows it."""
SETTINGS = {"ENDPOINT": ADDRESS}

TIME = "cron: {expression: '0 4 * * *'}"
API = [
    "api_health",
    "api_openapi",
    "api_dashboard",
    "api_schedules",
    "api_schedule",
    "api_trigger",
    "api_submit",
    "api_explain",
    "api_pause",
    "api_resume",
    "api_backfill",
    "api_runs",
    "api_run",
    "api_replay",
    "api_cancel",
]
"""The HTTP functions of the app."""
CHANGE = "change: {datastore: blobs, container: data, path_on_datastore: incoming, data_path_parameter_name: input}"


EMPTY_HEALTH = HealthAnswer(
    status="ok",
    version="1",
    faults=[],
    warnings=[],
    ledger="ok",
    oldest_open=None,
    last_reconcile=None,
    counts={},
    missed_by_events={},
)
"""Health before the ledger was read."""


def examples(usual: int) -> int:
    """Number of examples for a law; the profile of `make proof` raises it."""
    wanted = settings().max_examples
    return wanted if wanted > 100 else usual


def config(text: str, settings: Mapping[str, str] | None = None) -> Config:
    """The Config of a complete file."""
    return load(text, "schedules.yaml", SETTINGS if settings is None else settings)


def sentences(text: str, settings: Mapping[str, str] | None = None) -> list[str]:
    """The errors of a complete file, as `path: message`."""
    return [f"{fault.path}: {fault.message}" for fault in config(text, settings).faults]


def file_of(schedule: str, *, name: str = "s", pipeline: str = '{endpoint: "%ENDPOINT%"}', top: str = "") -> str:
    """A file with one pipeline and one schedule, whose keys are given as YAML lines."""
    lines = "".join(f"\n    {line}" for line in schedule.splitlines())
    return f"{top}\npipelines:\n  p: {pipeline}\nschedules:\n  {name}:\n    pipeline: p{lines}\n"


def schedule(keys: str = TIME, *, name: str = "s", pipeline: str = '{endpoint: "%ENDPOINT%"}', top: str = "") -> Any:
    """One valid schedule, of the kind given by its keys."""
    loaded = config(file_of(keys, name=name, pipeline=pipeline, top=top))
    assert not loaded.faults, [str(fault) for fault in loaded.faults]
    return loaded.schedules[name]


def timed(keys: str = TIME, **more: str) -> TimeSchedule:
    """A time-based schedule."""
    found = schedule(keys, **more)
    assert isinstance(found, TimeSchedule)
    return found


def watching(keys: str = CHANGE, **more: str) -> ChangeSchedule:
    """A change-based schedule."""
    found = schedule(keys, **more)
    assert isinstance(found, ChangeSchedule)
    return found


def utc(text: str) -> datetime:
    """`2026-11-01T04:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def change(path: str = "incoming/a.csv", etag: str = "0x1", **other: object) -> BlobChange:
    """A version of a blob."""
    values: dict[str, object] = {
        "host": "account.blob.core.windows.net",
        "container": "data",
        "size": 10,
        "last_modified": utc("2026-11-01T04:00"),
    }
    return BlobChange(path=path, etag=etag, **{**values, **other})  # type: ignore[arg-type]  # test values


def found(
    path: str = "incoming/a.csv",
    etag: str = "0x1",
    *,
    md5: str | None = None,
    created: datetime | None = None,
    **other: object,
) -> FoundBlob:
    """A blob as its properties or a listing show it."""
    return FoundBlob(
        change=change(path, etag, **other), content_md5=md5, copy_status=None, is_folder=False, created=created
    )


def open_runs(ledger: Ledger, schedule: str) -> Iterator[Run]:
    """The open runs of a schedule, read one after the other."""
    keys = [one.key for one in ledger.open_work(schedule) if isinstance(one, OpenRun)]
    return (run for key in keys for run in ledger.runs([key]) if run.state in OPEN_STATES)


class HandClock:
    """A clock that moves only when a test moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._server_start = now - timedelta(seconds=1000)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def since_boot(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.pass_time(timedelta(seconds=seconds))

    def server_now(self) -> datetime:
        """The clock of the ledger's store: always right, even if this clock is changed."""
        return self._server_start + timedelta(seconds=self._monotonic)

    def pass_time(self, time: timedelta) -> None:
        self._now += time
        self._monotonic += time.total_seconds()


class ScriptedEndpoint:
    """An endpoint that accepts everything, unless the test sets the next outcomes."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.accepted: list[tuple[str, str]] = []
        """Keys and run ids of the accepted runs that were answered, in order."""
        self.next_outcomes: list[Outcome] = []
        self.before_sending: Callable[[], None] = lambda: None
        self.before_the_reply: Callable[[], None] = lambda: None
        self.at = "here"
        self.lacks: str | None = None
        self.unreachable = False

    def is_unreachable(self, request: RunRequest) -> bool:
        return self.unreachable

    def obstacle(self, request: RunRequest) -> str | None:
        return self.lacks

    def place(self, request: RunRequest) -> str | None:
        return self.at

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        self.before_sending()
        if not is_fresh():
            return Outcome(answer=Answer.UNSENT, sentence="too late")
        self.submissions.append(submission)
        self.before_the_reply()
        if self.next_outcomes:
            return self.next_outcomes.pop(0)
        run_id = f"run-{len(self.submissions)}"
        self.accepted.append((submission.run_key, run_id))
        return Outcome(answer=Answer.SUBMITTED, run_id=run_id)

    @property
    def keys(self) -> list[str]:
        return [submission.run_key for submission in self.submissions]


class ScriptedHistory:
    """Run history that knows what the endpoint accepted, unless it is unreachable or lags behind."""

    def __init__(self, endpoint: ScriptedEndpoint) -> None:
        self._endpoint = endpoint
        self.away = False
        self.knows_up_to: int | None = None
        self.accepted_silently: dict[str, list[str | FoundRun]] = {}
        """Run ids by key of runs that the service accepted without the caller getting an answer."""
        self.asked: list[str] = []
        self.is_proof = False
        self.answer: LookUp | None = None
        """The answer for every run, if set."""
        self.answers: dict[str, LookUp] = {}
        """Answers for single runs, by key."""

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        self.asked.append(run_key)
        given = self.answers.get(run_key, self.answer)
        if given is not None:
            return given
        if self.away:
            return LookUp(sentence="history is away", is_away=True)
        told = self._endpoint.accepted[: self.knows_up_to]
        found = [run_id for key, run_id in told if key == run_key]
        run_ids = (*found, *self.accepted_silently.get(run_key, []))
        runs = tuple(one if isinstance(one, FoundRun) else FoundRun(one) for one in run_ids)
        return LookUp(complete=True, runs=runs, is_proof=self.is_proof and not runs)


class MemoryBlobs:
    """A container in memory, listed in pages."""

    def __init__(self, page_size: int = 5000) -> None:
        self.present: dict[str, FoundBlob] = {}
        self.written: dict[str, bytes] = {}
        """Manifests, by path."""
        self.away: str | None = None
        """Why the container cannot be reached; None if it can."""
        self._page_size = page_size

    def put(self, found: FoundBlob) -> None:
        self.present[found.change.path] = found

    def of(self, connection: str, container: str, path: str) -> FoundBlob | None:
        if self.away:
            raise BlobUnavailable(self.away)
        return self.present.get(path)

    def host(self, connection: str) -> str:
        return "account.blob.core.windows.net"

    def account(self, connection: str) -> str:
        return "account"

    def reach(self, connection: str, container: str) -> None:
        if self.away:
            raise BlobUnavailable(self.away)

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        self.reach(connection, container)
        prefix = f"{folder}/" if folder else ""
        paths = sorted(
            path
            for path in self.present
            if path.startswith(prefix)
            and (recursive or "/" not in path[len(prefix) :])
            and path >= (continuation or "")
        )
        rest = paths[self._page_size :]
        return Page([self.present[path] for path in paths[: self._page_size]], rest[0] if rest else None)

    def write(self, connection: str, container: str, path: str, content: bytes) -> None:
        self.written[path] = content


class ScriptedHook:
    """A webhook with scripted answers; afterwards it accepts everything."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.is_silent = False

    def prepared(self, url: str, data: bytes, *, content_type: str, audience: None) -> Callable[[], Reply]:
        assert (content_type, audience) == ("application/cloudevents+json", None)

        def call() -> Reply:
            self.received.append((url, json.loads(data)))
            if self.is_silent:
                raise CutOff("it had not answered when the patience ended")
            return Reply(self.statuses.pop(0) if self.statuses else 204, {}, b"")

        return call


class ScriptedService:
    """The part of Azure ML that reports and cancels submitted runs; they run until a test changes their status."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        """Status by run id or by key."""
        self.asked: list[str] = []
        self.asked_for_many: list[int] = []
        self.unlisted: set[str] = set()
        """Run ids that run history does not list."""
        self.canceled: list[str] = []
        self.refusal: str | None = None

    def of(self, run: Run) -> Seen:
        self.asked.append(run.key)
        return self.seen.get(str(run.run_id)) or self.seen.get(run.key) or Seen(status="Running")

    def still_running(self, request: RunRequest, ledger_id: str, run_ids: Collection[str]) -> Collection[str]:
        self.asked_for_many.append(len(run_ids))
        return {one for one in run_ids if one not in self.seen and one not in self.unlisted}

    def cancel(self, run: Run) -> str | None:
        self.canceled.append(run.key)
        return self.refusal


class ScriptedDevOps:
    """Azure DevOps with scripted answers; afterwards it accepts everything."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[tuple[str, dict[str, Any], str]] = []
        self.is_silent = False

    def prepared(self, url: str, data: bytes, *, headers: Mapping[str, str], audience: None) -> Callable[[], Reply]:
        assert audience is None

        def call() -> Reply:
            self.received.append((url, json.loads(data), headers["Authorization"]))
            if self.is_silent:
                raise CutOff("it had not answered when the patience ended")
            return Reply(self.statuses.pop(0) if self.statuses else 204, {}, b"")

        return call

    def in_time(self, call: Callable[[], Reply]) -> Reply:
        return call()


@dataclass
class Outside:
    """Everything that an engine calls, except the ledger."""

    endpoint: Any
    history: Any
    blobs: Any = field(default_factory=MemoryBlobs)
    status: Any = field(default_factory=ScriptedService)
    cancellation: Any = field(default_factory=ScriptedService)
    webhook_wire: Any = field(default_factory=ScriptedHook)
    callback_wire: Any = field(default_factory=ScriptedDevOps)


class Engine:
    """An engine with a ledger in memory, a scripted endpoint and a manual clock."""

    def __init__(self, now: datetime) -> None:
        self.clock = HandClock(now)
        self.started_at = now
        self.ledger = Ledger(MemoryTable(self.clock.server_now))
        self.endpoint = ScriptedEndpoint()
        self.history = ScriptedHistory(self.endpoint)
        self.blobs = MemoryBlobs()
        self.hook = ScriptedHook()
        self.service = ScriptedService()
        self.devops = ScriptedDevOps()
        self.firing = self.wired().firing

    @property
    def rows(self) -> ChangeLedger:
        return ChangeLedger(self.ledger)

    @property
    def sweeps(self) -> Sweeps:
        return Sweeps(self.ledger)

    @property
    def changes(self) -> Changes:
        return Changes(
            blobs=self.blobs,
            ledger=self.ledger,
            rows=self.rows,
            firing=self.firing,
            lives=self.wired().lives,
            silences=self.wired().silences,
            clock=self.clock,
            retention=timedelta(days=90),
        )

    def life(self, of: Schedule) -> str:
        """The id of a schedule's life."""
        return self.wired().lives.id_of(of)

    def report(self, of: ChangeSchedule, path: str, *, polled: bool = False) -> bool:
        """Report a blob to a schedule, like an event or a poll."""
        return self.changes.report(of, "data", path, polled=polled)

    def wired(
        self, *schedules: Schedule, left_out: tuple[str, ...] = (), callback_hosts: tuple[str, ...] = ()
    ) -> "WiredEngine":
        """The engine of a process, wired as in the app, with these schedules in the file."""
        return WiredEngine(
            config=Config(
                schedules={one.name: one for one in schedules},
                faults=(),
                left_out=left_out,
                settings={},
                file="",
                lines={},
            ),
            ledger=self.ledger,
            outside=Outside(
                endpoint=self.endpoint,
                history=self.history,
                blobs=self.blobs,
                status=self.service,
                cancellation=self.service,
                webhook_wire=self.hook,
                callback_wire=self.devops,
            ),
            clock=self.clock,
            started_at=self.started_at,
            pace=Pace(),
            spread=lambda: 0.0,
            callback_hosts=callback_hosts,
        )

    def with_new_process(self) -> "Engine":
        """Another process with the same ledger, endpoint and clock."""
        other = Engine(self.clock.now())
        other.clock, other.ledger, other.endpoint, other.history = self.clock, self.ledger, self.endpoint, self.history
        other.blobs, other.hook, other.service, other.devops = self.blobs, self.hook, self.service, self.devops
        other.firing = other.wired().firing
        return other

    @property
    def open_runs(self) -> OpenRuns:
        return self.wired().open_runs

    def reconcile(self, *schedules: Schedule, left_out: tuple[str, ...] = ()) -> None:
        """Run one pass with these schedules in the file."""
        self.reconciliation(*schedules, left_out=left_out).run_pass()

    def reconciliation(self, *schedules: Schedule, left_out: tuple[str, ...] = ()) -> Reconciliation:
        """The reconciler of a process, with these schedules in the file."""
        return self.wired(*schedules, left_out=left_out).reconciliation

    def states(self, name: str = "s") -> dict[str, str]:
        """Every run of the schedule with its state, and the reason if it was skipped."""
        runs = self.ledger.recent_runs(name, 10_000)
        return {run.key: f"{run.state.value} {run.reason}" if run.reason else run.state.value for run in runs}
