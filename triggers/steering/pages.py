"""A page of runs, newest first, of one schedule or all. It never reads more than a thousand rows."""

import base64
import binascii
import re
from datetime import datetime
from heapq import heappop, heappush
from typing import Final

from msgspec import Struct

from ..ledger.ledger import Ledger
from ..ledger.list_rows import Listed
from ..scheduling.run import RunState
from ..scheduling.shown import RunAnswer
from .declined import BadInput

ROWS_A_PAGE: Final = 1000
_SEARCHED: Final = 500
"""How many rows of one schedule are read at a time if a state is wanted that most may not have."""
_PLACE: Final = re.compile(r"t:\d{15}(:[A-Za-z0-9_.:@~!-]{1,400})?\Z", re.ASCII)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which runs to list. `since` (inclusive) and `until` (exclusive) are creation times of their rows."""

    schedule: str | None = None
    state: RunState | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    continuation: str | None = None


def page(ledger: Ledger, wanted: Wanted) -> tuple[list[RunAnswer], str | None]:
    """The runs, and the token of the next page, None at the end. Raises BadInput, LedgerUnavailable."""
    after = None if wanted.continuation is None else _place(wanted.continuation)
    names = [wanted.schedule] if wanted.schedule is not None else [one.schedule for one in ledger.registrations()]
    left = ROWS_A_PAGE - wanted.limit
    """How many list rows may still be read; each run of the page costs another row."""
    first = max(1, min(wanted.limit, left // (2 * len(names) or 1)))
    waiting: list[tuple[str, int, Listed | None]] = []
    """The next rows of each schedule, as a heap; None marks the rows after the last one that was read."""

    def read(number: int, behind: str | None, limit: int) -> None:
        nonlocal left
        part = ledger.listed(
            names[number], since=wanted.since, until=wanted.until, after=behind, limit=limit, columns=None
        )
        left -= limit
        for one in part.runs:
            heappush(waiting, (one.place, number, one))
        if part.end is not None:
            heappush(waiting, (f"{part.end}!", number, None))

    for number in range(len(names)):
        read(number, after, first)
    found: list[Listed] = []
    last = after
    while waiting:
        place, number, one = heappop(waiting)
        if one is not None:
            last = place
            if wanted.state in {None, one.state}:
                found.append(one)
            if len(found) < wanted.limit:
                continue
            return ledger.answers(found), _token(last) if waiting else None
        behind = place[:-1]
        if left <= 0:
            return ledger.answers(found), _token(max(behind, last or behind))
        read(number, behind, min(left, wanted.limit if wanted.state is None else _SEARCHED))
    return ledger.answers(found), None


def _token(place: str | None) -> str | None:
    return None if place is None else base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(token: str) -> str:
    try:
        place = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        place = ""
    if not _PLACE.match(place):
        raise BadInput("continuation: unknown value; pass the one from the page before")
    return place
