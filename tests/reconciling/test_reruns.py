"""Failed runs that the app reruns: how often, when, and which ends are notified."""

from datetime import timedelta

import pytest
from builders import TIME, Engine, config, file_of, schedule, sentences, utc

from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.run import Run, RunState
from triggers.scheduling.run_keys import chain_key
from triggers.steering.declined import BadInput, WrongState
from triggers.steering.pausing import pause, resume
from triggers.steering.questions import HeldBody, ReplayBody, TriggerBody

FOLLOWED = (
    "{endpoint: 'https://westeurope.api.azureml.ms/pipelines/v1.0/subscriptions/s/resourceGroups/g/providers/"
    "Microsoft.MachineLearningServices/workspaces/w/PipelineRuns/PipelineSubmit/1'}"
)
KEY = "s@2026-11-01T04:00:00Z"
FAILED = Seen(status="Failed", end=RunState.FAILED, sentence="step train")
CANCELED = Seen(status="Canceled", end=RunState.CANCELED)
FINISHED = Seen(status="Finished", end=RunState.FINISHED)


def rerunning(more: str = "", rule: str = "attempts: 2, delay: 10m") -> Schedule:
    found: Schedule = schedule(f"{TIME}\nrerun: {{{rule}}}\n{more}", pipeline=FOLLOWED)
    return found


def started(of: Schedule) -> Engine:
    engine = Engine(utc("2026-11-01T03:59"))
    engine.reconcile(of)
    engine.clock.pass_time(timedelta(minutes=1, seconds=1))
    engine.wired(of).due_occurrences.fire(of)  # type: ignore[arg-type]  # it is time-based
    return engine


def minutes(engine: Engine, of: Schedule, number: int) -> None:
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)


def run_of(engine: Engine, key: str = KEY) -> Run:
    run = engine.ledger.get(key)
    assert run is not None
    return run


def test_a_failed_run_is_rerun_after_doubling_delays_up_to_the_configured_attempts() -> None:
    of = rerunning("tags: {day: '{scheduled_time:%Y-%m-%d}', key: '{run_key}'}")
    engine = started(of)
    for key in (KEY, f"{KEY}.r1", f"{KEY}.r2"):
        engine.service.seen[key] = FAILED

    minutes(engine, of, 2)
    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "waiting"}
    again = run_of(engine, f"{KEY}.r1")
    ended_at = run_of(engine).ended_at
    assert ended_at is not None
    assert (again.due_at, again.requested_by, again.by_person) == (ended_at + timedelta(minutes=10), "rerun", False)
    minutes(engine, of, 8)
    assert engine.states()[f"{KEY}.r1"] == "waiting"
    minutes(engine, of, 5)
    assert engine.states()[f"{KEY}.r2"] == "waiting"
    minutes(engine, of, 16)
    assert engine.states()[f"{KEY}.r2"] == "waiting", "the delay has doubled"
    minutes(engine, of, 60)

    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "failed", f"{KEY}.r2": "failed"}
    assert engine.endpoint.keys == [KEY, f"{KEY}.r1", f"{KEY}.r2"]
    assert [one.request.tags for one in engine.endpoint.submissions][1:] == [
        {"day": "2026-11-01", "key": f"{KEY}.r1"},
        {"day": "2026-11-01", "key": f"{KEY}.r2"},
    ]


def test_a_finished_rerun_is_the_last() -> None:
    of = rerunning()
    engine = started(of)
    engine.service.seen.update({KEY: FAILED, f"{KEY}.r1": FINISHED})

    minutes(engine, of, 60)

    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "finished"}


def test_api_answers_show_the_number_of_the_attempt() -> None:
    of = rerunning()
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 2)
    steering = engine.wired(of).steering

    first, again = steering.run(KEY)[0].reruns, steering.run(f"{KEY}.r1")[0].reruns

    assert first is not None
    assert (first.number, first.of, first.attempts, first.next_at) == (0, KEY, 2, "2026-11-01T04:11:01Z")
    assert again is not None
    assert (again.number, again.of, again.attempts, again.next_at) == (1, KEY, 2, None)
    assert steering.trigger("s", TriggerBody())[0].reruns is None


@pytest.mark.parametrize("seen", [CANCELED, FINISHED])
def test_only_the_states_named_in_the_file_are_rerun(seen: Seen) -> None:
    of = rerunning()
    engine = started(of)
    engine.service.seen[KEY] = seen

    minutes(engine, of, 30)

    assert len(engine.states()) == 1


def test_a_run_canceled_for_its_timeout_is_rerun_if_the_file_says_so() -> None:
    of = rerunning("timeout: 1h", "attempts: 1, states: [timeout]")
    engine = started(of)
    minutes(engine, of, 61)
    engine.service.seen[KEY] = CANCELED
    minutes(engine, of, 12)

    assert engine.states() == {KEY: "canceled timeout", f"{KEY}.r1": "submitted"}


def test_a_run_canceled_by_a_user_is_not_rerun() -> None:
    of = rerunning("timeout: 5h", "attempts: 1, states: [failed, timeout]")
    engine = started(of)

    engine.wired(of).steering.cancel(KEY, HeldBody(by="ann"))
    minutes(engine, of, 30)

    assert engine.states() == {KEY: "canceled"}


def test_manual_runs_and_replays_are_rerun_with_attempts_of_their_own() -> None:
    of = rerunning(rule="attempts: 1")
    engine = started(of)
    engine.service.seen.update({KEY: FAILED, f"{KEY}.r1": FAILED, f"{KEY}.r2": FAILED, "s!a": FAILED})
    minutes(engine, of, 30)
    steering = engine.wired(of).steering
    steering.replay(KEY, ReplayBody(by="ann"))
    steering.trigger("s", TriggerBody(request_id="a"))

    minutes(engine, of, 30)

    assert sorted(engine.states()) == ["s!a", "s!a.r1", KEY, f"{KEY}.r1", f"{KEY}.r2", f"{KEY}.r3"]
    assert run_of(engine, f"{KEY}.r3").requested_by == "rerun"


def test_a_manual_replay_supersedes_the_pending_rerun() -> None:
    of = rerunning("webhook: https://hook.example/")
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 2)

    replayed = engine.wired(of).steering.replay(KEY, ReplayBody(by="ann"))

    assert replayed.key == f"{KEY}.r2"
    minutes(engine, of, 30)
    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "skipped superseded", f"{KEY}.r2": "submitted"}
    assert [told["subject"] for _, told in engine.hook.received] == [KEY], "this end turned out to be the last"


def test_canceling_the_run_cancels_its_pending_rerun() -> None:
    of = rerunning()
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 2)

    canceled = engine.wired(of).steering.cancel(KEY, HeldBody(by="ann"))

    assert (canceled.key, canceled.state) == (f"{KEY}.r1", "canceled")
    minutes(engine, of, 30)
    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "canceled"}
    with pytest.raises(WrongState, match="has already ended"):
        engine.wired(of).steering.cancel(KEY, HeldBody())


@pytest.mark.parametrize("limits", ["", "overlap: buffer_all"])
def test_a_pause_or_a_disabled_schedule_holds_the_rerun(limits: str) -> None:
    of = rerunning(limits)
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 2)
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    minutes(engine, of, 30)
    assert engine.states()[f"{KEY}.r1"] == "waiting"
    resume(engine.ledger, "s", engine.clock.now(), None, None)

    minutes(engine, rerunning(f"{limits}\nstatus: Disabled"), 30)
    assert engine.states()[f"{KEY}.r1"] == "waiting"

    minutes(engine, of, 2)
    assert engine.states()[f"{KEY}.r1"] == "submitted"


def test_a_rerun_waits_even_with_cancel_other() -> None:
    of = rerunning("overlap: cancel_other")
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 2)
    steering = engine.wired(of).steering
    steering.trigger("s", TriggerBody(request_id="a"))

    minutes(engine, of, 30)
    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "waiting", "s!a": "submitted"}
    engine.service.seen["s!a"] = FINISHED
    minutes(engine, of, 2)

    assert engine.states()[f"{KEY}.r1"] == "submitted"


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        ("last", [f"{KEY}.r1#finished"]),
        ("each", [f"{KEY}#failed", f"{KEY}.r1#finished"]),
    ],
)
def test_the_webhook_gets_the_last_end_or_each_end_as_configured(notify: str, told: list[str]) -> None:
    of = rerunning("webhook: https://hook.example/", f"attempts: 2, notify: {notify}")
    engine = started(of)
    engine.service.seen.update({KEY: FAILED, f"{KEY}.r1": FINISHED})

    minutes(engine, of, 30)

    assert [event["id"] for _, event in engine.hook.received] == told
    assert engine.hook.received[-1][1]["data"]["reruns"]["number"] == 1


def test_if_the_rerun_is_canceled_before_it_ran_the_previous_end_is_notified() -> None:
    of = rerunning("webhook: https://hook.example/")
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 2)

    engine.wired(of).steering.cancel(KEY, HeldBody(by="ann"))
    minutes(engine, of, 2)

    assert [event["id"] for _, event in engine.hook.received] == [f"{KEY}#failed"]


def test_a_chain_starts_after_the_last_end_only() -> None:
    text = file_of(f"{TIME}\nrerun: {{attempts: 1}}", pipeline=FOLLOWED)
    loaded = config(f"{text}  next: {{pipeline: p, after: {{schedule: s, states: [failed, finished]}}}}\n")
    of, following = loaded.schedules["s"], loaded.schedules["next"]
    engine = started(of)
    engine.service.seen.update({KEY: FAILED, f"{KEY}.r1": FAILED})
    for _ in range(30):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of, following)

    assert set(engine.states("next")) == {chain_key("next", f"{KEY}.r1")}


def test_if_the_rerun_never_ran_the_chain_starts_after_the_previous_end() -> None:
    text = file_of(f"{TIME}\nrerun: {{attempts: 1}}", pipeline=FOLLOWED)
    loaded = config(f"{text}  next: {{pipeline: p, after: {{schedule: s, states: [failed]}}}}\n")
    of, following = loaded.schedules["s"], loaded.schedules["next"]
    engine = started(of)
    engine.reconcile(of, following)
    engine.service.seen[KEY] = FAILED
    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(of, following)

    engine.wired(of, following).steering.cancel(KEY, HeldBody())
    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(of, following)

    assert set(engine.states("next")) == {chain_key("next", KEY)}


def test_the_end_and_its_rerun_are_written_in_one_transaction() -> None:
    """If the rerun's key is already taken, the end is written without it."""
    of = rerunning()
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    table = engine.ledger.table
    plain = table.write
    seen: list[bool] = []

    def write(partition: str, operations: list[object]) -> object:
        keys = [one.row_key for one in operations]  # type: ignore[attr-defined]
        if f"k:{KEY}.r1" in keys and not seen:
            seen.append(True)
            return None  # another caller has claimed the key
        return plain(partition, operations)  # type: ignore[arg-type]

    table.write = write  # type: ignore[method-assign,assignment]
    minutes(engine, of, 30)

    assert engine.states() == {KEY: "failed"}


def test_a_rerun_that_is_not_accepted_is_retried_like_any_run() -> None:
    of = rerunning()
    engine = started(of)
    engine.service.seen[KEY] = FAILED
    minutes(engine, of, 10)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="no DNS")]

    minutes(engine, of, 5)

    assert engine.states() == {KEY: "failed", f"{KEY}.r1": "submitted"}


def test_a_caller_may_not_use_the_name_rerun() -> None:
    engine = started(rerunning())

    with pytest.raises(BadInput, match="by: 'rerun' is reserved for the app itself"):
        engine.wired(rerunning()).steering.trigger("s", TriggerBody(by="rerun"))


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("rerun: {attempts: 0}", "rerun.attempts: expected a whole number"),
        ("rerun: {}", "rerun.attempts: the key is missing"),
        ("rerun: 3", "rerun: expected a mapping of keys to values; write rerun: {attempts: 3}"),
        ("rerun: {attempts: 2, states: []}", "rerun.states: an empty list repeats nothing"),
        ("rerun: {attempts: 2, states: [canceled]}", "rerun.states[0]: expected one of failed, timeout"),
        ("rerun: {attempts: 2, states: [timeout]}", "rerun.states: timeout needs the key `timeout`"),
        ("rerun: {attempts: 2, delay: soon}", "rerun.delay: expected a duration"),
        ("rerun: {attempts: 2, notify: all}", "rerun.notify: expected one of last, each"),
    ],
)
def test_an_invalid_rerun_is_one_error(keys: str, fault: str) -> None:
    [found] = sentences(file_of(f"{TIME}\n{keys}", pipeline=FOLLOWED))

    assert found.startswith(f"schedules.s.{fault}")


def test_rerun_is_an_error_for_a_pipeline_whose_runs_cannot_be_followed() -> None:
    text = file_of(f"{TIME}\nrerun: {{attempts: 2}}", pipeline="{endpoint: 'https://old.example/api/v1.0/x'}")

    assert sentences(text, {"TOKEN_HOSTS": "old.example"}) == [
        "schedules.s.rerun: the ends of its runs cannot be polled; add pipelines.p.workspace"
    ]
