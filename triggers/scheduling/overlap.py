"""What becomes of an occurrence while other runs of its schedule are open: `overlap` and `max_concurrent_runs`.

A slot is held by every run that Azure ML may be running or about to. New occurrences also leave a slot to each run that
was there before them: one that is tried again, or waits in line.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from .config import Overlap, Schedule
from .run import RunState


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """An open run, as far as slots are concerned."""

    key: str
    state: RunState
    due_at: datetime | None = None
    """Of a waiting run: when its jitter ends, or when it began to wait."""
    submitted_at: datetime | None = None
    first_look_up_at: datetime | None = None
    """Of an unknown run: when run history first denied it."""
    by_person: bool = False
    is_request: bool = False
    """A person's trigger, not something made up for."""


class Turn(Enum):
    """What an occurrence does now."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"


KEEPS_NEWEST: Final = frozenset({Overlap.BUFFER_ONE, Overlap.CANCEL_OTHER})
"""Of what waits in line, only the newest starts."""

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


def in_line(open_runs: Iterable[OpenRun], now: datetime) -> list[OpenRun]:
    """The runs that wait for nothing but a slot, oldest first."""
    waiting = [one for one in open_runs if _is_in_line(one, now)]
    return sorted(waiting, key=lambda one: (one.due_at or now, one.key))


def _is_in_line(one: OpenRun, now: datetime) -> bool:
    """Whether a run waits, and not for its jitter."""
    return one.state is RunState.WAITING and (one.due_at is None or one.due_at <= now)


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
