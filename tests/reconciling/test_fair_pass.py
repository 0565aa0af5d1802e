"""No schedule waits for ever behind others: a pass begins where the last one stopped."""

from collections.abc import Sequence
from datetime import timedelta

from builders import Engine, timed, utc

from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.starting.occurrence import time_occurrence

NOW = utc("2026-11-01T04:00")
NAMES = "abcdefg"


def held_back(engine: Engine) -> Sequence[Schedule]:
    """Schedules with a run each that is to be sent again."""
    schedules = [timed("cron: {expression: '0 4 * * *'}", name=name) for name in NAMES]
    for one in schedules:
        engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")]
        engine.firing.fire(one, time_occurrence(one, NOW))
    engine.endpoint.submissions.clear()
    return schedules


def test_a_pass_begins_where_the_last_one_stopped() -> None:
    engine = Engine(NOW)
    schedules = held_back(engine)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")] * 100
    engine.endpoint.before_the_reply = lambda: engine.clock.pass_time(timedelta(seconds=90))
    sent: list[str] = []

    for _ in range(3):
        before = len(engine.endpoint.keys)
        engine.clock.pass_time(timedelta(minutes=10))
        engine.with_new_process().reconcile(*schedules)  # whichever instance it is
        sent.append("".join(key[0] for key in engine.endpoint.keys[before:]))

    assert sent == ["abc", "def", "gab"]


def test_a_pass_that_is_killed_has_come_as_far_as_half_a_minute_ago() -> None:
    engine = Engine(NOW)
    schedules = held_back(engine)

    def killed() -> None:
        engine.clock.pass_time(timedelta(seconds=31))
        if len(engine.endpoint.submissions) == 3:
            raise KeyboardInterrupt

    engine.clock.pass_time(timedelta(minutes=1))
    engine.endpoint.before_the_reply = killed
    try:
        engine.reconcile(*schedules)
    except KeyboardInterrupt:
        engine.endpoint.before_the_reply = lambda: None
    before = len(engine.endpoint.keys)

    engine.with_new_process().reconcile(*schedules)

    assert [key[0] for key in engine.endpoint.keys[:before]] == ["a", "b", "c"]
    assert engine.endpoint.keys[before][0] == "d"
