"""Why did this start nothing? Each reason, explained to a user who knows only the time or the file."""

from datetime import datetime, timedelta

import pytest
from builders import CHANGE, TIME, Engine, found, schedule, timed, utc, watching

from triggers.scheduling.change import CopyStatus
from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run_keys import change_key, time_key
from triggers.starting.occurrence import time_occurrence
from triggers.steering.answers import ExplainAnswer
from triggers.steering.declined import BadInput
from triggers.steering.pausing import pause
from triggers.steering.questions import BackfillBody, ExplainQuery

NOW = utc("2026-11-01T04:00")
FILE = "incoming/a.csv"
UNSENT = Outcome(answer=Answer.UNSENT, sentence="503 Service Unavailable")


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def minutely(keys: str) -> Schedule:
    return timed(f"cron: {{expression: '* * * * *'}}\n{keys}")


def explain(engine: Engine, of: Schedule, **query: str) -> ExplainAnswer:
    return engine.wired(of).steering.explain("s", ExplainQuery(**query))


def fire(engine: Engine, of: Schedule, minute: int) -> str:
    at = NOW + timedelta(minutes=minute)
    engine.firing.fire(of, time_occurrence(of, at))  # type: ignore[arg-type]  # the schedules here are time-based
    return time_key("s", at)


def upload(engine: Engine, of: Schedule, etag: str, at: datetime, md5: str | None = None) -> str:
    blob = found(FILE, etag, md5=md5, last_modified=at)
    engine.blobs.put(blob)
    engine.report(of, FILE)  # type: ignore[arg-type]  # the schedules here are change-based
    return change_key("s", blob.change)


def test_every_version_of_an_overwritten_file_is_shown(engine: Engine) -> None:
    of = watching(CHANGE)
    keys = [upload(engine, of, f"0x{number}", NOW + timedelta(minutes=number)) for number in range(3)]

    told = explain(engine, of, blob=FILE)

    assert [(one.etag, one.state, one.key) for one in told.versions] == [
        ("0x2", "submitted", keys[2]),
        ("0x1", "submitted", keys[1]),
        ("0x0", "submitted", keys[0]),
    ]
    assert told.run is not None
    assert told.run.key == keys[2]
    assert told.run.request is not None
    assert told.sentence == "'incoming/a.csv': Azure ML has accepted it; the app polls its status"


def test_a_file_that_is_gone_is_explained_from_the_ledger(engine: Engine) -> None:
    of = watching(CHANGE)
    first, second = (upload(engine, of, etag, NOW) for etag in ("0x1", "0x2"))
    engine.blobs.present.clear()
    engine.report(of, FILE)

    told = explain(engine, of, blob=FILE)

    assert told.decisions[0] == "there is no blob 'incoming/a.csv' in the container data"
    assert [one.key for one in told.versions] == [second, first]
    assert any(
        one.startswith("it was already gone when the app looked for it, at 2026-11-01T04:00:00Z: s~")
        for one in told.decisions
    )
    assert told.run is not None
    assert told.run.key == second


def test_a_file_without_any_record_is_reported_as_unknown(engine: Engine) -> None:
    told = explain(engine, watching(CHANGE), blob=FILE)

    assert told.sentence == ("'incoming/a.csv': no version of it is known: no event and no sweep has reported it")
    assert (told.run, told.versions) == (None, [])


def test_a_running_copy_is_reported(engine: Engine) -> None:
    of = watching(CHANGE)
    engine.blobs.put(replace(found(FILE), copy_status=CopyStatus.PENDING))

    told = explain(engine, of, blob=FILE)

    assert told.sentence == (
        "'incoming/a.csv': it is still being copied, so an event about it has started nothing yet; "
        "the first sweep after the copy finds it"
    )


def test_a_version_that_no_event_has_reported_is_listed_first(engine: Engine) -> None:
    of = watching(CHANGE)
    before = upload(engine, of, "0x1", NOW)
    engine.blobs.put(found(FILE, "0x2", last_modified=NOW))

    told = explain(engine, of, blob=FILE)

    assert [(one.etag, one.state, one.reason, one.key) for one in told.versions] == [
        ("0x2", None, "no event and no sweep has reported it", None),
        ("0x1", "submitted", None, before),
    ]
    assert "no run is recorded for this version" in told.decisions[-2]
    assert told.run is None


def test_the_version_with_the_same_bytes_is_named(engine: Engine) -> None:
    of = watching(CHANGE)
    upload(engine, of, "0x1", NOW, md5="aa")
    upload(engine, of, "0x2", NOW + timedelta(minutes=1), md5="aa")

    told = explain(engine, of, blob=FILE)

    assert told.sentence == (
        "'incoming/a.csv': no run was started: the content has not changed; "
        "the same bytes as the version of 2026-11-01T04:00:00Z, ETag 0x1"
    )
    assert told.versions[0].reason == "content_unchanged"


def test_the_run_that_blocked_an_occurrence_is_named(engine: Engine) -> None:
    of = minutely("overlap: skip")
    before = fire(engine, of, 0)
    fire(engine, of, 1)

    told = explain(engine, of, at="2026-11-01T04:01:00Z")

    assert told.sentence == (
        f"2026-11-01T04:01:00Z of s: no run was started: an earlier run was still open; blocked by {before} (submitted)"
    )


def test_of_many_blocking_runs_some_are_named(engine: Engine) -> None:
    of = minutely("overlap: skip")
    engine.endpoint.next_outcomes = [UNSENT]
    for minute in range(6):
        fire(engine, minutely("overlap: allow"), minute)
    fire(engine, of, 6)

    told = explain(engine, of, at="2026-11-01T04:06:00Z")

    assert "blocked by s@2026-11-01T04:00:00Z (unsent), s@2026-11-01T04:01:00Z (submitted)" in told.sentence
    assert told.sentence.endswith(" and 3 more")


def test_the_occurrence_that_replaced_it_in_the_queue_is_named(engine: Engine) -> None:
    of = minutely("overlap: buffer_one")
    for minute in range(3):
        last = fire(engine, of, minute)
    engine.reconcile(of)

    told = explain(engine, of, at="2026-11-01T04:01:00Z")

    assert f"{last} came later and waits in its place" in told.sentence


def test_the_occurrence_that_superseded_it_is_named(engine: Engine) -> None:
    engine.clock.pass_time(timedelta(hours=3))
    of = timed("recurrence: {frequency: Hour, interval: 1}\ncatchup: latest\ncatchup_window: 1d")
    engine.ledger.register("s", NOW)
    life = engine.wired(of).lives
    life.of(of)
    engine.clock.pass_time(timedelta(hours=3, minutes=30))
    engine.reconcile(of)

    told = explain(engine, of, at="2026-11-01T09:00:00Z")

    assert told.sentence.endswith("s@2026-11-01T10:00:00Z starts in its place (catchup: latest)")


def test_a_late_occurrence_shows_the_rule_that_skipped_it(engine: Engine) -> None:
    of = timed("recurrence: {frequency: Hour, interval: 1}\ncatchup: none")
    engine.wired(of).lives.of(of)
    engine.clock.pass_time(timedelta(hours=3, minutes=30))
    engine.reconcile(of)

    told = explain(engine, of, at="2026-11-01T05:00:00Z")

    assert told.sentence.endswith("it was not handled until 2h 30m after its time, and catchup is none")


def test_an_unsent_run_shows_its_next_and_last_attempt(engine: Engine) -> None:
    of = minutely("retry: {max_age: 2h}")
    engine.endpoint.next_outcomes = [UNSENT]
    fire(engine, of, 0)

    told = explain(engine, of, at="2026-11-01T04:00:00Z")

    assert told.sentence == (
        "2026-11-01T04:00:00Z of s: Azure ML has definitely not accepted it: 503 Service Unavailable"
    )
    assert told.decisions[-2:] == [
        "  attempt 2 of at most 185 follows at 2026-11-01T04:00:30Z",
        "  the app keeps trying until 2026-11-01T06:00:00Z, 2h after the first",
    ]


def test_an_unsent_run_of_a_paused_schedule_is_shown_as_held_by_the_pause(engine: Engine) -> None:
    of = minutely("")
    engine.endpoint.next_outcomes = [UNSENT]
    fire(engine, of, 0)
    pause(engine.ledger, "s", NOW, "maintenance", None)

    told = explain(engine, of, at="2026-11-01T04:00:00Z")

    assert "  it is sent when the schedule is resumed" in told.decisions


def test_a_waiting_run_names_the_runs_that_hold_the_slots(engine: Engine) -> None:
    of = minutely("max_concurrent_runs: 1")
    before = fire(engine, of, 0)
    fire(engine, of, 1)

    told = explain(engine, of, at="2026-11-01T04:01:00Z")

    assert told.decisions[-1] == f"  no slot is free; blocked by {before} (submitted)"


def test_a_run_with_jitter_shows_when_it_is_due(engine: Engine) -> None:
    of = minutely("jitter: 5m")
    fire(engine, of, 0)

    told = explain(engine, of, at="2026-11-01T04:00:00Z")

    assert told.decisions[-1].startswith("  it is due at 2026-11-01T04:0")


def test_a_version_in_a_batch_is_shown_with_the_batch(engine: Engine) -> None:
    of = watching(f"{CHANGE[:-1]}, data_path: folder}}\nbatch: {{quiet: 1m, max_wait: 2m}}")
    upload(engine, of, "0x1", NOW)
    waiting = explain(engine, of, blob=FILE)
    for _ in range(5):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)
    engine.blobs.present.clear()

    told = explain(engine, of, blob=FILE)

    assert waiting.versions[0].key is None
    assert waiting.sentence.startswith("'incoming/a.csv': it waits until its batch is closed: 1 file is in it")
    assert told.run is not None
    assert told.run.kind == "batch"
    assert [one.key for one in told.versions] == [told.run.key]


@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("other/a.csv", "s does not watch 'other/a.csv': it is not in the folder 'incoming'"),
        (
            "data/incoming/a.csv",
            "s does not watch 'data/incoming/a.csv': it is not in the folder 'incoming'; "
            "a path begins below the container, without data/",
        ),
    ],
)
def test_storage_is_not_queried_about_a_file_out_of_scope(engine: Engine, path: str, because: str) -> None:
    engine.blobs.put(found(path))
    of = watching(CHANGE)
    asked: list[str] = []
    plain = engine.blobs.of

    def noted(connection: str, container: str, path: str) -> object:
        asked.append(path)
        return plain(connection, container, path)

    engine.blobs.of = noted  # type: ignore[method-assign,assignment]  # a stand-in that counts

    told = explain(engine, of, blob=path)

    assert (told.decisions, told.run, asked) == ([because], None, [])


def test_without_storage_the_answer_comes_from_the_ledger(engine: Engine) -> None:
    of = watching(CHANGE)
    key = upload(engine, of, "0x1", NOW)
    engine.blobs.away = "the account does not answer"

    told = explain(engine, of, blob=FILE)

    assert told.decisions[0] == "the account does not answer; the rest comes only from the ledger"
    assert [one.key for one in told.versions] == [key]
    assert told.run is not None


def test_a_backfilled_occurrence_shows_its_run(engine: Engine) -> None:
    of = timed(TIME)
    engine.wired(of).lives.of(of)
    body = BackfillBody(first="2026-10-31", before="2026-11-01", by="ann")
    engine.wired(of).steering.backfill("s", body)

    told = explain(engine, of, at="2026-10-31T04:00:00Z")

    assert told.run is not None
    assert (told.run.requested_by, told.run.key) == ("ann", "s@2026-10-31T04:00:00Z")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "give exactly one of at, blob and upstream"),
        ({"at": "2026-11-01", "blob": FILE}, "give exactly one of at, blob and upstream"),
        ({"at": "soon"}, "at: 'soon' is not a time such as"),
        ({"blob": FILE}, "s is time-based: ask about a time \\(at\\)"),
        ({"upstream": "s@2026-11-01T04:00:00Z"}, "s is time-based: it does not follow other runs"),
    ],
)
def test_an_invalid_question_is_refused(engine: Engine, query: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        explain(engine, schedule(TIME), **query)
