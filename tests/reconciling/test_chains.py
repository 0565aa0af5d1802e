"""Chained schedules: one run for each end of a schedule that they follow, whatever happens in between."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest
from builders import Engine, config, file_of, sentences, utc

from triggers.ledger.ports import LedgerUnavailable, Operation, Written
from triggers.scheduling.config import AfterSchedule, Schedule
from triggers.scheduling.file.warnings import warnings_of
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.run import RunState
from triggers.scheduling.run_keys import chain_key, kind_in
from triggers.scheduling.upstream import LONGEST_CHAIN
from triggers.steering.declined import BadInput, NotKnown, WrongState
from triggers.steering.pausing import pause
from triggers.steering.questions import BackfillBody, ReplayBody, TriggerBody

START = utc("2026-11-01T03:59")
TRAIN = "  train: {pipeline: p, cron: {expression: '0 4 * * *'}, catchup: all, catchup_window: 30d}\n"
SCORE = """  score:
    pipeline: p
    after: {schedule: train}
    tags: {of: "{upstream.run_key}", day: "{upstream.scheduled_time:%Y-%m-%d}", file: "<{upstream.blob.path}>"}
    parent_run_id: "{upstream.run_id}"
    experiment_name: "{upstream.experiment_name}"
"""
KEY = "train@2026-11-01T04:00:00Z"


def chained(text: str = TRAIN + SCORE) -> list[Schedule]:
    loaded = config(f"pipelines: {{p: {{endpoint: '%ENDPOINT%'}}}}\nschedules:\n{text}")
    assert not loaded.faults, [str(fault) for fault in loaded.faults]
    return list(loaded.schedules.values())


@pytest.fixture
def engine() -> Engine:
    return Engine(START)


def minutes(engine: Engine, of: list[Schedule], number: int) -> None:
    """Fire the timers and run a pass, once a minute."""
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        wired = engine.wired(*of)
        for one in of:
            if one.kind == "time":
                wired.due_occurrences.fire(one)  # type: ignore[arg-type]  # it is a time-based one
        wired.reconciliation.run_pass()


def end(engine: Engine, key: str, state: RunState = RunState.FINISHED) -> None:
    engine.service.seen[key] = Seen(status=state.value.capitalize(), end=state)


def everything(engine: Engine, *names: str) -> dict[str, str]:
    return {key: state for name in names for key, state in engine.states(name).items()}


def test_a_chained_run_starts_when_its_upstream_run_has_finished(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 3)
    assert everything(engine, "train", "score") == {KEY: "submitted"}

    end(engine, KEY)
    minutes(engine, of, 3)

    key = chain_key("score", KEY)
    assert everything(engine, "train", "score") == {KEY: "finished", key: "submitted"}
    sent = engine.endpoint.submissions[-1].request
    assert sent.tags == {"of": KEY, "day": "2026-11-01", "file": "<>"}
    assert (sent.parent_run_id, sent.experiment_name) == ("run-1", "train")
    [run] = engine.ledger.runs([key])
    assert (run.kind.value, kind_in(key).value, run.nominal_time) == ("chain", "chain", engine.ledger.get(KEY).ended_at)  # type: ignore[union-attr]


def test_the_run_key_of_a_chain_contains_a_digest_of_the_upstream_key() -> None:
    assert chain_key("score", KEY) == "score~after~09a4fae389cd3472a0bcaf5edb500344"


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_only_the_states_named_in_the_file_start_a_chain(engine: Engine, state: str) -> None:
    of = chained(TRAIN + SCORE.replace("schedule: train", f"schedule: train, states: [{state}]"))
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY, RunState(state))
    minutes(engine, of, 3)
    assert engine.states("score") == {chain_key("score", KEY): "submitted"}

    engine = Engine(START)
    plain = chained()
    engine.reconcile(*plain)
    minutes(engine, plain, 2)
    end(engine, KEY, RunState(state))
    minutes(engine, plain, 3)
    assert engine.states("score") == {}


def test_a_rejected_run_starts_a_chain_that_names_this_state(engine: Engine) -> None:
    of = chained(TRAIN + SCORE.replace("schedule: train", "schedule: [train], states: [rejected, finished]"))
    engine.reconcile(*of)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="no such pipeline")]
    minutes(engine, of, 3)

    assert engine.states("score") == {chain_key("score", KEY): "submitted"}
    assert engine.endpoint.submissions[-1].request.parent_run_id is None


def test_a_skipped_run_starts_no_chain(engine: Engine) -> None:
    of = chained(TRAIN.replace("catchup: all", "status: Disabled, catchup: all") + SCORE)
    engine.reconcile(*of)
    minutes(engine, of, 5)

    assert everything(engine, "train", "score") == {KEY: "skipped disabled"}


def test_a_chain_of_three_schedules_records_its_ancestry(engine: Engine) -> None:
    of = chained(TRAIN + SCORE + "  report: {pipeline: p, after: {schedule: [train, score]}}\n")
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    minutes(engine, of, 2)
    end(engine, chain_key("score", KEY))
    minutes(engine, of, 3)

    assert set(engine.states("report")) == {
        chain_key("report", KEY),
        chain_key("report", chain_key("score", KEY)),
    }
    [run] = engine.ledger.runs([chain_key("report", chain_key("score", KEY))])
    assert run.upstream is not None
    assert run.upstream.ancestry == ("train", "score")


def test_a_finished_replay_starts_the_chain_that_the_failed_run_did_not_start(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY, RunState.FAILED)
    minutes(engine, of, 2)
    assert engine.states("score") == {}

    engine.wired(*of).steering.replay(KEY, ReplayBody())
    end(engine, f"{KEY}.r1")
    minutes(engine, of, 2)

    assert engine.states("score") == {chain_key("score", f"{KEY}.r1"): "submitted"}


def test_a_paused_or_disabled_follower_gets_a_skipped_row_with_the_reason(engine: Engine) -> None:
    of = chained(TRAIN + SCORE + "  off: {pipeline: p, after: {schedule: train}, status: Disabled}\n")
    engine.reconcile(*of)
    pause(engine.ledger, "score", engine.clock.now(), None, None)
    minutes(engine, of, 2)
    end(engine, KEY)
    minutes(engine, of, 2)

    assert everything(engine, "score", "off") == {
        chain_key("score", KEY): "skipped paused",
        chain_key("off", KEY): "skipped disabled",
    }


def test_runs_that_ended_before_the_follower_existed_start_nothing(engine: Engine) -> None:
    alone = chained(TRAIN)
    engine.reconcile(*alone)
    minutes(engine, alone, 2)
    end(engine, KEY)
    minutes(engine, alone, 2)

    engine.clock.pass_time(timedelta(minutes=30))
    engine = engine.with_new_process()
    minutes(engine, chained(), 3)

    assert engine.states("score") == {}


def test_an_end_written_by_a_process_with_the_old_file_still_starts_the_chain(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    engine.reconcile(*chained(TRAIN))  # a process with the old file, without followers, settles the run
    assert everything(engine, "train", "score") == {KEY: "finished"}

    engine.clock.pass_time(timedelta(minutes=5))
    engine.reconcile(*of)

    assert engine.states("score") == {chain_key("score", KEY): "submitted"}


def test_a_follower_that_was_left_out_for_an_error_catches_up_once_it_is_fixed(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    engine.reconcile(*chained(TRAIN), left_out=("score",))
    engine.clock.pass_time(timedelta(hours=5))

    engine.with_new_process().reconcile(*of)

    assert engine.states("score") == {chain_key("score", KEY): "submitted"}


def break_once(engine: Engine, is_meant: Callable[[str, tuple[object, ...]], bool]) -> None:
    """Make the ledger fail at the next matching write."""
    table = engine.ledger.table
    whole = table.write
    broken: list[bool] = []

    def write(partition: str, operations: tuple[object, ...]) -> object:
        if not broken and is_meant(partition, operations):
            broken.append(True)
            raise LedgerUnavailable("away")
        return whole(partition, operations)  # type: ignore[arg-type]

    table.write = write  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("partition", ["train", "score"])
def test_a_crash_while_writing_the_end_or_the_claim_loses_no_chained_run(engine: Engine, partition: str) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    break_once(engine, lambda where, _: where == partition)

    for _ in range(3):
        engine.clock.pass_time(timedelta(minutes=1))
        try:
            engine.reconcile(*of)
        except ExceptionGroup:
            engine = engine.with_new_process()

    assert engine.states("score") == {chain_key("score", KEY): "submitted"}
    assert [one.run_key for one in engine.endpoint.submissions].count(chain_key("score", KEY)) == 1


def test_an_end_is_deleted_an_hour_after_all_followers_have_handled_it(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    minutes(engine, of, 3)
    ends = list(engine.ledger.table.query("train", "e:", "e;"))
    assert [row.row_key for row in ends] == [f"e:{KEY}:finished"]

    engine.clock.pass_time(timedelta(hours=1))
    engine.reconcile(*of)

    assert list(engine.ledger.table.query("train", "e:", "e;")) == []


def test_the_ends_of_a_schedule_without_followers_are_pruned(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    minutes(engine, of, 2)
    alone = engine.reconciliation(*chained(TRAIN))

    for _ in range(3):
        engine.clock.pass_time(timedelta(hours=1))
        alone.run_pass()

    assert list(engine.ledger.table.query("train", "e:", "e;")) == []


def test_schedules_without_followers_write_no_ends(engine: Engine) -> None:
    of = chained(TRAIN)
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    minutes(engine, of, 2)

    assert engine.states("train") == {KEY: "finished"}
    assert list(engine.ledger.table.query("train", "e:", "e;")) == []


def test_chained_runs_of_a_backfilled_upstream_wait_and_are_not_dropped(engine: Engine) -> None:
    of = chained(TRAIN + SCORE + "    overlap: buffer_one\n")
    engine.reconcile(*of)
    engine.clock.pass_time(timedelta(days=4))
    steering = engine.wired(*of).steering
    steering.backfill("train", BackfillBody(first="2026-11-01", before="2026-11-04"))
    for day in (1, 2, 3):
        end(engine, f"train@2026-11-0{day}T04:00:00Z")

    minutes(engine, of, 4)

    states = sorted(engine.states("score").values())
    assert states == ["submitted", "waiting", "waiting"], "buffer_one drops no backfilled run"


def test_a_chained_schedule_can_be_triggered_with_or_without_an_upstream_run(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    steering = engine.wired(*of).steering
    with pytest.raises(WrongState, match="is submitted; wait for its end"):
        steering.trigger("score", TriggerBody(upstream=KEY))
    end(engine, KEY, RunState.FAILED)
    minutes(engine, of, 2)

    named, _ = steering.trigger("score", TriggerBody(request_id="a", upstream=KEY))
    steering.trigger("score", TriggerBody(request_id="b"))

    assert named.upstream is not None
    assert (named.upstream.key, named.upstream.schedule, named.upstream.run_id) == (KEY, "train", "run-1")
    assert [one.request.tags["of"] for one in engine.endpoint.submissions[-2:]] == [KEY, ""]
    assert engine.endpoint.submissions[-1].request.parent_run_id is None
    with pytest.raises(NotKnown, match="upstream: no run 'nope'"):
        steering.trigger("score", TriggerBody(upstream="nope"))
    with pytest.raises(BadInput, match="train is time-based: it does not take an upstream run"):
        steering.trigger("train", TriggerBody(upstream=KEY))
    with pytest.raises(BadInput, match="score is chained: backfill the schedules that it follows"):
        steering.backfill("score", BackfillBody(first="2026-11-01", before="2026-11-04"))


def test_a_run_shows_its_upstream_and_downstream_runs(engine: Engine) -> None:
    of = chained()
    engine.reconcile(*of)
    minutes(engine, of, 2)
    end(engine, KEY)
    minutes(engine, of, 2)
    wired = engine.wired(*of)
    key = chain_key("score", KEY)

    up, down = wired.steering.run(KEY)[0], wired.steering.run(key)[0]

    assert (up.downstream, up.upstream, down.downstream) == ([key], None, [])
    assert down.upstream is not None
    assert down.upstream.key == KEY
    score = next(one for one in of if isinstance(one, AfterSchedule))
    told = wired.explaining.chain(score, KEY).decisions
    assert told[:3] == [
        f"{KEY} is finished",
        "score follows runs of train that end as finished",
        f"{key}: submitted",
    ]
    assert wired.steering.schedule("score").kind == "after"


def test_a_chain_that_is_too_long_or_circular_ends_with_a_skipped_row(engine: Engine) -> None:
    names = [f"s{number}" for number in range(LONGEST_CHAIN + 2)]
    links = [
        f"  {one}: {{pipeline: p, after: {{schedule: {before}}}}}\n"
        for before, one in zip(["train", *names], names, strict=False)
    ]
    of = chained(TRAIN + "".join(links))
    engine.reconcile(*of)
    minutes(engine, of, 2)
    key = KEY
    for name in names:
        end(engine, key)
        minutes(engine, of, 2)
        key = chain_key(name, key)

    assert engine.states(names[LONGEST_CHAIN - 1]) != {}
    [row] = engine.ledger.recent_runs(names[LONGEST_CHAIN], 5)
    assert (row.reason, row.error) == ("filtered", f"the chain is longer than {LONGEST_CHAIN} schedules")


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("after: {schedule: s}", "schedules.s.after.schedule: these schedules would start one another forever: s → s"),
        ("after: {schedule: trian}", "schedules.s.after.schedule: no such schedule"),
        ("after: {schedule: []}", "schedules.s.after.schedule: an empty list starts nothing; write at least one"),
        ("after: {schedule: s2, states: []}", "schedules.s.after.states: an empty list starts nothing"),
        ("after: {schedule: s2, states: [skipped]}", "schedules.s.after.states[0]: expected one of finished, failed,"),
        ("after: s2", "schedules.s.after: expected a mapping of keys to values; write after: {schedule: s2}"),
        ("after: {}", "schedules.s.after.schedule: the key is missing"),
        ("after: {schedule: s2}\ncatchup: all", "schedules.s.catchup: is valid only in time-based schedules"),
        ("after: {schedule: s2}\nbatch: {}", "schedules.s.batch: is valid only in change-based schedules"),
        (
            "after: {schedule: s2}\ntags: {a: '{blob.path}'}",
            "schedules.s.tags.a: {blob.path} is not a template name",
        ),
        (
            "cron: {expression: '0 4 * * *'}\ntags: {a: '{upstream.run_id}'}",
            "schedules.s.tags.a: {upstream.run_id}",
        ),
    ],
)
def test_an_invalid_after_is_one_error(keys: str, fault: str) -> None:
    [found] = sentences(f"{file_of(keys)}  s2: {{pipeline: p, manual: {{}}}}\n")

    assert found.startswith(fault)


def test_a_circle_is_an_error_of_each_of_its_schedules() -> None:
    text = "".join(f"  {one}: {{pipeline: p, after: {{schedule: {other}}}}}\n" for one, other in ("ab", "bc", "ca"))
    found = sentences(f"pipelines: {{p: {{endpoint: '%ENDPOINT%'}}}}\nschedules:\n{text}")

    assert found == [
        "schedules.a.after.schedule: these schedules would start one another forever: a → c → b → a",
        "schedules.b.after.schedule: these schedules would start one another forever: b → a → c → b",
        "schedules.c.after.schedule: these schedules would start one another forever: c → b → a → c",
    ]


def test_a_parent_run_in_another_experiment_is_a_warning() -> None:
    text = TRAIN + SCORE.replace("{upstream.experiment_name}", "x")
    loaded = config(f"pipelines: {{p: {{endpoint: '%ENDPOINT%'}}}}\nschedules:\n{text}")

    found = [f"{one.path}: {one.message}" for one in warnings_of(loaded, START) if "experiment" in one.path]

    assert found == [
        "schedules.score.experiment_name: 'x' differs from 'train', but Azure ML expects parent and child in one "
        "experiment; write '{upstream.experiment_name}'"
    ]


@pytest.mark.simulation
def test_two_hundred_chains_of_three_complete_although_a_third_of_all_calls_fail() -> None:
    """The ledger fails before or after a write, and Azure ML refuses. Still 200 runs each, none twice."""
    chance = random.Random(7)
    engine = Engine(START)
    clock = "cron: {expression: '* * * * *', end_time: '2026-11-01T07:18:00'}, catchup: all, catchup_window: 1d"
    of = chained(
        f"  train: {{pipeline: p, {clock}}}\n"
        "  score: {pipeline: p, after: {schedule: train}}\n"
        "  report: {pipeline: p, after: {schedule: score}}\n"
    )
    engine.reconcile(*of)
    table, plain = engine.ledger.table, engine.ledger.table.write

    def write(partition: str, operations: Sequence[Operation]) -> Written | None:
        fault = chance.random()
        if fault < 0.17:
            raise LedgerUnavailable("away before")
        written = plain(partition, operations)
        if fault < 0.35:
            raise LedgerUnavailable("away after")
        return written

    table.write = write  # type: ignore[method-assign]
    for minute in range(420):
        engine.clock.pass_time(timedelta(minutes=1))
        if minute == 240:
            table.write = plain  # type: ignore[method-assign]
        if minute < 240 and chance.random() < 0.3:
            engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="no DNS")]
        wired = engine.wired(*of)
        with suppress(LedgerUnavailable, ExceptionGroup):
            wired.due_occurrences.fire(of[0])  # type: ignore[arg-type]  # it is time-based
            wired.reconciliation.run_pass()
        for key, run_id in engine.endpoint.accepted:
            engine.service.seen[key] = engine.service.seen[run_id] = Seen(status="Finished", end=RunState.FINISHED)

    trained = {key: state for key, state in engine.states("train").items() if state != "skipped before_first_seen"}
    assert (len(trained), set(trained.values())) == (200, {"finished"})
    scored = [chain_key("score", key) for key in trained]
    assert engine.states("score") == dict.fromkeys(scored, "finished")
    assert engine.states("report") == dict.fromkeys((chain_key("report", key) for key in scored), "finished")
    assert sorted(key for key, _ in engine.endpoint.accepted) == sorted([*trained, *scored, *engine.states("report")])
