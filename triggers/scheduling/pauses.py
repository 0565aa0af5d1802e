"""Pauses: intervals in which a schedule starts nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from .instants import Instant
from .replacing import replace


class Pause(Struct, frozen=True, kw_only=True):
    """One pause, [begin, end), with who requested it and why."""

    begin: Instant
    end: Instant | None = None
    """None while it lasts."""
    note: str | None = None
    by: str | None = None
    end_note: str | None = None
    ended_by: str | None = None


def pause_at(pauses: Sequence[Pause], moment: datetime) -> Pause | None:
    """The pause that contains an instant; None if there is none."""
    return next((one for one in pauses if one.begin <= moment and (one.end is None or moment < one.end)), None)


def is_paused(pauses: Sequence[Pause], now: datetime) -> bool:
    """True if the schedule is paused; a pause that lasts counts even if it was begun by a clock that is ahead."""
    return pause_at(pauses, now) is not None or bool(pauses and pauses[-1].end is None)


def is_left_out(pauses: Sequence[Pause], happened_at: datetime, now: datetime) -> bool:
    """True if a pause keeps an event from starting anything: one that lasts, or one in which it happened."""
    return is_paused(pauses, now) or pause_at(pauses, happened_at) is not None


def paused_within(pauses: Sequence[Pause], since: datetime, until: datetime) -> timedelta:
    """How much of an interval was paused; ages do not grow in that time."""
    spans = (min(one.end or until, until) - max(one.begin, since) for one in pauses)
    return sum((span for span in spans if span > timedelta(0)), timedelta(0))


def later(one: tuple[Pause, ...], other: tuple[Pause, ...]) -> tuple[Pause, ...]:
    """The copy of a schedule's pauses with the later event; on a tie, the one that is paused."""
    return max(one, other, key=_last_event)


def _last_event(pauses: Sequence[Pause]) -> tuple[datetime, bool]:
    if not pauses:
        return datetime.min.replace(tzinfo=UTC), False
    return pauses[-1].end or pauses[-1].begin, pauses[-1].end is None


def begun(pauses: Sequence[Pause], at: datetime, note: str | None, by: str | None) -> tuple[Pause, ...] | None:
    """The pauses with a new one; None if the schedule is paused already."""
    if pauses and pauses[-1].end is None:
        return None
    return (*pauses, Pause(begin=at, note=note, by=by))[-KEPT:]


def ended(pauses: Sequence[Pause], at: datetime, note: str | None, by: str | None) -> tuple[Pause, ...] | None:
    """The pauses with the present one ended; None if the schedule is not paused."""
    if not pauses or pauses[-1].end is not None:
        return None
    return (*pauses[:-1], replace(pauses[-1], end=max(at, pauses[-1].begin), end_note=note, ended_by=by))


KEPT = 50
"""How many of a schedule's pauses are stored, the newest ones."""
