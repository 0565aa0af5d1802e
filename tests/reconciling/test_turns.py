"""The run that has waited longest is next; runs that no longer ask are forgotten."""

from datetime import timedelta

from builders import HandClock, utc

from triggers.reconciling.turns import Turns


def test_runs_that_stop_asking_are_forgotten_and_the_others_keep_their_turns() -> None:
    clock = HandClock(utc("2026-11-01T04:00"))
    turns = Turns(clock)
    for number in range(10):
        turns.is_next("history", f"gone-{number}")
        turns.note("history", f"gone-{number}", is_away=True)
    clock.pass_time(timedelta(minutes=11))
    for key in ("a", "b"):
        turns.is_next("history", key)
        turns.note("history", key, is_away=True)
        clock.pass_time(timedelta(seconds=1))
    turns.is_next("history", "c")
    turns.note("history", "c", is_away=True)

    assert turns.last_lookup("gone-3") == float("-inf")
    assert turns.last_lookup("a") < turns.last_lookup("b") < turns.last_lookup("c")
    assert [turns.is_next("history", key) for key in ("b", "c", "a")] == [False, False, True]
