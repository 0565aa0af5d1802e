"""Detects that a change-based schedule has had no change for too long, by `expected_every` or `expect_by`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from .complete_sets import reading_after
from .config import ChangeSchedule
from .gathering import Expect
from .pauses import Pause, paused_within


def expects_changes(schedule: ChangeSchedule) -> bool:
    """True if the file says when changes are expected."""
    return expectation(schedule) is not None


def expectation(schedule: ChangeSchedule) -> str | None:
    """When a change is expected, in words; None if the file does not say."""
    if schedule.trigger.expected_every is not None:
        return f"one is expected every {schedule.trigger.expected_every}"
    expect = _expected_by(schedule)
    return None if expect is None else f"files are expected by {expect.by:%H:%M} every day"


def is_overdue(schedule: ChangeSchedule, since: datetime, pauses: Sequence[Pause], now: datetime) -> bool:
    """True if a change should have come since the last one; pauses do not count."""
    expected = schedule.trigger.expected_every
    if expected is not None:
        return now - since - paused_within(pauses, since, now) >= expected
    expect = _expected_by(schedule)
    if expect is None:
        return False
    # Overdue if nothing came in a whole day, without pauses, from one reading of `expect_by` to the next.
    begin = reading_after(expect, since)
    end = reading_after(expect, begin)
    while end <= now and paused_within(pauses, begin, end) > timedelta(0):
        begin, end = end, reading_after(expect, end)
    return end <= now


def _expected_by(schedule: ChangeSchedule) -> Expect | None:
    expect = None if schedule.batch is None else schedule.batch.expect
    return None if expect is None or expect.by is None else expect
