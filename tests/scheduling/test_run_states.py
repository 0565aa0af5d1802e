"""What each state of a run means: the table has an answer to each question, and the answers agree."""

from triggers.scheduling.run import TRANSITIONS, RunState
from triggers.scheduling.run_states import (
    _LINES,
    ACCEPTED_OR_CANCELED,
    CANCELABLE,
    ENDED_STATES,
    IN_FLIGHT,
    NEVER_ACCEPTED,
    OPEN_STATES,
    REFUSED_OR_CANCELED,
    REPLAYABLE,
    TO_BE_ACCEPTED,
    TO_BE_SENT,
    UNSETTLED,
    WITH_FORCE,
)

READABLE = set(RunState) - {RunState.UNREADABLE}


def test_the_table_answers_each_question_about_each_state() -> None:
    answers = {"yes", "no", "?", "not-yet", "perhaps", "never", "either", "force", "log"}

    assert [line[0] for line in _LINES[1:]] == [state.value for state in RunState]
    assert {len(line) for line in _LINES} == {7}
    assert {answer for line in _LINES[1:] for answer in line[1:]} <= answers


def test_each_state_has_its_place_on_the_way_to_azure_ml() -> None:
    assert TO_BE_SENT | UNSETTLED | ACCEPTED_OR_CANCELED | NEVER_ACCEPTED == READABLE
    assert len(TO_BE_SENT) + len(UNSETTLED) + len(ACCEPTED_OR_CANCELED) + len(NEVER_ACCEPTED) == len(READABLE)
    assert {RunState.CANCELED} == ACCEPTED_OR_CANCELED & REFUSED_OR_CANCELED
    assert TO_BE_ACCEPTED | {RunState.SUBMITTED} == OPEN_STATES
    assert OPEN_STATES - TO_BE_SENT == IN_FLIGHT
    assert OPEN_STATES | ENDED_STATES == READABLE


def test_what_has_ended_can_be_replayed_and_what_can_be_canceled_may_become_canceled() -> None:
    assert ENDED_STATES | {RunState.UNKNOWN} == REPLAYABLE | WITH_FORCE
    assert {state for state in OPEN_STATES if RunState.CANCELED in TRANSITIONS[state]} == CANCELABLE
