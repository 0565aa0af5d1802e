"""Occurrences on excluded days get a row with the reason in the ledger, and exactly one run if they move."""

import json
from datetime import timedelta

import pytest
from builders import Engine, timed, utc

from triggers.scheduling.config import TimeSchedule
from triggers.steering.pausing import pause
from triggers.steering.questions import BackfillBody, ReplayBody

DAILY = "cron: {expression: '0 6 * * *'}\ncatchup: all\ncatchup_window: 10d"
WEEKEND = "week_days: [Saturday, Sunday]"


def excluding(exclude: str, keys: str = DAILY) -> TimeSchedule:
    return timed(f"{keys}\nexclude: {{{exclude}}}")


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-12-24T05:59"))  # a Thursday


def go_on(engine: Engine, of: TimeSchedule, until: str, *, new_process: bool = False) -> Engine:
    """Fire the timer once a day, one second after six, until a moment."""
    if new_process:
        engine = engine.with_new_process()
    while engine.clock.now() < utc(until):
        engine.wired(of).due_occurrences.fire(of)
        at = engine.clock.now().replace(hour=6, minute=0, second=1)
        step = at + timedelta(days=engine.clock.now() >= at) - engine.clock.now()
        engine.clock.pass_time(min(step, utc(until) - engine.clock.now()))
    engine.wired(of).due_occurrences.fire(of)
    return engine


def days(engine: Engine) -> dict[str, str]:
    found = {key.partition("@")[2][5:10]: state for key, state in sorted(engine.states().items())}
    return {day: state for day, state in found.items() if day > "12-23" or day < "12-01"}


def test_an_excluded_occurrence_has_a_row_that_says_why(engine: Engine) -> None:
    go_on(engine, excluding(WEEKEND), "2026-12-28T06:01")

    assert days(engine) == {
        "12-24": "submitted",
        "12-25": "submitted",
        "12-26": "skipped excluded",
        "12-27": "skipped excluded",
        "12-28": "submitted",
    }
    [row] = engine.ledger.runs(["s@2026-12-26T06:00:00Z"])
    assert row.error == "Saturday is excluded"


def test_with_move_after_occurrences_run_once_and_their_rows_say_when(engine: Engine) -> None:
    of = excluding("dates: [2026-12-26, 2026-12-27], move: after", DAILY.replace("* * *'", "* * 0,6'"))

    go_on(engine, of, "2026-12-29T06:01")

    assert days(engine) == {"12-26": "skipped excluded", "12-27": "skipped excluded", "12-28": "submitted"}
    rows = engine.ledger.runs(["s@2026-12-26T06:00:00Z", "s@2026-12-27T06:00:00Z"])
    assert [row.error for row in rows] == [
        "2026-12-26 is excluded; moved to 2026-12-28T06:00:00Z",
        "2026-12-27 is excluded; moved to 2026-12-28T06:00:00Z",
    ]
    [run] = engine.ledger.runs(["s@2026-12-28T06:00:00Z"])
    assert run.moved_from == utc("2026-12-27T06:00")


def test_with_move_before_an_occurrence_has_its_row_before_its_original_day(engine: Engine) -> None:
    go_on(engine, excluding(f"{WEEKEND}, move: before"), "2026-12-25T06:01")

    assert days(engine) == {
        "12-24": "submitted",
        "12-25": "submitted",
        "12-26": "skipped excluded",
        "12-27": "skipped excluded",
    }


@pytest.mark.parametrize("move", ["before", "after"])
def test_an_occurrence_that_already_ran_is_not_run_again_when_an_edit_moves_it(engine: Engine, move: str) -> None:
    plain = timed(DAILY.replace("* * *'", "26 12 *'"))
    go_on(engine, plain, "2026-12-26T06:01")
    assert days(engine) == {"12-26": "submitted"}

    edited = excluding(f"dates: [2026-12-26], move: {move}", DAILY.replace("* * *'", "26 12 *'"))
    engine = go_on(engine, edited, "2026-12-29T06:01", new_process=True)

    assert days(engine) == {"12-26": "submitted"}


def test_a_future_occurrence_that_an_edit_moves_into_the_past_runs_at_once(engine: Engine) -> None:
    go_on(engine, timed(DAILY), "2026-12-25T12:00")

    edited = excluding(f"{WEEKEND}, dates: [2026-12-25], move: before")
    engine = go_on(engine, edited, "2026-12-25T12:00", new_process=True)

    # Thursday's own occurrence has already run; Saturday's and Sunday's are merged with it.
    assert days(engine)["12-24"] == "submitted"
    assert "12-26" not in days(engine)
    monthly = DAILY.replace("* * *'", "27 12 *'")
    engine = Engine(utc("2026-12-24T05:59"))
    go_on(engine, timed(monthly), "2026-12-25T12:00")
    engine = go_on(engine, excluding(f"{WEEKEND}, move: before", monthly), "2026-12-25T12:00", new_process=True)
    assert days(engine) == {"12-25": "submitted", "12-27": "skipped excluded"}
    engine = go_on(engine, excluding(f"{WEEKEND}, move: before", monthly), "2026-12-29T06:01", new_process=True)
    assert days(engine) == {"12-25": "submitted", "12-27": "skipped excluded"}


def test_two_instances_start_a_moved_occurrence_once(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: after", DAILY.replace("* * *'", "* * 6'"))
    go_on(engine, of, "2026-12-28T05:59")
    engine.clock.pass_time(timedelta(minutes=2))

    fired = [one.wired(of).due_occurrences.fire(of) for one in (engine, engine.with_new_process())]

    assert fired == [1, 0]
    assert days(engine) == {"12-26": "skipped excluded", "12-28": "submitted"}


def test_excluded_is_decided_before_disabled_and_paused(engine: Engine) -> None:
    of = excluding(WEEKEND, f"{DAILY}\nstatus: Disabled")
    pause(engine.ledger, "s", engine.clock.now(), None, None)

    go_on(engine, of, "2026-12-26T06:01")

    assert days(engine) == {"12-24": "skipped disabled", "12-25": "skipped disabled", "12-26": "skipped excluded"}


def test_the_newest_missed_occurrence_that_is_not_excluded_is_caught_up(engine: Engine) -> None:
    of = excluding(WEEKEND, DAILY.replace("catchup: all", "catchup: latest"))
    go_on(engine, of, "2026-12-24T06:01")
    engine.clock.pass_time(utc("2026-12-27T12:00") - engine.clock.now())

    engine.wired(of).due_occurrences.fire(of)

    assert days(engine) == {
        "12-24": "submitted",
        "12-25": "submitted",
        "12-26": "skipped excluded",
        "12-27": "skipped excluded",
    }


def test_a_moved_occurrence_of_a_paused_schedule_has_all_its_rows(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: after", DAILY.replace("* * *'", "* * 6'"))
    go_on(engine, of, "2026-12-27T12:00")
    pause(engine.ledger, "s", engine.clock.now(), None, None)

    go_on(engine, of, "2026-12-28T06:01")

    assert days(engine) == {"12-26": "skipped excluded", "12-28": "skipped paused"}


def test_a_backfill_never_starts_excluded_occurrences_but_a_replay_does(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: none", f"{DAILY}\nstatus: Disabled")
    go_on(engine, of, "2026-12-28T06:01")
    steering = engine.wired(of).steering

    told = steering.backfill("s", BackfillBody(first="2026-12-24", before="2026-12-29"))
    replayed = steering.replay("s@2026-12-26T06:00:00Z", ReplayBody())

    assert [one.what[8:10] for one in told.started] == ["24", "25", "28"]
    assert replayed.state == "submitted"


def test_a_backfill_of_a_moved_occurrence_records_its_original(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: after", DAILY.replace("* * *'", "* * 6'"))
    engine.wired(of).lives.of(of)
    engine.clock.pass_time(utc("2026-12-29T00:00") - engine.clock.now())
    steering = engine.wired(of).steering

    steering.backfill("s", BackfillBody(first="2026-12-24", before="2026-12-29"))
    again = steering.backfill("s", BackfillBody(first="2026-12-24", before="2026-12-29"))

    assert days(engine) == {"12-26": "skipped excluded", "12-28": "waiting"}
    assert again.started == []


def test_explain_shows_excluded_and_moved_occurrences(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: after", DAILY.replace("* * *'", "* * 6'"))
    go_on(engine, of, "2026-12-28T06:01")
    explaining = engine.wired(of).explaining

    original = explaining.time(of, utc("2026-12-26T06:00")).decisions
    moved = explaining.time(of, utc("2026-12-28T06:00")).decisions

    assert original[0] == (
        "2026-12-26T06:00:00Z is on an excluded day: Saturday is excluded; it runs at 2026-12-28T06:00:00Z instead"
    )
    assert original[1] == "s@2026-12-26T06:00:00Z: skipped (excluded)"
    assert moved[:2] == [
        "2026-12-28T06:00:00Z is an occurrence of s",
        "it was moved from 2026-12-26T06:00:00Z, which is on an excluded day",
    ]


def test_the_api_shows_moved_occurrences(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: after", DAILY.replace("* * *'", "* * 6'"))
    told = engine.wired(of).steering.schedule("s")

    assert told.trigger["exclude"] == {"week_days": ["Saturday", "Sunday"], "move": "after"}
    assert (told.next[0].nominal_time, told.next[0].moved_from) == ("2026-12-28T06:00:00Z", "2026-12-26T06:00:00Z")
    json.dumps(told.trigger)


def test_the_window_of_a_moved_run_follows_the_planned_times(engine: Engine) -> None:
    of = excluding(f"{WEEKEND}, move: after", f"{DAILY}\ntags: {{since: '{{previous_time:%Y-%m-%d}}'}}")
    go_on(engine, of, "2026-12-28T06:01")

    assert {one.run_key[-15:-10]: one.request.tags["since"] for one in engine.endpoint.submissions} == {
        "12-24": "2026-12-23",
        "12-25": "2026-12-24",
        "12-28": "2026-12-25",
    }
