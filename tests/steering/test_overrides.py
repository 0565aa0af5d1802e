"""What a call may override, which overrides a schedule allows, and what Azure ML receives."""

from typing import Any

import pytest
from builders import CHANGE, TIME, Engine, schedule, utc
from msgspec import convert

from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run_request import RunRequest
from triggers.steering.declined import BadInput, Declined, NotAllowed
from triggers.steering.questions import ReplayBody, TriggerBody

NOW = utc("2026-11-01T04:00")
KEYS = (
    f"{TIME}\npipeline_parameters: {{epochs: 20}}\ndatapaths: {{input: {{datastore: blobs, path: in}}}}\n"
    "datasets: {train: {id: one}}\ntags: {team: ml}\ndescription: nightly"
)
ALL = {
    "experiment_name": "mine %HOME% {run_key}",
    "description": "100 % of it",
    "tags": {"ticket": "4711"},
    "pipeline_parameters": {"epochs": 3},
    "datapaths": {"input": {"datastore": "blobs", "path": "other/a b%20c"}},
    "datasets": {"train": {"name": "taxi", "version": 2}},
    "parent_run_id": "p1",
}


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def sent(engine: Engine, one: Schedule, **body: Any) -> RunRequest:
    engine.wired(one).steering.trigger("s", convert(body, TriggerBody))
    request: RunRequest = engine.endpoint.submissions[-1].request
    return request


def test_a_call_can_override_every_field_and_its_values_are_not_expanded(engine: Engine) -> None:
    request = sent(engine, schedule(KEYS), **ALL)

    assert request.experiment_name == "mine %%HOME%% {run_key}"
    assert request.description == "100 %% of it"
    assert request.tags == {"team": "ml", "ticket": "4711"}
    assert request.pipeline_parameters == {"epochs": "3"}
    assert (request.datapaths["input"].datastore, request.datapaths["input"].path) == ("blobs", "other/a b%%20c")
    assert (request.datasets["train"].id, request.datasets["train"].name, request.datasets["train"].version) == (
        None,
        "taxi",
        "2",
    )
    assert request.parent_run_id == "p1"


def test_the_sent_request_is_shown_with_the_run_without_setting_values(engine: Engine) -> None:
    one = schedule(f"{KEYS}\nparent_run_id: '%ENDPOINT%'")

    run, _ = engine.wired(one).steering.trigger("s", convert({**ALL, "parent_run_id": None}, TriggerBody))

    assert run.request is not None
    assert run.request.experiment_name == "mine %HOME% {run_key}"
    assert run.request.parent_run_id == "%ENDPOINT%"
    assert run.request.datapaths == {"input": {"datastore": "blobs", "path": "other/a b%20c"}}
    assert run.request.datasets == {"train": {"name": "taxi", "version": "2"}}
    assert engine.ledger.recent_answers("s", 1)[0].request is None, "lists omit the request"


def test_a_replay_keeps_the_overrides(engine: Engine) -> None:
    one = schedule(KEYS)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="no")]
    engine.wired(one).steering.trigger("s", convert({**ALL, "request_id": "a"}, TriggerBody))
    engine.wired(one).steering.replay("s!a", ReplayBody())

    first, second = (one.request for one in engine.endpoint.submissions)

    assert (first.experiment_name, first.datapaths, first.tags) == (
        second.experiment_name,
        second.datapaths,
        second.tags,
    )
    assert second.parent_run_id == "p1"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"pipeline_parameters": {"lr": 1}}, "'lr' not allowed: trigger_overrides listed allows "
            "only 'epochs'"),
        ({"datapaths": {"other": {"datastore": "blobs", "path": "x"}}}, "datapaths: 'other' not allowed"),
        ({"datapaths": {"input": {"datastore": "mine", "path": "x"}}}, "'input' must stay in the datastore 'blobs'"),
        ({"datasets": {"test": {"id": "x"}}}, "datasets: 'test' not allowed"),
        ({"continue_on_step_failure": True}, "continue_on_step_failure is not allowed: trigger_overrides is listed"),
    ],
)  # fmt: skip
def test_listed_refuses_what_the_schedule_does_not_name(engine: Engine, body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NotAllowed, match="s: ") as refused:
        sent(engine, schedule(KEYS), **body)

    assert sentence in str(refused.value)
    assert engine.endpoint.submissions == []


@pytest.mark.parametrize("key", sorted(ALL))
def test_none_allows_no_overrides_and_any_allows_all(engine: Engine, key: str) -> None:
    with pytest.raises(NotAllowed):
        sent(engine, schedule(f"{KEYS}\ntrigger_overrides: none"), **{key: ALL[key]})

    assert sent(engine, schedule(f"{KEYS}\ntrigger_overrides: any"), **{key: ALL[key]})


def test_any_allows_new_names_and_other_datastores(engine: Engine) -> None:
    request = sent(
        engine,
        schedule(f"{KEYS}\ntrigger_overrides: any"),
        pipeline_parameters={"lr": 0.1},
        datapaths={"input": {"datastore": "mine", "path": "x"}, "second": {"datastore": "d", "path": ""}},
        continue_on_step_failure=False,
    )

    assert request.pipeline_parameters == {"epochs": "20", "lr": "0.1"}
    assert {name: one.datastore for name, one in request.datapaths.items()} == {"input": "mine", "second": "d"}
    assert request.continue_on_step_failure is False


@pytest.mark.parametrize("allowed", ["listed", "any"])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"tags": {"team": "x"}}, "tags: 'team' is a tag of the schedule and cannot be replaced"),
        ({"tags": {"trigger_run_key": "x"}}, "tags: 'trigger_run_key' begins like a tag of the app"),
        ({"datasets": {"train": {}}}, "datasets: 'train': expected exactly one of id and name"),
        ({"datasets": {"train": {"id": "a", "version": 1}}}, "datasets: 'train': version is valid only with name"),
        (
            {"description": "x" * 4999, "tags": {f"t{n}": "x" * 4999 for n in range(11)}},
            "at most 50,000 characters can be stored",
        ),
    ],
)
def test_an_invalid_override_is_refused_whatever_is_allowed(
    engine: Engine, allowed: str, body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput) as refused:
        sent(engine, schedule(f"{KEYS}\ntrigger_overrides: {allowed}"), **body)

    assert sentence in str(refused.value)


def test_a_name_belongs_to_one_kind_of_parameter(engine: Engine) -> None:
    with pytest.raises(BadInput, match="pipeline_parameters: 'input' is one of datapaths; give it there"):
        sent(engine, schedule(f"{KEYS}\ntrigger_overrides: any"), pipeline_parameters={"input": "x"})


@pytest.mark.parametrize("body", [{"datasets": {"a": {"id": "x"}}}, {"parent_run_id": "x"}, {"description": "x"}])
def test_an_override_that_the_target_does_not_support_is_refused(engine: Engine, body: dict[str, Any]) -> None:
    one = schedule(
        f"{TIME}\ntrigger_overrides: any", pipeline="{batch_endpoint: 'https://x.inference.ml.azure.com/jobs'}"
    )

    with pytest.raises(BadInput, match="is valid only with"):
        sent(engine, one, **body)


def test_a_datastore_from_a_setting_is_kept_whatever_the_caller_gives(engine: Engine) -> None:
    one = schedule(KEYS.replace("datastore: blobs", "datastore: '%ENDPOINT%'"))

    request = sent(engine, one, datapaths={"input": {"datastore": "workspaceblobstore", "path": "x"}})

    assert (request.datapaths["input"].datastore, request.datapaths["input"].path) == ("%ENDPOINT%", "x")


def test_a_change_based_schedule_accepts_a_path_for_its_parameter_instead_of_a_blob(engine: Engine) -> None:
    one = schedule(CHANGE)
    name = one.trigger.data_path_parameter_name
    datastore = one.trigger.datastore

    request = sent(engine, one, datapaths={name: {"datastore": datastore, "path": "new data.csv"}})

    assert (request.datapaths[name].datastore, request.datapaths[name].path) == (datastore, "new data.csv")
    with pytest.raises(Declined, match=r"give a blob \(`blob`; on the command line, --blob\)"):
        sent(engine, one)


def test_the_same_request_id_with_another_body_is_a_conflict(engine: Engine) -> None:
    one = schedule(KEYS)
    steering = engine.wired(one).steering
    first, is_new = steering.trigger("s", convert({**ALL, "request_id": "a"}, TriggerBody))
    again, is_again = steering.trigger("s", convert({**ALL, "request_id": "a"}, TriggerBody))

    assert (first.key, is_new, again.key, is_again) == ("s!a", True, "s!a", False)
    with pytest.raises(Declined, match="was requested with another body"):
        steering.trigger("s", convert({**ALL, "request_id": "a", "description": "x"}, TriggerBody))
