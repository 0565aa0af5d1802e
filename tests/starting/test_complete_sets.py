"""Complete sets: a run starts as soon as every expected file has arrived, and what happens to incomplete sets."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from builders import Engine, examples, found, utc, watching
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.ledger.change_records import Head
from triggers.ledger.ports import Merge
from triggers.scheduling.complete_sets import Decision, unmatched
from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.globs import can_match, matches
from triggers.scheduling.run import Run
from triggers.steering.pausing import pause, resume
from triggers.steering.questions import ReplayBody

NOW = utc("2026-11-01T04:00:00")
THREE = 'group_by: folder, expect: ["orders.csv", "customers-*.csv", "*.json"]'


def expecting(batch: str = THREE, *, polling: int = 0) -> ChangeSchedule:
    tags = "tags: {missing: 'lacks {batch.missing}'}" if "expect: [" in batch else ""
    return watching(
        "change: {datastore: blobs, container: data, path_on_datastore: incoming, recursive: true,"
        f" data_path_parameter_name: input, data_path: folder, polling_interval: {polling}}}\n"
        f"batch: {{{batch}}}\n{tags}"
    )


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def put(engine: Engine, *paths: str) -> None:
    for path in paths:
        version = sum(1 for one in engine.blobs.present if one == path) + len(engine.blobs.present)
        etag = f"0x{version}-{engine.clock.now():%H%M%S}"
        engine.blobs.put(found(f"incoming/{path}", etag=etag, last_modified=engine.clock.now()))


def deliver(engine: Engine, of: ChangeSchedule, *paths: str) -> None:
    put(engine, *paths)
    for path in paths:
        engine.report(of, f"incoming/{path}")


def minutes(engine: Engine, of: ChangeSchedule, number: int) -> int:
    """Run one pass a minute; returns how many runs have been sent."""
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)
    return len(engine.endpoint.submissions)


def minutes_away(engine: Engine, of: ChangeSchedule, number: int) -> int:
    """Like `minutes`, but with an unreachable container, so that every pass raises an error."""
    for _ in range(number):
        engine.clock.pass_time(timedelta(minutes=1))
        with pytest.raises(ExceptionGroup, match="could not handle every schedule"):
            engine.reconcile(of)
    return len(engine.endpoint.submissions)


def batches(engine: Engine) -> list[Run]:
    """The runs of batches, oldest first."""
    return [run for run in reversed(engine.ledger.recent_runs("s", 1000)) if run.batch is not None]


def decisions(engine: Engine, of: ChangeSchedule) -> list[Decision]:
    """The sets that a pass would close now."""
    assert of.batch is not None
    assert of.batch.expect is not None
    sets = engine.reconciliation(of).batching.sets
    return list(sets.decisions(of, of.batch, of.batch.expect, bool, engine.life(of), engine.ledger.now()))


def files(engine: Engine, run: Run) -> list[str]:
    return sorted(one.change.path.removeprefix("incoming/") for one in engine.rows.members("s", run.key))


def test_a_set_is_closed_at_once_when_every_glob_has_a_file(engine: Engine) -> None:
    of = expecting()
    deliver(engine, of, "a/orders.csv", "b/orders.csv", "a/customers-1.csv")
    before = minutes(engine, of, 5)
    deliver(engine, of, "a/x.json")

    engine.reconcile(of)

    [run] = batches(engine)
    assert before == 0
    assert files(engine, run) == ["a/customers-1.csv", "a/orders.csv", "a/x.json"]
    assert run.batch is not None
    assert (run.batch.group, run.batch.count, run.batch.missing) == ("incoming/a", 3, ())
    [sent] = engine.endpoint.submissions
    assert sent.request.tags["missing"] == "lacks "
    assert sent.request.datapaths["input"].path == "incoming/a"


def test_a_file_satisfies_only_one_glob(engine: Engine) -> None:
    of = expecting('expect: ["*.csv", "**/a*", "*.csv"]')
    deliver(engine, of, "a.csv", "b.csv")
    two = minutes(engine, of, 3)
    deliver(engine, of, "x/a.txt")

    engine.reconcile(of)

    assert two == 0, "a.csv matches *.csv or a*, but two .csv files are expected"
    assert len(engine.endpoint.submissions) == 1


def test_quiet_counts_only_after_the_set_is_complete(engine: Engine) -> None:
    of = expecting(f"{THREE}, quiet: 3m")
    deliver(engine, of, "a/orders.csv", "a/customers-1.csv")
    incomplete = minutes(engine, of, 30)
    deliver(engine, of, "a/x.json")
    soon = minutes(engine, of, 2)
    deliver(engine, of, "a/y.json")
    later = minutes(engine, of, 2)

    assert (incomplete, soon, later, minutes(engine, of, 1)) == (0, 0, 0, 1)
    assert [run.batch.count for run in batches(engine) if run.batch] == [4]


def test_at_its_deadline_an_incomplete_set_starts_with_the_files_it_has(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 2h")
    deliver(engine, of, "a/orders.csv")

    before = minutes(engine, of, 119)
    after = minutes(engine, of, 1)

    [run] = batches(engine)
    assert (before, after) == (0, 1)
    assert run.batch is not None
    assert run.batch.missing == ("customers-*.csv", "*.json")
    assert engine.endpoint.submissions[0].request.tags["missing"] == "lacks customers-*.csv,*.json"
    assert run.history[0].reason == "by the deadline, no file had come for customers-*.csv, *.json"


def test_with_incomplete_skip_an_incomplete_set_gets_a_skipped_row_that_names_the_missing_globs(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 2h, incomplete: skip")
    deliver(engine, of, "a/orders.csv")

    minutes(engine, of, 120)

    [run] = batches(engine)
    assert (run.state.value, run.reason) == ("skipped", "incomplete")
    assert run.error == "by the deadline, no file had come for customers-*.csv, *.json"
    assert run.batch is not None
    assert run.batch.missing == ("customers-*.csv", "*.json")
    assert list(engine.rows.all_pending("s")) == []
    assert engine.rows.heads("s") == []


def test_late_files_begin_a_new_set_whose_row_names_the_set_they_missed(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 1h")
    deliver(engine, of, "a/orders.csv")
    put(engine, "a/customers-1.csv")
    minutes(engine, of, 60)
    engine.report(of, "incoming/a/customers-1.csv")

    minutes(engine, of, 60)

    first, second = batches(engine)
    assert (files(engine, first), files(engine, second)) == (["a/orders.csv"], ["a/customers-1.csv"])
    [said] = [event.reason for event in second.history if event.reason and "too late" in event.reason]
    assert said.endswith(f"1 file came too late for {first.key}, closed at 2026-11-01T05:00:00Z")


def test_a_set_of_a_number_of_files_takes_exactly_the_oldest(engine: Engine) -> None:
    of = expecting("expect: 3")
    for number in range(7):
        deliver(engine, of, f"{number}.csv")
        engine.clock.pass_time(timedelta(seconds=2))

    minutes(engine, of, 2)

    assert sorted(files(engine, run) for run in batches(engine)) == [
        ["0.csv", "1.csv", "2.csv"],
        ["3.csv", "4.csv", "5.csv"],
    ]
    minutes(engine, of, 360)
    *_, last = batches(engine)
    assert files(engine, last) == ["6.csv"]
    assert last.history[0].reason == "1 of 3 files had come by the deadline"


def test_a_set_has_the_newest_version_of_a_file_and_older_ones_get_superseded_rows(engine: Engine) -> None:
    of = expecting()
    deliver(engine, of, "a/orders.csv")
    engine.clock.pass_time(timedelta(seconds=5))
    deliver(engine, of, "a/orders.csv")
    engine.clock.pass_time(timedelta(seconds=5))
    deliver(engine, of, "a/customers-1.csv", "a/x.json")

    minutes(engine, of, 1)

    [run] = batches(engine)
    assert len(files(engine, run)) == 3
    [older] = [one for one in engine.ledger.recent_runs("s", 9) if one.batch is None]
    assert (older.reason, older.blob and older.blob.path) == ("superseded", "incoming/a/orders.csv")
    assert older.error == "a newer version of the file came before its set was closed"
    assert list(engine.rows.all_pending("s")) == []


def test_a_set_with_more_files_than_fit_a_transaction_is_complete(engine: Engine) -> None:
    of = expecting("expect: 150")
    deliver(engine, of, *(f"{number}.csv" for number in range(151)))

    minutes(engine, of, 1)

    [run] = batches(engine)
    assert (run.batch and run.batch.count, len(files(engine, run))) == (150, 150)
    assert len(list(engine.rows.all_pending("s"))) == 1


def test_files_that_arrive_while_a_set_is_being_made_are_not_part_of_it(engine: Engine) -> None:
    of = expecting('expect: ["*.csv", "done"], group_by: folder')
    deliver(engine, of, *(f"a/{number}.csv" for number in range(60)), "a/done")
    [decided] = decisions(engine, of)
    engine.rows.begin("s", Head(group="incoming/a", path="incoming/a", closed=decided.closed), bool, 61)
    engine.clock.pass_time(timedelta(seconds=1))
    deliver(engine, of, "a/late.csv")

    minutes(engine, of, 1)

    [run] = batches(engine)
    assert (run.batch and run.batch.count, len(files(engine, run))) == (61, 61)
    assert "a/late.csv" not in files(engine, run)


@pytest.mark.parametrize(
    ("now", "zone", "closed_at"),
    [
        ("2026-11-01T04:00:00", "UTC", "2026-11-01T06:00:00"),
        ("2026-11-01T06:00:00", "UTC", "2026-11-02T06:00:00"),
        ("2026-11-01T04:00:00", "Europe/Berlin", "2026-11-01T05:00:00"),
        ("2026-10-24T23:30:00", "Europe/Berlin", "2026-10-25T05:00:00"),
    ],
)
def test_a_set_may_be_expected_by_a_time_of_day(now: str, zone: str, closed_at: str) -> None:
    engine = Engine(utc(now))
    of = expecting(f'{THREE}, expect_by: "06:00", time_zone: {zone}')
    deliver(engine, of, "a/orders.csv")
    wait = utc(closed_at) - engine.clock.now()

    before = minutes(engine, of, int(wait.total_seconds() / 60) - 1)

    assert (before, minutes(engine, of, 1)) == (0, 1)


def test_a_deadline_in_a_clock_change_gap_is_the_end_of_the_gap() -> None:
    engine = Engine(utc("2026-03-29T00:00:00"))
    of = expecting(f'{THREE}, expect_by: "02:30", time_zone: Europe/Berlin')
    deliver(engine, of, "a/orders.csv")

    assert (minutes(engine, of, 59), minutes(engine, of, 1)) == (0, 1)


def test_files_reported_after_their_deadline_still_wait_for_each_other(engine: Engine) -> None:
    of = expecting(f'{THREE}, expect_by: "06:00"')
    put(engine, "a/orders.csv", "a/customers-1.csv", "a/x.json")
    engine.clock.pass_time(timedelta(hours=5))
    engine.report(of, "incoming/a/orders.csv")
    minutes(engine, of, 2)
    for path in ("customers-1.csv", "x.json"):
        engine.report(of, f"incoming/a/{path}")

    minutes(engine, of, 1)

    [run] = batches(engine)
    assert run.batch is not None
    assert (run.batch.count, run.batch.missing) == (3, ())


def test_a_deadline_during_a_pause_takes_effect_at_the_resume(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 1h")
    deliver(engine, of, "a/orders.csv")
    minutes(engine, of, 30)
    pause(engine.ledger, "s", engine.clock.now(), None, None)
    during = minutes(engine, of, 60)
    resume(engine.ledger, "s", engine.clock.now(), None, None)

    assert (during, minutes(engine, of, 1)) == (0, 1)


def test_with_sweeps_an_incomplete_set_waits_for_the_next_listing(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 1h", polling=30)
    engine.reconcile(of)
    deliver(engine, of, "a/orders.csv", "a/customers-1.csv")
    minutes(engine, of, 59)
    put(engine, "a/x.json")  # its event is lost

    assert minutes(engine, of, 5) == 0, "past the deadline, with no listing since"
    minutes(engine, of, 40)

    [run] = batches(engine)
    assert run.batch is not None
    assert (run.batch.count, run.batch.missing) == (3, ())


def test_a_file_modified_after_the_deadline_does_not_complete_the_set(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 1h", polling=30)
    engine.reconcile(of)
    deliver(engine, of, "a/orders.csv", "a/customers-1.csv")
    minutes(engine, of, 62)
    deliver(engine, of, "a/x.json")

    minutes(engine, of, 45)

    [run] = batches(engine)
    assert run.batch is not None
    assert run.batch.missing == ("*.json",)
    assert [one.member.change.name for one in engine.rows.all_pending("s")] == ["x.json"]


def test_a_sweep_that_never_ends_holds_an_incomplete_set_for_three_intervals(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 1h", polling=10)
    engine.reconcile(of)
    deliver(engine, of, "a/orders.csv")
    minutes(engine, of, 9)
    engine.blobs.away = "the container is away"

    before = minutes_away(engine, of, 80)

    assert (before, minutes_away(engine, of, 1)) == (0, 1)


def test_when_expect_is_added_waiting_changes_join_the_set(engine: Engine) -> None:
    plain = expecting("quiet: 1h, max_wait: 2h, group_by: folder")
    deliver(engine, plain, "a/orders.csv", "a/customers-1.csv")
    minutes(engine, plain, 5)
    deliver(engine, expecting(), "a/x.json")

    minutes(engine, expecting(), 2)

    assert [run.batch.count for run in batches(engine) if run.batch] == [3]


def test_a_process_with_a_file_without_expect_leaves_a_waiting_set_alone_for_an_hour(engine: Engine) -> None:
    plain = expecting("quiet: 1m, max_wait: 2m, group_by: folder")
    deliver(engine, expecting(), "a/orders.csv")

    within_the_hour = minutes(engine, plain, 59)
    after = minutes(engine, plain, 5)

    assert (within_the_hour, after) == (0, 1)
    assert list(engine.rows.all_pending("s")) == []


def test_a_set_with_a_corrupt_row_is_closed_with_the_files_it_has(engine: Engine) -> None:
    of = expecting("expect: 3")
    deliver(engine, of, "1.csv", "2.csv", "3.csv")
    [decided] = decisions(engine, of)
    assert engine.rows.begin("s", Head(group="", path="incoming", closed=decided.closed), bool, 3)
    [row] = engine.ledger.table.query("s", "qb:", "qb;")
    engine.ledger.table.write("s", [Merge(row.row_key, {"document": b"{"})])

    minutes(engine, of, 2)

    [run] = batches(engine)
    assert (files(engine, run), run.state.value) == (["1.csv", "2.csv", "3.csv"], "submitted")


def test_explain_shows_what_a_set_waits_for_and_until_when(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 2h, incomplete: skip")
    deliver(engine, of, "a/orders.csv")

    told = engine.wired(of).explaining.blob(of, "incoming/a/orders.csv").decisions

    assert told[-1] == (
        "it waits until its batch is closed: no file has come for customers-*.csv, *.json; at 2026-11-01T06:00:00Z "
        "it is skipped as incomplete"
    )


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (
            "expect: 3, expect_by: '06:00'",
            "1 of 3 files have come; at 2026-11-01T06:00:00Z it starts with the files that have come",
        ),
        ("quiet: 5m", "1 file is in it; it is closed after 0:05:00 without new ones, or at 2026-11-01T04:30:00Z"),
    ],
)
def test_explain_shows_when_a_batch_will_be_closed(engine: Engine, batch: str, sentence: str) -> None:
    of = expecting(batch)
    deliver(engine, of, "orders.csv")

    told = engine.wired(of).explaining.blob(of, "incoming/orders.csv").decisions

    assert told[-1] == f"it waits until its batch is closed: {sentence}"


def test_a_replay_keeps_the_missing_globs(engine: Engine) -> None:
    of = expecting(f"{THREE}, max_wait: 1h, incomplete: skip")
    deliver(engine, of, "a/orders.csv")
    minutes(engine, of, 60)
    [skipped] = batches(engine)

    engine.wired(of).steering.replay(skipped.key, ReplayBody())

    minutes(engine, of, 1)
    assert engine.endpoint.submissions[0].request.tags["missing"] == "lacks customers-*.csv,*.json"


LETTERS = st.sampled_from(["a", "b", "*", "?", "[ab]", ".c"])
GLOBS = st.lists(LETTERS, min_size=1, max_size=4).map("".join)
PATHS = st.lists(st.text("ab.c", min_size=1, max_size=4), unique=True, max_size=6)


@given(st.lists(GLOBS, max_size=5), PATHS)
@settings(max_examples=examples(300))
def test_files_are_assigned_to_as_many_globs_as_possible(globs: Sequence[str], paths: Sequence[str]) -> None:
    """Compared with every way of assigning a separate file to each glob."""

    def most(number: int, left: frozenset[str]) -> int:
        if number == len(globs):
            return 0
        fitting = [path for path in left if matches(globs[number], path)]
        with_one = [1 + most(number + 1, left - {path}) for path in fitting]
        return max([most(number + 1, left), *with_one])

    assert len(globs) - len(unmatched(globs, paths)) == most(0, frozenset(paths))


@given(GLOBS, st.lists(GLOBS, min_size=1, max_size=2), st.lists(GLOBS, max_size=2), PATHS)
@settings(max_examples=examples(300))
def test_a_glob_that_matches_some_path_is_never_declared_impossible(
    glob: str, include: Sequence[str], exclude: Sequence[str], paths: Sequence[str]
) -> None:
    for path in paths:
        let_through = any(matches(one, path) for one in include) and not any(matches(one, path) for one in exclude)
        if matches(glob, path) and let_through:
            assert can_match(glob, include, exclude, within_a_folder=True)


@pytest.mark.parametrize(
    ("glob", "filters", "is_possible"),
    [
        ("orders.csv", {"include": ["*.parquet"]}, False),
        ("orders-*.csv", {"include": ["*.csv"], "exclude": ["orders*"]}, False),
        ("orders-*.csv", {"include": ["*.csv"], "exclude": ["*-old.csv"]}, True),
        ("*", {"include": ["*.csv", "*.json"], "exclude": ["*.csv", "*.json"]}, False),
        ("[a-c]x", {"include": ["[c-d]x"]}, True),
        ("[a-b]x", {"include": ["[c-d]x"]}, False),
        ("a/b", {"include": ["**"]}, False),
    ],
)
def test_impossible_globs_are_recognized(glob: str, filters: Mapping[str, Sequence[str]], *, is_possible: bool) -> None:
    possible = can_match(glob, filters["include"], filters.get("exclude", []), within_a_folder=True)

    assert possible is is_possible
