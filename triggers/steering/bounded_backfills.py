"""The part of a backfill that fits into the time of one answer, and where to continue."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from ..clock import Clock
from ..scheduling.config import ChangeSchedule, Schedule
from ..scheduling.instants import iso_utc_or_none
from ..starting.occurrence import Requested
from .answers import BackfillAnswer, ItemAnswer
from .backfilling import Backfilling, Item
from .questions import BackfillBody

_SHOWN: Final = 1000
_SECONDS: Final = 100
"""Well below the 230 seconds that an HTTP answer may take in Azure Functions."""


def backfilled(
    backfilling: Backfilling, clock: Clock, schedule: Schedule, first: datetime, before: datetime, body: BackfillBody
) -> BackfillAnswer:
    """Start what a schedule missed in [first, before), or list it. Raises BadInput, WrongState, StoreUnavailable."""
    asked, until = Requested(by=body.by, note=body.note), clock.monotonic() + _SECONDS
    complete = True

    def goes_on() -> bool:
        nonlocal complete
        complete = clock.monotonic() <= until
        return complete

    items = backfilling.backfill(
        schedule, first, before, asked, dry_run=body.dry_run, force=body.force, goes_on=goes_on
    )
    started: list[Item] = []
    already: list[Item] = []
    continue_from = None
    for item in items:
        (started if item.starts else already).append(item)
        if clock.monotonic() > until:
            behind = _behind(schedule, item)
            complete = behind is not None and behind >= before
            continue_from = None if complete else iso_utc_or_none(behind)
            break
    return BackfillAnswer(
        dry_run=body.dry_run,
        started=_items(started),
        already=_items(already),
        started_count=len(started),
        already_count=len(already),
        complete=complete,
        continue_from=continue_from,
    )


def _items(items: Iterable[Item]) -> list[ItemAnswer]:
    return [ItemAnswer(key=one.key, what=one.what, why=one.why) for one in islice(items, _SHOWN)]


def _behind(schedule: Schedule, item: Item) -> datetime | None:
    """The first instant after an occurrence; None for changes, which are processed by name."""
    if isinstance(schedule, ChangeSchedule):
        return None
    return datetime.fromisoformat(item.what) + timedelta(seconds=1)
