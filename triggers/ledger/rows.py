"""The layout of the ledger's rows: keys and columns, but not how they are stored.

docs/rows.md lists every kind of row: who writes it, who reads it, and when it is deleted.

An older version of the app may read, rewrite and delete any of them while a
newer one runs, in a rolling deployment or after a rollback. So rows that it would
misread get a new prefix; in k: rows it keeps columns and keys that it does not
know; and a column that an o: or t: row lacks means "read the run", never "due" or
"oldest".

A run is one JSON document, split into columns of 15,000 characters (a column holds
32 K units of UTF-16, and a character may need two). The other columns are for
filters and for people who look at the table.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from ..log_lines import logger
from ..scheduling.overlap import ranks_at
from ..scheduling.pauses import Pause
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState, Unknown, is_rerun
from ..scheduling.run_keys import kind_in, schedule_of
from ..scheduling.run_states import OPEN_STATES
from .ports import LedgerUnavailable, StoredRow

Row: TypeAlias = dict[str, Any]
Kind = TypeVar("Kind")
Item = TypeVar("Item")

log = logger(__name__)

REGISTRY: Final = "registry"
_PREFIX: Final = len("k:")
_RUN_COLUMNS: Final = frozenset(
    {
        "state",
        "kind",
        "by_person",
        "made_up_for",
        "rerun",
        "ranks_at",
        "due_at",
        "submitted_at",
        "first_look_up_at",
        "written_by",
        "run_id",
        "error",
        "PartitionKey",
        "RowKey",
    }
)
"""The columns of a run's own row, without its document."""
_COLUMN: Final = 15_000
_LATER: Final = (
    r'life":null|claims":\[\]|events_left_out":0|'
    'previous_time":null|moved_from":null|cancel_requested_at":null|reruns":null|upstream":null|overrides":null|unknown":null'
)
_ABSENT: Final = re.compile(rf'(,"({_LATER}))+}}\Z', re.ASCII)
"""Unset fields at the end of a run's document. All are newer than version 0.1.0 and are left out."""
_NUMBER: Final = re.compile(r"[1-9]\d{0,11}\Z", re.ASCII)
_LONGEST_TAIL: Final = 200
_PIECE: Final = re.compile(r"document_\d+\Z", re.ASCII)


class CorruptRow(LedgerUnavailable):
    """A row that we did not write, or that a newer version of the app wrote; the others are readable."""

    def __init__(self, row_key: str, why: object) -> None:
        super().__init__(f"the ledger's row {row_key!r} is not readable: {why}")


def run_columns(run: Run, write_id: str) -> Row:
    """The run's own row; `write_id` lets a repeated write recognize itself."""
    return {
        **(run.unknown.columns if run.unknown else {}),
        **filter_columns(run),
        "written_by": write_id,
        "run_id": run.run_id or "",
        "error": (run.error or "")[:1000],
        **_cut(_text_of(run)),
    }


def filter_columns(run: Run) -> Row:
    """Columns next to the document, for filters and for people who look into the table."""
    times = {
        "ranks_at": ranks_at(run),
        "due_at": run.due_at,
        "submitted_at": run.submitted_at,
        "first_look_up_at": run.first_look_up_at,
    }
    known = {name: at.isoformat() for name, at in times.items() if at is not None}
    by = {"by_person": True} if run.by_person else {}
    if run.upstream is not None and run.upstream.is_made_up_for:
        by["made_up_for"] = True
    if is_rerun(run):
        by["rerun"] = True
    return {"state": run.state.value, "kind": run.kind.value, **by, **known}


def after_prefix(prefix: str) -> str:
    """The first key after all those with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def replays_of(prefix: str, root: str) -> tuple[str, str]:
    """The range of row keys, [first, before), of an occurrence's replays."""
    return f"{prefix}{root}.r", f"{prefix}{root}.s"


def numbers_behind(first: str, rows: Iterator[StoredRow]) -> list[int]:
    """The numbers that follow `first` in the keys of rows, in ascending order; other keys are ignored."""
    ends = (row.row_key.removeprefix(first) for row in rows)
    return sorted(int(end) for end in ends if _NUMBER.match(end))


def run_of(row: StoredRow) -> Run:
    """The run in a row; raises CorruptRow."""
    run = document_of(row, Run)
    if run.key != row.row_key[_PREFIX:]:
        raise CorruptRow(row.row_key, f"it holds the run {run.key!r}")
    if run.state in OPEN_STATES and (run.request is None or not run.history):
        raise CorruptRow(row.row_key, f"a run that is {run.state.value} has a request and a history")
    return replace(run, version=row.etag, written_at=row.written_at, unknown=_unknown_in(row, run))


def shown_run_of(row: StoredRow) -> Run:
    """The run in a row; if unreadable, what can be shown of it, in the state `unreadable`."""
    try:
        return run_of(row)
    except CorruptRow as error:
        _log_unreadable(row)
        return _unreadable(row, str(error))


def _unreadable(row: StoredRow, sentence: str) -> Run:
    key = row.row_key[_PREFIX:]
    return Run(
        key=key,
        schedule=schedule_of(key),
        kind=kind_in(key),
        state=RunState.UNREADABLE,
        created_at=row.written_at or datetime.fromtimestamp(0, UTC),
        pipeline="",
        error=sentence,
    )


def pauses_of(row: StoredRow) -> tuple[Pause, ...]:
    """The pauses in a row; raises CorruptRow."""
    return document_of(row, tuple[Pause, ...])


def time_of(row: StoredRow, column: str) -> datetime:
    """The time in a text column; raises CorruptRow."""
    try:
        found = datetime.fromisoformat(row.columns[column])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptRow(row.row_key, f"{column}: {error!r}") from error
    if found.tzinfo is None:
        raise CorruptRow(row.row_key, f"{column} has no offset")
    return found


def number_of(row: StoredRow, column: str) -> int:
    """The number in a column, 0 if it is absent; raises CorruptRow."""
    found = row.columns.get(column, 0)
    if not isinstance(found, int) or found < 0:
        raise CorruptRow(row.row_key, f"{column} is not a number")
    return found


def text_of(row: StoredRow, column: str) -> str:
    """The text in a column; raises CorruptRow."""
    found = row.columns.get(column)
    if not isinstance(found, str):
        raise CorruptRow(row.row_key, f"it has no {column}")
    return found


def state_of(row: StoredRow) -> RunState:
    """The state in a row; raises CorruptRow."""
    try:
        return RunState(text_of(row, "state"))
    except ValueError as error:
        raise CorruptRow(row.row_key, error) from error


def columns_of(document: object) -> Row:
    """A document as JSON, split into columns."""
    return _cut(msgspec.json.encode(document).decode())


def _cut(text: str) -> Row:
    starts = range(0, len(text), _COLUMN)
    return {f"document_{number}": text[start : start + _COLUMN] for number, start in enumerate(starts)}


def document_of(row: StoredRow, kind: type[Kind]) -> Kind:
    """Decode the document in a row's columns; raises CorruptRow."""
    try:
        return msgspec.json.decode(_document_in(row), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CorruptRow(row.row_key, error) from error


def readable_or(read: Callable[[StoredRow], Item], row: StoredRow, otherwise: Item) -> Item:
    """Decode a row; if it is unreadable, log that and return `otherwise`."""
    return next(readable(read, iter([row])), otherwise)


def readable(read: Callable[[StoredRow], Item], rows: Iterator[StoredRow]) -> Iterator[Item]:
    """Decode rows; unreadable ones are logged and skipped."""
    for row in rows:
        try:
            yield read(row)
        except CorruptRow:
            _log_unreadable(row)


def _log_unreadable(row: StoredRow) -> None:
    extra = {"action": "corrupt_row", "row": row.row_key}
    log.error("a row of the ledger cannot be read; everything else continues without it", extra=extra)


def _text_of(run: Run) -> str:
    """The document of a run, including what a newer version has added."""
    text = _known_text(replace(run, version=None, written_at=None, unknown=None))
    if run.unknown is None or not run.unknown.keys:
        return text
    return msgspec.json.encode(_with(msgspec.json.decode(text), run.unknown.keys)).decode()


def _known_text(run: Run) -> str:
    """The document of a run without unknown keys; `unknown`, its last field, is not part of it."""
    text = msgspec.json.encode(run).decode()
    return text[:-_LONGEST_TAIL] + _ABSENT.sub("}", text[-_LONGEST_TAIL:])


def _unknown_in(row: StoredRow, run: Run) -> Unknown | None:
    columns = {
        name: value for name, value in row.columns.items() if name not in _RUN_COLUMNS and not _PIECE.match(name)
    }
    text, known = _document_in(row), _known_text(run)
    # Usually the text is what this version would write.
    keys = {} if text == known else _unknown_keys(msgspec.json.decode(text), msgspec.json.decode(known))
    return Unknown(columns=columns, keys=keys) if columns or keys else None


def _unknown_keys(given: Any, known: Any) -> dict[Any, Any]:
    """The keys in `given` that `known` lacks, as a tree of their places."""
    found: dict[Any, Any] = {}
    if isinstance(given, dict) and isinstance(known, dict):
        found = {name: value for name, value in given.items() if name not in known}
        shared = [(name, given[name], known[name]) for name in given if name in known]
    elif isinstance(given, list) and isinstance(known, list):
        shared = list(zip(range(len(given)), given, known, strict=False))
    else:
        return {}
    return found | {place: part for place, one, other in shared if (part := _unknown_keys(one, other))}


def _with(value: Any, keys: Mapping[Any, Any]) -> Any:
    """Add missing keys to a JSON value; where both have a value, the value's own counts."""
    if isinstance(value, dict):
        changed = {name: _with(one, keys[name]) if name in keys else one for name, one in value.items()}
        return {**changed, **{name: one for name, one in keys.items() if name not in value}}
    if isinstance(value, list):
        return [_with(one, keys[place]) if place in keys else one for place, one in enumerate(value)]
    return value


def _document_in(row: StoredRow) -> str:
    pieces: list[str] = []
    while isinstance(piece := row.columns.get(f"document_{len(pieces)}"), str):
        pieces.append(piece)
    return "".join(pieces)
