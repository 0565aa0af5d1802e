"""Waiting for the end of a run, through outages and through automatic reruns."""

from datetime import timedelta
from typing import Any

import pytest
from builders import Engine, schedule, utc

from triggers.commands.remote import Unreachable
from triggers.commands.waiting import code_of, until_its_end
from triggers.scheduling.replacing import replace
from triggers.scheduling.shown import RerunsAnswer, RunAnswer, run_answer
from triggers.starting.occurrence import time_occurrence
from triggers.steering.declined import NotKnown


class Script:
    """An app with scripted answers; it repeats the last one."""

    def __init__(self, **answers: list[RunAnswer | Exception]) -> None:
        self.answers = answers
        self.waits: list[int] = []

    def run(self, key: str, wait: int = 0) -> tuple[RunAnswer, bool]:
        self.waits.append(wait)
        left = self.answers.get(key.rpartition(".")[2] if ".r" in key else "first", [])
        if not left:
            raise NotKnown(f"no run {key!r}")
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one, True


@pytest.fixture
def submitted() -> RunAnswer:
    engine = Engine(utc("2026-11-01T04:00"))
    run = engine.firing.fire(schedule(), time_occurrence(schedule(), utc("2026-11-01T04:00")))
    assert run is not None
    return run_answer(run)


def wait(app: Any, run: RunAnswer, timeout: timedelta | None = None) -> RunAnswer:
    return until_its_end(app, run.key, timeout, look_every=0.01)


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("failed", 1), ("canceled", 1), ("unreadable", 1)])
def test_the_exit_code_is_0_only_for_a_finished_run(submitted: RunAnswer, state: str, code: int) -> None:
    app = Script(first=[submitted, submitted, replace(submitted, state=state)])

    assert code_of(wait(app, submitted)) == code


def test_a_failed_run_with_a_rerun_has_not_ended(submitted: RunAnswer, capsys: pytest.CaptureFixture[str]) -> None:
    again = RerunsAnswer(number=0, of=submitted.key, attempts=1, next_at="2026-11-01T05:00:00Z")
    failed = replace(submitted, state="failed", reruns=again)
    rerun = replace(submitted, key=f"{submitted.key}.r1")
    app = Script(first=[failed], r1=[rerun, rerun, replace(rerun, state="finished")])

    ended = wait(app, submitted)

    assert (ended.key, ended.state) == (rerun.key, "finished")
    key = submitted.key
    assert capsys.readouterr().err.splitlines() == [f"{key}: failed", f"{key}.r1: submitted"]


def test_an_outage_does_not_end_the_wait(submitted: RunAnswer, capsys: pytest.CaptureFixture[str]) -> None:
    app = Script(first=[submitted, Unreachable("the app is away"), replace(submitted, state="finished")])

    assert wait(app, submitted).state == "finished"
    assert "the app is away; trying again" in capsys.readouterr().err


def test_after_the_timeout_the_run_is_returned_as_it_is(submitted: RunAnswer) -> None:
    app = Script(first=[submitted])

    ended = wait(app, submitted, timedelta(seconds=0.1))

    assert (ended.state, code_of(ended)) == ("submitted", 1)
    assert max(app.waits) == 0
