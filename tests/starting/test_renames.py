"""Renamed files and directories of a hierarchical namespace: each file in scope counts as one change."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from builders import EMPTY_HEALTH, Engine, MemoryBlobs, found, utc, watching

from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.renames import DIRECTORY_RENAMED, FILE_RENAMED
from triggers.scheduling.run import Run
from triggers.steering.pausing import pause, resume
from triggers.storage.blobs import BlobUnavailable, ListingExpired, Page
from triggers.web.health import with_open_runs

NOW = utc("2026-11-01T04:00:00")
LONG_AGO = NOW - timedelta(days=20)
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account"
WATCH = (
    "change: {datastore: blobs, container: data, path_on_datastore: in, recursive: true,"
    " data_path_parameter_name: input, polling_interval: 0, exclude: ['**/_temporary/**']}"
)


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def put(engine: Engine, path: str, *, at: datetime = LONG_AGO, **more: Any) -> None:
    engine.blobs.put(found(path, f"0x{path}", last_modified=at, **more))


def report_rename(
    engine: Engine,
    of: ChangeSchedule,
    path: str,
    source: str = "aside/x",
    *,
    directory: bool = False,
    at: datetime | None = None,
    account: str = "account",
) -> int:
    """Handle a rename event in a process; returns the number of schedules it concerns."""
    site = f"https://{account}.dfs.core.windows.net/data/"
    return engine.wired(of).renames.note(
        DIRECTORY_RENAMED if directory else FILE_RENAMED,
        TOPIC.replace("/account", f"/{account}"),
        f"/blobServices/default/containers/data/blobs/{path}",
        at or engine.clock.now(),
        {"destinationUrl": site + quote(path), "sourceUrl": site + quote(source)},
    )


def runs(engine: Engine) -> list[Run]:
    return sorted(engine.ledger.recent_runs("s", 20_000), key=lambda run: (run.blob.path if run.blob else "~", run.key))


def shown(engine: Engine) -> list[str]:
    return [f"{run.blob.path if run.blob else run.key}: {run.reason or run.state.value}" for run in runs(engine)]


def test_a_renamed_file_is_a_change_at_the_events_time(engine: Engine) -> None:
    of = watching(f"{WATCH}\ntags: {{modified: '{{blob.last_modified:%Y-%m-%d}}', at: '{{scheduled_time}}'}}")
    put(engine, "in/a.csv")

    assert report_rename(engine, of, "in/a.csv", at=NOW - timedelta(minutes=3)) == 1

    [run] = runs(engine)
    [sent] = engine.endpoint.submissions
    assert run.nominal_time == NOW - timedelta(minutes=3)
    assert sent.request.tags["modified"] == "2026-10-12"
    assert sent.request.tags["at"].startswith("2026-11-01T03:57:00")
    assert sent.request.datapaths["input"].path == "in/a.csv"


def test_a_repeated_event_and_a_file_found_by_a_sweep_start_no_second_run(engine: Engine) -> None:
    swept = watching(WATCH.replace("polling_interval: 0", "polling_interval: 5"))
    engine.reconcile(swept)
    engine.clock.pass_time(timedelta(minutes=1))
    put(engine, "in/a.csv", at=engine.clock.now())
    put(engine, "in/b.csv")
    engine.clock.pass_time(timedelta(minutes=5))
    engine.reconcile(swept)

    for path in ("in/a.csv", "in/b.csv", "in/b.csv"):
        report_rename(engine, swept, path)
    engine.with_new_process().report(swept, "in/b.csv")
    engine.clock.pass_time(timedelta(minutes=6))
    engine.reconcile(swept)

    assert [run.blob and run.blob.path for run in runs(engine)] == ["in/a.csv", "in/b.csv"]
    assert len(engine.endpoint.submissions) == 2


@pytest.mark.parametrize(
    ("path", "account"), [("out/a.csv", "account"), ("in/a.csv", "another"), ("in/_temporary/a.csv", "account")]
)
def test_an_event_out_of_scope_is_dropped_before_any_call(
    engine: Engine, path: str, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine.blobs.away = "nobody asks"
    with caplog.at_level("INFO"):
        assert report_rename(engine, watching(WATCH), path, account=account) == 0

    assert [getattr(one, "action", "") for one in caplog.records] == ["event_dropped"]
    assert list(engine.ledger.table.query("s", "\x20", "~")) == []


def test_a_file_that_was_renamed_again_gets_a_row_with_reason_gone(engine: Engine) -> None:
    report_rename(engine, watching(WATCH), "in/a.csv")

    assert shown(engine) == ["in/a.csv: gone"]


def test_a_file_moved_within_the_watched_folder_starts_nothing(engine: Engine) -> None:
    of = watching(WATCH)
    put(engine, "in/new/a.csv", at=NOW, md5="aa", created=NOW)
    engine.report(of, "in/new/a.csv")
    engine.blobs.present.clear()
    put(engine, "in/done/a.csv", at=NOW, md5="aa", created=NOW)  # another ETag, but the same bytes and creation time
    engine.clock.pass_time(timedelta(minutes=1))

    report_rename(engine, of, "in/done/a.csv", "in/new/a.csv")
    report_rename(engine, of, "in/done/a.csv", "in/new/a.csv")

    assert shown(engine) == ["in/done/a.csv: content_unchanged", "in/new/a.csv: submitted"]
    [moved] = [run for run in runs(engine) if run.reason]
    assert moved.error == "renamed from 'in/new/a.csv'"
    assert len(engine.endpoint.submissions) == 1


def test_with_unchanged_start_a_moved_file_starts_a_run(engine: Engine) -> None:
    of = watching(WATCH.replace("recursive: true", "recursive: true, unchanged: start"))
    put(engine, "in/new/a.csv", at=NOW, md5="aa", created=NOW)
    engine.report(of, "in/new/a.csv")
    put(engine, "in/done/a.csv", at=NOW, md5="aa", created=NOW)

    report_rename(engine, of, "in/done/a.csv", "in/new/a.csv")

    assert len(engine.endpoint.submissions) == 2


def test_a_file_moved_in_from_an_unwatched_folder_is_a_change(engine: Engine) -> None:
    put(engine, "in/a.csv", at=NOW)

    report_rename(engine, watching(WATCH), "in/a.csv", "in/_temporary/0/a.csv")

    assert shown(engine) == ["in/a.csv: submitted"]


def test_every_file_of_a_renamed_directory_is_a_change(engine: Engine) -> None:
    of = watching(WATCH)
    for number in range(7):
        put(engine, f"in/d/{number}.csv")
    put(engine, "in/d/deep/x.csv")
    put(engine, "in/d/_temporary/x.csv")
    put(engine, "in/other.csv")

    assert report_rename(engine, of, "in/d", directory=True) == 1
    assert report_rename(engine, of, "in/d", directory=True) == 1
    engine.reconcile(of)
    engine.reconcile(of)

    names = [*(f"{number}.csv" for number in range(7)), "deep/x.csv"]
    assert shown(engine) == [f"in/d/{name}: submitted" for name in names]
    assert list(engine.wired(of).rename_rows.unfinished("s")) == []


def test_of_a_renamed_parent_directory_only_the_watched_folder_is_listed(engine: Engine) -> None:
    of = watching(WATCH.replace("path_on_datastore: in", "path_on_datastore: top/in"))
    put(engine, "top/in/a.csv")
    put(engine, "top/out/b.csv")

    report_rename(engine, of, "top", directory=True)
    engine.reconcile(of)

    assert shown(engine) == ["top/in/a.csv: submitted"]


def test_a_directory_moved_within_the_watched_folder_starts_nothing(engine: Engine) -> None:
    of = watching(WATCH)
    put(engine, "in/a/1.csv", at=NOW)
    engine.report(of, "in/a/1.csv")
    moved = engine.blobs.present.pop("in/a/1.csv")
    engine.blobs.put(found("in/b/1.csv", moved.change.etag, last_modified=NOW))

    report_rename(engine, of, "in/b", "in/a", directory=True)
    engine.reconcile(of)

    assert shown(engine) == ["in/a/1.csv: submitted", "in/b/1.csv: content_unchanged"]


def test_an_empty_directory_leaves_one_row(engine: Engine) -> None:
    of = watching(WATCH)

    report_rename(engine, of, "in/d", directory=True)
    engine.reconcile(of)
    engine.reconcile(of)

    assert shown(engine) == ["in/d/: gone"]


def test_a_listing_continues_in_another_process_where_it_stopped(engine: Engine) -> None:
    of = watching(
        WATCH.replace("polling_interval: 0", "data_path: folder, polling_interval: 0") + "\nbatch: {quiet: 1m}"
    )
    blobs = FailsAfterPages(pages=2)
    engine.blobs = blobs
    for number in range(1000):
        put(engine, f"in/d/{number:04d}.csv")
    report_rename(engine, of, "in/d", directory=True)
    for _ in range(4):
        blobs.pages = 2
        with pytest.raises(ExceptionGroup):
            engine.reconcile(of)
    blobs.pages = 99
    listed_before = blobs.listed

    engine.with_new_process().reconcile(of)
    engine.clock.pass_time(timedelta(minutes=2))
    engine.reconcile(of)

    assert blobs.listed - listed_before <= 3
    assert sum(run.batch.count for run in runs(engine) if run.batch) == 1000


class FailsAfterPages(MemoryBlobs):
    """A container in memory that becomes unreachable after some pages."""

    def __init__(self, pages: int) -> None:
        super().__init__(page_size=100)
        self.pages, self.listed = pages, 0

    def page(self, *of: Any, **how: Any) -> Page:
        if not self.pages:
            raise BlobUnavailable("away")
        self.pages -= 1
        self.listed += 1
        page: Page = super().page(*of, **how)
        return page


def test_an_expired_continuation_restarts_the_listing(engine: Engine) -> None:
    class Expires(FailsAfterPages):
        def page(self, *of: Any, **how: Any) -> Page:
            if how["continuation"] and self.pages == 5:
                self.pages -= 1
                raise ListingExpired("what was that?")
            return super().page(*of, **how)

    of = watching(WATCH)
    engine.blobs = Expires(pages=6)
    for number in range(250):
        put(engine, f"in/d/{number:04d}.csv")
    report_rename(engine, of, "in/d", directory=True)

    for _ in range(3):
        engine.blobs.pages += 9
        engine.reconcile(of)

    assert len(runs(engine)) == 250


def test_another_event_during_a_listing_lists_the_directory_again(engine: Engine) -> None:
    of = watching(WATCH)
    engine.blobs = FailsAfterPages(pages=1)
    for number in range(150):
        put(engine, f"in/d/{number:04d}.csv")
    report_rename(engine, of, "in/d", directory=True)
    with pytest.raises(ExceptionGroup):
        engine.reconcile(of)
    put(engine, "in/d/0000-late.csv")
    engine.clock.pass_time(timedelta(minutes=1))
    report_rename(engine, of, "in/d", directory=True)

    engine.blobs.pages = 99
    for _ in range(2):
        engine.reconcile(of)

    assert len(runs(engine)) == 151


def test_without_batches_a_directory_starts_5000_runs_and_one_row_counts_the_rest(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    of = watching(WATCH)
    for number in range(5_230):
        put(engine, f"in/d/{number:05d}.csv")

    report_rename(engine, of, "in/d", directory=True)
    engine.reconcile(of)

    assert len(engine.endpoint.submissions) == 5000
    [rest] = [run for run in runs(engine) if run.blob is None]
    assert (rest.state.value, rest.reason) == ("skipped", "filtered")
    assert rest.error is not None
    assert rest.error.startswith("5000 runs were started for the renamed directory 'in/d'; 230 more files in it start")
    assert "rename_limit" in [getattr(one, "action", "") for one in caplog.records]


def test_the_events_time_decides_about_pauses_start_times_and_lives(engine: Engine) -> None:
    of = watching(WATCH)
    later = watching(
        WATCH.replace("recursive: true", 'recursive: true, start_time: "2026-11-01T05:00:00Z"'), name="later"
    )
    put(engine, "in/a.csv")
    put(engine, "in/b.csv")
    put(engine, "in/old.csv", at=NOW - timedelta(days=400))
    pause(engine.ledger, "s", NOW + timedelta(minutes=10), None, None)
    resume(engine.ledger, "s", NOW + timedelta(minutes=20), None, None)
    engine.clock.pass_time(timedelta(hours=1))

    report_rename(engine, of, "in/a.csv", at=NOW + timedelta(minutes=15))
    report_rename(engine, of, "in/b.csv", at=NOW + timedelta(minutes=25))
    report_rename(engine, of, "in/old.csv", at=NOW + timedelta(minutes=25))
    report_rename(engine, later, "in/a.csv", at=NOW + timedelta(minutes=15))

    assert shown(engine) == ["in/a.csv: paused", "in/b.csv: submitted", "in/old.csv: forgotten"]
    [before] = engine.ledger.recent_runs("later", 9)
    assert before.reason == "before_start"


def test_an_edited_schedule_drops_a_listing_out_of_its_scope(engine: Engine) -> None:
    put(engine, "in/d/a.csv")
    report_rename(engine, watching(WATCH), "in/d", directory=True)
    elsewhere = watching(WATCH.replace("path_on_datastore: in", "path_on_datastore: out"))

    engine.reconcile(elsewhere)

    assert list(engine.wired(elsewhere).rename_rows.unfinished("s")) == []
    assert runs(engine) == []


def test_a_set_waits_for_the_listing_of_a_directory_that_contains_it(engine: Engine) -> None:
    of = watching(
        WATCH.replace("polling_interval: 0", "data_path: folder, polling_interval: 0")
        + "\nbatch: {group_by: folder, expect: 2, max_wait: 1h}"
    )
    engine.blobs = FailsAfterPages(pages=1)
    for number in range(102):
        put(engine, f"in/d/{number:04d}.csv")
    put(engine, "in/other/1.csv")
    put(engine, "in/other/2.csv")
    for path in ("in/other/1.csv", "in/other/2.csv"):
        engine.report(of, path)
    report_rename(engine, of, "in/d", directory=True)
    with pytest.raises(ExceptionGroup):
        engine.reconcile(of)
    before = [run.batch.group for run in runs(engine) if run.batch]
    engine.clock.pass_time(timedelta(minutes=59))
    with pytest.raises(ExceptionGroup):
        engine.reconcile(of)
    still = [run.batch.group for run in runs(engine) if run.batch]
    engine.clock.pass_time(timedelta(minutes=2))
    with pytest.raises(ExceptionGroup):
        engine.reconcile(of)

    assert (before, still) == (["in/other"], ["in/other"])
    assert len([run for run in runs(engine) if run.batch and run.batch.group == "in/d"]) == 50


def test_health_warns_that_renames_are_known_only_from_events(engine: Engine) -> None:
    of = watching(WATCH)
    put(engine, "in/a.csv")
    assert with_open_runs(EMPTY_HEALTH, engine.wired(of)).warnings == []

    report_rename(engine, of, "in/a.csv")

    [said] = with_open_runs(EMPTY_HEALTH, engine.wired(of)).warnings
    assert said == (
        "schedules.s.change: events report renamed files to it, the last one about 2026-11-01T04:00:00Z; "
        "if such an event is lost, no sweep finds the file"
    )
