"""How runs and marks lie in the table: keys and columns, and nothing of how they get there.

    partition = schedule    k:<key>                    the run
                            o:<key>                    exists while the run is open: what the reconciler walks
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

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from ..scheduling.pauses import Pause
from ..scheduling.run import Run

Row: TypeAlias = dict[str, Any]
Kind = TypeVar("Kind")

REGISTRY: Final = "registry"
_COLUMN: Final = 15_000
_END_OF_TIME: Final = 253_402_300_800_000
"""Milliseconds: the year 10000; subtracted from it, later times sort first."""


class CorruptRow(Exception):
    """A row that is not what we wrote."""


def run_row(run: Run, write_id: str) -> Row:
    """The run's own row; `write_id` lets a repeated write recognise itself."""
    document = msgspec.json.encode(replace(run, version=None, written_at=None)).decode()
    return {
        **_index_row(run, f"k:{run.key}"),
        "written_by": write_id,
        "run_id": run.run_id or "",
        "error": (run.error or "")[:1000],
        **_columns(document),
    }


def open_row(run: Run) -> Row:
    """The row that exists while the run is open."""
    return _index_row(run, f"o:{run.key}")


def list_row(run: Run) -> Row:
    """The row by which lists find the run, newest first."""
    return {**_index_row(run, f"{list_key(run.created_at)}:{run.key}"), "key": run.key}


def list_key(created_at: datetime) -> str:
    """Where the list rows of a time begin; earlier times come behind it."""
    return f"t:{_END_OF_TIME - int(created_at.timestamp() * 1000):015d}"


def run_of(row: Mapping[str, Any], version: str, written_at: datetime | None) -> Run:
    """The run in a row; raises CorruptRow."""
    return replace(_document(row, Run), version=version, written_at=written_at)


def pauses_row(schedule: str, pauses: tuple[Pause, ...]) -> Row:
    """The row of a schedule's pauses."""
    document = msgspec.json.encode(pauses).decode()
    return {"PartitionKey": REGISTRY, "RowKey": f"p:{schedule}", **_columns(document)}


def pauses_of(row: Mapping[str, Any]) -> tuple[Pause, ...]:
    """The pauses in a row; raises CorruptRow."""
    return _document(row, tuple[Pause, ...])


def time_of(row: Mapping[str, Any], column: str) -> datetime:
    """A time that we wrote as text; raises CorruptRow."""
    try:
        return datetime.fromisoformat(row[column])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptRow(f"the ledger's row {row.get('RowKey')!r} is not readable: {error!r}") from error


def _columns(document: str) -> Row:
    """A document, cut into columns."""
    starts = range(0, len(document), _COLUMN)
    return {f"document_{number}": document[start : start + _COLUMN] for number, start in enumerate(starts)}


def _document(row: Mapping[str, Any], kind: type[Kind]) -> Kind:
    """What the columns of a row hold; raises CorruptRow."""
    pieces: list[str] = []
    while isinstance(piece := row.get(f"document_{len(pieces)}"), str):
        pieces.append(piece)
    try:
        return msgspec.json.decode("".join(pieces), type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CorruptRow(f"the ledger's row {row.get('RowKey')!r} is not readable: {error}") from error


def _index_row(run: Run, row_key: str) -> Row:
    return {"PartitionKey": run.schedule, "RowKey": row_key, "state": run.state.value, "kind": run.kind.value}
