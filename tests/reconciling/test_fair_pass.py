"""No schedule waits for ever behind others, because a pass begins where the last one stopped."""

from collections.abc import Sequence
from datetime import timedelta

from builders import Engine, timed, utc

from triggers.scheduling.config import Schedule
from triggers.scheduling.identities import target_id
from triggers.scheduling.outcome import Answer, Outcome
from triggers.starting.occurrence import time_occurrence

NOW = utc("2026-11-01T04:00")
NAMES = "abcdefg"


def held_back(engine: Engine) -> Sequence[Schedule]:
    """Schedules with one run each that must be resent."""
    schedules = [timed("cron: {expression: '0 4 * * *'}", name=name) for name in NAMES]
    for one in schedules:
        engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="refused")]
        engine.firing.fire(one, time_occurrence(one, NOW))
    engine.endpoint.submissions.clear()
    return schedules


def test_a_pass_continues_where_the_last_one_stopped() -> None:
    engine = Engine(NOW)
    schedules = held_back(engine)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")] * 100
    engine.endpoint.before_the_reply = lambda: engine.clock.pass_time(timedelta(seconds=90))
    sent: list[str] = []

    for _ in range(3):
        before = len(engine.endpoint.keys)
        engine.clock.pass_time(timedelta(minutes=10))
        engine.with_new_process().reconcile(*schedules)  # on any instance
        sent.append("".join(key[0] for key in engine.endpoint.keys[before:]))

    assert sent == ["abc", "def", "gab"]


def test_after_a_timeout_a_pass_sends_nothing_to_that_pipeline_but_a_timer_does() -> None:
    engine = Engine(NOW)
    of = timed("cron: {expression: '0,2 4 * * *'}")
    process = engine.wired(of)
    silence = Outcome(answer=Answer.UNKNOWN, sentence="no answer", is_silence=True)
    engine.endpoint.next_outcomes = [silence]
    process.firing.fire(of, time_occurrence(of, NOW - timedelta(days=1)))
    engine.ledger.register("s", NOW)

    process.due_occurrences.fire(of)
    by_timer = len(engine.endpoint.submissions)
    engine.endpoint.next_outcomes = [silence]
    process.firing.fire(of, time_occurrence(of, NOW - timedelta(days=2)))
    engine.clock.pass_time(timedelta(minutes=4))
    engine.endpoint.next_outcomes = [silence]
    process.firing.fire(of, time_occurrence(of, NOW - timedelta(days=3)))
    before = len(engine.endpoint.submissions)
    process.reconciliation.run_pass()

    missed = engine.ledger.get("s@2026-11-01T04:02:00Z")
    assert by_timer == 2
    assert missed is not None
    assert (len(engine.endpoint.submissions) - before, missed.state.value, missed.attempts) == (0, "unsent", 0)
    assert "did not answer the last submission" in str(missed.error)


def test_only_an_accepted_or_refused_run_counts_as_an_answer_of_the_target() -> None:
    engine = Engine(NOW)
    of = timed("cron: {expression: '0 4 * * *'}")
    heard: list[bool | None] = []
    for number, outcome in enumerate(
        (
            Outcome(answer=Answer.UNSENT, sentence="no connection"),
            Outcome(answer=Answer.UNKNOWN, sentence="no answer", is_silence=True),
            Outcome(answer=Answer.SUBMITTED, run_id="run-1"),
            Outcome(answer=Answer.UNKNOWN, sentence="no answer", is_silence=True),
            Outcome(answer=Answer.UNSENT, sentence="no connection"),
            Outcome(answer=Answer.REJECTED, sentence="404"),
        )
    ):
        engine.endpoint.next_outcomes = [outcome]
        engine.firing.fire(of, time_occurrence(of, NOW + timedelta(minutes=number)))
        heard.append(engine.firing.answers(target_id(of.target)))

    assert heard == [None, False, True, False, False, True]


def test_a_pass_sends_nothing_to_a_host_that_accepts_no_connection() -> None:
    engine = Engine(NOW)
    schedules = held_back(engine)
    engine.endpoint.unreachable = True
    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(*schedules)
    assert engine.endpoint.submissions == []

    engine.endpoint.unreachable = False
    engine.reconcile(*schedules)

    assert len(engine.endpoint.submissions) == len(schedules)


def test_after_a_killed_pass_the_next_one_continues_from_its_last_saved_place() -> None:
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
