"""Manual requests when something fails in between: nothing starts twice, and no run is given up without a replay."""

from collections.abc import Callable
from datetime import timedelta
from threading import BoundedSemaphore, Event
from typing import Any

import pytest
from builders import (
    CHANGE,
    TIME,
    Engine,
    MemoryBlobs,
    ScriptedHook,
    config,
    file_of,
    found,
    open_runs,
    schedule,
    utc,
)

from triggers.azureml.wire import Reply
from triggers.ledger.ports import LedgerUnavailable
from triggers.ledger.records import Delivery
from triggers.reconciling.webhooks import Webhooks
from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunState
from triggers.starting.occurrence import time_occurrence
from triggers.steering.asking import Asking
from triggers.steering.declined import BadInput, WrongState
from triggers.steering.pausing import pause
from triggers.steering.questions import BackfillBody, HeldBody, ReplayBody, TriggerBody
from triggers.steering.service import Steering
from triggers.steering.waiting import Waiting
from triggers.storage.blobs import Page

NOW = utc("2026-11-01T04:00")
UNSENT = Outcome(answer=Answer.UNSENT, sentence="refused")
UNKNOWN = Outcome(answer=Answer.UNKNOWN, sentence="cut off")


class NoService:
    def cancel(self, run: Run) -> str | None:
        raise AssertionError("nothing is canceled here")


@pytest.fixture
def engine() -> Engine:
    made = Engine(NOW)
    made.ledger.register("s", NOW)
    return made


def asking(engine: Engine) -> Asking:
    return replace(engine.wired().steering.asking, service=NoService())


def triggered(engine: Engine, request_id: str, *, outcome: Outcome, one: Schedule | None = None, **body: Any) -> Run:
    engine.endpoint.next_outcomes = [outcome]
    run, _ = asking(engine).trigger(one or schedule(), TriggerBody(request_id=request_id, **body))
    return run


def test_a_run_that_ended_while_the_open_runs_are_read_is_left_out(engine: Engine) -> None:
    first, second = (triggered(engine, name, outcome=UNSENT) for name in ("a", "b"))
    reading = open_runs(engine.ledger, "s")
    next(reading)
    engine.ledger.update(second, second.to(RunState.CANCELED, NOW))

    assert list(reading) == []
    assert first.state is RunState.UNSENT


def test_an_illegal_transition_raises_even_if_assertions_are_disabled(engine: Engine) -> None:
    run = triggered(engine, "a", outcome=UNSENT)

    with pytest.raises(AssertionError):
        run.to(RunState.FINISHED, NOW)


def test_replaying_an_unknown_run_cancels_it_in_the_same_transaction(engine: Engine) -> None:
    unknown = triggered(engine, "a", outcome=UNKNOWN)

    replay = asking(engine).replay(schedule(), unknown, ReplayBody())

    assert (replay.key, replay.state) == ("s!a.r1", RunState.SUBMITTED)
    assert engine.states() == {"s!a": "canceled", "s!a.r1": "submitted"}


def test_if_its_replay_cannot_be_claimed_an_unknown_run_stays_unknown(engine: Engine) -> None:
    unknown = triggered(engine, "a", outcome=UNKNOWN)
    engine.ledger.update(unknown, unknown)  # the reconciler has written the row in the meantime

    with pytest.raises(WrongState, match="has changed or been replayed in the meantime"):
        asking(engine).replay(schedule(), unknown, ReplayBody())

    assert engine.states() == {"s!a": "unknown"}


def test_a_replay_that_an_edited_schedule_cannot_build_is_refused_and_changes_nothing(engine: Engine) -> None:
    unknown = triggered(engine, "a", outcome=UNKNOWN)
    edited = schedule(f"{CHANGE}\npipeline_parameters: {{p: '{{blob.path}}'}}")

    with pytest.raises(WrongState):
        asking(engine).replay(edited, unknown, ReplayBody())

    assert engine.states() == {"s!a": "unknown"}


def test_with_unless_replayed_a_run_is_not_replayed_twice(engine: Engine) -> None:
    first = triggered(engine, "a", outcome=Outcome(answer=Answer.REJECTED, sentence="no"))
    asking(engine).replay(schedule(), first, ReplayBody())

    with pytest.raises(WrongState, match=r"s!a has already been replayed: s!a\.r1 is submitted"):
        asking(engine).replay(schedule(), first, ReplayBody(unless_replayed=True))


def test_a_claimed_run_is_returned_even_if_the_ledger_then_fails(engine: Engine) -> None:
    plain = engine.ledger.ledger_id

    def away() -> str:
        raise LedgerUnavailable("away")

    engine.ledger.ledger_id = away  # type: ignore[method-assign]  # the ledger fails in this test
    run, is_new = asking(engine).trigger(schedule(), TriggerBody(request_id="a"))
    engine.ledger.ledger_id = plain  # type: ignore[method-assign]
    engine.reconcile(schedule())

    assert (run.state, is_new) == (RunState.WAITING, True)
    assert engine.states() == {"s!a": "submitted"}


@pytest.mark.parametrize("request_id", ["a.r1", "build.r12", "a\n"])
def test_a_request_id_that_looks_like_a_replay_is_refused(engine: Engine, request_id: str) -> None:
    with pytest.raises(BadInput, match="request_id"):
        triggered(engine, request_id, outcome=UNSENT)


@pytest.mark.parametrize("path", ["raw/../../secret/x.csv", "..", "a/./b", "raw\\..\\x", "a\x00b"])
def test_a_blob_path_that_would_leave_its_container_is_refused(engine: Engine, path: str) -> None:
    one = schedule(f"{CHANGE}\ntrigger_overrides: any")

    with pytest.raises(BadInput, match="blob"):
        triggered(engine, "a", outcome=UNSENT, one=one, blob=path)


def test_a_repeated_request_is_answered_even_if_its_overrides_are_no_longer_allowed(engine: Engine) -> None:
    body = {"pipeline_parameters": {"epochs": 1}}
    wide, narrow = schedule(f"{TIME}\ntrigger_overrides: any"), schedule(f"{TIME}\ntrigger_overrides: none")
    first = triggered(engine, "a", outcome=UNSENT, one=wide, **body)

    again, is_new = asking(engine).trigger(narrow, TriggerBody(request_id="a", **body))  # type: ignore[arg-type]

    assert (again.key, is_new) == (first.key, False)


def test_the_open_runs_of_a_paused_schedule_are_sent_after_it_left_the_file(engine: Engine) -> None:
    engine.endpoint.next_outcomes = [UNSENT]
    engine.firing.fire(schedule(), time_occurrence(schedule(), NOW))
    pause(engine.ledger, "s", NOW, "for ever", None)
    engine.clock.pass_time(timedelta(minutes=5))

    engine.reconcile(schedule())
    assert list(engine.states().values()) == ["unsent"]
    engine.reconcile(schedule(name="other"))

    assert list(engine.states().values()) == ["submitted"]


def test_a_webhook_whose_answer_never_ends_is_called_once_and_abandoned(engine: Engine) -> None:
    release = Event()

    class Dripping(ScriptedHook):
        def prepared(self, url: str, data: bytes, *, content_type: str, audience: None) -> Callable[[], Reply]:
            plain = super().prepared(url, data, content_type=content_type, audience=audience)

            def call() -> Reply:
                reply = plain()
                release.wait(60)
                return reply

            return call

    hook = Dripping()
    impatient = Webhooks(hook, {}, patience=timedelta(seconds=0.1))
    deliveries = replace(engine.open_runs.deliveries, webhooks=impatient)
    rejected = Outcome(answer=Answer.REJECTED, sentence="no")
    triggered(engine, "a", outcome=rejected, one=schedule(f"{TIME}\nwebhook: https://hook.example/"))
    for _ in range(3):
        for delivery in list(engine.ledger.open_work("s")):
            assert isinstance(delivery, Delivery)
            deliveries.handle(delivery, engine.clock.server_now())
        engine.clock.pass_time(timedelta(minutes=10))

    assert len(hook.received) == 1
    release.set()


@pytest.mark.parametrize(("seconds_each", "answers"), [(1, 1), (40, 3), (1000, 9)])
def test_a_long_backfill_is_continued_where_its_answer_ended(engine: Engine, seconds_each: int, answers: int) -> None:
    one = schedule("recurrence: {frequency: Hour, interval: 1}")
    backfilling = engine.wired().backfilling
    steering = Steering(
        config=config(file_of("recurrence: {frequency: Hour, interval: 1}")),
        ledger=engine.ledger,
        asking=asking(engine),
        backfilling=backfilling,
        explaining=engine.wired().explaining,
        clock=engine.clock,
        waiting=Waiting(clock=engine.clock, threads=BoundedSemaphore(1)),
    )
    plain = engine.ledger.insert

    def slow(run: Run, beside: Any = ()) -> Run | None:
        engine.clock.pass_time(timedelta(seconds=seconds_each))
        return plain(run, beside)

    engine.ledger.insert = slow  # type: ignore[method-assign]  # time passes with every row
    body = BackfillBody(first="2026-10-31", before="2026-10-31T08:00:00Z")
    what: list[str] = []
    for number in range(answers):
        answer = steering.backfill(one.name, body)
        what += [item.what for item in answer.started]
        assert answer.already_count == 0
        assert answer.complete == (number == answers - 1)
        if answer.continue_from is not None:
            body = BackfillBody(first=answer.continue_from, before=body.before)

    assert what == [f"2026-10-31T0{hour}:00:00Z" for hour in range(8)]


def test_a_backfill_that_finds_nothing_also_ends_at_its_time_limit(engine: Engine) -> None:
    of = schedule(CHANGE)
    engine.blobs = SlowBlobs(engine)
    for number in range(9):
        engine.blobs.put(found(f"incoming/{number}.csv", "0x1", last_modified=NOW - timedelta(days=30)))
    body = BackfillBody(first="2026-10-31", before="2026-10-31T02:00:00Z")

    answer = engine.wired(of).steering.backfill("s", body)

    assert (answer.complete, answer.continue_from, answer.started_count) == (False, None, 0)
    assert engine.blobs.pages == 3, "40 seconds each"


class SlowBlobs(MemoryBlobs):
    """Lists pages of one blob, slowly."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(page_size=1)
        self._engine = engine
        self.pages = 0

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        self.pages += 1
        self._engine.clock.pass_time(timedelta(seconds=40))
        return super().page(connection, container, folder, recursive=recursive, continuation=continuation)


def test_backfills_and_long_polls_share_one_limit(engine: Engine) -> None:
    threads = BoundedSemaphore(1)
    steering = replace(
        engine.wired(schedule("recurrence: {frequency: Hour, interval: 1}")).steering,
        waiting=Waiting(clock=engine.clock, threads=threads),
    )
    body = BackfillBody(first="2026-10-31", before="2026-10-31T02:00:00Z", dry_run=True)

    with threads, pytest.raises(WrongState, match="too many backfills and long polls are running"):
        steering.backfill("s", body)
    with pytest.raises(WrongState, match="may already have run"):
        steering.backfill("s", replace(body, first="2020-01-01"))

    assert steering.backfill("s", body).started_count == 2


def test_a_run_whose_status_changed_in_the_meantime_can_still_be_canceled(engine: Engine) -> None:
    run = triggered(engine, "a", outcome=Outcome(answer=Answer.SUBMITTED, run_id="run-1"))
    assert engine.ledger.update(run, replace(run, azureml_status="Running")) is not None
    able = replace(asking(engine), service=engine.service)

    canceled = able.cancel(run, HeldBody(by="ann"))

    assert (canceled.state, engine.service.canceled) == (RunState.CANCELED, ["s!a"])
    assert engine.states() == {"s!a": "canceled"}


def test_a_run_that_is_being_submitted_is_not_canceled(engine: Engine) -> None:
    refused: list[str] = []

    def cancel() -> None:
        run = engine.ledger.get("s!a")
        assert run is not None
        with pytest.raises(WrongState) as declined:
            asking(engine).cancel(run, HeldBody())
        refused.append(str(declined.value))

    engine.endpoint.before_the_reply = cancel
    triggered(engine, "a", outcome=Outcome(answer=Answer.SUBMITTED, run_id="r"))

    assert refused == ["s!a is being submitted right now; try again"]
    assert engine.states() == {"s!a": "submitted"}


def test_a_run_that_another_caller_has_canceled_is_canceled_once(engine: Engine) -> None:
    run = triggered(engine, "a", outcome=UNSENT)

    first, second = (asking(engine).cancel(run, HeldBody(by=by)) for by in ("ann", "bob"))

    assert first == second
    assert first.error == "canceled by ann"


def test_a_run_that_ended_before_it_could_be_canceled_stays_as_it_is(engine: Engine) -> None:
    run = triggered(engine, "a", outcome=UNSENT)
    engine.ledger.update(run, run.to(RunState.DEAD, NOW, error="tried often"))

    with pytest.raises(WrongState, match=r"^s!a has changed in the meantime; check it again$"):
        asking(engine).cancel(run, HeldBody())

    assert engine.states() == {"s!a": "dead"}


def test_a_run_whose_schedule_left_the_file_cannot_be_replayed(engine: Engine) -> None:
    run = triggered(engine, "a", outcome=UNKNOWN)

    with pytest.raises(WrongState, match=r"^s is no longer in the file: no new run can be built$"):
        engine.wired().steering.replay(run.key, ReplayBody(force=True))

    assert engine.states() == {"s!a": "unknown"}
