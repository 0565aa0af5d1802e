"""How runs and marks lie in the table: keys and columns, and nothing of how they get there.

    partition = schedule    k:<key>                    the run
                            o:<key>                    exists while the run is open: what the reconciler walks
                            n:<key>:<state>            an end that the run's webhook has not been told yet
                            n:<key>:callback           who waits for the run's end, with a token of theirs
                            slots                      changes with every claim that takes a slot
                            t:<inverted time>:<key>    newest first: what lists walk
                            mark                       up to when a time-based schedule's occurrences have rows
    partition = registry    s:<schedule>               first_seen
                            ledger                     the ledger's id
                            reconcile                  when the reconciler's newest pass ended
                            p:<schedule>               its pauses
                            h:<target>                 until when a target asked to be left alone (Retry-After)

A run is one JSON document, cut into columns of 15,000 characters (a column holds
32 K of UTF-16, where a character may take two); the other columns are for
filters and for people who look into the table.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from ..log_lines import logger
from ..scheduling.pauses import Pause
from ..scheduling.run import Run
from .ports import StoredRow

Row: TypeAlias = dict[str, Any]
Kind = TypeVar("Kind")
Item = TypeVar("Item")

log = logger(__name__)

REGISTRY: Final = "registry"
_COLUMN: Final = 15_000
_END_OF_TIME: Final = 253_402_300_800_000
"""Milliseconds: the year 10000; subtracted from it, later times sort first."""


class CorruptRow(Exception):
    """A row that is not what we wrote."""


def run_columns(run: Run, write_id: str) -> Row:
    """The run's own row; `write_id` lets a repeated write recognise itself."""
    return {
        **open_columns(run),
        "written_by": write_id,
        "run_id": run.run_id or "",
        "error": (run.error or "")[:1000],
        **columns_of(replace(run, version=None, written_at=None)),
    }


def open_columns(run: Run) -> Row:
    """The row that exists while the run is open: what can be told of the run without reading it."""
    times = {"due_at": run.due_at, "submitted_at": run.submitted_at, "first_look_up_at": run.first_look_up_at}
    known = {name: at.isoformat() for name, at in times.items() if at is not None}
    by = {"by_person": True} if run.by_person else {}
    return {"state": run.state.value, "kind": run.kind.value, **by, **known}


def list_columns(run: Run) -> Row:
    """The row by which lists find the run, newest first."""
    return {"state": run.state.value, "kind": run.kind.value, "key": run.key}


def list_key(created_at: datetime) -> str:
    """Where the list rows of a time begin; earlier times come behind it."""
    return f"t:{_END_OF_TIME - int(created_at.timestamp() * 1000):015d}"


def after_prefix(prefix: str) -> str:
    """The first key behind all those that begin with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def run_of(row: StoredRow) -> Run:
    """The run in a row; raises CorruptRow."""
    return replace(document_of(row, Run), version=row.etag, written_at=row.written_at)


def pauses_of(row: StoredRow) -> tuple[Pause, ...]:
    """The pauses in a row; raises CorruptRow."""
    return document_of(row, tuple[Pause, ...])


def time_of(row: StoredRow, column: str) -> datetime:
    """A time that we wrote as text; raises CorruptRow."""
    try:
        return datetime.fromisoformat(row.columns[column])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptRow(f"the ledger's row {row.row_key!r} is not readable: {error!r}") from error


def text_of(row: StoredRow, column: str) -> str:
    """A text that we wrote; raises CorruptRow."""
    found = row.columns.get(column)
    if not isinstance(found, str):
        raise CorruptRow(f"the ledger's row {row.row_key!r} is not readable: it has no {column}")
    return found


def columns_of(document: object) -> Row:
    """A document as JSON, cut into columns."""
    text = msgspec.json.encode(document).decode()
    starts = range(0, len(text), _COLUMN)
    return {f"document_{number}": text[start : start + _COLUMN] for number, start in enumerate(starts)}


def document_of(row: StoredRow, kind: type[Kind]) -> Kind:
    """What the columns of a row hold; raises CorruptRow."""
    pieces: list[str] = []
    while isinstance(piece := row.columns.get(f"document_{len(pieces)}"), str):
        pieces.append(piece)
    try:
        return msgspec.json.decode("".join(pieces), type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CorruptRow(f"the ledger's row {row.row_key!r} is not readable: {error}") from error


def readable(read: Callable[[StoredRow], Item], rows: Iterator[StoredRow]) -> Iterator[Item]:
    """What the rows hold; one that is not readable is named and passed over."""
    for row in rows:
        try:
            yield read(row)
        except CorruptRow:
            log.exception("a row of the ledger is passed over", extra={"action": "corrupt_row", "row": row.row_key})
