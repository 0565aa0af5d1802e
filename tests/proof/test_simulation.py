"""The proof: faults by the ten thousand, no run started twice, none lost; and that the simulator would notice."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
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
"""First seeds: of `make test`, which plays 20,000 faults, and of `make proof`, which plays 100,000."""
BESIDE = Rates(edit=0.0, rollout=0.03, clock_stands=0.0, most_ahead=600)
"""Release 0.1.0 and this one. What 0.1.0 got wrong is left out: edits, clocks that stand still, or are a day ahead."""


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """The engine's log lines of a hundred days."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play(first_seed: int, rates: Rates | None = None) -> tuple[list[str], Counter[str]]:
    """The stories of what was violated, none when all is well, and the faults injected."""
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
def test_beside_processes_of_the_last_release_nothing_starts_twice_and_nothing_is_lost(first_seed: int) -> None:
    stories, faults = play(first_seed, BESIDE)

    assert stories == []
    assert faults["another release"] >= SEEDS_AT_ONCE, "deployments and rollbacks"


def test_a_seed_always_tells_the_same_story() -> None:
    first, second = Simulation(7, hours=1), Simulation(7, hours=1)

    assert (first.run(), first.world.faults) == (second.run(), second.world.faults)
    assert [line.partition("attempt")[0].partition("claim")[0] for line in first.world.trace] == [
        line.partition("attempt")[0].partition("claim")[0] for line in second.world.trace
    ]


class EverybodyWins(Ledger):
    """A ledger that lets everybody claim a key."""

    def insert(self, run: Run, beside: Sequence[Operation] = ()) -> Run | None:
        return super().insert(run, beside) or run


class NeverTooLate(SimEndpoint):
    """A submitter that does not look how old its claim is."""

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        return super().submit(submission, lambda: True)


class ForgetfulHistory(SimHistory):
    """A look-up by a tag that is not always found."""

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        found = super().find(request, run_key, ledger_id)
        return found if self._world.rng.random() < 0.5 else LookUp(complete=found.complete)


class Gullible(UnknownRuns):
    """Takes two empty look-ups for proof, however far behind the index is."""

    def _index_has_caught_up(self, run: Run, since: Any, server_now: Any) -> bool:
        return True


class Deaf(Ledger):
    """A ledger whose pauses nobody hears of."""

    def pauses(self, schedule: str) -> Pauses:
        return Pauses()

    def present_pauses(self, schedule: str) -> tuple[Pause, ...]:
        return ()

    def timer_state(self, schedule: str) -> TimerState:
        return replace(super().timer_state(schedule), pauses=())


class SealsBlindly(ChangeLedger):
    """Goes on with a batch without looking whether somebody else has."""

    def go_on(self, schedule: str, head: Head, fits: Fits, limit: int, sealed_at: datetime) -> bool:
        return super().go_on(schedule, replace(head, row=None), fits, limit, sealed_at)


class InHaste(ChangeLedger):
    """Takes everything that waits for a set to have waited for an hour."""

    def for_sets(self, schedule: str) -> Iterator[Arrival]:
        return (replace(one, at=one.at - timedelta(hours=1)) for one in super().for_sets(schedule))

    def begin(
        self, schedule: str, head: Head, fits: Fits, limit: int, expected: AbstractSet[Member] | None = None
    ) -> bool:
        closed = head.closed and replace(head.closed, until=head.closed.until + timedelta(hours=1))
        return super().begin(schedule, replace(head, closed=closed), fits, limit)


class InMemory(RenameLedger):
    """Remembers the directories that are to be listed as long as its process lives."""

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


class NeverSweeps(Sweeps):
    """Takes every sweep to be somebody else's."""

    def set(self, schedule: str, life: str, state: SweepState) -> SweepState | None:
        return None


class CountsNoReruns(Ledger):
    """A ledger to which every rerun is the first attempt."""

    def insert_operations(self, run: Run, write_id: str | None = None) -> list[Operation]:
        return super().insert_operations(replace(run, reruns=None) if is_rerun(run) else run, write_id)


class TellsNobody(Ledger):
    """A ledger that does not write down the ends that chains follow."""

    def following(self, followed: Mapping[str, frozenset[str]]) -> Self:
        return self


class Overbooked(Ledger):
    """A ledger in which nobody sees who holds a slot."""

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        return replace(super().slots(schedule, limit), open_runs=())


class MarksTime(SimService):
    """A service in which no run ever ends, as far as it tells."""

    def of(self, run: Run) -> Seen:
        super().of(run)
        return Seen(status="Running")


class ForgetsItsLife(Lives):
    """An edited schedule that believes it has always been so."""

    def of(self, schedule: Schedule, *, is_timer: bool = False) -> Life:
        return replace(super().of(schedule, is_timer=is_timer), first_seen=START, is_first=True)


class ByDecision(Ledger):
    """A ledger in which runs go by when they were decided."""

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        return self._decided(super().slots(schedule, limit))

    def slots_after(self, schedule: str, before: Slots, settled: Run | None) -> Slots:
        return self._decided(super().slots_after(schedule, before, settled))

    def _decided(self, slots: Slots) -> Slots:
        decided = tuple(replace(one, ranks_at=one.created_at or one.ranks_at) for one in slots.open_runs)
        return replace(slots, open_runs=decided, newest_started=None)


class OneClock(SimEndpoint):
    """A submitter that trusts its monotonic clock alone."""

    def place(self, request: RunRequest) -> str | None:
        self._asked_at = self._monotonic()
        return super().place(request)

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        claimed_at = self._asked_at
        return super().submit(submission, lambda: self._monotonic() - claimed_at <= DEADLINE.total_seconds() / 5)

    def _monotonic(self) -> float:
        return self._world.now - self._instance.monotonic_stood


class InKeyOrder(UnknownRuns):
    """Looks runs up in the order of their keys, and takes an answer about one for one about all."""

    def __init__(self, *, history: LookUps, clock: Clock, **wiring: Any) -> None:
        super().__init__(history=TakenForAll(history), clock=clock, **wiring)
        self._turns = EverybodysTurn(clock)


class TakenForAll:
    """A history whose incomplete answers all mean that it is away."""

    def __init__(self, history: LookUps) -> None:
        self._history = history

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        found = self._history.find(request, run_key, ledger_id)
        return replace(found, is_away=not found.complete)


class EverybodysTurn(Turns):
    """Remembers nobody."""

    def asked_before(self, key: str) -> float:
        return 0.0

    def is_next(self, service: str, key: str) -> bool:
        return True


class PathFromTheFile(Firing):
    """Gives a batch the folder that the present file would gather."""

    def fire(
        self, schedule: Schedule, occurrence: Occurrence, skip: SkipReason | None = None, because: str | None = None
    ) -> Run | None:
        facts = occurrence.batch
        if facts is not None and isinstance(schedule, ChangeSchedule) and schedule.batch is not None:
            path = facts.group if schedule.batch.group_by_folder else schedule.trigger.folder
            occurrence = replace(occurrence, batch=replace(facts, path=path))
        return super().fire(schedule, occurrence, skip, because)


class Unbounded(Ledger):
    """A ledger that keeps every event of every run."""

    def update(self, before: Run, after: Run, beside: Sequence[Operation] = ()) -> Run | None:
        if after.history != before.history:
            after = replace(after, history=(*before.history, after.history[-1]))
        return super().update(before, after, beside)


class ForItselfAlone(Ledger):
    """A ledger by whose marks the last release takes every schedule for edited."""

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        return super().set_mark(schedule, replace(mark, trigger_digest_0_1="of another trigger"))


TWICE = "accepted 2 times"


NOTHING_ELSE = Rates().none()


@pytest.mark.parametrize(
    ("broken", "violation", "rates"),
    [
        pytest.param(Parts(ledger=EverybodyWins), TWICE, Rates(), id="claim"),
        pytest.param(
            Parts(endpoint=NeverTooLate), TWICE, replace(NOTHING_ELSE, freeze=0.1, refused=0.3), id="freshness"
        ),
        pytest.param(Parts(history=ForgetfulHistory), TWICE, Rates(reply_lost=0.4), id="tag look-up"),
        pytest.param(
            Parts(unknown_runs=Gullible),
            TWICE,
            replace(NOTHING_ELSE, crash=0.0001, reply_lost=0.6),  # where nothing crashes, the index does not lag
            id="index has caught up",
        ),
        pytest.param(Parts(ledger=Deaf), "although its time lies in a pause", Rates(), id="pause"),
        pytest.param(Parts(rows=SealsBlindly), "batch", replace(NOTHING_ELSE, answer_lost=0.5), id="sealing"),
        pytest.param(Parts(sweeps=NeverSweeps), "has no row", Rates(event_lost=0.3), id="sweep"),
        pytest.param(Parts(rows=InHaste), "before its deadline", Rates(), id="sets"),
        pytest.param(Parts(rename_rows=InMemory), "(moved/", Rates(), id="renamed directories"),
        pytest.param(Parts(ledger=Overbooked), "runs at a time instead of", Rates(), id="slots"),
        pytest.param(Parts(ledger=CountsNoReruns), "was run again", Rates(crash=0.0), id="reruns"),
        pytest.param(Parts(ledger=TellsNobody), "has no row, although", Rates(crash=0.0), id="chains"),
        pytest.param(Parts(service=MarksTime), "is still", Rates(), id="ends"),
        pytest.param(Parts(lives=ForgetsItsLife), "nobody read its schedule as", Rates(edit=0.02), id="life"),
        pytest.param(
            Parts(ledger=ByDecision),
            "was started",
            replace(NOTHING_ELSE, refused=0.6, timer_lost=0.3, timer_late=0.3),
            id="order",
        ),
        pytest.param(Parts(endpoint=OneClock), TWICE, replace(NOTHING_ELSE, freeze=0.1, refused=0.3), id="one clock"),
        pytest.param(
            Parts(unknown_runs=InKeyOrder), "is still unknown", Rates(reply_lost=0.5, edit=0.0), id="look-ups in order"
        ),
        pytest.param(Parts(firing=PathFromTheFile), "gets the folder", Rates(edit=0.1), id="a batch's path"),
        pytest.param(
            Parts(ledger=Unbounded), "has a history of", replace(NOTHING_ELSE, refused=0.98), id="bounded history"
        ),
        pytest.param(Parts(ledger=ForItselfAlone), "has no row", BESIDE, id="marks of the last release"),
    ],
)
def test_the_simulator_notices_when_it_is_broken(broken: Parts, violation: str, rates: Rates) -> None:
    """Each is played in a world where what it gets wrong comes often: about every second seed notices, or more do."""
    found = (sentence for seed in range(20) for sentence in Simulation(seed, broken, rates=rates).run())

    first = next((sentence for sentence in found if violation in sentence), None)

    assert first is not None
