"""Simulates several instances for a few hours with faults, then a while without, and checks what must hold."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from builders import Outside, config

from triggers.built_once import built_once
from triggers.engine import Engine
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Table
from triggers.ledger.rename_rows import RenameLedger
from triggers.ledger.sweeps import Sweeps
from triggers.pace import Pace
from triggers.reconciling.unknown_runs import UnknownRuns
from triggers.scheduling.batch import Member
from triggers.scheduling.change import BlobChange
from triggers.scheduling.config import AfterSchedule, ChangeSchedule, Config, TimeSchedule
from triggers.scheduling.globs import matches
from triggers.scheduling.overlap import slots_of
from triggers.scheduling.pauses import pause_at
from triggers.scheduling.policies import ON_TIME
from triggers.scheduling.renames import DIRECTORY_RENAMED
from triggers.scheduling.replacing import replace
from triggers.scheduling.reruns import REQUESTED_BY
from triggers.scheduling.run import (
    FIRST_EVENTS,
    LAST_EVENTS,
    Run,
    RunKind,
    RunState,
    is_repeated,
)
from triggers.scheduling.run_keys import chain_key, change_key, schedule_of, time_key
from triggers.scheduling.run_states import OPEN_STATES
from triggers.scheduling.times.occurrences import between
from triggers.starting.firing import Firing
from triggers.starting.lives import Lives
from triggers.steering.pausing import pause, resume

from . import release_0_1
from .parts import (
    MUTE,
    Container,
    Service,
    SimBlobs,
    SimClock,
    SimEndpoint,
    SimHistory,
    SimService,
    SimTable,
    SimThreads,
)
from .world import DAY_AHEAD, START, Instance, Rates, World

FILE = """
pipelines: {p: {endpoint: "%ENDPOINT%"}}
schedules:
  often: {pipeline: p, cron: {expression: "*/5 * * * *"}AGAIN}
  all:
    {pipeline: p, recurrence: {frequency: Minute, interval: 11}, catchup: all, catchup_window: 2h, overlap: buffer_all}
  hourly:
    {pipeline: p, cron: {expression: "10 0-12,14-23 * * *", time_zone: Europe/Berlin}, catchup: none, jitter: 9m,
     overlap: skipLIMIT}
  newest: {pipeline: p, cron: {expression: "*/4 * * * *"}, overlap: buffer_one}
  pushy: {pipeline: p, cron: {expression: "*/9 * * * *"}, overlap: cancel_other}
  uploads:
    {pipeline: p, change: {datastore: d, container: ccc, data_path_parameter_name: input}, max_concurrent_runs: 2}
  mute: {pipeline: p, cron: {expression: "*/30 * * * *"}}
  gathered:
    pipeline: p
    change: {datastore: d, container: ccc, path_on_datastore: in, recursive: true, data_path: DATA,
      data_path_parameter_name: input}
    batch: {quiet: 2m, max_wait: 10m, max_items: 30, group_by: folder}
  fickle: FICKLE
CHAINS"""
CHAINS = """\
  complete:
    pipeline: p
    change: {datastore: d, container: ccc, path_on_datastore: sets, recursive: true, data_path: DATA,
      data_path_parameter_name: input}
    batch: {expect: [a.csv, "b*.csv", c.csv], max_wait: 40m, group_by: folder}
  moved:
    {pipeline: p, change: {datastore: d, container: ccc, path_on_datastore: moved, recursive: true, polling_interval: 0,
     data_path_parameter_name: input}}
  then: {pipeline: p, after: {schedule: hourly, states: [finished, failed]}, overlap: buffer_all}
  last: {pipeline: p, after: {schedule: [then, all]}, max_concurrent_runs: 3}
"""
BATCHES = (
    "batch: {quiet: 2m, max_wait: 10m, max_items: 30, group_by: folder}",
    "batch: {quiet: 2m, max_wait: 10m, max_items: 2, group_by: folder}",
    "batch: {quiet: 4m, max_wait: 10m, max_items: 30}",
    "batch: {expect: 3, max_wait: 10m, group_by: folder}",
    "",
)
KINDS = (
    '{pipeline: p, cron: {expression: "*/7 * * * *"}, catchup: all, catchup_window: 5h}',
    "{pipeline: p, change: {datastore: d, container: ccc, path_on_datastore: in/f0, data_path_parameter_name: input}}",
)


_ADDRESS = (
    '"https://westeurope.api.azureml.ms/pipelines/v1.0/subscriptions/s/resourceGroups/g/providers/'
    'Microsoft.MachineLearningServices/workspaces/w/PipelineRuns/PipelineSubmit/1"'
)
AGAIN = ", rerun: {attempts: 2, delay: 3m}"
LIMIT = ", timeout: 2m, rerun: {states: [failed, timeout], attempts: 1, delay: 5m}"


def text_with(batch: str, kind: str, data_path: str, *, chains: bool = True) -> str:
    """The schedules file with the edited values."""
    text = FILE.replace(BATCHES[0], batch).replace("FICKLE", kind).replace("DATA", data_path)
    if not chains:
        return text.replace("CHAINS", "").replace("AGAIN", "").replace("LIMIT", "")
    text = text.replace("CHAINS", CHAINS.replace("DATA", data_path)).replace("AGAIN", AGAIN).replace("LIMIT", LIMIT)
    return text.replace('"%ENDPOINT%"', _ADDRESS)


def read(text: str) -> Config:
    """Load a file that must be valid."""
    found = config(text)
    assert not found.faults, [str(one) for one in found.faults]
    return found


RETENTION = timedelta(days=90)
DEADLINE, SETTLE = timedelta(seconds=300), timedelta(seconds=120)
STORAGE_CLOCK = timedelta(seconds=17)


@dataclass
class Parts:
    """Parts that a test may replace by broken ones, to prove that the simulator detects them."""

    ledger: Callable[[Table], Ledger] = Ledger
    rows: Callable[[Ledger], ChangeLedger] = ChangeLedger
    sweeps: Callable[[Ledger], Sweeps] = Sweeps
    rename_rows: Callable[[Ledger], RenameLedger] = RenameLedger
    endpoint: Callable[..., Any] = SimEndpoint
    history: Callable[..., Any] = SimHistory
    service: Callable[..., Any] = SimService
    unknown_runs: Callable[..., UnknownRuns] = UnknownRuns
    lives: Callable[..., Lives] = Lives
    firing: Callable[..., Firing] = Firing


class Worker(Protocol):
    """What the host calls in one process of this release or an older one."""

    def watches(self, name: str) -> bool:
        """True if a schedule is change-based."""

    def fire(self, name: str) -> None:
        """Handle the firing of a schedule's timer."""

    def report(self, name: str, path: str, blobs: SimBlobs) -> None:
        """Handle an event for a blob."""

    def renamed(self, path: str, source: str, at: datetime) -> None:
        """Handle an event for a renamed directory."""

    def run_pass(self, threads: SimThreads) -> None:
        """Run a pass of the reconciler."""


@dataclass
class Process:
    """One worker process."""

    instance: Instance
    worker: Worker
    reconciling: bool = False


@dataclass(frozen=True)
class Present:
    """A process of this release."""

    engine: Engine

    def watches(self, name: str) -> bool:
        return isinstance(self.engine.config.schedules[name], ChangeSchedule)

    def fire(self, name: str) -> None:
        schedule = self.engine.config.schedules[name]
        assert isinstance(schedule, TimeSchedule)
        self.engine.due_occurrences.fire(schedule)

    def report(self, name: str, path: str, blobs: SimBlobs) -> None:
        schedule = self.engine.config.schedules[name]
        assert isinstance(schedule, ChangeSchedule)
        replace(self.engine.changes, blobs=blobs).report(schedule, "ccc", path, polled=False)

    def renamed(self, path: str, source: str, at: datetime) -> None:
        site = "https://h.dfs.core.windows.net/ccc/"
        subject = f"/blobServices/default/containers/ccc/blobs/{path}"
        urls = {"destinationUrl": site + path, "sourceUrl": site + source}
        self.engine.renames.note(DIRECTORY_RENAMED, "/storageAccounts/h", subject, at, urls)

    def run_pass(self, threads: SimThreads) -> None:
        self.engine.reconciliation.run_pass(threads)


class SwappedEngine(Engine):
    """The app's engine, with replaceable parts."""

    def __init__(self, parts: Parts, **wiring: Any) -> None:
        super().__init__(**wiring)
        self.parts = parts

    @built_once
    def change_ledger(self) -> ChangeLedger:
        return self.parts.rows(self.ledger)

    @built_once
    def sweeps(self) -> Sweeps:
        return self.parts.sweeps(self.ledger)

    @built_once
    def rename_rows(self) -> RenameLedger:
        return self.parts.rename_rows(self.ledger)

    @built_once
    def lives(self) -> Lives:
        return self.parts.lives(
            ledger=self.ledger, host=self.outside.blobs.host, clock=self.clock, started_at=self.started_at
        )

    @built_once
    def firing(self) -> Firing:
        return self.parts.firing(
            ledger=self.ledger,
            endpoint=self.outside.endpoint,
            life_of=self.lives.id_or_none,
            clock=self.clock,
            submit_deadline=self.pace.submit_deadline,
            retry_first_delay=self.pace.retry_first_delay,
            spread=self._spread,
        )

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
    """The simulation of one seed."""

    seed: int
    parts: Parts = field(default_factory=Parts)
    hours: float = 5.0
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        self.world = World(self.seed, self.rates)
        # Batches are simulated either with a manifest or with the folder that their runs get.
        self.data_path = "folder" if self.seed % 2 else "manifest"
        self.batch, self.kind = BATCHES[0], KINDS[0]
        self.text = text_with(self.batch, self.kind, self.data_path, chains=not self.rates.rollout)
        self.config = read(self.text)
        self.is_old = bool(self.rates.rollout)
        """True if release 0.1.0 was deployed last."""
        self.alive: list[tuple[str, float, float]] = []
        """The kind of the schedule `fickle` in each process, with the first and last second."""
        self.store = Ledger(MemoryTable(lambda: self.world.time + STORAGE_CLOCK))
        self.service = Service(self.world)
        self.container = Container(self.world)
        self.observed: set[BlobChange] = set()
        """The versions seen by a delivery that survived; of versions overwritten earlier, only the newest counts."""
        self.processes = [self._start(f"i{number}") for number in range(3)]

    def run(self) -> list[str]:
        """Run the simulation; returns one sentence for each violation."""
        calm = self.hours * 3600
        for minute in range(int(calm) // 60 + 240):
            self.world.at(minute * 60 + 0.5, self._minute)
        self._next_upload()
        if not self.rates.rollout:
            self.world.at(self.world.rng.uniform(0, 3600), self._next_rename)
        self.world.at(calm, self._calm)
        self.world.run_until(calm + 3.5 * 3600)
        for process in self.processes:
            self._ended(process)
        return [*self._violations(), *self._violations_of_order(), *self._violations_of_edits()]

    # The host

    def _minute(self) -> None:
        world = self.world
        for process in self.processes:
            if world.happens(world.rates.clock_step / 20, "clock step"):
                process.instance.skew = world.rng.choice(
                    (-600, -120, -30, 0, 30, 120, 600, 0, 30, world.rates.most_ahead)
                )
        if world.happens(world.rates.refused / 10, "429 storm"):
            self.service.storm_until = world.now + world.rng.uniform(60, 900)
        self._people()
        if world.happens(world.rates.edit, "deployment"):
            self._deploy()
        if world.happens(world.rates.rollout, "another release"):
            self._roll_out()
        self.service.lag = world.rng.choice((1, 5, 60, 600)) if world.rates.crash else 1
        for schedule in self.config.schedules.values():
            if isinstance(schedule, TimeSchedule):
                self._wake(schedule)
        for process in world.rng.sample(self.processes, world.rng.choice((1, 1, 2))):
            self._reconcile(process)

    def _deploy(self) -> None:
        """Deploy another file: the processes are replaced one after the other, within ten minutes."""
        world = self.world
        self.batch = world.rng.choice(BATCHES)
        self.kind = world.rng.choice(KINDS) if world.rng.random() < 0.5 else self.kind
        self.text = text_with(self.batch, self.kind, self.data_path, chains=not self.rates.rollout)
        self.config = read(self.text)
        world.note(f"deployed: {self.batch or 'no batch'}, {self.kind[:24]}")
        self._replace_all()

    def _roll_out(self) -> None:
        """Deploy this release, or roll back to 0.1.0."""
        self.is_old = not self.is_old
        self.world.note(f"deployed: {'release 0.1.0' if self.is_old else 'this release'}")
        self._replace_all()

    def _replace_all(self) -> None:
        world = self.world
        for process in self.processes:
            world.at(world.now + world.rng.uniform(0, 600), partial(self._replace, process))

    def _replace(self, process: Process) -> None:
        """End a process at any point; its successor reads the current file."""
        process.instance.alive = False
        self._restart_if_dead(process)

    def _people(self) -> None:
        """Pause a schedule now and then, and resume it later."""
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
        if world.happens(world.rates.timer_early, "timer early"):
            early = world.rng.uniform(0.001, 2.0) + 0.5
            world.at(world.now + 60 - early, lambda: self._timer(schedule, world.rng.choice(self.processes)))
        late = world.rng.uniform(60, 1500) if world.happens(world.rates.timer_late, "timer late") else 0.0
        world.at(world.now + late, lambda: self._timer(schedule, world.rng.choice(self.processes)))
        if world.happens(world.rates.timer_late, "timer twice"):
            self._timer(schedule, world.rng.choice(self.processes))

    def _timer(self, schedule: TimeSchedule, process: Process) -> None:
        if process.worker.watches(schedule.name):
            return  # a process with another file, where this schedule has no timer
        self._spawn(process, lambda: process.worker.fire(schedule.name))

    def _reconcile(self, process: Process) -> None:
        if process.reconciling:
            return
        process.reconciling = True

        def ended(*, well: bool) -> None:
            process.reconciling = False
            self._restart_if_dead(process)

        threads = SimThreads(self.world, process.instance, self.world.rng.choice((1, 2, 6)))
        self.world.spawn(process.instance, lambda: process.worker.run_pass(threads), ended)

    def _next_upload(self) -> None:
        world = self.world
        paths = ("b{}.csv", "in/f0/b{}.csv", "in/f1/b{}.csv", *(() if self.rates.rollout else (self._of_a_set(),)))
        path = world.rng.choice(paths).format(world.rng.randrange(25))
        self.container.upload(path)
        if world.happens(world.rates.event_lost, "metadata written"):
            swept = [one for one in self.container.present if not one.startswith(("aside/", "moved/"))]
            self.container.touch(world.rng.choice(sorted(swept)))
        events = 0 if world.happens(world.rates.event_lost, "event lost") else world.rng.choice((1, 1, 2, 3))
        for _ in range(events):
            world.at(world.now + world.rng.choice((0.2, 1, 30, 600)), lambda: self._deliver(path))
        if events > 1:
            world.faults["event twice"] += events - 1
        world.at(world.now + world.rng.expovariate(1 / 100), self._next_upload)

    def _next_rename(self) -> None:
        """Write a directory elsewhere, and rename it into the watched folder."""
        world = self.world
        number = world.rng.randrange(1000)
        source, path = f"aside/{number}", f"moved/{world.rng.randrange(3)}"
        for name in range(world.rng.choice((0, 1, 12, 130))):
            self.container.upload(f"{source}/{name}.csv")
        self.container.rename(source, path)
        world.note(f"{source} is renamed to {path}")
        at = world.time
        for _ in range(world.rng.choice((1, 1, 2, 3))):
            world.at(world.now + world.rng.choice((0.2, 1, 30, 600)), partial(self._report_rename, path, source, at))
        if world.now < self.hours * 3600:
            world.at(world.now + world.rng.expovariate(1 / 3600), self._next_rename)

    def _report_rename(self, path: str, source: str, at: datetime) -> None:
        process = self.world.rng.choice(self.processes)

        def ended(*, well: bool) -> None:
            if not well:
                delay = self.world.rng.uniform(1, 60)
                self.world.at(self.world.now + delay, lambda: self._report_rename(path, source, at))
            self._restart_if_dead(process)

        self.world.spawn(process.instance, lambda: process.worker.renamed(path, source, at), ended)

    def _of_a_set(self) -> str:
        rng = self.world.rng
        return f"sets/g{rng.randrange(4)}/{rng.choice(('a', 'b1', 'b2', 'c', 'x'))}.csv"

    def _deliver(self, path: str) -> None:
        """Deliver an event, as the host does, until its function succeeds."""
        process = self.world.rng.choice(self.processes)
        name = _watching(path)
        blobs = SimBlobs(self.world, process.instance, self.container)

        def ended(*, well: bool) -> None:
            if well and blobs.seen is not None:
                self.observed.add(blobs.seen)
            if not well:
                self.world.at(self.world.now + self.world.rng.uniform(1, 60), lambda: self._deliver(path))
            self._restart_if_dead(process)

        self.world.spawn(process.instance, lambda: process.worker.report(name, path, blobs), ended)

    def _ended(self, process: Process) -> None:
        kind = "change" if process.worker.watches("fickle") else "time"
        self.alive.append((kind, process.instance.started_at, self.world.now))

    def _spawn(self, process: Process, activity: Callable[[], None]) -> None:
        self.world.spawn(process.instance, activity, lambda *, well: self._restart_if_dead(process))

    def _restart_if_dead(self, process: Process) -> None:
        if not process.instance.alive and process in self.processes:
            self._ended(process)
            self.processes[self.processes.index(process)] = self._start(process.instance.name)

    def _calm(self) -> None:
        """Stop all faults and set the clocks right."""
        self.world.rates = self.world.rates.none()
        self.service.storm_until = 0.0
        for name in self.config.schedules:
            resume(self.store, name, self.world.time, None, None)
        self.is_old = False
        for process in [*self.processes]:
            process.instance.skew = 0.0
            if not isinstance(process.worker, Present):
                self._replace(process)

    def _start(self, name: str) -> Process:
        world, parts = self.world, self.parts
        skew = world.rng.choice((-60.0, 0.0, 0.5, 60.0)) if world.rates.crash else 0.0
        instance = Instance(name, world.now, skew)
        clock, table = SimClock(world, instance), SimTable(world, instance, self.store.table)
        service = parts.service(world, instance, self.service)
        outside = Outside(
            endpoint=parts.endpoint(world, instance, self.service),
            history=parts.history(world, instance, self.service),
            blobs=SimBlobs(world, instance, self.container),
            status=service,
            cancellation=service,
        )
        if self.is_old:
            pace = release_0_1.Pace(submit_deadline=DEADLINE, unknown_settle=SETTLE, retention=RETENTION)
            return Process(
                instance,
                release_0_1.Release(
                    self.text,
                    outside=outside,
                    table=table,
                    clock=clock,
                    pace=pace,
                    spread=lambda: world.rng.uniform(-1, 1),
                ),
            )
        engine = SwappedEngine(
            parts,
            config=self.config,
            ledger=parts.ledger(table),
            outside=outside,
            clock=clock,
            started_at=clock.now(),
            pace=Pace(submit_deadline=DEADLINE, unknown_settle=SETTLE, retention=RETENTION),
            spread=lambda: world.rng.uniform(-1, 1),
        )
        return Process(instance, Present(engine))

    # What must hold

    def _violations(self) -> list[str]:
        runs = {run.key: run for name in self.config.schedules for run in self.store.recent_runs(name, 100_000)}
        accepted = Counter(one.key for one in self.service.accepted)
        ids = {one.run_id: one.key for one in self.service.accepted}
        found = [f"{key} was accepted {number} times" for key, number in accepted.items() if number > 1]
        found += [f"{key} was accepted and has no row" for key in accepted if key not in runs]
        found += [f"{key} has no row" for key in self._expected() if key not in runs]
        found += self._violations_of_changes(runs)
        found += self._violations_of_chains(runs)
        found += self._violations_of_reruns(runs)
        for run in runs.values():
            found += self._violations_of(run, accepted[run.key], ids)
        for name, schedule in self.config.schedules.items():
            if (slots := slots_of(schedule)) is not None and self.service.at_once[name] > slots:
                found.append(f"{name} had {self.service.at_once[name]} runs at a time instead of {slots}")
        return found

    def _expected(self) -> list[str]:
        """The run keys of every occurrence of the life so far."""
        keys = []
        until = self.world.time - timedelta(minutes=10)
        for registration in self.store.registrations():
            schedule = self.config.schedules[registration.schedule]
            if isinstance(schedule, TimeSchedule) and registration.schedule != "fickle":
                due = between(schedule.trigger, registration.first_seen - timedelta(microseconds=1), until)
                keys += [time_key(registration.schedule, moment) for moment in due]
        return keys

    def _violations_of_chains(self, runs: Mapping[str, Run]) -> list[str]:
        """Check that every end followed by a schedule has its row, and that no chain has other rows."""
        found = []
        begun = START + _CHAINS_BEGUN
        for one in self.config.schedules.values():
            if not isinstance(one, AfterSchedule):
                continue
            ends = [run for run in runs.values() if run.schedule in one.trigger.schedules]
            ends = [run for run in ends if run.state.value in one.trigger.states and not is_repeated(run)]
            wanted = {chain_key(one.name, run.key): run for run in ends}
            for key, run in wanted.items():
                ended = self.world.states[run.key][-1][0]
                if run.created_at > begun and self.world.now - ended > 1200 and key not in runs:
                    found.append(f"{key} has no row, although {run.key} is {run.state.value}")
            chained = [key for key, run in runs.items() if run.schedule == one.name]
            found += [f"{key} follows nothing" for key in chained if key not in wanted]
        return found

    def _violations_of_reruns(self, runs: Mapping[str, Run]) -> list[str]:
        """Check that failed runs are rerun as often as the file says, and no more often."""
        found = []
        attempts = Counter(run.replay_of for run in runs.values() if run.requested_by == REQUESTED_BY)
        for root, number in attempts.items():
            rule = self.config.schedules[schedule_of(str(root))].rerun
            if rule is None or number > rule.attempts:
                found.append(f"{root} was run again {number} times")
        for run in runs.values():
            rule = self.config.schedules[run.schedule].rerun
            how = run.reason if run.state is RunState.CANCELED else run.state.value
            if rule is None or how not in rule.states or attempts[run.replay_of or run.key] >= rule.attempts:
                continue
            if run.reruns is None or run.reruns.next_key not in runs:
                found.append(f"{run.key} is {how}, and is not run again")
        return found

    def _violations_of_changes(self, runs: Mapping[str, Run]) -> list[str]:
        """Check that each observed or current version has a row, and each batched change is in exactly one batch."""
        rows = ChangeLedger(self.store)
        first_seen = {one.schedule: one.first_seen for one in self.store.registrations()}
        lasting = {one.change for path, one in self.container.present.items() if not path.startswith("aside/")}
        lasting = {
            one for one in lasting if one.last_modified >= first_seen[_watching(one.path)].replace(microsecond=0)
        }
        lasting = {one for one in lasting if self.world.time - one.last_modified > timedelta(minutes=15)}
        found = []
        for version in self.observed | lasting:
            name = _watching(version.path)
            if change_key(name, version) not in runs and not (name in _BATCHED and rows.is_batched(name, version)):
                found.append(f"{change_key(name, version)} ({version.path}) has no row")
        for name in self.config.schedules.keys() & _BATCHED:
            found += self._violations_of_batches(name, runs)
        return found

    def _violations_of_batches(self, name: str, runs: Mapping[str, Run]) -> list[str]:
        found = []
        rows = ChangeLedger(self.store)
        batches = [key for key in runs if key.startswith(f"{name}~batch~")]
        members = Counter(member.digest for key in batches for member in rows.members(name, key))
        found += [f"{digest} is in {number} batches" for digest, number in members.items() if number > 1]
        for row in self.store.table.query(name, "c:", "c;"):
            key, digest = row.columns["run_key"], row.row_key[2:]
            assert row.written_at is not None
            if (key in runs) != (digest in members):
                found.append(f"{digest} is in batch {key!r}, but among {members[digest]} lists of members")
            if not key and self.world.time - row.written_at > timedelta(hours=1):
                found.append(f"{digest} still waits for its batch")
        for key in batches:
            batch, request = runs[key].batch, runs[key].request
            folder = "" if request is None or self.data_path == "manifest" else request.datapaths["input"].path
            inside = folder or ("in" if name == "gathered" else "sets")
            if not all(member.change.path.startswith(inside) for member in rows.members(name, key)):
                found.append(f"{key} gets the folder {folder!r}, in which not all of its files are")
            if self.data_path == "folder" and not folder and request is not None:
                found.append(f"{key} gets the folder {folder!r}, in which there is more than is watched")
            if batch is None or batch.count != len(rows.members(name, key)) or batch.count > 30:
                found.append(f"{key} says {batch}")
            elif name == "complete":
                later = [
                    one for other in batches if _is_later(runs[other], runs[key]) for one in rows.members(name, other)
                ]
                later = [
                    one for other in batches if _is_later(runs[other], runs[key]) for one in rows.members(name, other)
                ]
                older = [run for run in runs.values() if run.reason == "superseded" and run.schedule == name]
                found += self._violations_of_set(runs[key], rows.members(name, key), older, later)
        return found

    def _violations_of_set(
        self, run: Run, members: Sequence[Member], older: Sequence[Run], later: Sequence[Member]
    ) -> list[str]:
        """Check that a set is as complete as it says, has one version per file, and lacks no file that came in time."""
        assert run.batch is not None
        paths = [member.change.path for member in members]
        names = {member.change.name for member in members}
        missing = [glob for glob in ("a.csv", "b*.csv", "c.csv") if not any(matches(glob, name) for name in names)]
        found = []
        if len(set(paths)) < len(paths):
            found.append(f"{run.key} has a file twice: {paths}")
        if missing != list(run.batch.missing or ()):
            found.append(f"{run.key} says that {run.batch.missing} are missing, and has {sorted(names)}")
        # An older version that was superseded when the set was closed also waited for it. Frozen instances may take
        # hours from there to the run.
        made = self.world.states[run.key][0][0]
        closed = made if run.nominal_time is None else min(made, (run.nominal_time - START).total_seconds())
        replaced = [one.blob for one in older if closed - _LONGEST_CLOSING < self.world.states[one.key][0][0] <= made]
        versions = [member.change for member in members] + [one for one in replaced if one and one.path in paths]
        first = min(one.last_modified for one in versions)
        if missing and run.nominal_time is not None and run.nominal_time - first < timedelta(minutes=39):
            found.append(f"{run.key} was closed incomplete before its deadline")
        # It waits for a listing until three intervals after its deadline.
        waited = run.nominal_time is not None and run.nominal_time - first > timedelta(minutes=54)
        for one in () if waited else later:
            came = one.group == run.batch.group and one.change.path not in paths and first <= one.change.last_modified
            if came and one.change.last_modified < first + timedelta(minutes=15) and _fits_one(missing, one):
                found.append(f"{run.key} lacks {one.change.path}, which had come long before its deadline")
        return found

    def _violations_of_order(self) -> list[str]:
        """Check that no run starts while an older one of its schedule waits, or after a newer one if order matters."""
        if self.rates.rollout:
            return []  # 0.1.0 orders runs by when they were decided
        found, patience = [], 4200 if self.rates.freeze else 150
        for name in ("all", "uploads", "newest", "pushy"):
            runs = self.store.recent_runs(name, 100_000)
            starts = {one.key: self._since(one.key, "submitting") for one in runs}
            waits = {one.key: self._since(one.key, "waiting") for one in runs}
            for one in runs:
                started = starts[one.key]
                for other in runs if started is not None else ():
                    if other.nominal_time is None or one.nominal_time is None or started is None:
                        continue
                    its_start, since = starts[other.key], waits[other.key]
                    if name in ("all", "uploads") and other.nominal_time < one.nominal_time and since is not None:
                        if since + patience < started < (its_start or 0.0) - patience:
                            found.append(f"{one.key} was started while {other.key} waited")
                    elif (
                        name in ("newest", "pushy")
                        and other.nominal_time > one.nominal_time
                        and its_start is not None
                        and its_start + patience < started
                    ):
                        found.append(f"{one.key} was started after {other.key}")
        return found

    def _since(self, key: str, state: str) -> float | None:
        """When a run was first written in a state."""
        return next((at for at, one in self.world.states.get(key, ()) if one == state), None)

    def _violations_of_edits(self) -> list[str]:
        """Check that a schedule that changes its kind starts nothing for times when no process read it as that kind."""
        found = []
        for one in self.service.accepted:
            run = self.store.get(one.key)
            if schedule_of(one.key) != "fickle" or run is None or run.nominal_time is None:
                continue
            at = (run.nominal_time - START).total_seconds()
            kind = "change" if run.blob else "time"
            if not any(
                of == kind and since - _BEFORE_A_LIFE <= at <= until + _AFTER_A_LIFE for of, since, until in self.alive
            ):
                found.append(f"{one.key} was started, and nobody read its schedule as {kind} then")
        return found

    def _violations_of(self, run: Run, accepted: int, ids: dict[str, str]) -> list[str]:
        found = []
        age = self.world.time - run.created_at
        if len(run.history) > FIRST_EVENTS + LAST_EVENTS:
            found.append(f"{run.key} has a history of {len(run.history)} events")
        is_mute = run.schedule in MUTE and run.state is RunState.UNKNOWN
        if run.state in OPEN_STATES and age > timedelta(hours=3) and not is_mute:
            found.append(f"{run.key} is still {run.state.value} after {age}")
        was_accepted = run.state in _ACCEPTED or run.run_id is not None
        if run.state not in OPEN_STATES and was_accepted != bool(accepted):
            found.append(f"{run.key} is {run.state.value}, but was accepted {accepted} times")
        if run.run_id is not None and ids.get(run.run_id) != run.key:
            found.append(f"{run.key} has the id {run.run_id} of another run")
        if run.state is RunState.SKIPPED and run.reason is None:
            found.append(f"{run.key} was skipped without a reason")
        if run.schedule == "fickle":
            return found
        schedule = self.config.schedules[run.schedule]
        window = max(ON_TIME, schedule.catchup_window) if isinstance(schedule, TimeSchedule) else ON_TIME
        if run.kind is RunKind.TIME and run.state is not RunState.SKIPPED and run.nominal_time is not None:
            pauses = self.store.pauses(run.schedule).intervals
            if pause_at([replace(one, begin=one.begin + _MOST_SKEWED) for one in pauses], run.nominal_time):
                found.append(f"{run.key} was started although its time lies in a pause")
            late = run.created_at - run.nominal_time
            if late > timedelta(seconds=DAY_AHEAD - 1000):
                late -= timedelta(seconds=DAY_AHEAD)  # by the clock of the instance that wrote it
            # An instance may freeze between its last reading of the clock and the claim, here for 4,000 s at most.
            if late > window + timedelta(seconds=4100):
                found.append(f"{run.key} was claimed {late} after its time")
        return found


def _is_later(one: Run, other: Run) -> bool:
    return one.nominal_time is not None and other.nominal_time is not None and one.nominal_time > other.nominal_time


def _fits_one(globs: Sequence[str], member: Member) -> bool:
    return any(matches(glob, member.change.name) for glob in globs)


def _watching(path: str) -> str:
    """Name of the schedule that watches a path."""
    if "/" not in path:
        return "uploads"
    return {"sets": "complete", "moved": "moved"}.get(path.partition("/")[0], "gathered")


_BATCHED = frozenset({"gathered", "complete"})
_LONGEST_CLOSING = 3600
"""Seconds, from a set's older versions being skipped to its closing."""
_CHAINS_BEGUN = timedelta(minutes=30)
"""Ends count for a chain once the chain was first seen, by any instance's clock."""
_BEFORE_A_LIFE = 600 + 900
"""Seconds: how far back events count in a new life, plus how wrong the clock that began it may be."""
_AFTER_A_LIFE = 3600 + 1500 + 600
"""Seconds: within an hour a life continues where it was; its last process may have had a wrong clock."""
_PAUSED, _RESUMED = 0.01, 0.1
"""Chances per minute."""

_MOST_SKEWED = timedelta(minutes=11)
"""An instance whose clock is ahead decides an occurrence early, perhaps before a pause that covers it."""

_ACCEPTED = frozenset({RunState.FINISHED, RunState.FAILED})


def story(simulation: Simulation, violations: list[str]) -> str:
    """The violations, with the trace lines about their keys."""
    keys = {sentence.split()[0] for sentence in violations[:3]}
    lines = [line for line in simulation.world.trace if any(key in line for key in keys) or "freezes" in line]
    head = [f"seed {simulation.seed}: {len(violations)} violations", *violations[:10], "the story of the first:"]
    return "\n".join([*head, *lines[-80:]])
