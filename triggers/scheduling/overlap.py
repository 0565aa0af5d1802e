"""What becomes of an occurrence while other runs of its schedule are open: `overlap` and `max_concurrent_runs`.

A slot is held by every run that Azure ML may be running or about to. New occurrences also leave a slot to each run that
was there before them: one that is tried again, or waits in line.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from .config import Overlap, Schedule
from .run import Run, RunKind, RunState


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """An open run, as far as slots are concerned."""

    key: str
    state: RunState
    ranks_at: datetime | None = None
    """Its place in the order of runs; None: not known."""
    due_at: datetime | None = None
    """Of a waiting run: when its jitter ends, or when it began to wait."""
    submitted_at: datetime | None = None
    run_id: str | None = None
    """Azure ML's, of a submitted run; None: its row does not tell."""
    is_denied: bool = False
    """Whether Azure ML has said that there is no such run."""
    created_at: datetime | None = None
    """None: its row does not tell."""
    next_attempt_at: datetime | None = None
    """Of an unsent run, by the clock of its writer."""
    decided_at: datetime | None = None
    """When its present state was written, by the clock of its writer."""
    written_at: datetime | None = None
    """The same, by the ledger's clock."""
    first_look_up_at: datetime | None = None
    """Of an unknown run: when run history first denied it."""
    by_person: bool = False
    is_made_up_for: bool = False
    """Whether it stands in the second line: a backfill or a replay, or a run that follows one."""
    is_rerun: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the schedule itself has decided it, in its first line."""
        return not self.by_person and not self.is_made_up_for


class Turn(Enum):
    """What an occurrence does now."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"


KEEPS_NEWEST: Final = frozenset({Overlap.BUFFER_ONE, Overlap.CANCEL_OTHER})
"""Of what waits in line, only the newest starts."""

_IN_A_ROW: Final = 3
"""Runs that are started before the second line gets a slot."""
_AT_LAST: Final = datetime.max.replace(tzinfo=UTC)
_IN_FLIGHT: Final = frozenset({RunState.SUBMITTING, RunState.UNKNOWN, RunState.SUBMITTED})
_DENIED_FOR: Final = timedelta(hours=1)


def slots_of(schedule: Schedule) -> int | None:
    """How many runs of a schedule may be open at a time; None: any number."""
    return schedule.max_concurrent_runs if schedule.overlap is Overlap.ALLOW else 1


def turn_of(schedule: Schedule, open_runs: Sequence[OpenRun], now: datetime) -> Turn:
    """What a new occurrence does: it starts in a free slot that nobody before it has a claim to."""
    slots = slots_of(schedule)
    before = sum(one.state is RunState.UNSENT or _is_in_line(one, now) for one in open_runs)
    if slots is None or _held(open_runs, now) + before < slots:
        return Turn.START
    return Turn.SKIP if schedule.overlap is Overlap.SKIP else Turn.WAIT


def has_a_slot(schedule: Schedule, open_runs: Sequence[OpenRun], now: datetime, kept_for: Collection[str] = ()) -> bool:
    """Whether one more run may be sent, and a slot stays for each of `kept_for` that is to be tried again."""
    slots = slots_of(schedule)
    kept = sum(one.state is RunState.UNSENT and one.key in kept_for for one in open_runs)
    return slots is None or _held(open_runs, now) + kept < slots


def in_the_way(open_runs: Iterable[OpenRun], now: datetime) -> list[OpenRun]:
    """The runs that keep a new occurrence from a slot: those that hold one, and those that were there before it."""
    return [
        one
        for one in open_runs
        if _is_in_line(one, now)
        or one.state is RunState.UNSENT
        or (one.state in _IN_FLIGHT and not _is_denied(one, now))
    ]


def in_line(open_runs: Iterable[OpenRun], now: datetime) -> list[OpenRun]:
    """The runs that wait for nothing but a slot, in their order."""
    return ordered(one for one in open_runs if _is_in_line(one, now))


def ordered(open_runs: Iterable[OpenRun]) -> list[OpenRun]:
    """By their occurrences' times, whenever they were decided; the oldest first."""
    return sorted(open_runs, key=lambda one: (one.ranks_at or _AT_LAST, one.key))


def ranks_at(run: Run) -> datetime:
    """The place of a run in the order: its occurrence's time, and of what a person asks for now that of asking."""
    if run.kind is RunKind.REQUEST or run.nominal_time is None:
        return run.created_at
    return run.nominal_time


def is_made_up_for(run: Run) -> bool:
    """Whether a run stands in the second line: a backfill or a replay, or what follows one."""
    if run.upstream is not None and run.upstream.is_made_up_for:
        return True
    return run.kind is RunKind.REPLAY or (run.by_person and run.kind is not RunKind.REQUEST)


def next_in_turn(first: list[OpenRun], second: list[OpenRun], started_in_a_row: int) -> OpenRun:
    """Take the next run out of two lines; what is made up for gets at least every fourth free slot."""
    is_second = bool(second) and (not first or started_in_a_row >= _IN_A_ROW)
    return (second if is_second else first).pop(0)


def _is_in_line(one: OpenRun, now: datetime) -> bool:
    """Whether a run waits, and not for its jitter."""
    return one.state is RunState.WAITING and (one.due_at is None or one.due_at <= now)


def newest_in_flight(open_runs: Iterable[OpenRun]) -> datetime | None:
    """The newest occurrence that the schedule itself has started, of those that are open."""
    return max((one.ranks_at for one in open_runs if _is_own_start(one) and one.ranks_at), default=None)


def _is_own_start(one: OpenRun) -> bool:
    return one.state in _IN_FLIGHT and one.is_own


def _held(open_runs: Iterable[OpenRun], now: datetime) -> int:
    """How many slots are held.

    An unknown run that history has denied for an hour holds none any more: where only one run may be open, it would
    keep the very run from starting that proves that history has caught up.
    """
    return sum(one.state in _IN_FLIGHT and not _is_denied(one, now) for one in open_runs)


def _is_denied(one: OpenRun, now: datetime) -> bool:
    return (
        one.state is RunState.UNKNOWN and one.first_look_up_at is not None and now - one.first_look_up_at >= _DENIED_FOR
    )
