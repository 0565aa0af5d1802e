"""The rows that version 0.1.0 wrote are read and rewritten without loss, including fields from a newer version.

Version 0.1.0 wrote data/rows_0_1_0.json: every kind of row, and a run in every state.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import CHANGE, Engine, schedule, utc

from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.change_records import SweepState
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Merge, Replace, Table
from triggers.ledger.records import Delivery, Mark, delivery_columns
from triggers.ledger.rows import columns_of
from triggers.ledger.sweeps import Sweeps
from triggers.scheduling.pauses import Pause
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import RunState
from triggers.scheduling.run_states import OPEN_STATES
from triggers.scheduling.shown import RunAnswer, run_answer
from triggers.steering.questions import HeldBody

ROWS: dict[str, dict[str, dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data/rows_0_1_0.json").read_text("utf-8")
)
NOW = utc("2026-11-01T04:00")
DAY = "nightly@2026-11-{:02}T04:00:00Z"
RUNS = [key.removeprefix("k:") for rows in ROWS.values() for key in rows if key.startswith("k:")]
WITHOUT_NAME = {"written_by", "ranks_at", "created_at", "next_attempt_at", "decided_at", "azureml_id", "denied"}
"""`written_by`, different at each write so that a repeated write recognizes itself, and columns new in this version."""


def table() -> MemoryTable:
    """A table with these rows."""
    made = MemoryTable(lambda: NOW)
    for partition, rows in ROWS.items():
        made.write(partition, [Replace(key, columns) for key, columns in rows.items()])
    return made


def columns(of: Table, key: str, partition: str = "nightly") -> dict[str, Any]:
    row = of.get(partition, key)
    assert row is not None, key
    return {name: value for name, value in row.columns.items() if name not in WITHOUT_NAME}


def without_what_is_new(found: dict[str, Any]) -> dict[str, Any]:
    """A run's document as version 0.1.0 would write it, without the fields that it did not have."""
    for part, names in {"batch": ("path", "missing"), "blob": ("renamed_at",)}.items():
        for name in names if found[part] is not None else ():
            assert found[part].pop(name, None) is None
    return found


def rewritten(found: dict[str, Any]) -> dict[str, Any]:
    """The columns of a run's row, with its document parsed."""
    found = {name: value for name, value in found.items() if name not in WITHOUT_NAME}
    if "document_0" in found:
        found["document_0"] = without_what_is_new(json.loads(found["document_0"]))
    return found


def test_the_sample_rows_have_a_run_in_every_stored_state() -> None:
    shown = [Ledger(table()).get(key) for key in RUNS]

    assert {run.state for run in shown if run} == set(RunState) - {RunState.UNREADABLE}


@pytest.mark.parametrize("key", RUNS)
def test_a_run_is_rewritten_without_loss(key: str) -> None:
    rows = table()
    ledger = Ledger(rows)
    run = ledger.get(key)
    assert run is not None

    assert ledger.update(run, run) is not None

    kept = {row: found for row, found in ROWS[run.schedule].items() if row.endswith(key) and row[0] in "kot"}
    assert len(kept) == (3 if run.state in OPEN_STATES else 2)
    for row, found in kept.items():
        now = columns(rows, row, run.schedule)
        shown = now.pop("document_0") if row.startswith("t:") else ""
        assert rewritten(now) == rewritten(found)
        assert not shown or json.loads(shown)["key"] == key


@pytest.mark.parametrize("key", RUNS)
def test_a_list_row_of_0_1_shows_a_run_exactly_as_a_rewritten_one_does(key: str) -> None:
    ledger = Ledger(table())
    run = ledger.get(key)
    assert run is not None

    def listed() -> list[RunAnswer]:
        return [one for one in ledger.recent_answers(run.schedule, 100) if one.key == key]

    before = listed()
    ledger.update(run, run)

    assert before == listed() == [run_answer(run)]


@pytest.mark.parametrize("key", RUNS)
def test_fields_that_a_newer_version_added_to_a_run_are_kept(key: str) -> None:
    rows = table()
    ledger = Ledger(rows)
    partition = key.partition("@")[0].partition("~")[0].partition("!")[0]
    present = columns(rows, f"k:{key}", partition)
    document = json.loads(present["document_0"])
    document["windows"] = {"first_seen": "2026-11-01T04:00:00Z", "of": ["a", {"b": None}]}
    document["history"][0]["by"] = "the pass"
    if document["request"] is not None:
        document["request"]["target"]["identity"] = "mine"
    if document["blob"] is not None:
        document["blob"]["created_at"] = "2026-10-01T00:00:00Z"
    added = {"document_0": json.dumps(document), "moved_from": "2026-10-31", "attempts_seen": 3}
    rows.write(partition, [Merge(f"k:{key}", added)])
    run = ledger.get(key)
    assert run is not None

    changed = replace(run, note="changed by an older version")
    for _ in range(2):
        written = ledger.update(changed, changed)
        assert written is not None
        changed = written

    found = columns(rows, f"k:{key}", partition)
    assert (found["moved_from"], found["attempts_seen"]) == ("2026-10-31", 3)
    kept = without_what_is_new(json.loads(found["document_0"]))
    assert kept == {**document, "note": "changed by an older version"}


def test_added_fields_survive_the_next_change_of_state() -> None:
    rows = table()
    ledger = Ledger(rows)
    key = DAY.format(3)
    document = {**json.loads(columns(rows, f"k:{key}")["document_0"]), "window": "1"}
    rows.write("nightly", [Merge(f"k:{key}", {"document_0": json.dumps(document)})])
    run = ledger.get(key)
    assert run is not None

    ledger.update(run, run.to(RunState.FINISHED, NOW, ended_at=NOW))

    found = json.loads(columns(rows, f"k:{key}")["document_0"])
    assert (found["state"], found["window"], len(found["history"])) == ("finished", "1", 3)


def test_rows_other_than_runs_are_read() -> None:
    ledger = Ledger(table())

    assert ledger.ledger_id() == ROWS["registry"]["ledger"]["ledger_id"]
    assert {one.schedule: one.first_seen for one in ledger.registrations()} == {
        "nightly": utc("2026-10-01T00:00"),
        "uploads": NOW,
    }
    mark = ledger.mark("nightly")
    assert mark is not None
    assert (mark.until, mark.trigger_digest_0_1) == (NOW + timedelta(days=12), "dbb014211d2c3e96")
    assert ledger.all_pauses() == {
        "nightly": (
            Pause(
                begin=NOW - timedelta(days=2),
                end=NOW - timedelta(days=1),
                note="maintenance",
                by="ada",
                end_note="done",
                ended_by="bob",
            ),
        ),
        "uploads": (Pause(begin=NOW, note="no data", by="ada"),),
    }
    assert ledger.holds() == {"c5b7ee8ec72553faa5eae814a77dd322": NOW + timedelta(minutes=10)}
    assert ledger.last_pass() == NOW
    work = list(ledger.open_work("nightly"))
    owed = [one for one in work if isinstance(one, Delivery)]
    assert sum(one.state is not None for one in owed) == 6
    assert [one.task.task_instance_id for one in owed if one.task] == ["task-instance-id"]
    for one in owed:
        assert delivery_columns(one) == ROWS["nightly"][one.row_key]
    assert len(ledger.slots("nightly").open_runs) == 8
    assert all(one.ranks_at for one in ledger.slots("nightly").open_runs), (
        "values missing in old rows come from the runs"
    )
    assert len(ledger.listed("nightly", limit=100).runs) == 15


def test_changes_and_batches_are_read_and_processed_further() -> None:
    rows = table()
    ledger = Ledger(rows)
    changes = ChangeLedger(ledger)

    assert [one.group for one in changes.waiting("uploads")] == ["incoming"]
    (head,) = changes.heads("uploads")
    assert (head.group, head.count, head.sealed_at) == ("other", 1, None)
    assert [one.change.path for one in changes.members("uploads", head.run_key)] == ["incoming/ü.csv"]
    assert changes.go_on("uploads", head, bool, 10, NOW)
    assert Sweeps(ledger).missed_by_events() == {"uploads": 2}


# A rolling deployment, and a rollback: the digests of both versions identify the same trigger

EVERY_5 = schedule("cron: {expression: '*/5 * * * *'}\ncatchup: all")
DIGEST_0_1 = "46df99f8ce024073"


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def test_an_upgrade_after_a_downtime_drops_no_occurrence(engine: Engine) -> None:
    engine.ledger.register("s", NOW - timedelta(days=40))
    engine.ledger.table.write(
        "s",
        [Replace("mark", {"until": (NOW - timedelta(minutes=21)).isoformat(), "trigger_digest": DIGEST_0_1})],
    )

    engine.reconcile(EVERY_5)

    assert sorted(engine.states()) == [f"s@2026-11-01T03:{minute}:00Z" for minute in (40, 45, 50, 55)]


def test_after_a_rollback_the_older_version_finds_its_own_digest(engine: Engine) -> None:
    engine.ledger.register("s", NOW)
    engine.clock.pass_time(timedelta(minutes=7))

    engine.reconcile(EVERY_5)

    mark = engine.ledger.table.get("s", "mark")
    assert mark is not None
    assert mark.columns["trigger_digest"] == DIGEST_0_1
    assert engine.ledger.mark("s") == Mark(
        until=NOW + timedelta(minutes=5, seconds=30),
        trigger_digest="2422c852510c4b1f",
        trigger_digest_0_1=DIGEST_0_1,
        version=mark.etag,
    )


def test_a_pause_is_written_to_both_rows_and_a_pause_of_0_1_is_copied(engine: Engine) -> None:
    steering = engine.wired(EVERY_5).steering
    steering.pause("s", HeldBody(note="moving"))
    paused = columns(engine.ledger.table, "pause", "s")

    assert paused == columns(engine.ledger.table, "p:s", "registry")

    engine.clock.pass_time(timedelta(hours=1))
    ended = Pause(begin=NOW, end=NOW + timedelta(minutes=30))
    engine.ledger.table.write("registry", [Replace("p:s", columns_of((ended,)))])
    engine.reconcile(EVERY_5)

    assert engine.ledger.pauses("s").intervals == (ended,)
    assert columns(engine.ledger.table, "pause", "s") == columns_of((ended,))


def test_a_pause_of_0_1_stops_a_timer_of_a_new_process_before_the_first_pass(engine: Engine) -> None:
    engine.ledger.table.write("registry", [Replace("p:s", columns_of((Pause(begin=NOW - timedelta(days=3)),)))])

    engine.wired(EVERY_5).due_occurrences.fire(EVERY_5)

    assert "skipped paused" in engine.states().values()
    assert engine.endpoint.submissions == []


def test_of_two_copies_of_the_pauses_the_one_with_the_later_event_counts_and_a_tie_means_paused(engine: Engine) -> None:
    older, lasting = Pause(begin=NOW, end=NOW + timedelta(hours=1)), Pause(begin=NOW + timedelta(hours=1))
    for registered, own in (((older,), (older, lasting)), ((older, lasting), (older,)), ((), (lasting,))):
        engine.ledger.table.write("registry", [Replace("p:s", columns_of(registered))])
        engine.ledger.table.write("s", [Replace("pause", columns_of(own))])

        assert engine.ledger.pauses("s").intervals[-1] == lasting


@pytest.mark.parametrize("listed", ["('AzureWebJobsStorage', 'data', 'incoming', False)", "c43d0bd7186ca006"])
def test_a_listing_begun_by_0_1_is_continued(engine: Engine, listed: str) -> None:
    of = schedule(CHANGE)
    engine.ledger.register("s", NOW - timedelta(days=40))
    begun = SweepState(of=listed, listing=True, mark=NOW, started_at=NOW, continuation="incoming/x", missed_by_events=3)
    engine.ledger.table.write("registry", [Replace("w:s", columns_of(begun))])

    engine.reconcile(of)

    swept = engine.sweeps.state("s", engine.life(of))
    assert (swept.started_at, swept.listing, swept.missed_by_events) == (NOW, False, 3)
    assert [one.first_seen for one in engine.ledger.lives("s")] == [NOW - timedelta(days=40)]
    assert engine.sweeps.missed_by_events() == {"s": 3}


def test_a_sweep_of_0_1_over_another_folder_belongs_to_another_life(engine: Engine) -> None:
    of = schedule(CHANGE)
    engine.ledger.register("s", NOW - timedelta(days=40))
    elsewhere = SweepState(of="('AzureWebJobsStorage', 'data', 'other', False)", mark=NOW - timedelta(minutes=5))
    engine.ledger.table.write("registry", [Replace("w:s", columns_of(elsewhere))])

    engine.reconcile(of)

    (life,) = engine.ledger.lives("s")
    assert (life.first_seen, life.is_first) == (NOW, False)
    assert engine.sweeps.state("s", engine.life(of)).mark == NOW - timedelta(minutes=2)


@pytest.mark.parametrize(
    ("keys", "row"), [("cron: {expression: '*/5 * * * *'}", "w:s"), (CHANGE, "mark")], ids=["to time", "to change"]
)
def test_a_schedule_that_had_another_kind_in_0_1_begins_a_new_life(engine: Engine, keys: str, row: str) -> None:
    engine.ledger.register("s", NOW - timedelta(days=40))
    partition = "s" if row == "mark" else "registry"
    engine.ledger.table.write(partition, [Replace(row, {"until": NOW.isoformat(), "document_0": "{}"})])

    engine.reconcile(schedule(keys))

    (life,) = engine.ledger.lives("s")
    assert (life.first_seen, life.is_first) == (NOW, False)


def test_a_time_based_schedule_that_0_1_only_registered_keeps_its_life(engine: Engine) -> None:
    engine.ledger.register("s", NOW - timedelta(days=40))

    engine.reconcile(schedule("cron: {expression: '*/5 * * * *'}"))

    (life,) = engine.ledger.lives("s")
    assert (life.first_seen, life.is_first) == (NOW - timedelta(days=40), True)
