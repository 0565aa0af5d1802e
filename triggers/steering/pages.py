"""A page of runs, newest first, over one schedule or all: it reads at most a thousand rows, whatever is asked for."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Final

from ..ledger.ledger import Ledger
from ..ledger.records import Listed, Listing
from ..scheduling.run import Run, RunState
from .declined import BadInput

ROWS_A_PAGE: Final = 1000
_PLACE: Final = re.compile(r"t:\d{15}(:[A-Za-z0-9_.:@~!-]{1,400})?\Z", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs, by the time of their rows: `since` inclusive, `until` exclusive."""

    schedule: str | None = None
    state: RunState | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    continuation: str | None = None


def page(ledger: Ledger, wanted: Wanted) -> tuple[list[Run], str | None]:
    """The runs, and where the next page begins, or None at the end. Raises BadInput, LedgerUnavailable."""
    after = None if wanted.continuation is None else _place(wanted.continuation)
    schedules = [wanted.schedule] if wanted.schedule is not None else [one.schedule for one in ledger.registrations()]
    share = max(1, (ROWS_A_PAGE - wanted.limit) // max(1, len(schedules)))
    parts = [ledger.listed(one, since=wanted.since, until=wanted.until, after=after, limit=share) for one in schedules]
    # What lies behind the last row of a part that was cut off is not known, so no other part may run ahead of it.
    horizon = min((part.end for part in parts if part.end is not None), default=None)
    found: list[Listed] = []
    last = None
    for one in _in_order(parts, horizon):
        if len(found) == wanted.limit:
            return _runs(ledger, found), _token(last)
        last = one.place
        if wanted.state in {None, one.state}:
            found.append(one)
    return _runs(ledger, found), _token(horizon)


def _in_order(parts: list[Listing], horizon: str | None) -> Iterator[Listed]:
    for one in merge(*(part.runs for part in parts), key=lambda listed: listed.place):
        if horizon is not None and one.place > horizon:
            return
        yield one


def _runs(ledger: Ledger, listed: list[Listed]) -> list[Run]:
    return list(ledger.runs([one.key for one in listed]))


def _token(place: str | None) -> str | None:
    return None if place is None else base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(token: str) -> str:
    try:
        place = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        place = ""
    if not _PLACE.match(place):
        raise BadInput("continuation: this is not one that a page ended with")
    return place
