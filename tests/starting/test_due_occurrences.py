"""Which occurrences of a time-based schedule run: late timers, missed ones, edits, and newly seen schedules."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from builders import Engine, HandClock, schedule, utc

from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Operation, RowsRead, StoredRow, Written
from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import RunState
from triggers.steering.pausing import pause

HOURLY = "cron: {expression: '0 * * * *'}"


@pytest.fixture
def engine() -> Engine:
    return Engine(utc("2026-11-01T04:00:02"))


def wake(engine: Engine, of: TimeSchedule, at: datetime | None = None, started_at: datetime | None = None) -> int:
    if at is not None:
        engine.clock.pass_time(at - engine.clock.now())
    due_occurrences = replace(engine.wired().due_occurrences, firing=engine.firing)
    return replace(due_occurrences, started_at=started_at or engine.started_at).fire(of)


def keys(engine: Engine, *states: str) -> list[str]:
    """The times of day, in order, of the runs in these states."""
    found = [key.partition("@")[2][11:16] for key, state in engine.states().items() if state in states]
    return sorted(found)


def test_a_timer_that_fires_twice_starts_one_run(engine: Engine) -> None:
    fired = [wake(engine, schedule(HOURLY)) for _ in range(2)]

    assert (fired[1], engine.endpoint.keys) == (0, ["s@2026-11-01T04:00:00Z"])


def test_a_schedule_first_seen_by_its_timer_starts_the_occurrence_of_that_timer(engine: Engine) -> None:
    wake(engine, schedule(HOURLY), utc("2026-11-01T04:14"))

    assert engine.states() == {"s@2026-11-01T04:00:00Z": "submitted"}


def test_a_schedule_first_seen_by_its_timer_starts_no_occurrence_older_than_15_minutes(engine: Engine) -> None:
    wake(engine, schedule(HOURLY), utc("2026-11-01T04:16"))
    wake(engine, schedule(HOURLY), utc("2026-11-01T05:00"))

    assert engine.states() == {"s@2026-11-01T05:00:00Z": "submitted"}


def test_an_occurrence_before_the_registration_is_skipped_as_before_first_seen(engine: Engine) -> None:
    engine.ledger.register("s", engine.clock.now())

    wake(engine, schedule(HOURLY), utc("2026-11-01T04:00:30"))

    assert engine.states() == {"s@2026-11-01T04:00:00Z": "skipped before_first_seen"}


def test_up_to_ten_minutes_late_counts_as_on_time_with_every_catchup(engine: Engine) -> None:
    of = schedule(f"catchup: none\n{HOURLY}")
    wake(engine, of)

    wake(engine, of, utc("2026-11-01T05:10"))
    wake(engine, of, utc("2026-11-01T06:10:01"))

    assert keys(engine, "submitted") == ["04:00", "05:00"]
    assert keys(engine, "skipped catchup") == ["06:00"]


@pytest.mark.parametrize(
    ("keys_of", "started", "superseded", "caught"),
    [
        ("catchup: none", ["04:00"], [], ["05:00", "06:00", "07:00"]),
        ("catchup: latest", ["04:00", "07:00"], ["05:00", "06:00"], []),
        ("catchup: all", ["04:00", "07:00"], [], ["05:00", "06:00"]),
        ("catchup: all\ncatchup_window: 3h", ["04:00", "05:00", "06:00", "07:00"], [], []),
        ("catchup: latest\ncatchup_window: 20m", ["04:00"], [], ["05:00", "06:00", "07:00"]),
    ],
)
def test_missed_occurrences_start_as_catchup_says(
    engine: Engine, keys_of: str, started: list[str], superseded: list[str], caught: list[str]
) -> None:
    of = schedule(f"{keys_of}\n{HOURLY}")
    wake(engine, of)

    wake(engine, of, utc("2026-11-01T07:45"))

    assert keys(engine, "submitted") == started
    assert keys(engine, "skipped superseded") == superseded
    assert keys(engine, "skipped catchup") == caught


def test_missed_occurrences_start_oldest_first(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 1d\n{HOURLY}")
    wake(engine, of)

    wake(engine, of, utc("2026-11-01T07:45"))

    assert engine.endpoint.keys == [f"s@2026-11-01T0{hour}:00:00Z" for hour in (4, 5, 6, 7)]


def test_occurrences_missed_before_an_edit_are_dropped(engine: Engine) -> None:
    edited, deployed = schedule("cron: {expression: '30 * * * *'}"), utc("2026-11-01T06:32:10")
    wake(engine, schedule(HOURLY))

    wake(engine, edited, utc("2026-11-01T06:35"), deployed)
    wake(engine, edited, utc("2026-11-01T07:30"), deployed)

    assert keys(engine, "submitted") == ["04:00", "07:30"]
    assert len(engine.states()) == 2


def test_an_edit_is_recognized_from_a_mark_of_version_0_1(engine: Engine) -> None:
    daily, hourly = schedule(), schedule("cron: {expression: '0 * * * *'}\ncatchup: all\ncatchup_window: 12h")
    wake(engine, daily)
    mark = engine.ledger.mark("s")
    assert mark is not None
    assert engine.ledger.set_mark("s", replace(mark, trigger_digest=None))
    engine.clock.pass_time(timedelta(hours=5, minutes=30))
    engine.started_at = engine.clock.now()

    wake(engine, hourly)

    assert len(engine.endpoint.keys) == 1, "only the daily schedule's run: missed times of the new trigger are dropped"


def test_the_first_occurrence_after_an_edit_runs_even_if_its_timer_is_the_first_to_see_the_edit(engine: Engine) -> None:
    wake(engine, schedule(HOURLY))

    edited = schedule("cron: {expression: '0 * * * *', end_time: 2027-01-01}")
    wake(engine, edited, utc("2026-11-01T05:00:00.300000"), utc("2026-11-01T04:59:20"))

    assert keys(engine, "submitted") == ["04:00", "05:00"]


def test_while_old_and_new_instances_alternate_no_occurrence_is_lost(engine: Engine) -> None:
    old, new = schedule(HOURLY), schedule("cron: {expression: '0 * * * *', end_time: 2027-01-01}")
    wake(engine, old)

    for hour in range(5, 12):
        wake(engine, (old, new)[hour % 2], utc(f"2026-11-01T{hour:02}:00:00.300000"), utc("2026-11-01T04:30"))

    assert keys(engine, "submitted") == [f"{hour:02}:00" for hour in range(4, 12)]


def test_a_disabled_schedule_records_what_it_skips(engine: Engine) -> None:
    of = schedule(f"status: Disabled\n{HOURLY}")

    wake(engine, of)
    wake(engine, of, utc("2026-11-01T05:00"))

    assert set(engine.states().values()) == {"skipped disabled"}
    assert len(engine.states()) == 2


def test_a_clock_that_goes_back_repeats_no_occurrence(engine: Engine) -> None:
    wake(engine, schedule(HOURLY), utc("2026-11-01T05:00:01"))

    wake(engine, schedule(HOURLY), utc("2026-11-01T04:30"))
    wake(engine, schedule(HOURLY), utc("2026-11-01T05:00:30"))

    assert engine.endpoint.keys == ["s@2026-11-01T05:00:00Z"]


def test_a_long_downtime_is_recorded_over_several_wake_ups_and_delays_no_run(engine: Engine) -> None:
    of = schedule("catchup: latest\ncron: {expression: '* * * * *'}")
    wake(engine, of)
    later = utc("2026-11-03T04:00")

    wakes = 0
    while wake(engine, of, later + timedelta(seconds=wakes)):
        wakes += 1

    states = list(engine.states().values())
    minutes = int((later - utc("2026-11-01T04:00")).total_seconds()) // 60
    assert len(states) == minutes + 1 + 1, (
        "every minute, the first occurrence, and the one before the schedule was seen"
    )
    assert wakes == 3
    on_time_and_latest = 11 + 1
    assert states.count("submitted") == 1 + on_time_and_latest
    assert engine.endpoint.keys[1] == "s@2026-11-03T03:50:00Z", "punctual occurrences come first"
    assert "s@2026-11-03T03:49:00Z" in engine.endpoint.keys


class Overtaken(MemoryTable):
    """A table where something happens after a firing has read the data for its decision and before its claim."""

    meanwhile: Callable[[], object] | None = None

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        found = super().read(partition, first, before, limit)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found


@pytest.fixture(params=["", "overlap: buffer_all\n", "max_concurrent_runs: 9\n"])
def overtaken(request: pytest.FixtureRequest) -> tuple[Engine, TimeSchedule, Overtaken]:
    """An engine with this table, and a schedule that has fired before."""
    engine, of = Engine(utc("2026-11-01T04:00:02")), schedule(f"{request.param}{HOURLY}")
    table = Overtaken(engine.clock.server_now)
    engine.ledger = Ledger(table)
    engine.firing = engine.wired().firing
    wake(engine, of)
    for run in engine.ledger.runs(engine.endpoint.keys):
        engine.ledger.update(run, run.to(RunState.FINISHED, engine.clock.now(), ended_at=engine.clock.now()))
    return engine, of, table


def test_a_claim_succeeds_although_another_instance_wrote_the_mark(
    overtaken: tuple[Engine, TimeSchedule, Overtaken],
) -> None:
    engine, of, table = overtaken

    def writes_the_mark() -> None:
        mark = engine.ledger.mark("s")
        assert mark is not None
        assert engine.ledger.set_mark("s", mark)

    table.meanwhile = writes_the_mark
    fired = [wake(engine, of, utc(f"2026-11-01T05:00:0{second}")) for second in (1, 2, 3)]

    assert engine.endpoint.keys == ["s@2026-11-01T04:00:00Z", "s@2026-11-01T05:00:00Z"]
    assert fired == [1, 0, 0]
    mark = engine.ledger.mark("s")
    assert mark is not None
    assert mark.until > utc("2026-11-01T05:00")


def test_two_instances_deciding_at_once_start_one_run(overtaken: tuple[Engine, TimeSchedule, Overtaken]) -> None:
    engine, of, table = overtaken
    table.meanwhile = lambda: wake(engine, of)

    fired = wake(engine, of, utc("2026-11-01T05:00:01"))

    assert engine.endpoint.keys == ["s@2026-11-01T04:00:00Z", "s@2026-11-01T05:00:00Z"]
    assert fired == 0


def test_the_mark_is_written_with_the_last_row_and_not_earlier(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 9h\n{HOURLY}")
    wake(engine, of)
    marks = []

    def look() -> None:
        mark = engine.ledger.mark("s")
        assert mark is not None
        marks.append(mark.until)

    engine.endpoint.before_sending = look
    wake(engine, of, utc("2026-11-01T07:00:01"))

    assert marks == [utc("2026-11-01T04:00:04")] * 2 + [utc("2026-11-01T07:00:03")]


def test_an_instance_suspended_after_its_decision_decides_again(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 1d\n{HOURLY}")
    wake(engine, of)
    engine.endpoint.before_the_reply = lambda: engine.clock.pass_time(timedelta(seconds=40))

    wake(engine, of, utc("2026-11-01T08:45"))
    first = list(engine.endpoint.keys)
    wake(engine, of)

    assert first == [f"s@2026-11-01T0{hour}:00:00Z" for hour in (4, 5, 6)], "the third would have been claimed too late"
    assert engine.endpoint.keys == [f"s@2026-11-01T0{hour}:00:00Z" for hour in (4, 5, 6, 7, 8)]


def test_occurrences_older_than_the_retention_start_nothing(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 300d\n{HOURLY}")
    wake(engine, of)

    wake(engine, of, utc("2026-11-01T04:00") + timedelta(days=89, hours=2))

    states = engine.states()
    assert states["s@2026-11-01T05:00:00Z"] == "skipped forgotten"
    assert states["s@2026-11-01T06:00:00Z"] == "submitted"


def test_a_backlog_of_months_of_minutes_is_decided_quickly(engine: Engine) -> None:
    """115,200 missed occurrences: quadratic work would exceed the function's time limit on every call."""
    of = schedule("catchup: none\ncron: {expression: '* * * * *'}")
    wake(engine, of)

    fired = wake(engine, of, utc("2026-11-01T04:00") + timedelta(days=80))

    assert fired == 1000 + 11


def test_a_wake_up_without_a_due_occurrence_leaves_the_mark_unchanged(engine: Engine) -> None:
    of = schedule(HOURLY)
    wake(engine, of)
    before = engine.ledger.mark("s")

    wake(engine, of, utc("2026-11-01T04:30"))
    wake(engine, of, utc("2026-11-01T04:59:50"))
    after = engine.ledger.mark("s")
    wake(engine, of, utc("2026-11-01T05:00"))

    assert before == after
    assert keys(engine, "submitted") == ["04:00", "05:00"]


def test_a_long_backlog_makes_progress_and_does_not_delay_punctual_occurrences(engine: Engine) -> None:
    """Each submission takes 20 s, so a call has time for only a few of the 300 occurrences of the last five hours."""
    of = schedule("catchup: all\ncatchup_window: 9d\ncron: {expression: '* * * * *'}")
    wake(engine, of)
    engine.endpoint.before_sending = lambda: engine.clock.pass_time(timedelta(seconds=20))
    engine.clock.pass_time(timedelta(hours=5))
    marks, started = [], []

    for _ in range(40):
        wake(engine, of)
        mark = engine.ledger.mark("s")
        assert mark is not None
        marks.append(mark.until)
        started.append(len(engine.endpoint.submissions))

    assert marks == sorted(marks)
    assert started == sorted(set(started)), "every call starts something"
    newest = max(run.nominal_time for run in engine.ledger.recent_runs("s", 999) if run.nominal_time)
    assert engine.clock.now() - newest < timedelta(minutes=5)


def test_missed_occurrences_are_recorded_even_if_a_pause_stops_the_catchup(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 2h\n{HOURLY}")
    wake(engine, of)

    def pause_meanwhile() -> None:
        pause(engine.ledger, "s", engine.clock.now(), None, None)

    engine.endpoint.before_the_reply = pause_meanwhile
    wake(engine, of, utc("2026-11-01T09:30"))

    assert keys(engine, "skipped catchup") == ["05:00", "06:00", "07:00"]
    assert keys(engine, "submitted") == ["04:00", "08:00"]


class SlowTable(MemoryTable):
    """Every request takes half a second."""

    clock: HandClock

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        self.clock.pass_time(timedelta(seconds=0.5))
        return super().write(partition, operations)

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        self.clock.pass_time(timedelta(seconds=0.5))
        return super().get(partition, row_key)


@pytest.mark.parametrize("catchup", ["none", "latest", "all"])
def test_with_slow_storage_a_call_ends_within_a_minute_and_the_backlog_makes_progress(
    engine: Engine, catchup: str
) -> None:
    table = SlowTable(engine.clock.server_now)
    table.clock = engine.clock
    engine.ledger = Ledger(table)
    engine.firing = engine.wired().firing
    of = schedule(f"catchup: {catchup}\ncatchup_window: 9d\ncron: {{expression: '* * * * *'}}")
    wake(engine, of)
    engine.clock.pass_time(timedelta(days=365))
    marks = []

    for _ in range(3):
        began_at = engine.clock.now()
        wake(engine, of)
        assert engine.clock.now() - began_at < timedelta(seconds=70)
        mark = engine.ledger.mark("s")
        assert mark is not None
        marks.append(mark.until)

    assert "submitted" in set(list(engine.states().values())[1:]), "punctual occurrences start in the first call"
    if catchup != "all":
        assert marks == sorted(set(marks))


def test_a_pause_takes_effect_in_the_middle_of_a_backlog(engine: Engine) -> None:
    of = schedule(f"catchup: all\ncatchup_window: 9h\n{HOURLY}")
    wake(engine, of)

    def pause_meanwhile() -> None:
        pause(engine.ledger, "s", engine.clock.now(), None, None)

    engine.endpoint.before_the_reply = pause_meanwhile

    wake(engine, of, utc("2026-11-01T10:00:30"))
    wake(engine, of, utc("2026-11-01T10:01:30"))

    assert keys(engine, "submitted") == ["04:00", "10:00"]
    assert keys(engine, "skipped paused") == ["05:00", "06:00", "07:00", "08:00", "09:00"]


def test_an_edited_schedule_loses_no_occurrence_if_the_ledger_is_unreachable_at_first(engine: Engine) -> None:
    wake(engine, schedule(HOURLY))
    edited = schedule("cron: {expression: '10 4 * * *'}")

    wake(engine, edited, utc("2026-11-01T04:16"), started_at=utc("2026-11-01T04:05:30"))

    assert engine.states() == {"s@2026-11-01T04:00:00Z": "submitted", "s@2026-11-01T04:10:00Z": "submitted"}
