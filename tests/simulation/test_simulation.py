"""The proof: a hundred thousand faults, no run started twice, none lost; and that the simulator would notice."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_context
from typing import Any

import pytest

from triggers.ledger.change_rows import Head, SweepState
from triggers.ledger.changes import ChangeLedger
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import Operation
from triggers.ledger.records import Pauses, Slots
from triggers.scheduling.look_up import LookUp
from triggers.scheduling.outcome import Outcome
from triggers.scheduling.run import Run
from triggers.scheduling.run_request import RunRequest, Submission
from triggers.scheduling.run_status import Seen
from triggers.unknown_runs import UnknownRuns

from .parts import SimEndpoint, SimHistory, SimService
from .simulator import Parts, Simulation, story

SEEDS = 105


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """The engine's log lines of a hundred days."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play(seed: int) -> tuple[str, Counter[str], int]:
    """The story of what was violated, empty when all is well; the faults injected; the runs started."""
    logging.disable(logging.CRITICAL)
    simulation = Simulation(seed)
    violations = simulation.run()
    told = story(simulation, violations) if violations else ""
    return told, simulation.world.faults, len(simulation.service.accepted)


def test_a_hundred_thousand_faults_start_no_run_twice_and_lose_none(
    record_property: Callable[[str, object], None],
) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        played = list(processes.map(play, range(SEEDS), chunksize=5))

    faults: Counter[str] = sum((one[1] for one in played), Counter())
    record_property("faults", dict(faults))
    record_property("runs started", sum(one[2] for one in played))
    assert [told for told, _, _ in played if told] == []
    assert faults.total() >= 100_000
    assert len(faults) >= 15, "every kind of fault has come up"


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

    def _index_has_caught_up(self, run: Run, since: Any) -> bool:
        return True


class Deaf(Ledger):
    """A ledger whose pauses nobody hears of."""

    def pauses(self, schedule: str) -> Pauses:
        return Pauses()


class SealsBlindly(ChangeLedger):
    """Goes on with a batch without looking whether somebody else has."""

    def go_on(self, schedule: str, head: Head, limit: int, sealed_at: datetime) -> bool:
        return super().go_on(schedule, replace(head, row=None), limit, sealed_at)


class NeverSweeps(ChangeLedger):
    """Takes every sweep to be somebody else's."""

    def set_sweep(self, schedule: str, state: SweepState) -> SweepState | None:
        return None


class Overbooked(Ledger):
    """A ledger in which nobody sees who holds a slot."""

    def slots(self, schedule: str, limit: int | None = None) -> Slots:
        return replace(super().slots(schedule, limit), open_runs=())


class MarksTime(SimService):
    """A service in which no run ever ends, as far as it tells."""

    def of(self, run: Run) -> Seen:
        super().of(run)
        return Seen(status="Running")


TWICE = "accepted 2 times"


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (Parts(ledger=EverybodyWins), TWICE),
        (Parts(endpoint=NeverTooLate), TWICE),
        (Parts(history=ForgetfulHistory), TWICE),
        (Parts(unknown_runs=Gullible), TWICE),
        (Parts(ledger=Deaf), "although its time lies in a pause"),
        (Parts(rows=SealsBlindly), "batch"),
        (Parts(rows=NeverSweeps), "has no row"),
        (Parts(ledger=Overbooked), "runs at a time instead of"),
        (Parts(service=MarksTime), "is still"),
    ],
    ids=[
        "claim",
        "freshness check",
        "tag look-up",
        "index has caught up",
        "pause",
        "sealing",
        "sweep",
        "slots",
        "ends",
    ],
)
def test_the_simulator_notices_when_it_is_broken(broken: Parts, violation: str) -> None:
    found = (sentence for seed in range(40) for sentence in Simulation(seed, broken).run())

    first = next((sentence for sentence in found if violation in sentence), None)

    assert first is not None
