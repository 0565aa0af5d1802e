"""Submitted runs are followed to their end: by polling, with events as hints, and until tracking times out."""

from datetime import timedelta

import pytest
from builders import TIME, Engine, open_runs, schedule, utc

from triggers.reconciling.run_hints import RunHints
from triggers.scheduling.config import Config
from triggers.scheduling.outcome import Seen
from triggers.scheduling.overlap import OpenRun
from triggers.scheduling.run import Run, RunState
from triggers.starting.occurrence import time_occurrence

NOW = utc("2026-11-01T04:00")
KEY = "s@2026-11-01T04:00:00Z"
FINISHED = Seen(status="Finished", end=RunState.FINISHED)
AWAY = Seen(is_away=True, sentence="it did not answer")
DENIED = Seen(is_denied=True, sentence="no such run")


@pytest.fixture
def engine() -> Engine:
    """An engine with one submitted run."""
    engine = Engine(NOW)
    engine.ledger.register("s", NOW)
    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))
    return engine


def run_of(engine: Engine, key: str = KEY) -> Run:
    run = engine.ledger.get(key)
    assert run is not None
    return run


def passes(engine: Engine, number: int = 1, apart: timedelta = timedelta(minutes=1)) -> None:
    reconciliation = engine.reconciliation(schedule())
    for _ in range(number):
        engine.clock.pass_time(apart)
        reconciliation.run_pass()


@pytest.mark.parametrize(
    ("seen", "state", "error"),
    [
        (FINISHED, RunState.FINISHED, None),
        (Seen(status="Completed", end=RunState.FINISHED), RunState.FINISHED, None),
        (Seen(status="Failed", end=RunState.FAILED, sentence="step train"), RunState.FAILED, "step train"),
        (Seen(status="Canceled", end=RunState.CANCELED), RunState.CANCELED, None),
    ],
)
def test_the_end_of_a_run_is_recorded(engine: Engine, seen: Seen, state: RunState, error: str | None) -> None:
    engine.service.seen[KEY] = seen

    passes(engine)

    run = run_of(engine)
    assert (run.state, run.azureml_status, run.error, run.ended_at) == (state, seen.status, error, engine.clock.now())
    assert list(open_runs(engine.ledger, "s")) == []


def test_the_status_in_azure_ml_is_written_only_when_it_changes(engine: Engine) -> None:
    passes(engine)
    running = run_of(engine)
    passes(engine, 5)

    assert (running.azureml_status, run_of(engine).version) == ("Running", running.version)


def test_a_long_run_is_polled_less_often(engine: Engine) -> None:
    asked = []
    for hours in (1, 5, 18, 6):
        before = engine.service.asked.count(KEY)
        passes(engine, hours * 60)  # one pass a minute
        asked.append(engine.service.asked.count(KEY) - before)

    assert asked[0] == 60
    # Every 2, 5 and 10 minutes, or at the next pass; a restart of the process polls once more.
    assert [a <= b <= c for a, b, c in zip((100, 180, 33), asked[1:], (152, 218, 38), strict=True)] == [True] * 3


def test_a_run_that_azure_ml_denies_for_an_hour_is_untracked(engine: Engine) -> None:
    engine.service.seen[KEY] = DENIED
    passes(engine, 60)
    before = run_of(engine).state
    passes(engine, 2)

    run = run_of(engine)
    assert (before, run.state) == (RunState.SUBMITTED, RunState.UNTRACKED)
    assert run.error == "for an hour, Azure ML has answered that there is no such run; whether it ran is unknown"


def test_a_run_that_is_known_again_starts_a_new_hour_of_denial(engine: Engine) -> None:
    engine.service.seen[KEY] = DENIED
    passes(engine, 40)
    del engine.service.seen[KEY]
    passes(engine)
    engine.service.seen[KEY] = DENIED
    passes(engine, 40)

    assert run_of(engine).state is RunState.SUBMITTED


@pytest.mark.parametrize("seen", [AWAY, Seen(status="Running"), Seen(status="NotResponding")])
def test_a_run_whose_end_is_not_known_after_thirty_days_is_untracked(engine: Engine, seen: Seen) -> None:
    engine.service.seen[KEY] = seen
    passes(engine, 2, timedelta(days=29) / 2)
    before = run_of(engine).state
    passes(engine, 3, timedelta(days=1))

    run = run_of(engine)
    assert (before, run.state) == (RunState.SUBMITTED, RunState.UNTRACKED)
    assert run.error == "its end is still unknown after 30 days (RUN_TRACKING_DAYS)"


def test_an_unreachable_service_is_polled_once_a_pass_not_once_a_run(engine: Engine) -> None:
    for minute in range(1, 10):
        engine.firing.fire(schedule(), time_occurrence(schedule(), NOW + timedelta(minutes=minute)))
    engine.service.seen = {f"run-{number}": AWAY for number in range(1, 11)}

    passes(engine)
    after_one = len(engine.service.asked)
    passes(engine)

    assert (after_one, len(engine.service.asked)) == (1, 2)
    engine.service.seen = {f"run-{number}": FINISHED for number in range(1, 11)}
    passes(engine)
    assert set(engine.states().values()) == {"finished"}


def test_an_error_answer_for_one_run_does_not_stop_the_polling_of_others(engine: Engine) -> None:
    for minute in (1, 2):
        engine.firing.fire(schedule(), time_occurrence(schedule(), NOW + timedelta(minutes=minute)))
    engine.service.seen = {"run-1": Seen(sentence="500"), "run-2": AWAY, "run-3": FINISHED}

    passes(engine, 4)

    assert sorted(engine.states().values()) == ["finished", "submitted", "submitted"]
    assert run_of(engine).error == "500", "the error says why its end is not known"


def test_an_outage_between_two_denials_does_not_count_as_an_hour_of_denial(engine: Engine) -> None:
    engine.service.seen[KEY] = DENIED
    passes(engine)
    engine.service.seen[KEY] = AWAY
    passes(engine, 62)
    engine.service.seen[KEY] = DENIED
    passes(engine, 2)

    assert run_of(engine).state is RunState.SUBMITTED


def hints(engine: Engine) -> RunHints:
    config = Config(schedules={"s": schedule()}, faults=(), left_out=(), settings={}, file="", lines={})
    return RunHints(config=config, ledger=engine.ledger, open_runs=engine.open_runs, clock=engine.clock)


def event(engine: Engine, **other: object) -> dict[str, object]:
    tags = {"trigger_run_key": KEY, "trigger_ledger": engine.ledger.ledger_id()}
    return {"runId": "run-1", "runStatus": "Completed", "runTags": tags, **other}


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper, str.title])
def test_an_event_makes_the_app_poll_the_run_at_once(engine: Engine, spelling: object) -> None:
    assert callable(spelling)
    engine.service.seen[KEY] = FINISHED
    data = {spelling(name): value for name, value in event(engine).items()}

    assert hints(engine).note("experiments/e/runs/run-1", data)
    assert run_of(engine).state is RunState.FINISHED


def test_the_status_in_an_event_is_not_trusted(engine: Engine) -> None:
    assert hints(engine).note("", event(engine, runStatus="Failed"))
    assert run_of(engine).state is RunState.SUBMITTED


def test_an_event_may_carry_the_tags_as_properties_or_json_text(engine: Engine) -> None:
    engine.service.seen[KEY] = FINISHED
    marks = f'{{"trigger_run_key": "{KEY}", "trigger_ledger": "{engine.ledger.ledger_id()}"}}'

    assert hints(engine).note("", {"RunId": "run-1", "RunTags": "{}", "RunProperties": marks})


@pytest.mark.parametrize(
    "other",
    [
        {"runId": "run-1_step-2"},
        {"runTags": {"trigger_run_key": KEY, "trigger_ledger": "of somebody else"}},
        {"runTags": {"trigger_run_key": "s@2020-01-01T00:00:00Z"}},
        {"runTags": {"trigger_run_key": ["x"]}},
        {"runTags": {"trigger_run_key": "s/a?#@x"}},
        {"runTags": {"trigger_run_key": "\ud800@x"}},
        {"runTags": None},
        {"runTags": "{"},
    ],
)
def test_events_for_steps_and_foreign_runs_are_ignored(engine: Engine, other: dict[str, object]) -> None:
    engine.service.seen[KEY] = FINISHED

    assert not hints(engine).note("experiments/e/runs/x", event(engine, **other))
    assert engine.service.asked == []


@pytest.mark.parametrize("data", [None, "x", [], {"runTags": 1}])
def test_a_malformed_event_is_ignored(engine: Engine, data: object) -> None:
    assert not hints(engine).note("x", data)


def test_the_end_of_a_run_is_sent_to_the_webhook_once(engine: Engine) -> None:
    of = schedule(f"{TIME}\nwebhook: https://hook.example/")
    engine.firing.fire(of, time_occurrence(of, NOW + timedelta(days=1)))
    engine.service.seen["run-2"] = Seen(status="Failed", end=RunState.FAILED)
    engine.clock.pass_time(timedelta(minutes=1))
    reconciliation = engine.reconciliation(of)
    reconciliation.run_pass()
    reconciliation.run_pass()

    [(_, told)] = engine.hook.received
    assert (told["id"], told["data"]["azureml_status"]) == ("s@2026-11-02T04:00:00Z#failed", "Failed")


def test_error_answers_that_differ_only_in_wording_are_written_once(engine: Engine) -> None:
    versions = set()
    for number in range(31 * 4):
        engine.service.seen[KEY] = Seen(sentence=f"the service answered 500: request {number}")
        passes(engine, 1, timedelta(hours=6))
        versions.add(run_of(engine).version)

    assert len(versions) == 2, "one version with the first answer's message, and one for untracked"
    assert run_of(engine).state is RunState.UNTRACKED


def test_every_run_of_a_long_list_is_polled_in_its_turn(engine: Engine) -> None:
    """No matter how many there are: the time of a run's last poll is forgotten only when the run has ended."""
    ends = engine.wired().open_runs.run_ends
    many = [OpenRun(key=f"s@{number}", state=RunState.SUBMITTED, submitted_at=NOW) for number in range(15_000)]
    for place in range(0, 15_000, 3_000):
        asked = sorted(many, key=ends.last_polled)[:3_000]
        assert asked == many[place : place + 3_000]
        for one in asked:
            ends._polled.setdefault("s", {})[one.key] = engine.clock.now()
        ends.forget_others("s", many)
        engine.clock.pass_time(timedelta(minutes=1))

    ends.forget_others("s", many[:10])

    assert [ends.is_due(one, engine.clock.now()) for one in many[9:11]] == [True, True]
    assert len(ends._polled["s"]) == 10


# Many runs in one query

MANY = 60


@pytest.fixture
def crowd() -> Engine:
    """An engine with many submitted runs."""
    engine = Engine(NOW)
    engine.ledger.register("s", NOW)
    for number in range(MANY):
        engine.firing.fire(schedule(), time_occurrence(schedule(), NOW - timedelta(minutes=number)))
    return engine


def test_one_query_shows_that_many_runs_still_run(crowd: Engine) -> None:
    passes(crowd, 3)

    assert crowd.service.asked_for_many == [MANY] * 3
    assert crowd.service.asked == []


def test_runs_that_the_query_does_not_show_as_running_are_polled_one_by_one(crowd: Engine) -> None:
    ended, lacking, *_ = crowd.ledger.runs(crowd.endpoint.keys)
    crowd.service.seen[str(ended.run_id)] = FINISHED
    crowd.service.unlisted.add(str(lacking.run_id))

    passes(crowd)

    assert sorted(crowd.service.asked) == sorted([ended.key, lacking.key])
    assert run_of(crowd, ended.key).state is RunState.FINISHED
    assert run_of(crowd, lacking.key).azureml_status == "Running"


def test_a_run_that_was_denied_is_polled_by_itself_until_it_is_known_again(crowd: Engine) -> None:
    """Otherwise a second denial, a day later, would count as a whole day of denial."""
    denied, *_ = crowd.ledger.runs(crowd.endpoint.keys)
    crowd.service.unlisted.add(str(denied.run_id))
    crowd.service.seen[denied.key] = DENIED
    passes(crowd)
    assert run_of(crowd, denied.key).denied_since is not None
    crowd.service.unlisted.clear()
    del crowd.service.seen[denied.key]

    passes(crowd)

    assert crowd.service.asked == [denied.key] * 2
    assert run_of(crowd, denied.key).denied_since is None


def test_a_run_open_for_too_long_is_untracked_although_it_is_shown_as_running(crowd: Engine) -> None:
    keys = crowd.endpoint.keys
    crowd.clock.pass_time(timedelta(days=31))

    passes(crowd, 2, timedelta(minutes=15))

    assert {run_of(crowd, key).state for key in keys} == {RunState.UNTRACKED}


def test_if_the_query_shows_no_run_each_run_is_polled(crowd: Engine) -> None:
    crowd.service.unlisted.update(str(run.run_id) for run in crowd.ledger.runs(crowd.endpoint.keys))

    passes(crowd)

    assert sorted(crowd.service.asked) == sorted(crowd.endpoint.keys)


def test_a_few_runs_are_polled_one_by_one(engine: Engine) -> None:
    passes(engine, 2)

    assert (engine.service.asked_for_many, engine.service.asked) == ([], [KEY] * 2)
