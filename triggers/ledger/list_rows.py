"""The rows by which lists find runs, newest first; each holds its run as lists show it.

A field that is added to RunAnswer has no default: rows without it are then shown from the run itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..scheduling.run import Run, RunState
from ..scheduling.run_keys import is_run_key
from ..scheduling.shown import RunAnswer, run_answer
from .ports import Columns, StoredRow
from .rows import CorruptRow, columns_of, document_of, state_of

LIST: Final = "t:"
_KEY: Final = "t:000000000000000:"
"""What stands before the run key in the key of a list row, with any digits."""
_END_OF_TIME: Final = 253_402_300_800_000
"""Milliseconds: the year 10000; subtracted from it, later times sort first."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A run as lists find it, without reading the run."""

    place: str
    """Where it stands in a list, newest first, of all schedules."""
    key: str
    state: RunState
    row: StoredRow


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A piece of a list."""

    runs: list[Listed]
    end: str | None
    """The place of the last row that was read; None: there are no more."""


def list_key(created_at: datetime) -> str:
    """Where the list rows of a time begin; earlier times come behind it."""
    return f"{LIST}{_END_OF_TIME - int(created_at.timestamp() * 1000):015d}"


def list_columns(run: Run) -> Columns:
    """The row by which lists find a run and show it."""
    return {"state": run.state.value, "kind": run.kind.value, "key": run.key, **columns_of(run_answer(run))}


def listed_of(row: StoredRow) -> Listed:
    """What a list row says of its run; raises CorruptRow."""
    return Listed(place=row.row_key, key=listed_key(row), state=state_of(row), row=row)


def listed_key(row: StoredRow) -> str:
    """The run that a list row is of: its own key says so. Raises CorruptRow."""
    key = row.row_key[len(_KEY) :]
    if not is_run_key(key):
        raise CorruptRow(row.row_key, "its key names no run")
    return key


def answer_of(listed: Listed) -> RunAnswer | None:
    """The run as its list row shows it; None where the row has no such columns, or others than this version knows.

    Version 0.1.0 writes none. A newer version may have written more, which is left out.
    """
    if "document_0" not in listed.row.columns:
        return None
    try:
        found = document_of(listed.row, RunAnswer)
    except CorruptRow:
        return None
    return found if (found.key, found.state) == (listed.key, listed.state.value) else None
