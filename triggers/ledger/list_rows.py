"""Rows by which lists find runs, newest first; each contains its run as lists show it.

A field added to RunAnswer must not have a default: rows without it are then shown from the run itself.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from ..scheduling.run import Run, RunState
from ..scheduling.run_keys import is_run_key
from ..scheduling.shown import RunAnswer, run_answer
from .ports import Columns, StoredRow
from .rows import CorruptRow, columns_of, document_of, state_of

LIST: Final = "t:"
_KEY: Final = "t:000000000000000:"
"""As long as the part before the run key in the key of a list row."""
_END_OF_TIME: Final = 253_402_300_800_000
"""The year 10000 in milliseconds; times are subtracted from it, so that later ones sort first."""


class Listed(Struct, frozen=True, kw_only=True):
    """A run as found by a list, without reading the run."""

    place: str
    """The row key: sorts newest first, and can be compared across schedules."""
    key: str
    state: RunState
    row: StoredRow


class Listing(Struct, frozen=True, kw_only=True):
    """One page of a list."""

    runs: list[Listed]
    end: str | None
    """The place of the last row that was read; None if the listing is complete."""


def list_key(created_at: datetime) -> str:
    """The prefix of the list rows of a time; earlier times sort after it."""
    return f"{LIST}{_END_OF_TIME - int(created_at.timestamp() * 1000):015d}"


def list_columns(run: Run) -> Columns:
    """The columns of a run's list row."""
    return {"state": run.state.value, "kind": run.kind.value, "key": run.key, **columns_of(run_answer(run))}


def listed_of(row: StoredRow) -> Listed:
    """Decode a list row; raises CorruptRow."""
    return Listed(place=row.row_key, key=listed_key(row), state=state_of(row), row=row)


def listed_key(row: StoredRow) -> str:
    """The key of the run that a list row is about, from its row key; raises CorruptRow."""
    key = row.row_key[len(_KEY) :]
    if not is_run_key(key):
        raise CorruptRow(row.row_key, "its key names no run")
    return key


def answer_of(listed: Listed) -> RunAnswer | None:
    """The run as its list row shows it; None if the row lacks columns for it, or has some that cannot be used.

    Version 0.1.0 writes none. What a newer version has added is ignored.
    """
    if "document_0" not in listed.row.columns:
        return None
    try:
        found = document_of(listed.row, RunAnswer)
    except CorruptRow:
        return None
    return found if (found.key, found.state) == (listed.key, listed.state.value) else None
