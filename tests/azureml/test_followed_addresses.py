"""Runs whose status cannot be queried: they end at once and hold no slot. With `workspace` they can be followed."""

from datetime import timedelta

import pytest
from builders import ADDRESS, TIME, Engine, config, file_of, open_runs, schedule, utc
from test_targets import Line, line, submission

from local.azureml import PIPELINES, AzureMl
from local.azureml_calls import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, WORKSPACE_NAME
from local.azureml_service import DEMO_PIPELINE
from triggers.azureml.service import AzureMl as Service
from triggers.scheduling.config import PipelineKind
from triggers.scheduling.file.warnings import warnings_of
from triggers.scheduling.outcome import Answer, LookUp, Outcome, Seen
from triggers.scheduling.run import RunState
from triggers.scheduling.run_service import run_service
from triggers.starting.occurrence import time_occurrence

__all__ = ["line"]

NOW = utc("2026-11-01T04:00")
OLD = ADDRESS.replace("api.azureml.ms/pipelines/v1.0", "aether.ms/api/v1.0")
GATEWAY = ADDRESS.replace("/pipelines/", "/gateway/pipelines/")
OWN = (
    f"workspace: {{subscription_id: {SUBSCRIPTION}, resource_group: {RESOURCE_GROUP}, name: {WORKSPACE_NAME}, "
    "api: '%API%'}"
)
PATHS = [
    f"/api/v1.0{WORKSPACE}/PipelineRuns/PipelineSubmit/{DEMO_PIPELINE}",
    f"/gateway{PIPELINES}/PipelineRuns/PipelineSubmit/{DEMO_PIPELINE}",
]


@pytest.mark.parametrize(
    ("url", "is_followed"),
    [
        (ADDRESS, True),
        (ADDRESS.upper().replace("HTTPS", "https"), True),
        (f"{ADDRESS}?parentRunId=1", True),
        (ADDRESS.replace("PipelineSubmit/1", "PipelineEndpointSubmit/Name?name=n"), True),
        (OLD, False),
        (GATEWAY, False),
        (ADDRESS.replace("/pipelines/v1.0", "/pipelines/v2.0"), False),
        (ADDRESS.partition("/subscriptions")[0], False),
        ("https://gateway.example/start", False),
        (f"https://gateway.example/start?to={ADDRESS}", False),
        (f"https://gateway.example/#{ADDRESS}", False),
    ],
)
def test_the_run_history_service_is_derived_from_the_address_if_it_names_a_workspace(
    url: str, *, is_followed: bool
) -> None:
    assert (run_service(url) is not None) is is_followed


@pytest.mark.parametrize("path", PATHS)
def test_a_run_at_an_address_without_workspace_is_submitted_but_cannot_be_followed(
    azureml: AzureMl, line: Line, path: str
) -> None:
    line.settings["ENDPOINT"] = f"{azureml.url}{path}"
    one = submission(schedule(TIME, pipeline="{endpoint: '%ENDPOINT%'}"))

    outcome = Service(line.wire, line.settings).submit(one, lambda: True)

    assert (outcome.answer, outcome.is_beyond_reach) == (Answer.SUBMITTED, True)
    assert line.status(one, str(outcome.run_id)).is_beyond_reach
    assert line.find(one).is_impossible
    assert "cannot tell from its address where" in str(line.cancel(one, str(outcome.run_id)))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("place", ["own", "file"])
def test_with_a_workspace_the_run_is_found_followed_and_canceled(
    azureml: AzureMl, line: Line, path: str, place: str
) -> None:
    line.settings["ENDPOINT"] = f"{azureml.url}{path}"
    own, top = (f", {OWN}", "") if place == "own" else ("", f"{OWN}\n")
    text = top + file_of(TIME, pipeline=f"{{endpoint: '%ENDPOINT%'{own}}}")
    loaded = config(text, line.settings)
    assert loaded.faults == ()
    one = submission(loaded.schedules["s"])

    outcome = Service(line.wire, line.settings).submit(one, lambda: True)

    run_id = str(outcome.run_id)
    assert (outcome.answer, outcome.is_beyond_reach) == (Answer.SUBMITTED, False)
    assert str(outcome.studio_url).startswith(f"https://ml.azure.com/runs/{run_id}?wsid=/subscriptions/{SUBSCRIPTION}")
    assert line.find(one).run_ids == (run_id,)
    assert line.status(one, run_id) == Seen(status="Running")
    assert line.cancel(one, run_id) is None
    assert line.status(one, run_id).end is RunState.CANCELED


def test_a_run_is_submitted_although_a_setting_of_its_workspace_is_missing(azureml: AzureMl, line: Line) -> None:
    line.settings["ENDPOINT"] = f"{azureml.url}{PATHS[0]}"
    of = config(file_of(TIME, pipeline=f"{{endpoint: '%ENDPOINT%', {OWN}}}"), line.settings).schedules["s"]
    settings = {name: value for name, value in line.settings.items() if name != "API"}

    outcome = Service(line.wire, settings).submit(submission(of), lambda: True)

    assert (outcome.answer, outcome.run_id) == (Answer.SUBMITTED, next(iter(azureml.service.runs)))
    assert not outcome.is_beyond_reach  # it can be followed once the setting exists


def test_an_address_that_names_its_workspace_ignores_the_workspace_of_the_file() -> None:
    other = "workspace: {subscription_id: s, resource_group: g, name: other, api: 'https://x.api.azureml.ms'}\n"

    loaded = config(other + file_of(TIME), {"ENDPOINT": ADDRESS})

    target = loaded.schedules["s"].target
    assert (target.kind, target.workspace) == (PipelineKind.ENDPOINT, None)


@pytest.mark.parametrize(
    ("workspace", "path"),
    [
        ("{subscription_id: s, resource_group: g, name: n}", "pipelines.p.workspace.api"),
        ("{subscription_id: s, resource_group: g, name: n, api: 'https://x.api.azureml.ms', region: w}",
         "pipelines.p.workspace.region"),
        ("{subscription_id: s, resource_group: g, name: a/b, api: 'https://x.api.azureml.ms'}",
         "pipelines.p.workspace.name"),
        ("{subscription_id: s, resource_group: g, name: n, api: 'https://evil.example'}", "pipelines.p.workspace.api"),
        ("here", "pipelines.p.workspace"),
        ("[]", "pipelines.p.workspace"),
    ],
)  # fmt: skip
def test_an_invalid_workspace_is_an_error_at_its_path(workspace: str, path: str) -> None:
    text = file_of(TIME, pipeline=f"{{endpoint: '{OLD}', workspace: {workspace}}}")

    assert [fault.path for fault in config(text).faults] == [path]


@pytest.mark.parametrize(
    ("endpoint", "is_warned"),
    [(ADDRESS, False), (OLD, True), (f"{OLD}', {OWN.replace('%API%', 'https://x.api.azureml.ms')}, version: '", False)],
    ids=["followed", "not followed", "with a workspace"],
)
def test_validate_warns_if_runs_cannot_be_followed_and_names_the_key_to_add(endpoint: str, *, is_warned: bool) -> None:
    loaded = config(file_of(TIME, pipeline=f"{{endpoint: '{endpoint}'}}".replace(", version: ''", "")))

    assert loaded.faults == ()
    warned = [str(one) for one in warnings_of(loaded, NOW)]
    assert [one for one in warned if "add pipelines.p.workspace" in one] == (warned if is_warned else [])
    assert bool(warned) is is_warned


ACCEPTED = Outcome(answer=Answer.SUBMITTED, run_id="run-1", is_beyond_reach=True)


def test_a_run_that_cannot_be_followed_ends_as_untracked_at_once_and_holds_no_slot() -> None:
    engine = Engine(NOW)
    of = schedule(f"overlap: skip\n{TIME}")
    engine.ledger.register("s", NOW)
    engine.endpoint.next_outcomes = [ACCEPTED]

    first = engine.firing.fire(of, time_occurrence(of, NOW))
    second = engine.firing.fire(of, time_occurrence(of, utc("2026-11-02T04:00")))

    assert first is not None
    assert (first.state, first.run_id) == (RunState.UNTRACKED, "run-1")
    assert "add pipelines.p.workspace to schedules.yaml" in str(first.error)
    assert second is not None
    assert second.state is RunState.SUBMITTED
    assert [one.key for one in open_runs(engine.ledger, "s")] == [second.key]


def test_a_submitted_run_that_can_no_longer_be_followed_ends_in_the_next_pass() -> None:
    engine = Engine(NOW)
    of = schedule(f"overlap: skip\n{TIME}")
    engine.ledger.register("s", NOW)
    run = engine.firing.fire(of, time_occurrence(of, NOW))
    assert run is not None
    assert run.run_id is not None
    engine.service.seen[run.run_id] = Seen(is_beyond_reach=True)

    engine.reconcile(of)

    assert engine.states() == {run.key: "untracked"}


def test_an_unknown_run_that_cannot_be_looked_up_becomes_untracked_after_the_submit_deadline() -> None:
    engine = Engine(NOW)
    of = schedule(f"overlap: skip\n{TIME}")
    engine.ledger.register("s", NOW)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNKNOWN, sentence="cut off")]
    run = engine.firing.fire(of, time_occurrence(of, NOW))
    assert run is not None
    engine.history.answer = LookUp(is_impossible=True)

    engine.reconcile(of)
    before = engine.states()
    engine.clock.pass_time(timedelta(minutes=30))
    engine.reconcile(of)

    assert before == {run.key: "unknown"}
    assert engine.states() == {run.key: "untracked"}
    assert len(engine.endpoint.submissions) == 1
