"""A hanging pipeline does not delay its neighbors: a healthy schedule is processed within two passes.

It runs in simulated time, with the app's number of threads, so a minute of waiting costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from builders import Outside, config

from triggers.clock import LeftAlone
from triggers.engine import Engine
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.pace import Pace
from triggers.scheduling.change import change_digest
from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_request import RunRequest, Submission, build_request
from triggers.starting.occurrence import Occurrence

from .parts import Container, Service, SimBlobs, SimClock, SimHistory, SimService, SimThreads
from .world import Instance, Rates, World

pytestmark = pytest.mark.simulation
THREADS = 16
HEALTHY = """
  zz-healthy: {pipeline: healthy, cron: {expression: "0 0 1 1 *"}}
  zz-uploads:
    pipeline: healthy
    change: {datastore: d, container: ccc, data_path: folder, data_path_parameter_name: input}
    batch: {quiet: 1m}
"""


@dataclass(frozen=True)
class Neighbours:
    """An endpoint with several hosts, some of which hang."""

    world: World
    instance: Instance
    service: Service
    unreachable: LeftAlone
    host_of: Callable[[str], str]
    connects: bool

    def place(self, request: RunRequest) -> str | None:
        return request.target.name

    def obstacle(self, request: RunRequest) -> str | None:
        return None

    def is_unreachable(self, request: RunRequest) -> bool:
        name = request.target.name
        return "healthy" not in name and bool(self.unreachable.still(self.host_of(name)))

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        name = submission.request.target.name
        if "healthy" in name:
            self.world.sleep(self.instance, 0.3)
            return Outcome(answer=Answer.SUBMITTED, run_id=self.service.accept(submission).run_id)
        if self.connects:
            self.world.sleep(self.instance, 120)
            return Outcome(answer=Answer.UNKNOWN, sentence="no answer", is_silence=True)
        self.world.sleep(self.instance, 10)
        self.unreachable.did_not_answer(self.host_of(name), timedelta(seconds=45))
        return Outcome(answer=Answer.UNSENT, sentence="no connection")


@pytest.mark.parametrize(
    ("schedules", "host_of", "connects"),
    [
        pytest.param(100, lambda name: "one", False, id="one host that accepts no connection"),
        pytest.param(100, lambda name: name, False, id="a hundred hosts that accept no connection"),
        pytest.param(60, lambda name: name, True, id="sixty pipelines that never answer"),
    ],
)
def test_a_healthy_schedule_is_processed_within_two_passes(
    schedules: int, host_of: Callable[[str], str], *, connects: bool
) -> None:
    world = World(1, Rates().none())
    instance, service, container = Instance("i", 0.0, 0.0), Service(world), Container(world)
    clock = SimClock(world, instance)
    ledger = Ledger(MemoryTable(lambda: world.time))
    endpoint = Neighbours(world, instance, service, LeftAlone(clock), host_of, connects)
    status = SimService(world, instance, service)
    engine = Engine(
        config=config(file_of(schedules)),
        ledger=ledger,
        outside=Outside(
            endpoint=endpoint,
            history=SimHistory(world, instance, service),
            blobs=SimBlobs(world, instance, container),
            status=status,
            cancellation=status,
        ),
        clock=clock,
        started_at=clock.now(),
        pace=Pace(),
        spread=lambda: 0.0,
    )
    play(world, instance, lambda: prepare(engine, service, container, schedules), 120)

    for _ in range(2):
        threads = SimThreads(world, instance, THREADS)
        play(world, instance, lambda: engine.reconciliation.run_pass(threads), 420)  # noqa: B023  played at once

    states = {run.key: run.state for run in ledger.recent_runs("zz-healthy", 10)}
    assert states["zz-healthy!again"] in _ACCEPTED
    assert states["zz-healthy!ended"] is RunState.FINISHED
    (change,) = (one.change for one in container.present.values())
    batch = engine.change_ledger.batch_of("zz-uploads", change_digest(change))
    assert batch
    assert [run.key for run in ledger.recent_runs("zz-uploads", 10) if run.state in _ACCEPTED] == [batch]


_ACCEPTED = {RunState.SUBMITTED, RunState.FINISHED}


def file_of(schedules: int) -> str:
    """A file with hanging schedules, each with its own pipeline, and the healthy schedules after them."""
    names = [f"h{number:03}" for number in range(schedules)]
    pipelines = "".join(f"  {name}: {{endpoint: 'https://{name}.api.azureml.ms/x'}}\n" for name in names)
    hanging = "".join(f"  {name}: {{pipeline: {name}, cron: {{expression: 0 0 1 1 *}}}}\n" for name in names)
    healthy = "  healthy: {endpoint: 'https://healthy.api.azureml.ms/x'}\n"
    return f"pipelines:\n{pipelines}{healthy}schedules:\n{hanging}{HEALTHY[1:]}"


def prepare(engine: Engine, service: Service, container: Container, schedules: int) -> None:
    """Add 20 runs to resend per hanging schedule, and for the healthy ones one such run, an ended run and an upload."""
    now = engine.clock.now()
    engine.lives.renew(engine.config.schedules.values(), engine.ledger.lives(), now)
    for number in range(schedules):
        for run in range(20):
            engine.ledger.insert(held_back(engine, f"h{number:03}", str(run)).first(now))
    engine.ledger.insert(held_back(engine, "zz-healthy", "again").first(now))
    ended = replace(held_back(engine, "zz-healthy", "ended"), state=RunState.SUBMITTED, run_id="run-1")
    engine.ledger.insert(replace(ended, submitted_at=now).first(now))
    assert ended.request is not None
    submission = Submission(request=ended.request, run_key=ended.key, ledger_id="", attempt="")
    service.accepted.append(replace(service.accept(submission), ends_at=1.0))
    del service.accepted[0]
    container.upload("a.csv")
    uploads = engine.config.schedules["zz-uploads"]
    assert isinstance(uploads, ChangeSchedule)
    engine.changes.report(uploads, "ccc", "a.csv", polled=False)


def held_back(engine: Engine, name: str, number: str) -> Run:
    schedule, now = engine.config.schedules[name], engine.clock.now()
    key = f"{name}!{number}"
    return Run(
        key=key,
        schedule=name,
        kind=RunKind.REQUEST,
        state=RunState.UNSENT,
        created_at=now,
        pipeline=schedule.pipeline,
        request=build_request(schedule, Occurrence(key=key, kind=RunKind.REQUEST, nominal_time=now)),
        next_attempt_at=now,
    )


def play(world: World, instance: Instance, activity: Callable[[], None], seconds: float) -> None:
    """Run an activity while time passes."""
    ends: list[bool] = []
    world.spawn(instance, activity, lambda *, well: ends.append(well))
    world.run_until(world.now + seconds)
    assert ends == [True], list(world.trace)[-3:]
