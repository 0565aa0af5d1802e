"""Runs are ordered by the times of their occurrences, not by when or by which instance they were decided."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from builders import Engine, ScriptedEndpoint, found, schedule, timed, utc, watching

from triggers.scheduling.config import Schedule, TimeSchedule
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.run import RunState
from triggers.scheduling.run_request import RunRequest
from triggers.starting.occurrence import time_occurrence
from triggers.steering.pausing import pause
from triggers.steering.questions import BackfillBody, TriggerBody

NOW = utc("2026-11-01T10:00")
EVERY_30 = "cron: {expression: '*/30 * * * *'}"
EVERY_5 = "cron: {expression: '*/5 * * * *'}\ncatchup: all\ncatchup_window: 2h"
UPLOADS = "change: {datastore: blobs, container: data, data_path_parameter_name: input}"


@pytest.fixture
def engine() -> Engine:
    return Engine(NOW)


def at(minutes: int) -> str:
    return f"s@{NOW + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def wake(engine: Engine, of: TimeSchedule, moment: datetime) -> None:
    """Let time pass until the schedule's timer fires."""
    engine.clock.pass_time(moment - engine.clock.now())
    engine.wired(of).due_occurrences.fire(of)


def ended(engine: Engine) -> None:
    """Mark every run in Azure ML as finished."""
    for _, run_id in engine.endpoint.accepted:
        engine.service.seen[run_id] = Seen(status="Completed", end=RunState.FINISHED)


def passes(engine: Engine, of: Schedule, minutes: int, *, ends: bool = True) -> None:
    for _ in range(minutes):
        if ends:
            ended(engine)
        engine.clock.pass_time(timedelta(minutes=1))
        engine.reconcile(of)


@pytest.mark.parametrize("overlap", ["cancel_other", "buffer_one"])
def test_after_a_downtime_missed_occurrences_do_not_displace_the_newest(engine: Engine, overlap: str) -> None:
    of = timed(f"{EVERY_30}\noverlap: {overlap}\ncatchup_window: 2h")
    wake(engine, of, NOW)
    engine.clock.pass_time(timedelta(minutes=60, seconds=20))

    wake(engine, of, engine.clock.now())
    passes(engine, of, 5, ends=overlap == "buffer_one")

    assert engine.endpoint.keys == [at(0), at(60)]
    assert engine.states()[at(30)].startswith("skipped")
    assert engine.service.canceled == ([at(0)] if overlap == "cancel_other" else [])


def test_with_cancel_other_only_the_newest_missed_occurrence_starts(
    engine: Engine,
) -> None:
    of = timed(f"{EVERY_30}\noverlap: cancel_other\ncatchup: all\ncatchup_window: 3h")
    wake(engine, of, NOW)
    passes(engine, of, 1)

    wake(engine, of, NOW + timedelta(minutes=95))

    assert engine.endpoint.keys == [at(0), at(90)]
    assert engine.service.canceled == []
    assert [engine.states()[at(minutes)] for minutes in (30, 60)] == ["skipped superseded"] * 2


def test_waiting_runs_are_sent_oldest_first_after_a_downtime(engine: Engine) -> None:
    of = timed(f"{EVERY_5}\noverlap: buffer_all")
    wake(engine, of, NOW)
    engine.clock.pass_time(timedelta(minutes=50, seconds=10))

    wake(engine, of, engine.clock.now())
    passes(engine, of, 14)

    assert engine.endpoint.keys == [at(minutes) for minutes in range(0, 65, 5)][: len(engine.endpoint.keys)]
    assert len(engine.endpoint.keys) >= 11


def uploads(engine: Engine, *names: str) -> None:
    """Put blobs modified at intervals of one second."""
    for place, name in enumerate(names):
        engine.blobs.put(found(name, etag=name, last_modified=engine.clock.now() + timedelta(seconds=place)))
    engine.clock.pass_time(timedelta(seconds=len(names)))


def sent_files(engine: Engine) -> list[str]:
    return [one.request.datapaths["input"].path for one in engine.endpoint.submissions]


def test_of_uploads_reported_out_of_order_the_newest_is_kept(engine: Engine) -> None:
    of = watching(f"{UPLOADS}\noverlap: buffer_one")
    uploads(engine, "first.csv", "older.csv", "newer.csv")
    for name in ("first.csv", "newer.csv", "older.csv"):
        engine.report(of, name)

    passes(engine, of, 3)

    assert sent_files(engine) == ["first.csv", "newer.csv"]


def test_an_upload_reported_after_a_newer_one_started_is_superseded(engine: Engine) -> None:
    of = watching(f"{UPLOADS}\noverlap: cancel_other")
    uploads(engine, "older.csv", "newer.csv")
    for name in ("newer.csv", "older.csv"):
        engine.report(of, name)

    passes(engine, of, 3)

    assert sent_files(engine) == ["newer.csv"]
    assert engine.service.canceled == []
    (skipped,) = [run for run in engine.ledger.recent_runs("s", 9) if run.state is RunState.SKIPPED]
    assert (skipped.reason, skipped.error) == (
        "superseded",
        "the run of a later occurrence, 2026-11-01T10:00:01Z, has started",
    )


@pytest.mark.parametrize(
    ("overlap", "sent"),
    [("buffer_all", ["d.csv", "c.csv", "b.csv", "a.csv"]), ("skip", ["d.csv"]), ("buffer_one", ["d.csv", "a.csv"])],
)
def test_files_found_by_a_sweep_are_ordered_by_time_and_not_by_name(
    engine: Engine, overlap: str, sent: list[str]
) -> None:
    of = watching(f"{UPLOADS}\noverlap: {overlap}")
    passes(engine, of, 1)
    uploads(engine, "d.csv", "c.csv", "b.csv", "a.csv")

    passes(engine, of, 8, ends=False)
    passes(engine, of, 8)

    assert sent_files(engine) == sent


def test_a_backfill_is_sent_oldest_first_by_modification_time(engine: Engine) -> None:
    of = watching(f"{UPLOADS}\noverlap: buffer_all")
    uploads(engine, "d.csv", "c.csv", "b.csv", "a.csv")
    engine.wired(of).steering.backfill("s", BackfillBody(first="2026-10-01T00:00:00Z", before="2027-01-01T00:00:00Z"))

    passes(engine, of, 8)

    assert sent_files(engine) == ["d.csv", "c.csv", "b.csv", "a.csv"]


def test_backfilled_runs_get_every_fourth_slot(engine: Engine) -> None:
    of = timed(f"{EVERY_5}\noverlap: buffer_all")
    wake(engine, of, NOW)
    backfilled = BackfillBody(first="2026-10-31T00:00:00Z", before="2026-10-31T00:15:00Z")
    engine.wired(of).steering.backfill("s", backfilled)
    engine.clock.pass_time(timedelta(minutes=50, seconds=10))
    wake(engine, of, engine.clock.now())

    passes(engine, of, 12)

    lines = "".join("2" if "10-31" in key else "1" for key in engine.endpoint.keys)
    assert lines.startswith("1112111211121")
    assert [key for key in engine.endpoint.keys if "10-31" in key] == [
        f"s@2026-10-31T00:{minute}:00Z" for minute in ("00", "05", "10")
    ]


def test_a_manual_trigger_is_ordered_by_its_request_time(engine: Engine) -> None:
    of = timed(f"{EVERY_5}\noverlap: buffer_all")
    wake(engine, of, NOW)
    wake(engine, of, NOW + timedelta(minutes=5))
    steering = engine.wired(of).steering
    engine.clock.pass_time(timedelta(minutes=1))
    steering.trigger("s", TriggerBody(request_id="1", scheduled_time="2020-01-01T00:00:00Z"))

    passes(engine, of, 3)

    assert engine.endpoint.keys == [at(0), at(5), "s!1"]


def test_a_retried_run_keeps_its_place_before_newer_runs(engine: Engine) -> None:
    of = timed(f"{EVERY_5}\noverlap: buffer_all")
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")]
    wake(engine, of, NOW)
    wake(engine, of, NOW + timedelta(minutes=5))

    passes(engine, of, 3)

    assert engine.endpoint.keys == [at(0), at(0), at(5)]


# No run is canceled in favor of a run that cannot be sent


def canceling(engine: Engine) -> TimeSchedule:
    of = timed(f"{EVERY_30}\noverlap: cancel_other")
    wake(engine, of, NOW)
    return of


def test_nothing_is_canceled_for_a_run_whose_target_sent_retry_after(engine: Engine) -> None:
    of = canceling(engine)
    request = engine.endpoint.submissions[0].request
    from triggers.scheduling.identities import target_id

    engine.ledger.hold(target_id(request.target), NOW + timedelta(hours=6))
    wake(engine, of, NOW + timedelta(minutes=30))

    passes(engine, of, 100, ends=False)

    assert engine.service.canceled == []
    assert engine.states()[at(0)] == "submitted"


def test_nothing_is_canceled_for_a_run_that_lacks_a_setting(engine: Engine) -> None:
    of = canceling(engine)
    engine.endpoint.lacks = "the app setting X does not exist; add it"
    wake(engine, of, NOW + timedelta(minutes=30))

    passes(engine, of, 3, ends=False)
    held = list(engine.service.canceled)
    engine.endpoint.lacks = None
    passes(engine, of, 3, ends=False)

    assert (held, engine.service.canceled) == ([], [at(0)])
    assert engine.endpoint.keys == [at(0), at(30)]


def test_nothing_is_canceled_during_a_pause(engine: Engine) -> None:
    of = canceling(engine)
    wake(engine, of, NOW + timedelta(minutes=30))
    pause(engine.ledger, "s", engine.clock.now(), None, None)

    passes(engine, of, 3, ends=False)

    assert engine.service.canceled == []


def test_without_limits_occurrences_that_are_on_time_still_start_first(engine: Engine) -> None:
    of = schedule(EVERY_5)
    wake(engine, of, NOW)
    engine.clock.pass_time(timedelta(minutes=50, seconds=10))

    wake(engine, of, engine.clock.now())

    assert engine.endpoint.keys[1:4] == [at(45), at(50), at(5)]


class TakenMeanwhile(ScriptedEndpoint):
    """An endpoint before whose first call another instance takes a slot."""

    def __init__(self, other: Callable[[], object]) -> None:
        super().__init__()
        self._others = [other]

    def place(self, request: RunRequest) -> str | None:
        if self._others:
            self._others.pop()()
        return super().place(request)


def test_a_claim_that_lost_a_slot_to_another_one_is_tried_again(engine: Engine) -> None:
    """Otherwise its occurrence would have no row, and the mark would move past it."""
    of = timed(f"{EVERY_5}\nmax_concurrent_runs: 3")
    other = time_occurrence(of, NOW - timedelta(minutes=5))
    engine.endpoint = TakenMeanwhile(lambda: engine.wired(of).firing.fire(of, other))

    run = engine.wired(of).firing.fire(of, time_occurrence(of, NOW))

    assert run is not None
    assert engine.endpoint.keys == [other.key, at(0)]
