"""The rows that detect silence (no new files for too long), in the schedule's partition.

`last_change` is the newest change in scope, of one life. `silence` is the newest silence recorded, and whether the
webhook has been notified.
"""

from datetime import datetime

from msgspec import Struct, field

from ..scheduling.replacing import replace
from .ports import Columns, Replace, StoredRow, Table, following
from .rows import number_of, readable_or, text_of, time_of

_LAST, _SILENCE = "last_change", "silence"


class Silence(Struct, frozen=True, kw_only=True):
    """A period without changes, identified by the last change before it."""

    last: str
    """In ISO 8601; empty if there was none yet."""
    is_reported: bool = False
    attempts: int = 0
    next_attempt_at: datetime | None = None
    """On the ledger's clock."""
    version: str | None = None


class Silences(Struct, frozen=True):
    """Reads and writes these rows; what was last written is cached, so that not every change costs a write."""

    table: Table
    _newest: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def note(self, schedule: str, life: str, at: datetime) -> None:
        """Record a change if it is newer than the newest one of its life."""
        known = self._newest.get(schedule)
        if known is None or known[0] != life:
            present = self.last_change(schedule, life)
            known = None if present is None else (life, present)
        if known is None or at > known[1]:
            columns = {"life": life, "at": at.isoformat()}
            self.table.write(schedule, [Replace(_LAST, columns)])
            known = (life, at)
        self._newest[schedule] = known

    def last_change(self, schedule: str, life: str) -> datetime | None:
        """The newest change of a life; None if there was none."""
        row = self.table.get(schedule, _LAST)
        if row is None or row.columns.get("life") != life:
            return None
        return readable_or(lambda one: time_of(one, "at"), row, None)

    def silence(self, schedule: str) -> Silence | None:
        """The newest silence recorded; None if there was none."""
        row = self.table.get(schedule, _SILENCE)
        return None if row is None else readable_or(_silence_of, row, Silence(last="?", version=row.etag))

    def set_silence(self, schedule: str, silence: Silence) -> Silence | None:
        """Replace the silence that was read; returns it as written, or None if another caller was first."""
        times = {} if silence.next_attempt_at is None else {"until": silence.next_attempt_at.isoformat()}
        columns: Columns = {"last": silence.last, "told": silence.is_reported, "attempts": silence.attempts, **times}
        written = self.table.write(schedule, [following(_SILENCE, columns, silence.version)])
        return None if written is None else replace(silence, version=written.etag)


def _silence_of(row: StoredRow) -> Silence:
    return Silence(
        last=text_of(row, "last"),
        is_reported=bool(row.columns.get("told")),
        attempts=number_of(row, "attempts"),
        next_attempt_at=time_of(row, "until") if "until" in row.columns else None,
        version=row.etag,
    )
