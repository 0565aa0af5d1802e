"""An unreadable row, whatever it holds, stops nothing else and is shown to the user.

The tests take every kind of row that version 0.1.0 wrote, corrupt one of them, and let the engine continue.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from builders import Engine, found, schedule, utc

from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import Delete, Merge, Replace
from triggers.ledger.rows import CorruptRow
from triggers.management_api import register
from triggers.scheduling.change import change_digest
from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import Run, RunState
from triggers.starting.occurrence import Requested
from triggers.steering.questions import HeldBody, RunsQuery

ROWS: dict[str, dict[str, dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data/rows_0_1_0.json").read_text("utf-8")
)
del ROWS["registry"]["p:uploads"]  # runs of a paused schedule do not progress
MONDAY = utc("2026-11-16T03:00")
"""The next occurrence of `nightly` after its mark."""

NIGHTLY = schedule(
    "cron: {expression: '0 4 * * 1-5', time_zone: W. Europe Standard Time, start_time: '2026-01-01T00:00:00', "
    "end_time: '2027-01-01T00:00:00'}",
    name="nightly",
)
UPLOADS = schedule(
    "change: {datastore: blobs, container: data, data_path_parameter_name: input, data_path: manifest, "
    "polling_interval: 1, recursive: true}\n"
    "batch: {quiet: 1m, max_wait: 2m, group_by: folder}",
    name="uploads",
)
OTHER = schedule("cron: {expression: '*/5 * * * *'}", name="other")

Spoil = Callable[[dict[str, Any]], dict[str, Any]]


def _every_text(change: Callable[[str], str]) -> Spoil:
    return lambda row: {name: change(one) if isinstance(one, str) else one for name, one in row.items()}


def _state(row: dict[str, Any]) -> dict[str, Any]:
    corrupt = {name: one for name, one in row.items() if name != "state"} | {"state": "archived"}
    if "document_0" in row:
        document = json.loads(row["document_0"])
        if isinstance(document, dict):
            corrupt["document_0"] = json.dumps({**document, "state": "archived"})
    return corrupt


SPOILS: dict[str, Spoil] = {
    "empty": lambda row: {},
    "garbage": _every_text(lambda text: "garbage"),
    "wrong types": lambda row: {name: 5 if isinstance(one, str) else "x" for name, one in row.items()},
    "cut off": _every_text(lambda text: text[: len(text) // 2]),
    "no offsets": _every_text(lambda text: text.replace('Z"', '"').replace("+00:00", "")),
    "an unknown state": _state,
    "another document": lambda row: {**row, **{name: "[]" for name in row if name.startswith("document_")}},
}
FIRST = {
    (partition, key.partition(":")[0], key.endswith(":callback")): key
    for partition, rows in ROWS.items()
    for key in reversed(rows)
}
"""One row of each kind; `make proof` corrupts the others."""
CASES = [
    pytest.param(
        partition,
        key,
        spoil,
        id=f"{partition} {key} {spoil}",
        marks=() if key in FIRST.values() else pytest.mark.proof,
    )
    for partition, rows in ROWS.items()
    for key, columns in rows.items()
    for spoil, corrupt in SPOILS.items()
    if corrupt(columns) != columns
]


def sample_engine() -> Engine:
    """An engine that takes over the ledger of version 0.1.0, a few minutes before an occurrence."""
    engine = Engine(MONDAY - timedelta(minutes=10))
    for partition, rows in ROWS.items():
        engine.ledger.table.write(partition, [Replace(key, columns) for key, columns in rows.items()])
    engine.ledger.note_pass(engine.clock.now())
    engine.blobs.put(found("incoming/new.csv", "0xnew", last_modified=MONDAY - timedelta(minutes=8)))
    return engine


def corrupt(engine: Engine, partition: str, key: str, spoil: str) -> None:
    row = engine.ledger.table.get(partition, key)
    assert row is not None
    engine.ledger.table.write(partition, [Replace(key, SPOILS[spoil](dict(row.columns)))])


def run_passes(engine: Engine) -> None:
    """Run passes for a quarter of an hour; none may fail."""
    for _ in range(4):
        engine.clock.pass_time(timedelta(minutes=4))
        engine.reconcile(NIGHTLY, UPLOADS, OTHER)


@pytest.mark.parametrize(("partition", "key", "spoil"), CASES)
def test_one_unreadable_row_stops_nothing_else(
    partition: str, key: str, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = sample_engine()
    corrupt(engine, partition, key, spoil)

    run_passes(engine)

    steering = engine.wired(NIGHTLY, UPLOADS, OTHER).steering
    states = {run.key: run for run in steering.runs(RunsQuery(limit=200)).runs}
    paused = partition == "registry" and key == "p:nightly" and "corrupt_row" in caplog.text
    assert states["nightly@2026-11-16T03:00:00Z"].state == ("skipped" if paused else "submitted")
    assert [states[f"other@2026-11-16T{time}:00Z"].state for time in ("02:55", "03:00")] == ["submitted"] * 2
    batch = engine.rows.batch_of("uploads", change_digest(engine.blobs.present["incoming/new.csv"].change))
    assert batch
    assert states[batch].state == "submitted"
    assert len(set(engine.endpoint.keys)) == len(engine.endpoint.keys)
    assert {one.name for one in steering.schedules().schedules} == {"nightly", "uploads", "other"}
    for run in states:
        assert steering.run(run)[0].key == run
    if key.startswith("k:"):
        assert states[key[2:]].state in {"unreadable", RunState(ROWS_STATE[key[2:]]).value} | GONE_ON


def test_without_an_unreadable_row_everything_runs_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    engine = sample_engine()

    run_passes(engine)

    assert engine.states("nightly")["nightly@2026-11-16T03:00:00Z"] == "submitted"
    assert "unreadable" not in engine.states("nightly").values()
    assert "corrupt_row" not in caplog.text


ROWS_STATE = {
    key[2:]: columns["state"] for rows in ROWS.values() for key, columns in rows.items() if key.startswith("k:")
}
GONE_ON = {"submitted", "unknown", "unsent"}


# The consequences, for each kind of row

NOON = utc("2026-11-01T12:00")
AT = "s@2026-11-01T{}:00Z"


def fired(engine: Engine, of: Schedule, time: str) -> Run | None:
    """Run the pass that fires the occurrence at a time of day."""
    engine.clock.pass_time(utc(f"2026-11-01T{time}") + timedelta(minutes=2) - engine.clock.now())
    engine.reconcile(of)
    return engine.ledger.get(AT.format(time))


def garble(engine: Engine, key: str, partition: str = "s", **columns: Any) -> None:
    assert engine.ledger.table.write(partition, [Merge(key, columns or {"document_0": "{"})])


@pytest.fixture
def engine() -> Engine:
    return Engine(NOON)


@pytest.mark.parametrize("overlap", ["skip", "buffer_all", "buffer_one", "cancel_other"])
def test_an_unreadable_run_holds_no_slot(engine: Engine, overlap: str) -> None:
    hourly = schedule(f"cron: {{expression: '0 * * * *'}}\noverlap: {overlap}")
    assert fired(engine, hourly, "12:00")
    garble(engine, f"k:{AT.format('12:00')}")
    engine.reconcile(hourly)

    started = fired(engine, hourly, "13:00")
    engine.reconcile(hourly)

    started = started and engine.ledger.get(started.key)
    assert started
    assert started.state is RunState.SUBMITTED
    assert engine.states() == {AT.format("13:00"): "submitted", AT.format("12:00"): "unreadable"}


def test_a_run_that_becomes_readable_again_is_followed_again(engine: Engine) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}\noverlap: skip")
    key = AT.format("12:00")
    assert fired(engine, hourly, "12:00")
    row = engine.ledger.table.get("s", f"k:{key}")
    assert row
    garble(engine, f"k:{key}")
    engine.reconcile(hourly)
    garble(engine, f"k:{key}", document_0=row.columns["document_0"])

    assert fired(engine, hourly, "13:00")

    assert engine.states() == {AT.format("13:00"): "skipped overlap", key: "submitted"}


def test_unreadable_pauses_hold_the_schedule_until_it_is_resumed(engine: Engine) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}")
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="503: busy")]
    held = fired(engine, hourly, "12:00")
    assert held
    assert held.state is RunState.UNSENT
    steering = engine.wired(hourly).steering
    steering.pause("s", HeldBody())
    steering.resume("s", HeldBody())
    garble(engine, "p:s", "registry")

    skipped = fired(engine, hourly, "13:00")

    assert skipped
    assert (skipped.state, skipped.reason) == (RunState.SKIPPED, "paused")
    assert engine.endpoint.keys == [held.key]
    told = steering.schedule("s")
    assert told.paused
    assert told.pause_note == "its pauses in the ledger cannot be read: check what it has missed, then resume it"
    assert steering.pause("s", HeldBody()).paused
    assert not steering.resume("s", HeldBody()).paused
    engine.clock.pass_time(timedelta(minutes=1))
    engine.reconcile(hourly)
    assert engine.endpoint.keys == [held.key, held.key]


@pytest.mark.parametrize("partition", ["registry", "s"])
def test_a_schedule_is_held_if_either_copy_of_its_pauses_is_unreadable(engine: Engine, partition: str) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}")
    steering = engine.wired(hourly).steering
    steering.pause("s", HeldBody())
    steering.resume("s", HeldBody())
    garble(engine, "p:s" if partition == "registry" else "pause", partition)

    skipped = fired(engine, hourly, "12:00")

    assert skipped
    assert (skipped.state, skipped.reason) == (RunState.SKIPPED, "paused")
    assert not steering.resume("s", HeldBody()).paused


def test_an_unreadable_mark_is_restored_from_the_newest_occurrence(engine: Engine) -> None:
    every_5 = schedule("cron: {expression: '*/5 * * * *'}\ncatchup: all")
    assert fired(engine, every_5, "12:00")
    assert fired(engine, every_5, "12:05")
    garble(engine, "mark", until="soon")

    fired(engine, every_5, "12:15")

    assert engine.endpoint.keys == [AT.format(f"12:{minute}") for minute in ("00", "05", "10", "15")]


def test_an_unreadable_notification_delays_no_run(engine: Engine) -> None:
    told = schedule("cron: {expression: '0 * * * *'}\nwebhook: https://example.org/hook")
    engine.ledger.table.write(
        "s", [Replace("n:s@2026-10-01T00:00:00Z:failed", {"attempts": "many", "state": "failed"})]
    )

    assert fired(engine, told, "12:00")
    assert fired(engine, told, "13:00")

    assert len(engine.endpoint.submissions) == 2


def test_pruning_skips_unreadable_rows(engine: Engine) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}\ncatchup: none")
    for hour in range(12, 18):
        fired(engine, hourly, f"{hour}:00")
    keys = list(engine.states())
    for key in keys:
        run = engine.ledger.get(key)
        assert run
        engine.ledger.update(run, run.to(RunState.FINISHED, engine.clock.now()))
    garble(engine, f"k:{keys[1]}", state="archived", document_0="{}")
    listed = {one.key: one.place for one in engine.ledger.listed("s", limit=10).runs}
    garble(engine, listed[keys[1]], state="archived")
    garble(engine, listed[keys[2]], state="archived")
    engine.ledger.table.write("s", [Replace("t:000000000000000:", {"state": "finished"})])

    assert engine.ledger.prune("s", NOON + timedelta(days=1), 100) == 5

    assert engine.states() == {keys[1]: "unreadable"}


def test_pruning_continues_past_a_run_that_was_deleted_by_hand(engine: Engine) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}\nstatus: Disabled")
    for hour in range(12, 16):
        fired(engine, hourly, f"{hour}:00")
    row = engine.ledger.table.get("s", f"k:{AT.format('13:00')}")
    assert row
    engine.ledger.table.write("s", [Delete(row.row_key)])

    assert engine.ledger.prune("s", NOON + timedelta(days=1), 100) == 4

    assert engine.ledger.listed("s", limit=10).runs == []


def test_without_a_readable_ledger_id_nothing_is_sent(engine: Engine) -> None:
    engine.ledger.table.write("registry", [Replace("ledger", {"ledger_id": 5})])

    with pytest.raises(CorruptRow, match=r"row 'ledger' is not readable: it has no ledger_id"):
        fired(engine, schedule("cron: {expression: '0 * * * *'}"), "12:00")

    assert engine.endpoint.submissions == []


def test_the_ledger_id_is_restored_from_the_row_of_the_newest_pass(engine: Engine) -> None:
    first = engine.ledger.ledger_id()
    engine.ledger.note_pass(NOON)
    engine.ledger.table.write("registry", [Replace("ledger", {})])

    assert Ledger(engine.ledger.table).ledger_id() == first


# What users see and may do


@pytest.fixture
def engine_with_unreadable_run(engine: Engine) -> Engine:
    hourly = schedule("cron: {expression: '0 * * * *'}")
    assert fired(engine, hourly, "12:00")
    garble(engine, f"k:{AT.format('12:00')}", document_0='{"state": "archived"}')
    return engine


def answered(engine: Engine, function: str, method: str = "GET", **params: str) -> tuple[int, Any]:
    """The answer of a function of the HTTP API."""
    functions = func.FunctionApp()
    wired = engine.wired(schedule("cron: {expression: '0 * * * *'}"))
    app: Any = SimpleNamespace(engine=wired, settings=SimpleNamespace(has_app_service_authentication=False))
    register(functions, app)
    called = {one.get_function_name(): one for one in functions.get_functions()}[function].get_user_function()
    request = func.HttpRequest(method, "/", route_params=params, params={}, body=b"")
    answer = called(request)
    return answer.status_code, json.loads(answer.get_body())


def test_an_unreadable_run_is_shown_as_unreadable(engine_with_unreadable_run: Engine) -> None:
    key = AT.format("12:00")

    status, one = answered(engine_with_unreadable_run, "api_run", key=key)

    assert status == 200
    assert (one["key"], one["state"], one["kind"]) == (key, "unreadable", "time")
    assert one["error"].startswith(f"the ledger's row 'k:{key}' is not readable: ")


def test_a_list_shows_an_unreadable_run_as_unreadable_after_the_next_pass(engine_with_unreadable_run: Engine) -> None:
    engine_with_unreadable_run.clock.pass_time(timedelta(minutes=10))
    engine_with_unreadable_run.reconcile(schedule("cron: {expression: '0 * * * *'}"))

    (_, one), (_, listed) = (
        answered(engine_with_unreadable_run, "api_run", key=AT.format("12:00")),
        answered(engine_with_unreadable_run, "api_runs"),
    )

    assert one["state"] == "unreadable"
    assert listed["runs"] == [one]


def test_for_an_unreadable_list_row_its_run_is_shown(engine: Engine) -> None:
    fired(engine, schedule("cron: {expression: '0 * * * *'}"), "12:00")
    (listed,) = engine.ledger.listed("s", limit=10).runs
    (shown,) = engine.ledger.recent_answers("s", 10)

    for document in ("{", "{}", '{"key": "s@other"}', 5):
        garble(engine, listed.place, document_0=document)
        assert engine.ledger.recent_answers("s", 10) == [shown]


@pytest.mark.parametrize("function", ["api_replay", "api_cancel"])
def test_replaying_or_canceling_an_unreadable_run_is_answered_with_an_error(
    engine_with_unreadable_run: Engine, function: str
) -> None:
    status, answer = answered(engine_with_unreadable_run, function, "POST", key=AT.format("12:00"))

    assert status == 500
    assert answer["error"].startswith(f"the ledger's row 'k:{AT.format('12:00')}' is not readable: ")


def test_a_backfill_leaves_an_unreadable_run_alone_and_starts_the_others(engine_with_unreadable_run: Engine) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}")
    items = engine_with_unreadable_run.wired(hourly).backfilling.backfill(
        hourly, NOON - timedelta(hours=1), NOON + timedelta(minutes=1), Requested(), dry_run=False
    )

    assert [(one.key, one.starts) for one in items] == [(AT.format("11:00"), True), (AT.format("12:00"), False)]


def test_explain_reports_an_unreadable_row(engine_with_unreadable_run: Engine) -> None:
    hourly = schedule("cron: {expression: '0 * * * *'}")
    wired = engine_with_unreadable_run.wired(hourly)

    told = wired.explaining.time(hourly, NOON).decisions

    assert told[1] == f"{AT.format('12:00')}: unreadable"
    assert told[-1] == "  its row cannot be read; a newer version of the app may have written it"
