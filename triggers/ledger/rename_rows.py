"""Rows of renamed directories that are still being listed: one for each schedule and destination."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from ..scheduling.instants import Instant
from ..scheduling.replacing import replace
from .ledger import Ledger
from .ports import Create, Delete, LedgerUnavailable, Replace, StoredRow
from .rows import REGISTRY, after_prefix, columns_of, document_of, readable, readable_or, time_of

RENAMED: Final = "d:"
NEWEST: Final = "renamed:"
_TRIES: Final = 5
_NOTED_EVERY: Final = timedelta(hours=1)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class RenamedDirectory(Struct, frozen=True, kw_only=True):
    """The progress of listing a renamed directory."""

    host: str
    container: str
    path: str
    source: str | None
    at: Instant
    """When it was renamed, according to the event."""
    continuation: str | None = None
    after: str | None = None
    """The last path of the present page that has been handled."""
    listed: int = 0
    """Number of blobs so far."""
    started: int = 0
    """Number of runs so far; too high if the process died while it started some."""
    left_out: int = 0
    """Files that started no run because the directory has too many."""
    again: Instant | None = None
    """The time of a later event about the same destination."""
    again_source: str | None = None
    version: str | None = None
    """ETag of the row that was read."""


class RenameLedger:
    """Reads and writes these rows. Every method raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self._table = ledger.table
        self._noted: dict[str, datetime] = {}

    def note(self, schedule: str, at: datetime) -> None:
        """Record that renames are reported to a schedule; the row is written at most once an hour."""
        if at - self._noted.get(schedule, _LONG_AGO) >= _NOTED_EVERY:
            self._table.write(REGISTRY, [Replace(f"{NEWEST}{schedule}", {"at": at.isoformat()})])
            self._noted[schedule] = at

    def reported(self) -> dict[str, datetime]:
        """The schedules to which renames were reported, and roughly when the newest was."""
        return dict(readable(_reported_in, self._table.query(REGISTRY, NEWEST, after_prefix(NEWEST))))

    def begin(self, schedule: str, one: RenamedDirectory) -> None:
        """Request that a directory be listed; if it is being listed already, it is listed again afterwards."""
        key = _key(one)
        for _ in range(_TRIES):
            if self._table.write(schedule, [Create(key, columns_of(one))]) is not None:
                return
            row = self._table.get(schedule, key)
            if row is None:
                continue
            before = readable_or(_renamed_of, row, None)
            if before is not None and one.at <= (before.again or before.at):
                return  # the same event, or an older one
            after = one if before is None else replace(before, again=one.at, again_source=one.source, version=None)
            if self._table.write(schedule, [Replace(key, columns_of(after), row.etag)]) is not None:
                return
        raise LedgerUnavailable(f"{schedule}: the row of {one.path!r} keeps changing; try again")

    def unfinished(self, schedule: str) -> Iterator[RenamedDirectory]:
        """All directories that still have to be listed."""
        return readable(_renamed_of, self._table.query(schedule, RENAMED, after_prefix(RENAMED)))

    def set(self, schedule: str, one: RenamedDirectory) -> RenamedDirectory | None:
        """Replace the state that was read; returns it as written, or None if another caller was first."""
        written = self._table.write(schedule, [Replace(_key(one), columns_of(replace(one, version=None)), one.version)])
        return None if written is None else replace(one, version=written.etag)

    def end(self, schedule: str, one: RenamedDirectory) -> bool:
        """Delete the row of a listed directory; False if another event has come meanwhile."""
        return self._table.write(schedule, [Delete(_key(one), one.version)]) is not None


def _reported_in(row: StoredRow) -> tuple[str, datetime]:
    return row.row_key.removeprefix(NEWEST), time_of(row, "at")


def _renamed_of(row: StoredRow) -> RenamedDirectory:
    return replace(document_of(row, RenamedDirectory), version=row.etag)


def _key(one: RenamedDirectory) -> str:
    named = json.dumps([one.host, one.container, one.path], ensure_ascii=False, separators=(",", ":"))
    return f"{RENAMED}{hashlib.sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
