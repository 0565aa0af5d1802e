"""Limits how many due occurrences one call decides, so that no call takes too long."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from .config import Catchup, TimeSchedule
from .overlap import KEEPS_NEWEST, slots_of
from .pauses import Pause, pause_at
from .policies import ON_TIME
from .times.occurrences import between, named_between, newest_first
from .times.rules import INSTANT

OCCURRENCES_A_CALL: Final = 1000


def due_now(
    schedule: TimeSchedule, after: datetime, until: datetime, now: datetime, pauses: Sequence[Pause]
) -> tuple[list[datetime], datetime | None]:
    """The occurrences in (after, until] to decide now, oldest first, and the first one that is left for later.

    The oldest come first. Of a longer backlog, those that have to start now are added: the ones on time, and those that
    `catchup` starts.
    """
    oldest = list(islice(named_between(schedule.trigger, after, until), OCCURRENCES_A_CALL + 1))
    if len(oldest) <= OCCURRENCES_A_CALL:
        return oldest, None
    rest = oldest.pop()
    starting = _starting(schedule, rest - INSTANT, until, now, pauses)
    return sorted({*oldest, *starting}), rest


def _starting(
    schedule: TimeSchedule, after: datetime, until: datetime, now: datetime, pauses: Sequence[Pause]
) -> Iterator[datetime]:
    trigger = schedule.trigger
    late = now - ON_TIME - INSTANT
    window = max(after, now - schedule.catchup_window - INSTANT)
    if schedule.catchup is Catchup.ALL:
        yield from islice(between(trigger, window, until), OCCURRENCES_A_CALL)
        if slots_of(schedule) is not None and schedule.overlap not in KEEPS_NEWEST:
            return  # they start in order, so nothing overtakes those that are left
    if schedule.catchup is Catchup.LATEST:
        caught_up = (one for one in newest_first(trigger, window, late) if pause_at(pauses, one) is None)
        yield from islice(caught_up, 1)
    yield from between(trigger, max(after, late), until)
