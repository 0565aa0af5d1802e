"""A backfill starts occurrences without a row or without effect, shows them first on request, and none twice."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from builders import CHANGE, Engine, found, open_runs, schedule, utc
from command_line import run_command

from local.azurite import Azurite
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import Delete
from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import RunKind, RunState, SkipReason
from triggers.starting.occurrence import Requested, time_occurrence
from triggers.steering.declined import WrongState
from triggers.steering.pausing import pause, resume
from triggers.steering.questions import ReplayBody

HOURLY = "cron: {expression: '0 * * * *'}"
BATCHED = CHANGE.replace("input}", "input, data_path: manifest, polling_interval: 0}") + "\nbatch: {quiet: 1m}"


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-11-01T10:30:00"))


def backfill(
    engine: Engine, of: Schedule, first: str, before: str, *, dry_run: bool = False, force: bool = False
) -> dict[str, bool]:
    """Run a backfill; returns for each occurrence whether it starts."""
    backfilling = engine.wired().backfilling
    asked = Requested(by="ann", note="lost week")
    items = backfilling.backfill(of, utc(first), utc(before), asked, dry_run=dry_run, force=force)
    return {item.key: item.starts for item in items}


def test_occurrences_without_a_row_are_started_including_from_and_excluding_to(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.ledger.register("s", engine.clock.now())

    said = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T06:00")
    engine.reconcile(of)

    assert said == {"s@2026-11-01T04:00:00Z": True, "s@2026-11-01T05:00:00Z": True}
    assert sorted(engine.endpoint.keys) == list(said)
    run = engine.ledger.get("s@2026-11-01T04:00:00Z")
    assert run is not None
    assert (run.kind, run.requested_by, run.note) == (RunKind.TIME, "ann", "lost week")
    assert run.nominal_time == utc("2026-11-01T04:00")


def test_a_dry_run_gives_the_same_answer_and_changes_nothing(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.firing.fire(of, time_occurrence(of, utc("2026-11-01T05:00")))

    dry = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T07:00", dry_run=True)
    untouched = engine.states()
    real = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T07:00")

    assert untouched == {"s@2026-11-01T05:00:00Z": "submitted"}
    assert dry == real
    assert list(dry.values()) == [True, False, True]


def test_skipped_and_rejected_runs_are_replayed_and_others_are_left_alone(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.firing.fire(of, time_occurrence(of, utc("2026-11-01T04:00")), SkipReason.CATCHUP)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="404"), Outcome(answer=Answer.UNKNOWN)]
    engine.firing.fire(of, time_occurrence(of, utc("2026-11-01T05:00")))
    engine.firing.fire(of, time_occurrence(of, utc("2026-11-01T06:00")))

    said = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T07:00")
    again = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T07:00")

    assert said == {
        "s@2026-11-01T04:00:00Z.r1": True,
        "s@2026-11-01T05:00:00Z.r1": True,
        "s@2026-11-01T06:00:00Z": False,
    }
    assert set(again.values()) == {False}
    replay = engine.ledger.get("s@2026-11-01T04:00:00Z.r1")
    assert replay is not None
    assert (replay.kind, replay.replay_of) == (RunKind.REPLAY, "s@2026-11-01T04:00:00Z")


def test_a_rejected_replay_is_replayed_again(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.ledger.register("s", engine.clock.now())
    engine.firing.fire(of, time_occurrence(of, utc("2026-11-01T04:00")), SkipReason.PAUSED)
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="404")]
    backfill(engine, of, "2026-11-01T04:00", "2026-11-01T05:00")
    engine.reconcile(of)

    said = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T05:00")

    assert said == {"s@2026-11-01T04:00:00Z.r2": True}


def test_occurrences_that_are_not_due_yet_are_not_backfilled(engine: Engine) -> None:
    said = backfill(engine, schedule(HOURLY), "2026-11-01T10:00", "2026-11-02T00:00")

    assert list(said) == ["s@2026-11-01T10:00:00Z"]


def test_a_paused_schedule_can_be_backfilled(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.ledger.register("s", engine.clock.now())
    pause(engine.ledger, "s", utc("2026-11-01T00:00"), None, None)

    backfill(engine, of, "2026-11-01T04:00", "2026-11-01T05:00")
    engine.reconcile(of)

    assert engine.endpoint.keys == ["s@2026-11-01T04:00:00Z"]


def test_blobs_are_backfilled_by_their_modification_time(engine: Engine) -> None:
    of = schedule(CHANGE)
    engine.ledger.register("s", engine.clock.now())
    for hour in range(4, 9):
        engine.blobs.put(found(f"incoming/{hour}.csv", last_modified=utc(f"2026-11-01T0{hour}:00")))
    engine.blobs.put(found("elsewhere/5.csv", last_modified=utc("2026-11-01T05:00")))
    engine.report(of, "incoming/6.csv")
    dry = backfill(engine, of, "2026-11-01T05:00", "2026-11-01T08:00", dry_run=True)

    said = backfill(engine, of, "2026-11-01T05:00", "2026-11-01T08:00")
    engine.reconcile(of)
    engine.report(of, "incoming/5.csv")

    assert dry == said
    assert sorted(said.values()) == [False, True, True]
    paths = sorted(one.request.datapaths["input"].path for one in engine.endpoint.submissions)
    assert paths == ["incoming/5.csv", "incoming/6.csv", "incoming/7.csv"]


def minutes(engine: Engine, of: Schedule, number: int) -> None:
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)


def test_blobs_of_a_batched_schedule_wait_for_a_batch(engine: Engine) -> None:
    of = schedule(BATCHED)
    engine.ledger.register("s", engine.clock.now())
    for hour in (4, 5):
        engine.blobs.put(found(f"incoming/{hour}.csv", last_modified=utc(f"2026-11-01T0{hour}:00")))

    said = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T08:00")
    again = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T08:00")
    minutes(engine, of, 3)

    assert (list(said.values()), list(again.values())) == ([True, True], [False, False])
    assert [run.batch and run.batch.count for run in engine.ledger.recent_runs("s", 9)] == [2]


def test_the_changes_of_a_rejected_batch_are_batched_again(engine: Engine) -> None:
    of = schedule(BATCHED)
    engine.ledger.register("s", engine.clock.now())
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.REJECTED, sentence="404")]
    engine.blobs.put(found("incoming/4.csv", last_modified=utc("2026-11-01T04:00")))
    engine.report(of, "incoming/4.csv")
    minutes(engine, of, 3)

    said = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T05:00")
    minutes(engine, of, 3)
    again = backfill(engine, of, "2026-11-01T04:00", "2026-11-01T05:00")

    assert (list(said.values()), list(again.values())) == ([True], [False])
    assert len(set(engine.endpoint.keys)) == len(engine.endpoint.keys) == 2


def test_backfilled_changes_start_one_by_one_if_batch_is_removed(engine: Engine) -> None:
    of = schedule(BATCHED)
    engine.ledger.register("s", engine.clock.now())
    engine.blobs.put(found("incoming/4.csv", last_modified=utc("2026-11-01T04:00")))
    pause(engine.ledger, "s", utc("2026-11-01T00:00"), None, None)
    engine.report(of, "incoming/4.csv")
    resume(engine.ledger, "s", engine.clock.now(), None, None)
    backfill(engine, of, "2026-11-01T04:00", "2026-11-01T05:00")

    minutes(engine, schedule(CHANGE), 2)

    runs = [run for run in engine.ledger.recent_runs("s", 9) if run.blob]
    skipped, started = sorted(runs, key=lambda run: run.key)
    assert (skipped.reason, started.key, started.state.value) == ("paused", f"{skipped.key}.r1", "submitted")


def test_the_backfill_command_starts_runs_once(azurite: Azurite, tmp_path: Path) -> None:
    name = f"nightly-{tmp_path.name.replace('_', '-')}"[:60]
    (tmp_path / "s.yaml").write_text(
        "pipelines: {p: {endpoint: 'https://x.api.azureml.ms/PipelineRuns/PipelineSubmit/1'}}\n"
        f"schedules: {{{name}: {{pipeline: p, cron: {{expression: '0 4 * * *'}}}}}}\n"
    )
    settings = {
        "SCHEDULES_FILE": str(tmp_path / "s.yaml"),
        "AzureWebJobsStorage": azurite.connection_string,
        "LEDGER_RETENTION_DAYS": "3650",
    }

    def said(*arguments: str) -> list[str]:
        done = run_command("backfill", name, *arguments, settings=settings)
        return (done.out + done.err).splitlines()

    period = ("--from", "2026-01-01", "--to", "2026-01-03")
    assert said(*period, "--dry-run") == [
        f"would start  2026-01-01T04:00:00Z  {name}@2026-01-01T04:00:00Z  no run yet",
        f"would start  2026-01-02T04:00:00Z  {name}@2026-01-02T04:00:00Z  no run yet",
        "2 would start, 0 not needed",
    ]
    assert said(*period)[-1] == "2 started, 0 not needed"
    assert said(*period)[0] == f"already      2026-01-01T04:00:00Z  {name}@2026-01-01T04:00:00Z  waiting"
    assert said("--from", "2026-01-03", "--to", "2026-01-01") == ["--to must be later than --from"]
    ledger = Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string)))
    assert [run.state.value for run in open_runs(ledger, name)] == ["waiting", "waiting"]
    assert datetime.fromisoformat("2026-01-01T04:00:00+00:00") in {run.nominal_time for run in open_runs(ledger, name)}


def test_changes_that_ran_before_batch_was_added_or_removed_are_not_started_again(engine: Engine) -> None:
    plain, gathered = schedule(CHANGE.replace("input}", "input, polling_interval: 0}")), schedule(BATCHED)
    engine.ledger.register("s", engine.clock.now())
    for hour, of in ((4, plain), (5, gathered)):
        engine.blobs.put(found(f"incoming/{hour}.csv", last_modified=utc(f"2026-11-01T0{hour}:00")))
        engine.report(of, f"incoming/{hour}.csv")
    minutes(engine, gathered, 3)
    sent = len(engine.endpoint.submissions)

    said = [backfill(engine, of, "2026-11-01T04:00", "2026-11-01T06:00") for of in (plain, gathered)]

    assert sent == 2
    assert [list(one.values()) for one in said] == [[False, False]] * 2


def test_a_change_waiting_for_a_batch_is_not_backfilled_when_batch_is_removed(engine: Engine) -> None:
    plain = schedule(CHANGE.replace("input}", "input, polling_interval: 0}"))
    engine.ledger.register("s", engine.clock.now())
    engine.blobs.put(found("incoming/4.csv", last_modified=utc("2026-11-01T04:00")))
    engine.report(schedule(BATCHED), "incoming/4.csv")

    said = backfill(engine, plain, "2026-11-01T04:00", "2026-11-01T06:00")
    minutes(engine, plain, 2)
    minutes(engine, schedule(BATCHED), 3)

    assert list(said.values()) == [False]
    assert len(engine.endpoint.submissions) == 1


# Beyond the ledger's retention


def forgotten(engine: Engine, keys: str = HOURLY) -> Any:
    """A schedule that ran 100 days ago, whose rows from that time have been pruned."""
    of = schedule(keys)
    engine.blobs.put(found("incoming/old.csv", last_modified=engine.clock.now()))
    engine.clock.pass_time(timedelta(days=100))
    return of


DAY_BEFORE = "2026-11-01T10:00"


@pytest.mark.parametrize("keys", [HOURLY, CHANGE])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_backfill_beyond_the_ledgers_retention_is_refused(engine: Engine, keys: str, *, dry_run: bool) -> None:
    of = forgotten(engine, keys)

    with pytest.raises(
        WrongState, match=r"s: anything before 2026-11-12T10:30:00Z may already have run, .* or use force"
    ):
        backfill(engine, of, DAY_BEFORE, "2026-11-02T00:00", dry_run=dry_run)

    assert engine.states() == {}


def test_with_force_a_forgotten_occurrence_starts_once_under_its_own_key(engine: Engine) -> None:
    of = forgotten(engine)
    since_1970 = int(engine.clock.now().timestamp())

    said = backfill(engine, of, DAY_BEFORE, "2026-11-01T11:00", force=True)
    engine.clock.pass_time(timedelta(minutes=1))
    again = backfill(engine, of, DAY_BEFORE, "2026-11-01T11:00", force=True)

    assert said == {f"s@2026-11-01T10:00:00Z.r{since_1970}": True}
    assert again == {f"s@2026-11-01T10:00:00Z.r{since_1970}": False}
    run = engine.ledger.get(f"s@2026-11-01T10:00:00Z.r{since_1970}")
    assert run is not None
    assert (run.kind, run.replay_of) == (RunKind.REPLAY, "s@2026-11-01T10:00:00Z")


def test_with_force_a_blob_of_a_batched_schedule_starts_once(engine: Engine) -> None:
    of = forgotten(engine, BATCHED)
    first, before = DAY_BEFORE, "2026-11-02T00:00"

    said = [backfill(engine, of, first, before, force=True) for _ in range(2)]
    for _ in range(5):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)
    said.append(backfill(engine, of, first, before, force=True))

    assert [list(one.values()) for one in said] == [[True], [False], [False]]
    assert len(engine.endpoint.submissions) == 1


def test_a_range_without_forgotten_occurrences_needs_no_force(engine: Engine) -> None:
    of = schedule("recurrence: {frequency: Day, interval: 1, start_time: 2027-01-01T04:00:00}")
    engine.clock.pass_time(timedelta(days=100))

    said = backfill(engine, of, "2020-01-01T00:00", "2027-01-03T00:00")

    assert list(said) == ["s@2027-01-01T04:00:00Z", "s@2027-01-02T04:00:00Z"]


def test_a_replay_gets_the_number_after_the_highest_existing_one(engine: Engine) -> None:
    of = schedule(HOURLY)
    engine.firing.fire(of, time_occurrence(of, utc("2026-11-01T04:00")), SkipReason.PAUSED)
    steering = engine.wired(of).steering
    for number in (1, 2):
        assert steering.replay("s@2026-11-01T04:00:00Z", ReplayBody(force=True)).key.endswith(f".r{number}")
        (run,) = engine.ledger.runs([f"s@2026-11-01T04:00:00Z.r{number}"])
        engine.ledger.update(run, run.to(RunState.FINISHED, engine.clock.now()))
    engine.ledger.table.write("s", [Delete("k:s@2026-11-01T04:00:00Z.r1")])

    third = steering.replay("s@2026-11-01T04:00:00Z", ReplayBody(force=True))

    assert third.key == "s@2026-11-01T04:00:00Z.r3"
