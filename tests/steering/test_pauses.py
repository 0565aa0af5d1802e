"""Pause and jitter: what is skipped, what is held, and what users may still do."""

from datetime import timedelta

import pytest
from builders import Engine, found, schedule, utc

from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.pauses import KEPT, Pause, is_paused, pause_at, paused_within
from triggers.steering.pausing import pause, resume

HOURLY = "cron: {expression: '0 * * * *'}"
UNSENT = Outcome(answer=Answer.UNSENT, sentence="no DNS")


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-11-01T04:00:02"))


def wake(engine: Engine, of: TimeSchedule, at: str) -> None:
    engine.clock.pass_time(utc(at) - engine.clock.now())
    engine.wired().due_occurrences.fire(of)


def hours(engine: Engine) -> dict[str, str]:
    return {key.partition("@")[2][11:16]: state for key, state in sorted(engine.states().items())}


def test_paused_occurrences_are_not_saved_up(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 6h\n{HOURLY}")
    wake(engine, of, "2026-11-01T04:00:02")

    assert pause(engine.ledger, "s", utc("2026-11-01T04:30"), "stock-taking", "ann")
    wake(engine, of, "2026-11-01T05:00:01")
    assert resume(engine.ledger, "s", utc("2026-11-01T05:30"), None, "ann")
    wake(engine, of, "2026-11-01T06:00:01")

    assert hours(engine) == {"04:00": "submitted", "05:00": "skipped paused", "06:00": "submitted"}


def test_paused_occurrences_are_skipped_even_if_decided_after_the_pause(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 6h\n{HOURLY}")
    wake(engine, of, "2026-11-01T04:00:02")
    pause(engine.ledger, "s", utc("2026-11-01T05:30"), None, None)
    resume(engine.ledger, "s", utc("2026-11-01T07:30"), None, None)

    wake(engine, of, "2026-11-01T08:00:01")

    assert hours(engine) == {
        "04:00": "submitted",
        "05:00": "submitted",
        "06:00": "skipped paused",
        "07:00": "skipped paused",
        "08:00": "submitted",
    }


def test_the_newest_missed_occurrence_outside_the_pause_is_caught_up(engine: Engine) -> None:
    of = schedule(f"catchup: latest\ncatchup_window: 6h\n{HOURLY}")
    wake(engine, of, "2026-11-01T04:00:02")
    pause(engine.ledger, "s", utc("2026-11-01T06:30"), None, None)
    resume(engine.ledger, "s", utc("2026-11-01T07:30"), None, None)

    wake(engine, of, "2026-11-01T07:45")

    assert hours(engine) == {
        "04:00": "submitted",
        "05:00": "skipped superseded",
        "06:00": "submitted",
        "07:00": "skipped paused",
    }


def report(engine: Engine, path: str, modified: str) -> None:
    engine.blobs.put(found(path, last_modified=utc(modified)))
    engine.report(schedule("change: {datastore: d, container: data}"), path)


def test_a_change_reported_or_made_during_a_pause_is_skipped(engine: Engine) -> None:
    pause(engine.ledger, "s", utc("2026-11-01T04:00"), None, None)
    report(engine, "a.csv", "2026-11-01T03:59")
    resume(engine.ledger, "s", utc("2026-11-01T05:00"), None, None)
    engine.clock.pass_time(timedelta(hours=2))
    report(engine, "b.csv", "2026-11-01T04:59:59")
    report(engine, "c.csv", "2026-11-01T05:00")

    reasons = {run.blob.path: run.reason for run in engine.ledger.recent_runs("s", 10) if run.blob}
    assert reasons == {"a.csv": "paused", "b.csv": "paused", "c.csv": None}


def test_a_run_claimed_before_the_pause_is_held_and_does_not_age(engine: Engine) -> None:
    of = schedule(f"retry: {{max_age: 1h}}\n{HOURLY}")
    engine.endpoint.next_outcomes = [UNSENT, UNSENT]
    wake(engine, of, "2026-11-01T04:00:02")
    pause(engine.ledger, "s", engine.clock.now(), None, None)

    for _ in range(5):
        engine.clock.pass_time(timedelta(hours=1))
        engine.reconcile(of)
    held = (len(engine.endpoint.submissions), hours(engine)["04:00"])
    resume(engine.ledger, "s", engine.clock.now(), None, None)
    engine.reconcile(of)
    tried_again = (len(engine.endpoint.submissions), hours(engine)["04:00"])
    engine.clock.pass_time(timedelta(minutes=10))
    engine.reconcile(of)

    assert held == (1, "unsent")
    assert tried_again == (2, "unsent")
    assert hours(engine)["04:00"] == "submitted"


def test_an_unknown_run_is_looked_up_even_during_a_pause(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNKNOWN, sentence="no reply")]
    wake(engine, of, "2026-11-01T04:00:02")
    engine.history.accepted_silently = {"s@2026-11-01T04:00:00Z": ["run-7"]}
    pause(engine.ledger, "s", engine.clock.now(), None, None)

    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(of)

    assert hours(engine) == {"04:00": "submitted"}


def test_pause_and_resume_may_be_repeated(engine: Engine) -> None:
    now = engine.clock.now()

    assert not resume(engine.ledger, "s", now, None, None)
    assert [pause(engine.ledger, "s", now, note, "ann") for note in ("first", "second")] == [True, False]
    assert engine.ledger.pauses("s").intervals == (Pause(begin=now, note="first", by="ann"),)
    later = now + timedelta(hours=1)
    assert [resume(engine.ledger, "s", later, "done", "bob") for _ in range(2)] == [True, False]
    assert engine.ledger.pauses("s").intervals == (
        Pause(begin=now, end=later, note="first", by="ann", end_note="done", ended_by="bob"),
    )


def test_only_the_newest_pauses_are_kept(engine: Engine) -> None:
    now = engine.clock.now()
    for hour in range(KEPT + 5):
        pause(engine.ledger, "s", now + timedelta(hours=2 * hour), None, None)
        resume(engine.ledger, "s", now + timedelta(hours=2 * hour + 1), None, None)

    assert [one.begin for one in engine.ledger.pauses("s").intervals] == [
        now + timedelta(hours=2 * hour) for hour in range(5, KEPT + 5)
    ]


def test_a_lasting_pause_counts_even_if_it_was_requested_with_a_clock_ahead() -> None:
    ahead = utc("2026-11-01T04:05")

    assert is_paused([Pause(begin=ahead)], utc("2026-11-01T04:00"))
    assert not is_paused([Pause(begin=ahead, end=utc("2026-11-01T05:00"))], utc("2026-11-01T04:00"))
    assert not is_paused([], utc("2026-11-01T04:00"))


def test_a_pause_includes_its_beginning_and_excludes_its_end() -> None:
    first, last = utc("2026-11-01T04:00"), utc("2026-11-01T05:00")
    pauses = (Pause(begin=first, end=last), Pause(begin=utc("2026-11-01T06:00")))

    assert [pause_at(pauses, moment) is not None for moment in (first, last, utc("2026-11-02T00:00"))] == [
        True,
        False,
        True,
    ]
    assert paused_within(pauses, utc("2026-11-01T04:30"), utc("2026-11-01T06:15")) == timedelta(minutes=45)


def test_with_jitter_a_run_is_claimed_at_once_and_sent_when_it_is_due(engine: Engine) -> None:
    of = schedule(f"jitter: 10m\npipeline_parameters: {{at: '{{scheduled_time}}'}}\n{HOURLY}")
    wake(engine, of, "2026-11-01T04:00:02")
    [claimed] = engine.ledger.recent_runs("s", 10)
    assert claimed.due_at is not None
    assert claimed.nominal_time is not None
    offset = claimed.due_at - claimed.nominal_time
    waiting = (claimed.state.value, list(engine.endpoint.submissions))

    engine.reconcile(of)
    early = list(engine.endpoint.submissions)
    engine.clock.pass_time(offset)
    engine.reconcile(of)

    assert waiting == ("waiting", [])
    assert early == []
    assert timedelta(0) < offset < timedelta(minutes=10)
    [sent] = engine.endpoint.submissions
    assert sent.request.pipeline_parameters == {"at": "2026-11-01T04:00:00+00:00"}
    assert hours(engine) == {"04:00": "submitted"}


def test_jitter_is_constant_for_a_schedule_and_differs_between_schedules() -> None:
    offsets = {}
    for name in ("a", "b", "c"):
        found = set()
        for start in ("2026-11-01T04:00:00", "2026-11-02T04:00:00"):
            engine = Engine(utc(start))
            wake(engine, schedule(f"jitter: 1h\n{HOURLY}", name=name), start)
            [run] = engine.ledger.recent_runs(name, 10)
            assert run.due_at is not None
            assert run.nominal_time is not None
            found.add(run.due_at - run.nominal_time)
        [offsets[name]] = found

    assert len(set(offsets.values())) == 3
    assert all(timedelta(0) <= offset < timedelta(hours=1) for offset in offsets.values())


def test_a_pause_holds_a_run_that_waits_for_its_jitter(engine: Engine) -> None:
    of = schedule(f"jitter: 10m\n{HOURLY}")
    wake(engine, of, "2026-11-01T04:00:02")
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    engine.clock.pass_time(timedelta(minutes=20))
    engine.reconcile(of)
    held = len(engine.endpoint.submissions)
    resume(engine.ledger, "s", engine.clock.now(), None, None)
    engine.reconcile(of)

    assert (held, hours(engine)) == (0, {"04:00": "submitted"})


def test_the_age_of_a_run_with_jitter_counts_from_its_due_time(engine: Engine) -> None:
    of = schedule(f"jitter: 2d\nretry: {{max_age: 1h}}\n{HOURLY}", name="c")
    wake(engine, of, "2026-11-01T04:00:02")
    [run] = engine.ledger.recent_runs("c", 9)
    assert run.due_at is not None
    assert run.due_at - engine.clock.now() > timedelta(hours=1)
    engine.endpoint.next_outcomes = [UNSENT]
    engine.clock.pass_time(run.due_at - engine.clock.now())

    engine.reconcile(of)

    assert engine.states("c")[run.key] == "unsent"
