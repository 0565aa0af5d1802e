"""A few hours of several instances under faults, then a while without; and what must hold when it is over."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from builders import Outside, config

from triggers.built_once import built_once
from triggers.engine import Engine, Pace
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Table
from triggers.reconciling.unknown_runs import UnknownRuns
from triggers.scheduling.change import BlobChange
from triggers.scheduling.config import ChangeSchedule, Config, TimeSchedule
from triggers.scheduling.overlap import slots_of
from triggers.scheduling.pauses import pause_at
from triggers.scheduling.policies import ON_TIME
from triggers.scheduling.run import OPEN_STATES, Run, RunKind, RunState, change_key, time_key
from triggers.scheduling.times.occurrences import between
from triggers.steering.pausing import pause, resume

from .parts import Container, Service, SimBlobs, SimClock, SimEndpoint, SimHistory, SimService, SimTable
from .world import Instance, Rates, World

FILE = """
pipelines: {p: {endpoint: "%ENDPOINT%"}}
schedules:
  often: {pipeline: p, cron: {expression: "*/5 * * * *"}}
  all:
    {pipeline: p, recurrence: {frequency: Minute, interval: 11}, catchup: all, catchup_window: 2h, overlap: buffer_all}
  hourly:
    {pipeline: p, cron: {expression: "10 0-12,14-23 * * *", time_zone: Europe/Berlin}, catchup: none, jitter: 9m,
     overlap: skip}
  newest: {pipeline: p, cron: {expression: "*/4 * * * *"}, overlap: buffer_one}
  pushy: {pipeline: p, cron: {expression: "*/9 * * * *"}, overlap: cancel_other}
  uploads:
    {pipeline: p, change: {datastore: d, container: ccc, data_path_parameter_name: input}, max_concurrent_runs: 2}
  gathered:
    pipeline: p
    change: {datastore: d, container: ccc, path_on_datastore: in, recursive: true, data_path: manifest,
      data_path_parameter_name: input}
    batch: {quiet: 2m, max_wait: 10m, max_items: 30, group_by: folder}
"""
RETENTION = timedelta(days=90)
DEADLINE, SETTLE = timedelta(seconds=300), timedelta(seconds=120)
STORAGE_CLOCK = timedelta(seconds=17)


@dataclass
class Parts:
    """What may be swapped for something broken, to see that the simulator notices."""

    ledger: Callable[[Table], Ledger] = Ledger
    rows: Callable[[Ledger], ChangeLedger] = ChangeLedger
    endpoint: Callable[..., Any] = SimEndpoint
    history: Callable[..., Any] = SimHistory
    service: Callable[..., Any] = SimService
    unknown_runs: Callable[..., UnknownRuns] = UnknownRuns


@dataclass
class Process:
    """The objects of one worker process."""

    instance: Instance
    clock: SimClock
    engine: Engine
    reconciling: bool = False


class SwappedEngine(Engine):
    """The app's engine, with parts that may be broken."""

    def __init__(self, parts: Parts, **wiring: Any) -> None:
        super().__init__(**wiring)
        self.parts = parts

    @built_once
    def change_ledger(self) -> ChangeLedger:
        return self.parts.rows(self.ledger)

    @built_once
    def unknown_runs(self) -> UnknownRuns:
        return self.parts.unknown_runs(
            ledger=self.ledger,
            history=self.outside.history,
            endpoint=self.outside.endpoint,
            schedules=self.config.schedules,
            clock=self.clock,
            settle=self.pace.unknown_settle,
        )


@dataclass
class Simulation:
    """One seed's story."""

    seed: int
    parts: Parts = field(default_factory=Parts)
    hours: float = 5.0
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        self.world = World(self.seed, self.rates)
        self.config: Config = config(FILE)
        assert not self.config.faults
        self.store = Ledger(MemoryTable(lambda: self.world.time + STORAGE_CLOCK))
        self.service = Service(self.world)
        self.container = Container(self.world)
        self.observed: set[BlobChange] = set()
        """The versions that a delivery has seen and lived on; of others, overwritten before, the newest counts."""
        self.processes = [self._start(f"i{number}") for number in range(3)]

    def run(self) -> list[str]:
        """Play it; returns what was violated, each as a sentence."""
        calm = self.hours * 3600
        for minute in range(int(calm) // 60 + 240):
            self.world.at(minute * 60 + 0.5, self._minute)
        self._next_upload()
        self.world.at(calm, self._calm)
        self.world.run_until(calm + 3.5 * 3600)
        return self._violations()

    # The host

    def _minute(self) -> None:
        world = self.world
        for process in self.processes:
            if world.happens(world.rates.clock_step / 20, "clock step"):
                process.instance.skew = world.rng.choice((-600, -120, -30, 0, 30, 120, 600))
        if world.happens(world.rates.refused / 10, "429 storm"):
            self.service.storm_until = world.now + world.rng.uniform(60, 900)
        self._people()
        self.service.lag = world.rng.choice((1, 5, 60, 600)) if world.rates.crash else 1
        for schedule in self.config.schedules.values():
            if isinstance(schedule, TimeSchedule):
                self._wake(schedule)
        for process in world.rng.sample(self.processes, world.rng.choice((1, 1, 2))):
            self._reconcile(process)

    def _people(self) -> None:
        """Somebody pauses a schedule now and then, and remembers to resume it."""
        world = self.world
        if not world.rates.crash:
            return
        name = world.rng.choice(list(self.config.schedules))
        if world.rng.random() < _PAUSED and pause(self.store, name, world.time, None, None):
            world.note(f"{name} is paused")
            world.faults["pause"] += 1
        elif world.rng.random() < _RESUMED and resume(self.store, name, world.time, None, None):
            world.note(f"{name} is resumed")

    def _wake(self, schedule: TimeSchedule) -> None:
        world = self.world
        if world.happens(world.rates.timer_lost, "timer lost"):
            return
        late = world.rng.uniform(60, 1500) if world.happens(world.rates.timer_late, "timer late") else 0.0
        world.at(world.now + late, lambda: self._timer(schedule, world.rng.choice(self.processes)))
        if world.happens(world.rates.timer_late, "timer twice"):
            self._timer(schedule, world.rng.choice(self.processes))

    def _timer(self, schedule: TimeSchedule, process: Process) -> None:
        def activity() -> None:
            process.engine.due_occurrences.fire(schedule)

        self._spawn(process, activity)

    def _reconcile(self, process: Process) -> None:
        if process.reconciling:
            return
        process.reconciling = True

        def ended(*, well: bool) -> None:
            process.reconciling = False
            self._restart_if_dead(process)

        self.world.spawn(process.instance, process.engine.reconciliation.run_pass, ended)

    def _next_upload(self) -> None:
        world = self.world
        path = world.rng.choice(("b{}.csv", "in/f0/b{}.csv", "in/f1/b{}.csv")).format(world.rng.randrange(25))
        self.container.upload(path)
        if world.happens(world.rates.event_lost, "metadata written"):
            self.container.touch(world.rng.choice(sorted(self.container.present)))
        events = 0 if world.happens(world.rates.event_lost, "event lost") else world.rng.choice((1, 1, 2, 3))
        for _ in range(events):
            world.at(world.now + world.rng.choice((0.2, 1, 30, 600)), lambda: self._deliver(path))
        if events > 1:
            world.faults["event twice"] += events - 1
        world.at(world.now + world.rng.expovariate(1 / 100), self._next_upload)

    def _deliver(self, path: str) -> None:
        """The host delivers an event again until its function has come to an end."""
        process = self.world.rng.choice(self.processes)
        schedule = self.config.schedules["gathered" if "/" in path else "uploads"]
        assert isinstance(schedule, ChangeSchedule)
        blobs = SimBlobs(self.world, process.instance, self.container)

        def activity() -> None:
            replace(process.engine.changes, blobs=blobs).report(schedule, "ccc", path, polled=False)

        def ended(*, well: bool) -> None:
            if well and blobs.seen is not None:
                self.observed.add(blobs.seen)
            if not well:
                self.world.at(self.world.now + self.world.rng.uniform(1, 60), lambda: self._deliver(path))
            self._restart_if_dead(process)

        self.world.spawn(process.instance, activity, ended)

    def _spawn(self, process: Process, activity: Callable[[], None]) -> None:
        self.world.spawn(process.instance, activity, lambda *, well: self._restart_if_dead(process))

    def _restart_if_dead(self, process: Process) -> None:
        if not process.instance.alive and process in self.processes:
            self.processes[self.processes.index(process)] = self._start(process.instance.name)

    def _calm(self) -> None:
        """From now on everything works, and the clocks are right."""
        self.world.rates = self.world.rates.none()
        self.service.storm_until = 0.0
        for name in self.config.schedules:
            resume(self.store, name, self.world.time, None, None)
        for process in self.processes:
            process.instance.skew = 0.0

    def _start(self, name: str) -> Process:
        world, parts = self.world, self.parts
        skew = world.rng.choice((-60.0, 0.0, 0.5, 60.0)) if world.rates.crash else 0.0
        instance = Instance(name, world.now, skew)
        clock, ledger = SimClock(world, instance), parts.ledger(SimTable(world, instance, self.store.table))
        history = parts.history(world, instance, self.service)
        endpoint = parts.endpoint(world, instance, self.service)
        service = parts.service(world, instance, self.service)
        engine = SwappedEngine(
            parts,
            config=self.config,
            ledger=ledger,
            outside=Outside(
                endpoint=endpoint,
                history=history,
                blobs=SimBlobs(world, instance, self.container),
                status=service,
                cancellation=service,
            ),
            clock=clock,
            started_at=clock.now(),
            pace=Pace(submit_deadline=DEADLINE, unknown_settle=SETTLE, retention=RETENTION),
            spread=lambda: world.rng.uniform(-1, 1),
        )
        return Process(instance, clock, engine)

    # What must hold

    def _violations(self) -> list[str]:
        runs = {run.key: run for name in self.config.schedules for run in self.store.recent_runs(name, 100_000)}
        accepted = Counter(one.key for one in self.service.accepted)
        ids = {one.run_id: one.key for one in self.service.accepted}
        found = [f"{key} was accepted {number} times" for key, number in accepted.items() if number > 1]
        found += [f"{key} was accepted and has no row" for key in accepted if key not in runs]
        found += [f"{key} has no row" for key in self._expected() if key not in runs]
        found += self._violations_of_changes(runs)
        for run in runs.values():
            found += self._violations_of(run, accepted[run.key], ids)
        for name, schedule in self.config.schedules.items():
            if (slots := slots_of(schedule)) is not None and self.service.at_once[name] > slots:
                found.append(f"{name} had {self.service.at_once[name]} runs at a time instead of {slots}")
        return found

    def _expected(self) -> list[str]:
        """A key for every occurrence of the life so far."""
        keys = []
        until = self.world.time - timedelta(minutes=10)
        for registration in self.store.registrations():
            schedule = self.config.schedules[registration.schedule]
            if isinstance(schedule, TimeSchedule):
                due = between(schedule.trigger, registration.first_seen - timedelta(microseconds=1), until)
                keys += [time_key(registration.schedule, moment) for moment in due]
        return keys

    def _violations_of_changes(self, runs: Mapping[str, Run]) -> list[str]:
        """Every version has a row that a delivery has observed, or that is there; batches are a partition of theirs."""
        rows = ChangeLedger(self.store)
        lasting = {one.change for one in self.container.present.values()}
        lasting = {one for one in lasting if self.world.time - one.last_modified > timedelta(minutes=15)}
        found = []
        for version in self.observed | lasting:
            name = "gathered" if "/" in version.path else "uploads"
            if change_key(name, version) not in runs and not (name == "gathered" and rows.is_batched(name, version)):
                found.append(f"{change_key(name, version)} ({version.path}) has no row")
        batches = [key for key in runs if "~batch~" in key]
        members = Counter(member.digest for key in batches for member in rows.members("gathered", key))
        found += [f"{digest} is in {number} batches" for digest, number in members.items() if number > 1]
        for row in self.store.table.query("gathered", "c:", "c;"):
            key, digest = row.columns["run_key"], row.row_key[2:]
            assert row.written_at is not None
            if (key in runs) != (digest in members):
                found.append(f"{digest} is in batch {key!r}, but among {members[digest]} lists of members")
            if not key and self.world.time - row.written_at > timedelta(hours=1):
                found.append(f"{digest} still waits for its batch")
        for key in batches:
            batch = runs[key].batch
            if batch is None or batch.count != len(rows.members("gathered", key)) or batch.count > 30:
                found.append(f"{key} says {batch}")
        return found

    def _violations_of(self, run: Run, accepted: int, ids: dict[str, str]) -> list[str]:
        found = []
        age = self.world.time - run.created_at
        if run.state in OPEN_STATES and age > timedelta(hours=3):
            found.append(f"{run.key} is still {run.state.value} after {age}")
        was_accepted = run.state in _ACCEPTED or run.run_id is not None
        if run.state not in OPEN_STATES and was_accepted != bool(accepted):
            found.append(f"{run.key} is {run.state.value}, but was accepted {accepted} times")
        if run.run_id is not None and ids.get(run.run_id) != run.key:
            found.append(f"{run.key} has the id {run.run_id} of another run")
        if run.state is RunState.SKIPPED and run.reason is None:
            found.append(f"{run.key} was skipped without a reason")
        schedule = self.config.schedules[run.schedule]
        window = max(ON_TIME, schedule.catchup_window) if isinstance(schedule, TimeSchedule) else ON_TIME
        if run.kind is RunKind.TIME and run.state is not RunState.SKIPPED and run.nominal_time is not None:
            pauses = self.store.pauses(run.schedule).intervals
            if pause_at([replace(one, begin=one.begin + _MOST_SKEWED) for one in pauses], run.nominal_time):
                found.append(f"{run.key} was started although its time lies in a pause")
            late = run.created_at - run.nominal_time
            # An instance may freeze between its last look at the clock and the claim itself, here for 4,000 s at most.
            if late > window + timedelta(seconds=4100):
                found.append(f"{run.key} was claimed {late} after its time")
        return found


_PAUSED, _RESUMED = 0.01, 0.1
"""Chances a minute."""

_MOST_SKEWED = timedelta(minutes=11)
"""An instance whose clock is ahead decides about an occurrence before its time, so perhaps before the pause."""

_ACCEPTED = frozenset({RunState.FINISHED, RunState.FAILED})


def story(simulation: Simulation, violations: list[str]) -> str:
    """The violations, and the lines of the trace that concern their keys."""
    keys = {sentence.split()[0] for sentence in violations[:3]}
    lines = [line for line in simulation.world.trace if any(key in line for key in keys) or "freezes" in line]
    head = [f"seed {simulation.seed}: {len(violations)} violations", *violations[:10], "the story of the first:"]
    return "\n".join([*head, *lines[-80:]])
