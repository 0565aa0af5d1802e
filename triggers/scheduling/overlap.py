"""What happens to an occurrence while other runs of its schedule are open: `overlap` and `max_concurrent_runs`.

Every run that Azure ML is or may be running, or that is being submitted, holds a slot. New occurrences also leave a
slot for each earlier run that is being retried or waits in line.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from msgspec import Struct

from .config import Overlap, Schedule
from .run import Run, RunKind, RunState
from .run_states import IN_FLIGHT


class OpenRun(Struct, frozen=True, kw_only=True):
    """The data of an open run that matters for slots."""

    key: str
    state: RunState
    ranks_at: datetime | None = None
    """Its place in the order of runs; None if unknown."""
    due_at: datetime | None = None
    """For a waiting run: when its jitter ends, or when it began to wait."""
    submitted_at: datetime | None = None
    run_id: str | None = None
    """Azure ML's id of a submitted run; None if its row does not have it."""
    is_denied: bool = False
    """True if Azure ML has said that there is no such run."""
    created_at: datetime | None = None
    """None if its row does not have it."""
    next_attempt_at: datetime | None = None
    """For an unsent run, on the clock of its writer."""
    decided_at: datetime | None = None
    """When its present state was written, on the clock of its writer."""
    written_at: datetime | None = None
    """The same, on the ledger's clock."""
    first_look_up_at: datetime | None = None
    """For an unknown run: when run history first denied it."""
    by_person: bool = False
    is_made_up_for: bool = False
    """True if it is in the second line: a backfill, a replay, or a run that follows one."""
    is_rerun: bool = False

    @property
    def is_own(self) -> bool:
        """True if the schedule itself decided on it, so that it is in the first line."""
        return not self.by_person and not self.is_made_up_for


class Turn(Enum):
    """What an occurrence does now."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"


KEEPS_NEWEST: Final = frozenset({Overlap.BUFFER_ONE, Overlap.CANCEL_OTHER})
"""With these, only the newest of the waiting runs starts."""

_IN_A_ROW: Final = 3
"""Runs of the first line that start before the second line gets a slot."""
_AT_LAST: Final = datetime.max.replace(tzinfo=UTC)
_DENIED_FOR: Final = timedelta(hours=1)


def slots_of(schedule: Schedule) -> int | None:
    """How many runs of a schedule may be open at a time; None for any number."""
    return schedule.max_concurrent_runs if schedule.overlap is Overlap.ALLOW else 1


def turn_of(schedule: Schedule, open_runs: Sequence[OpenRun], now: datetime) -> Turn:
    """The turn of a new occurrence: it starts if a slot is free that no earlier run needs."""
    slots = slots_of(schedule)
    before = sum(one.state is RunState.UNSENT or _is_in_line(one, now) for one in open_runs)
    if slots is None or _held(open_runs, now) + before < slots:
        return Turn.START
    return Turn.SKIP if schedule.overlap is Overlap.SKIP else Turn.WAIT


def has_a_slot(schedule: Schedule, open_runs: Sequence[OpenRun], now: datetime, kept_for: Collection[str] = ()) -> bool:
    """True if one more run may be sent while a slot stays free for each unsent run in `kept_for`."""
    slots = slots_of(schedule)
    kept = sum(one.state is RunState.UNSENT and one.key in kept_for for one in open_runs)
    return slots is None or _held(open_runs, now) + kept < slots


def in_the_way(open_runs: Iterable[OpenRun], now: datetime) -> list[OpenRun]:
    """The runs that keep a new occurrence from a slot: those that hold one, and earlier ones that need one."""
    return [
        one
        for one in open_runs
        if _is_in_line(one, now)
        or one.state is RunState.UNSENT
        or (one.state in IN_FLIGHT and not _is_denied(one, now))
    ]


def in_line(open_runs: Iterable[OpenRun], now: datetime) -> list[OpenRun]:
    """The runs that wait only for a slot, in their order."""
    return ordered(one for one in open_runs if _is_in_line(one, now))


def ordered(open_runs: Iterable[OpenRun]) -> list[OpenRun]:
    """In the order of their occurrences' times, whenever they were decided; the oldest first."""
    return sorted(open_runs, key=lambda one: (one.ranks_at or _AT_LAST, one.key))


def ranks_at(run: Run) -> datetime:
    """The place of a run in the order: its occurrence's time, or the time of the request for a manual trigger."""
    if run.kind is RunKind.REQUEST or run.nominal_time is None:
        return run.created_at
    return run.nominal_time


def is_made_up_for(run: Run) -> bool:
    """True if a run is in the second line: a backfill, a replay, or a run that follows one."""
    if run.upstream is not None and run.upstream.is_made_up_for:
        return True
    return run.kind is RunKind.REPLAY or (run.by_person and run.kind is not RunKind.REQUEST)


def next_in_turn(first: list[OpenRun], second: list[OpenRun], started_in_a_row: int) -> OpenRun:
    """Take the next run from two lines; the second line gets at least every fourth free slot."""
    is_second = bool(second) and (not first or started_in_a_row >= _IN_A_ROW)
    return (second if is_second else first).pop(0)


def _is_in_line(one: OpenRun, now: datetime) -> bool:
    """True if a run waits for a slot, not for the end of its jitter."""
    return one.state is RunState.WAITING and (one.due_at is None or one.due_at <= now)


def newest_in_flight(open_runs: Iterable[OpenRun]) -> datetime | None:
    """The time of the newest open occurrence that the schedule itself has started."""
    return max((one.ranks_at for one in open_runs if _is_own_start(one) and one.ranks_at), default=None)


def _is_own_start(one: OpenRun) -> bool:
    return one.state in IN_FLIGHT and one.is_own


def _held(open_runs: Iterable[OpenRun], now: datetime) -> int:
    """The number of slots that are held.

    An unknown run that history has denied for an hour no longer holds one. Otherwise, if only one run may be open, it
    would block the very run that proves that history has caught up.
    """
    return sum(one.state in IN_FLIGHT and not _is_denied(one, now) for one in open_runs)


def _is_denied(one: OpenRun, now: datetime) -> bool:
    return (
        one.state is RunState.UNKNOWN and one.first_look_up_at is not None and now - one.first_look_up_at >= _DENIED_FOR
    )
