"""The effects of editing the file: a schedule with another trigger begins a new life, and waiting runs are kept."""

from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any

import pytest
from builders import ADDRESS, CHANGE, TIME, Engine, config, file_of, found, schedule, timed, utc, watching

from triggers.ledger.change_records import Head
from triggers.scheduling.batch import BatchFacts
from triggers.scheduling.config import ChangeSchedule, Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import RunState
from triggers.starting.lives import Standing
from triggers.starting.pieces import do_all
from triggers.steering.questions import HeldBody, ReplayBody, TriggerBody
from triggers.storage.blobs import account_host

NOW = utc("2026-11-01T04:00")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURLY = "cron: {expression: '0 * * * *'}\ncatchup: all\ncatchup_window: 2d"


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def of_file(keys: str, *, pipeline: str = '{endpoint: "%ENDPOINT%"}') -> Any:
    """A schedule from a file without errors; all its settings exist."""
    settings = dict.fromkeys(("WRONG", "RIGHT"), "x") | dict.fromkeys(("ENDPOINT", "OTHER"), ADDRESS)
    loaded = config(file_of(keys, pipeline=pipeline), settings)
    assert not loaded.faults, [str(one) for one in loaded.faults]
    return loaded.schedules["s"]


def folder(name: str, more: str = "", keys: str = "") -> ChangeSchedule:
    return watching(
        f"change: {{datastore: blobs, container: data, path_on_datastore: {name}, data_path_parameter_name: input"
        f"{keys}}}\n{more}".strip()
    )


def old_blobs(engine: Engine, *folders: str, number: int = 20) -> None:
    for one in folders:
        for place in range(number):
            engine.blobs.put(found(f"{one}/{place}.csv", last_modified=engine.clock.now() - timedelta(days=5)))


def upload(engine: Engine, path: str) -> None:
    engine.blobs.put(found(path, etag=f"0x{len(engine.blobs.present)}", last_modified=engine.clock.now()))


def passes(engine: Engine, *of: Schedule, minutes: int = 10) -> None:
    for _ in range(minutes):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(*of)


def started(engine: Engine) -> list[str]:
    datapaths = [one.request.datapaths for one in engine.endpoint.submissions]
    return sorted(one["input"].path for one in datapaths if one)


# Lives


@pytest.mark.parametrize(
    "before",
    [timed(), folder("b"), watching(CHANGE.replace("container: data", "container: other"))],
    ids=["cron", "another folder", "another container"],
)
def test_a_schedule_that_now_watches_another_folder_starts_no_runs_for_existing_files(
    engine: Engine, before: Schedule
) -> None:
    passes(engine, before, minutes=3)
    engine.clock.pass_time(40 * DAY)
    old_blobs(engine, "incoming")
    edited = engine.with_new_process()

    passes(edited, watching(), minutes=20)
    upload(engine, "incoming/new.csv")
    passes(edited, watching(), minutes=10)

    assert started(engine)[-1:] == ["incoming/new.csv"]
    assert len([path for path in started(engine) if path.startswith("incoming")]) == 1
    rows = [
        run for run in engine.ledger.recent_runs("s", 100) if run.reason == "before_first_seen" and run.blob is None
    ]
    assert [(run.error or "").split(" there ")[0] for run in rows] == ["20 blobs were"]


def test_polled_files_older_than_the_folders_life_start_nothing(engine: Engine) -> None:
    passes(engine, folder("b"), minutes=3)
    engine.clock.pass_time(40 * DAY)
    old_blobs(engine, "incoming")
    edited = engine.with_new_process()

    for path in list(engine.blobs.present):
        edited.report(watching(), path, polled=True)

    assert started(engine) == []


@pytest.mark.parametrize("catchup", ["latest", "all"])
def test_a_schedule_that_becomes_time_based_starts_no_past_occurrences(engine: Engine, catchup: str) -> None:
    passes(engine, watching(), minutes=3)
    engine.clock.pass_time(20 * DAY)
    edited = engine.with_new_process()
    hourly = timed(HOURLY.replace("all", catchup))

    passes(edited, hourly, minutes=62)

    assert engine.endpoint.keys == ["s@2026-11-21T05:00:00Z"]


def test_a_folder_watched_again_after_a_month_starts_nothing_from_that_month(engine: Engine) -> None:
    passes(engine, watching(), minutes=10)
    passes(engine.with_new_process(), folder("b"), minutes=10)
    engine.clock.pass_time(30 * DAY)
    old_blobs(engine, "incoming", "b")

    passes(engine.with_new_process(), watching(), minutes=10)

    assert started(engine) == []


def test_a_rollback_within_an_hour_continues_where_it_was(engine: Engine) -> None:
    passes(engine, watching(), minutes=10)
    passes(engine.with_new_process(), folder("b"), minutes=30)
    upload(engine, "incoming/meanwhile.csv")

    passes(engine.with_new_process(), watching(), minutes=10)

    assert started(engine) == ["incoming/meanwhile.csv"]


def test_a_downtime_of_hours_loses_no_files_even_after_an_earlier_edit(engine: Engine) -> None:
    passes(engine, folder("b"), minutes=3)
    engine.clock.pass_time(2 * DAY)
    passes(engine.with_new_process(), watching(), minutes=10)
    engine.clock.pass_time(timedelta(hours=2))
    upload(engine, "incoming/while-it-was-down.csv")
    engine.clock.pass_time(timedelta(hours=1))

    passes(engine.with_new_process(), watching(), minutes=10)

    assert started(engine) == ["incoming/while-it-was-down.csv"]


def test_processes_with_the_old_and_the_new_file_do_not_disturb_each_other(engine: Engine) -> None:
    old, new = watching(), folder("b")
    passes(engine, old, minutes=10)
    deployed = engine.with_new_process()
    for minute in range(60):
        engine.clock.pass_time(timedelta(minutes=1))
        (engine if minute % 2 else deployed).reconcile(old if minute % 2 else new)
        if minute == 20:
            upload(engine, "incoming/a.csv")
            upload(engine, "b/a.csv")

    assert started(engine) == ["b/a.csv", "incoming/a.csv"]


@pytest.mark.parametrize(
    "more",
    ["include: ['*.csv']", "recursive: true", "polling_interval: 1", "datastore: other"],
)
def test_edits_of_other_keys_begin_no_new_life(engine: Engine, more: str) -> None:
    passes(engine, watching(), minutes=10)
    key, _, _ = more.partition(":")
    edited = CHANGE.replace("datastore: blobs", more) if key == "datastore" else CHANGE.replace("}", f", {more}}}")
    upload(engine, "incoming/lost.csv")

    passes(engine.with_new_process(), watching(edited), minutes=10)

    assert started(engine) == ["incoming/lost.csv"]
    assert len(engine.ledger.lives("s")) == 1


@pytest.mark.parametrize(
    "spelt",
    [
        "account.blob.core.windows.net",
        "Account.Blob.Core.Windows.Net:443",
        "account.privatelink.blob.core.windows.net",
        "account-secondary.blob.core.windows.net",
        "account.dfs.core.windows.net",
    ],
)
def test_every_spelling_of_an_account_is_normalized_to_one_host(spelt: str) -> None:
    assert account_host(spelt) == "account.blob.core.windows.net"


def test_hosts_other_than_azure_accounts_stay_unchanged() -> None:
    assert account_host("127.0.0.1:10000") == "127.0.0.1:10000"
    assert account_host("localhost:10000") == "localhost:10000"
    assert account_host("account.z12.blob.storage.azure.net") == "account.z12.blob.storage.azure.net"


def test_events_count_from_shortly_before_a_new_life_begins(engine: Engine) -> None:
    passes(engine, folder("b"), minutes=10)
    edited = engine.with_new_process()
    for minutes, path in ((5, "incoming/while-deploying.csv"), (30, "incoming/long-before.csv")):
        engine.blobs.put(found(path, etag=path[9:], last_modified=engine.clock.now() - timedelta(minutes=minutes)))
        edited.report(watching(), path)

    assert started(engine) == ["incoming/while-deploying.csv"]
    assert sorted(engine.states().values()) == ["skipped before_first_seen", "submitted"]


def test_a_life_is_renewed_at_most_every_five_minutes(engine: Engine) -> None:
    seen = set()
    for _ in range(31):
        passes(engine, watching(), minutes=1)
        seen.add(engine.ledger.lives("s")[0].seen_at)

    assert len(seen) == 7


def test_a_command_run_with_another_file_on_a_laptop_ends_no_life(engine: Engine) -> None:
    passes(engine, watching(), minutes=10)
    upload(engine, "b/a.csv")
    laptop = engine.with_new_process().wired(folder("b")).steering
    laptop.trigger("s", TriggerBody(blob="b/a.csv"))
    engine.clock.pass_time(2 * HOUR)
    upload(engine, "incoming/lost.csv")

    passes(engine.with_new_process(), watching(), minutes=10)

    assert started(engine) == ["b/a.csv", "incoming/lost.csv"]


# Batches


def gathered(batch: str = "quiet: 5m, max_wait: 30m, max_items: 100", name: str = "in", **keys: str) -> ChangeSchedule:
    more = "".join(f", {key}: {value}" for key, value in {"data_path": "folder", "recursive": "true", **keys}.items())
    return folder(name, f"batch: {{{batch}}}", more)


def deliver(engine: Engine, of: ChangeSchedule, number: int, name: str = "in") -> None:
    for place in range(number):
        upload(engine, f"{name}/{place % 3}/{place}.csv")
        assert engine.report(of, f"{name}/{place % 3}/{place}.csv")


def members_of_runs(engine: Engine) -> int:
    runs = [run for run in engine.ledger.recent_runs("s", 1000) if run.state is RunState.SUBMITTED]
    return sum(run.batch.count if run.batch else 1 for run in runs)


def test_a_batch_continues_if_max_items_is_lowered_while_it_is_made(engine: Engine) -> None:
    deliver(engine, gathered(), 120)
    engine.clock.pass_time(timedelta(minutes=6))
    rows = engine.rows
    assert rows.begin("s", Head(group="", path="in", life=engine.life(gathered())), bool, 100)
    (head,) = rows.heads("s")
    assert rows.go_on("s", head, bool, 100, NOW)

    passes(engine.with_new_process(), gathered("quiet: 5m, max_wait: 30m, max_items: 50"), minutes=10)

    counts = sorted(run.batch.count for run in engine.ledger.recent_runs("s", 10) if run.batch)
    assert (sum(counts), max(counts)) == (120, 96), "assigned changes stay together, the rest follows the new limit"


def test_changes_waiting_while_group_by_is_edited_keep_their_batch_folder(engine: Engine) -> None:
    deliver(engine, gathered(), 6)
    by_folder = gathered("quiet: 5m, max_wait: 30m, group_by: folder")
    deployed = engine.with_new_process()

    passes(deployed, by_folder, minutes=10)

    assert started(engine) == ["in"]


def test_a_batch_keeps_its_folder_when_it_is_replayed(engine: Engine) -> None:
    deliver(engine, gathered(), 6)
    passes(engine, gathered(), minutes=10)
    (run,) = engine.ledger.recent_runs("s", 10)
    engine.ledger.update(run, run.to(RunState.FAILED, NOW, ended_at=NOW))

    edited = gathered("quiet: 5m, max_wait: 30m, group_by: folder", name="elsewhere")
    engine.with_new_process().wired(edited).steering.replay(run.key, ReplayBody())

    assert run.batch == BatchFacts(group="", count=6, manifest=None, path="in")
    assert started(engine) == ["in", "in"]


EDITS = [
    "quiet: 5m, max_wait: 30m, max_items: 100",
    "quiet: 1m, max_wait: 30m, max_items: 3",
    "quiet: 20m, max_wait: 21m, max_items: 1",
    "quiet: 1m, max_wait: 2m, group_by: folder",
    "",
]


@pytest.mark.parametrize("seed", range(20))
def test_each_change_starts_once_whatever_is_edited_in_batch_and_whenever(engine: Engine, seed: int) -> None:
    rng, process, total = Random(seed), engine, 0
    for _ in range(6):
        batch = rng.choice(EDITS)
        of = gathered(batch) if batch else folder("in", keys=", data_path: folder, recursive: true")
        for _ in range(rng.randrange(1, 60)):
            total += 1
            upload(engine, f"in/{total % 3}/{total}.csv")
            process.report(of, f"in/{total % 3}/{total}.csv")
        engine.clock.pass_time(timedelta(minutes=rng.choice((0, 1, 6))))
        # The process ends in the middle of its work.
        work = process.reconciliation(of).batching.handle(of, _own(engine, of), engine.ledger.now, ())
        do_all(islice(work, rng.randrange(6)))
        process = engine.with_new_process()
    last = gathered(EDITS[0])

    passes(process, last, minutes=40)

    assert members_of_runs(engine) == total
    assert not list(engine.rows.all_pending("s"))
    assert not engine.rows.heads("s")


def _own(engine: Engine, of: ChangeSchedule) -> Standing:
    return Standing(own=engine.life(of))


@pytest.mark.parametrize("is_being_made", [False, True])
def test_waiting_changes_are_skipped_if_the_schedule_becomes_time_based(engine: Engine, *, is_being_made: bool) -> None:
    passes(engine, gathered(), minutes=1)
    deliver(engine, gathered(), 3)
    if is_being_made:
        engine.clock.pass_time(timedelta(minutes=6))
        assert engine.rows.begin("s", Head(group="", life=engine.life(gathered())), bool, 2)

    passes(engine.with_new_process(), timed(TIME), minutes=180)

    reasons = [run.error for run in engine.ledger.recent_runs("s", 10) if run.blob]
    assert reasons == ["the schedule was edited while it waited and is time-based now"] * 3
    assert not list(engine.rows.all_pending("s"))


def test_waiting_changes_are_skipped_an_hour_after_the_schedule_left_the_file(engine: Engine) -> None:
    other = schedule(name="other")
    passes(engine, gathered(), other, minutes=1)
    deliver(engine, gathered(), 3)
    deployed = engine.with_new_process()

    passes(deployed, other, minutes=30)
    within_the_hour = len(engine.states())
    passes(deployed, other, minutes=40)

    assert within_the_hour == 0, "a rollback within the hour loses nothing"
    assert list(engine.states().values()) == ["skipped filtered"] * 3


@pytest.mark.parametrize("is_being_made", [False, True])
@pytest.mark.parametrize("to", ["''", "in/1"])
def test_after_an_edit_of_the_folder_waiting_changes_inside_it_still_start(
    engine: Engine, to: str, *, is_being_made: bool
) -> None:
    passes(engine, gathered(), minutes=1)
    deliver(engine, gathered(), 6)
    if is_being_made:
        engine.clock.pass_time(timedelta(minutes=6))
        assert engine.rows.begin("s", Head(group="", path="in", life=engine.life(gathered())), bool, 4)

    passes(engine.with_new_process(), gathered(name=to), minutes=40)

    runs = engine.ledger.recent_runs("s", 10)
    sent = [run.batch.count for run in runs if run.batch and run.state is RunState.SUBMITTED]
    filtered = [run for run in runs if run.reason == "filtered"]
    assert (sum(sent), len(filtered)) == ((6, 0) if to == "''" else (2, 4))
    assert not list(engine.rows.all_pending("s"))
    assert not engine.rows.heads("s")
    folder = "in" if is_being_made else to.strip("'")
    assert started(engine) == [folder], "a batch keeps the folder with which it was begun"


def test_a_process_with_the_old_file_leaves_changes_collected_by_a_new_one_alone(engine: Engine) -> None:
    old, new = gathered(), gathered(name="b")
    passes(engine, old, minutes=2)
    deployed = engine.with_new_process()
    passes(deployed, new, minutes=1)
    deliver(deployed, new, 3, name="b")
    deliver(engine, old, 2)

    for _ in range(8):
        passes(engine, old, minutes=1)
        assert "filtered" not in str(
            [run.reason for run in engine.ledger.recent_runs("s", 10) if "b/" in str(run.blob)]
        )
    passes(deployed, new, minutes=8)

    assert started(engine) == ["b", "in"]


# Runs that are not sent yet


def refused(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")]


def test_a_fixed_schedule_applies_to_runs_that_were_not_yet_accepted(engine: Engine) -> None:
    wrong = of_file(f"{TIME}\npipeline_parameters: {{data: '%WRONG%'}}\ntags: {{of: '{{scheduled_time:%d}}'}}")
    refused(engine)
    engine.clock.pass_time(timedelta(seconds=1))
    engine.wired(wrong).due_occurrences.fire(wrong)
    fixed = of_file(
        f"{TIME}\npipeline_parameters: {{data: '%RIGHT%'}}\ntags: {{of: '{{scheduled_time:%d}}'}}",
        pipeline='{endpoint: "%OTHER%"}',
    )

    passes(engine.with_new_process(), fixed, minutes=3)

    before, after = (one.request for one in engine.endpoint.submissions)
    assert (before.pipeline_parameters["data"], after.pipeline_parameters["data"]) == ("%WRONG%", "%RIGHT%")
    assert (after.target.name, before.tags, after.tags) == ("%OTHER%", {"of": "01"}, {"of": "01"})
    (run,) = engine.ledger.recent_runs("s", 10)
    assert [event.reason for event in run.history] == [None, "away", "rebuilt from the current file", None]
    assert {one.run_key for one in engine.endpoint.submissions} == {run.key}


@pytest.mark.parametrize(
    "other", [folder("b", "tags: {a: b}"), schedule(f"{TIME}\ntags: {{a: b}}")], ids=["folder", "kind"]
)
def test_a_run_is_sent_as_decided_if_its_schedule_has_a_new_life(engine: Engine, other: Schedule) -> None:
    upload(engine, "incoming/a.csv")
    refused(engine)
    engine.report(watching(), "incoming/a.csv")

    passes(engine.with_new_process(), other, minutes=3)

    before, after = (one.request for one in engine.endpoint.submissions if "~" in one.run_key)
    assert after == before


def test_overrides_of_a_manual_trigger_are_kept_when_the_request_is_rebuilt(engine: Engine) -> None:
    of = schedule(f"{TIME}\npipeline_parameters: {{data: a, rows: 1}}\ntrigger_overrides: any")
    refused(engine)
    engine.wired(of).steering.trigger("s", TriggerBody(pipeline_parameters={"data": "mine"}))
    fixed = schedule(f"{TIME}\npipeline_parameters: {{data: b, rows: 2}}\ntrigger_overrides: any")

    passes(engine.with_new_process(), fixed, minutes=3)

    asked = [one.request.pipeline_parameters for one in engine.endpoint.submissions if "!" in one.run_key]
    assert [dict(one) for one in asked] == [{"data": "mine", "rows": "1"}, {"data": "mine", "rows": "2"}]


def test_a_template_that_cannot_be_filled_rejects_its_run_and_blocks_no_other(engine: Engine) -> None:
    of = gathered()
    deliver(engine, of, 3)
    refused(engine)
    passes(engine, of, minutes=5)
    alone = folder("in", "tags: {file: '{blob.name}'}", ", data_path: folder, recursive: true")
    upload(engine, "in/0/new.csv")
    deployed = engine.with_new_process()
    deployed.report(alone, "in/0/new.csv")

    passes(deployed, alone, minutes=3)

    runs = {run.kind.value: run for run in engine.ledger.recent_runs("s", 10)}
    assert (runs["batch"].state, runs["change"].state) == (RunState.REJECTED, RunState.SUBMITTED)
    assert "its templates use blob.name" in str(runs["batch"].error)


def test_a_hold_of_the_old_target_does_not_apply_to_the_new_target(engine: Engine) -> None:
    of = schedule(TIME)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="429", retry_after=6 * HOUR)]
    engine.wired(of).due_occurrences.fire(of)

    passes(engine.with_new_process(), of_file(TIME, pipeline='{endpoint: "%OTHER%"}'), minutes=370)

    assert len(engine.endpoint.submissions) == 2


def test_a_canceled_run_is_not_rebuilt(engine: Engine) -> None:
    of = schedule(TIME)
    refused(engine)
    engine.wired(of).due_occurrences.fire(of)
    (run,) = engine.ledger.recent_runs("s", 1)
    engine.wired(of).steering.cancel(run.key, HeldBody())

    passes(engine.with_new_process(), schedule(f"{TIME}\ntags: {{a: b}}"), minutes=3)

    assert len(engine.endpoint.submissions) == 1
