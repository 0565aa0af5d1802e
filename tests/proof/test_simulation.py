"""The proof: under tens of thousands of faults no run starts twice and none is lost; and the simulator detects it."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Self

import pytest

from triggers.clock import Clock
from triggers.ledger.change_ledger import ChangeLedger, Fits
from triggers.ledger.change_records import Head, SweepState
from triggers.ledger.ledger import Ledger
from triggers.ledger.lives import Life
from triggers.ledger.ports import Operation
from triggers.ledger.records import Mark, Pauses, TimerState
from triggers.ledger.rename_rows import RenamedDirectory, RenameLedger
from triggers.ledger.slots import Slots
from triggers.ledger.sweeps import Sweeps
from triggers.reconciling.turns import Turns
from triggers.reconciling.unknown_runs import LookUps, UnknownRuns
from triggers.scheduling.batch import Arrival, Member
from triggers.scheduling.config import ChangeSchedule, Schedule
from triggers.scheduling.outcome import LookUp, Outcome, Seen
from triggers.scheduling.pauses import Pause
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, SkipReason, is_rerun
from triggers.scheduling.run_request import RunRequest, Submission
from triggers.starting.firing import Firing
from triggers.starting.lives import Lives
from triggers.starting.occurrence import Occurrence

from .parts import SimEndpoint, SimHistory, SimService
from .simulator import DEADLINE, Parts, Simulation, story
from .world import START, Rates

pytestmark = pytest.mark.simulation
SEEDS_AT_ONCE = 4
QUICK, ALL = range(0, 24, SEEDS_AT_ONCE), range(0, 108, SEEDS_AT_ONCE)
"""First seeds for `make test` (20,000 faults) and for `make proof` (100,000)."""
BESIDE = Rates(edit=0.0, rollout=0.03, clock_stands=0.0, most_ahead=600)
"""Both releases, without what 0.1.0 got wrong: edits, and clocks that stand still or are a day ahead."""


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Silences the engine's log, which would have the lines of a hundred days."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play(first_seed: int, rates: Rates | None = None) -> tuple[list[str], Counter[str]]:
    """The stories of the violations (empty if there are none), and the injected faults."""
    stories, faults = [], Counter[str]()
    for seed in range(first_seed, first_seed + SEEDS_AT_ONCE):
        simulation = Simulation(seed, rates=rates or Rates())
        if violations := simulation.run():
            stories.append(story(simulation, violations))
        faults += simulation.world.faults
    return stories, faults


@pytest.mark.parametrize("first_seed", QUICK)
def test_twenty_thousand_faults_start_no_run_twice_and_lose_none(first_seed: int) -> None:
    stories, faults = play(first_seed)

    assert stories == []
    assert faults.total() >= 20_000 / len(QUICK)
    assert len(faults) >= 15, "every kind of fault has come up"


@pytest.mark.proof
@pytest.mark.parametrize("first_seed", ALL)
def test_a_hundred_thousand_faults_start_no_run_twice_and_lose_none(first_seed: int) -> None:
    stories, faults = play(first_seed)

    assert stories == []
    assert faults.total() >= 100_000 / len(ALL)
    assert len(faults) >= 15, "every kind of fault has come up"


@pytest.mark.parametrize(
    "first_seed", [0, 4, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(8, 40, SEEDS_AT_ONCE))]
)
def test_alongside_processes_of_the_last_release_no_run_starts_twice_and_none_is_lost(first_seed: int) -> None:
    stories, faults = play(first_seed, BESIDE)

    assert stories == []
    assert faults["another release"] >= SEEDS_AT_ONCE, "deployments and rollbacks"


def test_a_seed_always_gives_the_same_story() -> None:
    first, second = Simulation(7, hours=1), Simulation(7, hours=1)

    assert (first.run(), first.world.faults) == (second.run(), second.world.faults)
    assert [line.partition("attempt")[0].partition("claim")[0] for line in first.world.trace] == [
        line.partition("attempt")[0].partition("claim")[0] for line in second.world.trace
    ]


class EveryClaimSucceeds(Ledger):
    """A ledger that accepts every claim of a key."""

    def insert(self, run: Run, beside: Sequence[Operation] = ()) -> Run | None:
        return super().insert(run, beside) or run


class IgnoresClaimAge(SimEndpoint):
    """A submitter that does not check how old its claim is."""

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        return super().submit(submission, lambda: True)


class UnreliableTagLookUp(SimHistory):
    """A look-up by tag that sometimes misses the run."""

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        found = super().find(request, run_key, ledger_id)
        return found if self._world.rng.random() < 0.5 else LookUp(complete=found.complete)


class IgnoresIndexLag(UnknownRuns):
    """Takes two empty look-ups as proof, however far behind the index is."""

    def _index_has_caught_up(self, run: Run, since: Any, server_now: Any) -> bool:
        return True


class IgnoresPauses(Ledger):
    """A ledger that shows no pauses."""

    def pauses(self, schedule: str) -> Pauses:
        return Pauses()

    def present_pauses(self, schedule: str) -> tuple[Pause, ...]:
        return ()

    def timer_state(self, schedule: str) -> TimerState:
        return replace(super().timer_state(schedule), pauses=())


class SealsWithoutCheck(ChangeLedger):
    """Continues a batch without checking whether another instance already did."""

    def go_on(self, schedule: str, head: Head, fits: Fits, limit: int, sealed_at: datetime) -> bool:
        return super().go_on(schedule, replace(head, row=None), fits, limit, sealed_at)


class ClosesSetsEarly(ChangeLedger):
    """Treats everything that waits for a set as if it had waited an hour longer."""

    def for_sets(self, schedule: str) -> Iterator[Arrival]:
        return (replace(one, at=one.at - timedelta(hours=1)) for one in super().for_sets(schedule))

    def begin(
        self, schedule: str, head: Head, fits: Fits, limit: int, expected: AbstractSet[Member] | None = None
    ) -> bool:
        closed = head.closed and replace(head.closed, until=head.closed.until + timedelta(hours=1))
        return super().begin(schedule, replace(head, closed=closed), fits, limit)


class KeepsListingsInMemory(RenameLedger):
    """Remembers the directories to list only as long as its process lives."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._mine: dict[str, RenamedDirectory] = {}

    def begin(self, schedule: str, one: RenamedDirectory) -> None:
        self._mine[one.path] = one

    def unfinished(self, schedule: str) -> Iterator[RenamedDirectory]:
        return iter(list(self._mine.values()) if schedule == "moved" else ())

    def set(self, schedule: str, one: RenamedDirectory) -> RenamedDirectory | None:
        self._mine[one.path] = one
        return one

    def end(self, schedule: str, one: RenamedDirectory) -> bool:
        return self._mine.pop(one.path, None) is not None


class NeverOwnsASweep(Sweeps):
    """Believes that every sweep belongs to another instance."""

    def set(self, schedule: str, life: str, state: SweepState) -> SweepState | None:
        return None


class ForgetsReruns(Ledger):
    """A ledger that counts every rerun as the first attempt."""

    def insert_operations(self, run: Run, write_id: str | None = None) -> list[Operation]:
        return super().insert_operations(replace(run, reruns=None) if is_rerun(run) else run, write_id)


class WritesNoEnds(Ledger):
    """A ledger that does not record the ends that chains follow."""

    def following(self, followed: Mapping[str, frozenset[str]]) -> Self:
        return self


class IgnoresSlots(Ledger):
    """A ledger that shows no run as holding a slot."""

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        return replace(super().slots(schedule, limit), open_runs=())


class RunsNeverEnd(SimService):
    """A service that reports every run as running for ever."""

    def of(self, run: Run) -> Seen:
        super().of(run)
        return Seen(status="Running")


class ForgetsEdits(Lives, frozen=True):
    """Treats an edited schedule as if it had never been edited."""

    def of(self, schedule: Schedule, *, is_timer: bool = False) -> Life:
        return replace(super().of(schedule, is_timer=is_timer), first_seen=START, is_first=True)


class OrdersByDecision(Ledger):
    """A ledger that orders runs by when they were decided."""

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        return self._decided(super().slots(schedule, limit))

    def slots_after(self, schedule: str, before: Slots, settled: Run | None) -> Slots:
        return self._decided(super().slots_after(schedule, before, settled))

    def _decided(self, slots: Slots) -> Slots:
        decided = tuple(replace(one, ranks_at=one.created_at or one.ranks_at) for one in slots.open_runs)
        return replace(slots, open_runs=decided, newest_started=None)


class MonotonicClockOnly(SimEndpoint):
    """A submitter that trusts only its monotonic clock."""

    def place(self, request: RunRequest) -> str | None:
        self._asked_at = self._monotonic()
        return super().place(request)

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        claimed_at = self._asked_at
        return super().submit(submission, lambda: self._monotonic() - claimed_at <= DEADLINE.total_seconds() / 5)

    def _monotonic(self) -> float:
        return self._world.now - self._instance.monotonic_stood


class LooksUpInKeyOrder(UnknownRuns):
    """Looks runs up in the order of their keys, and takes an answer about one run as an answer about all."""

    def __init__(self, *, history: LookUps, clock: Clock, **wiring: Any) -> None:
        super().__init__(history=IncompleteMeansAway(history), clock=clock, **wiring)
        self._turns = RemembersNoTurns(clock)


class IncompleteMeansAway:
    """A history whose every incomplete answer means that it is unreachable."""

    def __init__(self, history: LookUps) -> None:
        self._history = history

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        found = self._history.find(request, run_key, ledger_id)
        return replace(found, is_away=not found.complete)


class RemembersNoTurns(Turns):
    """Does not remember which run asked before."""

    def last_lookup(self, key: str) -> float:
        return 0.0

    def is_next(self, service: str, key: str) -> bool:
        return True


class PathFromCurrentFile(Firing):
    """Gives a batch the folder that the current file would collect."""

    def fire(
        self, schedule: Schedule, occurrence: Occurrence, skip: SkipReason | None = None, because: str | None = None
    ) -> Run | None:
        facts = occurrence.batch
        if facts is not None and isinstance(schedule, ChangeSchedule) and schedule.batch is not None:
            path = facts.group if schedule.batch.group_by_folder else schedule.trigger.folder
            occurrence = replace(occurrence, batch=replace(facts, path=path))
        return super().fire(schedule, occurrence, skip, because)


class KeepsEveryEvent(Ledger):
    """A ledger that keeps every event of every run."""

    def update(self, before: Run, after: Run, beside: Sequence[Operation] = ()) -> Run | None:
        if after.history != before.history:
            after = replace(after, history=(*before.history, after.history[-1]))
        return super().update(before, after, beside)


class WritesNoOldDigest(Ledger):
    """A ledger whose marks make the last release treat every schedule as edited."""

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        return super().set_mark(schedule, replace(mark, trigger_digest_0_1="of another trigger"))


TWICE = "accepted 2 times"


NOTHING_ELSE = Rates().none()


@pytest.mark.parametrize(
    ("broken", "violation", "rates"),
    [
        pytest.param(Parts(ledger=EveryClaimSucceeds), TWICE, Rates(), id="claim"),
        pytest.param(
            Parts(endpoint=IgnoresClaimAge), TWICE, replace(NOTHING_ELSE, freeze=0.1, refused=0.3), id="freshness"
        ),
        pytest.param(Parts(history=UnreliableTagLookUp), TWICE, Rates(reply_lost=0.4), id="tag look-up"),
        pytest.param(
            Parts(unknown_runs=IgnoresIndexLag),
            TWICE,
            replace(NOTHING_ELSE, crash=0.0001, reply_lost=0.6),  # where nothing crashes, the index does not lag
            id="index has caught up",
        ),
        pytest.param(Parts(ledger=IgnoresPauses), "although its time lies in a pause", Rates(), id="pause"),
        pytest.param(Parts(rows=SealsWithoutCheck), "batch", replace(NOTHING_ELSE, answer_lost=0.5), id="sealing"),
        pytest.param(Parts(sweeps=NeverOwnsASweep), "has no row", Rates(event_lost=0.3), id="sweep"),
        pytest.param(Parts(rows=ClosesSetsEarly), "before its deadline", Rates(), id="sets"),
        pytest.param(Parts(rename_rows=KeepsListingsInMemory), "(moved/", Rates(), id="renamed directories"),
        pytest.param(Parts(ledger=IgnoresSlots), "runs at a time instead of", Rates(), id="slots"),
        pytest.param(Parts(ledger=ForgetsReruns), "was run again", Rates(crash=0.0), id="reruns"),
        pytest.param(Parts(ledger=WritesNoEnds), "has no row, although", Rates(crash=0.0), id="chains"),
        pytest.param(Parts(service=RunsNeverEnd), "is still", Rates(), id="ends"),
        pytest.param(Parts(lives=ForgetsEdits), "nobody read its schedule as", Rates(edit=0.02), id="life"),
        pytest.param(
            Parts(ledger=OrdersByDecision),
            "was started",
            replace(NOTHING_ELSE, refused=0.6, timer_lost=0.3, timer_late=0.3),
            id="order",
        ),
        pytest.param(
            Parts(endpoint=MonotonicClockOnly), TWICE, replace(NOTHING_ELSE, freeze=0.1, refused=0.3), id="one clock"
        ),
        pytest.param(
            Parts(unknown_runs=LooksUpInKeyOrder),
            "is still unknown",
            Rates(reply_lost=0.5, edit=0.0),
            id="look-ups in order",
        ),
        pytest.param(Parts(firing=PathFromCurrentFile), "gets the folder", Rates(edit=0.1), id="a batch's path"),
        pytest.param(
            Parts(ledger=KeepsEveryEvent), "has a history of", replace(NOTHING_ELSE, refused=0.98), id="bounded history"
        ),
        pytest.param(Parts(ledger=WritesNoOldDigest), "has no row", BESIDE, id="marks of the last release"),
    ],
)
def test_the_simulator_detects_each_broken_part(broken: Parts, violation: str, rates: Rates) -> None:
    """Each runs in a world where its error has many occasions: at least about every second seed detects it."""
    found = (sentence for seed in range(20) for sentence in Simulation(seed, broken, rates=rates).run())

    first = next((sentence for sentence in found if violation in sentence), None)

    assert first is not None
