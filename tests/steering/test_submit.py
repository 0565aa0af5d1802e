"""Calls for a published pipeline, sent to the app's URL: same body, same answer, and no run starts twice."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from builders import TIME, Engine, schedule, utc
from msgspec import convert

from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.steering.answers import SubmitAnswer
from triggers.steering.declined import BadInput, NotAllowed, NotStarted, WrongState
from triggers.steering.pausing import pause, resume
from triggers.steering.questions import TriggerBody
from triggers.steering.service import Steering
from triggers.web.routes import SUBMIT

NOW = utc("2026-11-01T04:00")
KEYS = (
    f"{TIME}\npipeline_parameters: {{pipeline_arg: 1}}\ndatapaths: {{input: {{datastore: blobs, path: in}}}}\n"
    "datasets: {train: {id: one}}"
)
BODY = {
    "ExperimentName": "MyRestPipeline",
    "Description": "by hand",
    "Tags": {"a": "b"},
    "ParameterAssignments": {"pipeline_arg": 20},
    "DataPathAssignments": {"input": {"DataStoreName": "blobs", "RelativePath": "new data.csv"}},
    "DataSetDefinitionValueAssignments": {"train": {"SavedDataSetReference": {"Id": "x-1"}}},
    "RunSource": "SDK",
    "ParentRunId": "p",
    "DisplayName": "mine",
}


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def steering(engine: Engine, one: Schedule) -> Steering:
    def sleep(seconds: float) -> None:
        time.sleep(0.02)
        engine.clock.sleep(seconds)

    steering = engine.wired(one).steering
    return replace(steering, waiting=replace(steering.waiting, sleep=sleep))


def submit(
    engine: Engine, body: dict[str, Any], request_id: str | None = None, one: Schedule | None = None
) -> tuple[SubmitAnswer, bool]:
    asked = SUBMIT.asked("s", json.dumps(body).encode(), {})
    return steering(engine, one or schedule(KEYS)).submit("s", asked.body, request_id)


def test_the_body_for_a_published_pipeline_starts_the_run_it_describes(engine: Engine) -> None:
    answer, is_accepted = submit(engine, BODY)

    [sent] = engine.endpoint.submissions
    request = sent.request
    assert is_accepted
    assert (answer.id, answer.state) == (engine.ledger.recent_runs("s", 1)[0].run_id, "submitted")
    assert (request.experiment_name, request.display_name, request.description) == ("MyRestPipeline", "mine", "by hand")
    assert (request.tags, request.pipeline_parameters) == ({"a": "b"}, {"pipeline_arg": "20"})
    assert (request.datapaths["input"].path, request.datasets["train"].id) == ("new data.csv", "x-1")
    assert (request.run_source, request.parent_run_id) == ("SDK", "p")


def test_keys_are_accepted_in_either_case_and_null_counts_as_absent(engine: Engine) -> None:
    body = {"experimentName": "x", "tags": None, "parameterAssignments": {"pipeline_arg": None}, "RunSource": None}

    _, is_accepted = submit(engine, body)

    [sent] = engine.endpoint.submissions
    assert is_accepted
    assert (sent.request.experiment_name, sent.request.pipeline_parameters) == ("x", {"pipeline_arg": "1"})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"ExperimentNam": "x", "Foo": 1}, "unknown keys ExperimentNam, Foo; known are ExperimentName"),
        ({"Tags": {}, "tags": {}}, "Tags occurs twice"),
        ({"DataPathAssignments": {"input": {"Path": "x"}}}, "unknown field `Path`"),
        ({"DataSetDefinitionValueAssignments": {"train": {}}}, "expected one of SavedDataSetReference and"),
        ({"ParameterAssignments": {"pipeline_arg": [1]}}, "expected"),
        ({"ExperimentName": ""}, "length >= 1"),
    ],
)
def test_an_invalid_body_is_one_error_message(engine: Engine, body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        submit(engine, body)

    assert sentence in str(refused.value)
    assert engine.ledger.recent_runs("s", 9) == []


def test_an_override_that_the_schedule_does_not_allow_is_refused(engine: Engine) -> None:
    with pytest.raises(NotAllowed):
        submit(engine, {"ParameterAssignments": {"other": "x"}})


def test_calls_with_the_same_idempotency_key_are_one_run_and_calls_without_are_separate(engine: Engine) -> None:
    first, again = submit(engine, BODY, "build-7"), submit(engine, BODY, "build-7")
    submit(engine, BODY)
    submit(engine, BODY)

    assert first == again
    assert len(engine.endpoint.submissions) == 3
    with pytest.raises(WrongState, match="was requested with another body"):
        submit(engine, {}, "build-7")
    with pytest.raises(BadInput):
        submit(engine, {}, "not an id")


def test_a_trigger_with_the_same_id_and_meaning_is_the_same_run(engine: Engine) -> None:
    one = schedule(KEYS)
    answer, _ = submit(engine, {"ParameterAssignments": {"pipeline_arg": 20}, "Tags": {"a": "b"}}, "7", one)

    body = convert({"request_id": "7", "pipeline_parameters": {"pipeline_arg": 20}, "tags": {"a": "b"}}, TriggerBody)
    run, is_new = steering(engine, one).trigger("s", body)

    assert (run.key, is_new) == (answer.key, False)


@pytest.mark.parametrize("outcome", [Answer.UNSENT, Answer.UNKNOWN])
def test_a_run_not_yet_accepted_by_azure_ml_is_reported_as_not_accepted(engine: Engine, outcome: Answer) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=outcome, sentence="away")]

    answer, is_accepted = submit(engine, BODY, "7")

    assert (is_accepted, answer.id, answer.state) == (False, None, outcome.value)


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (
            lambda engine: engine.endpoint.next_outcomes.append(Outcome(answer=Answer.REJECTED, sentence="no")),
            "rejected",
        ),
    ],
)
def test_a_run_that_will_never_be_accepted_is_a_409_with_its_key_and_state(
    engine: Engine, spoil: Callable[[Engine], None], state: str
) -> None:
    spoil(engine)

    with pytest.raises(NotStarted) as refused:
        submit(engine, BODY, "7")

    assert refused.value.facts == {"key": "s!7", "state": state}
    assert str(refused.value) == f"s!7 is {state}: no"
    with pytest.raises(NotStarted):
        submit(engine, BODY, "7")


def test_with_overlap_skip_a_second_call_is_a_409(engine: Engine) -> None:
    one = schedule(f"{KEYS}\noverlap: skip")
    submit(engine, BODY, "7", one)

    with pytest.raises(NotStarted, match="s!8 is skipped"):
        submit(engine, BODY, "8", one)


def test_a_pause_holds_submitted_calls_but_not_manual_triggers(engine: Engine) -> None:
    one = schedule(KEYS)
    pause(engine.ledger, "s", engine.clock.now(), None, None)

    answer, is_accepted = submit(engine, BODY, "7", one)
    engine.reconcile(one)
    steering(engine, one).trigger("s", TriggerBody(request_id="by-hand"))
    held = [one.run_key for one in engine.endpoint.submissions]
    resume(engine.ledger, "s", engine.clock.now(), None, None)
    engine.reconcile(one)

    assert (is_accepted, answer.state) == (False, "waiting")
    assert held == ["s!by-hand"]
    assert [one.run_key for one in engine.endpoint.submissions] == ["s!by-hand", "s!7"]
