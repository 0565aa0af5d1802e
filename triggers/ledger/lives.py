"""The row of a schedule's life in the registry, and the rows of version 0.1.0 that show what a schedule was."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from ..scheduling.run import RunKind
from .change_records import SWEEP_0_1, SweepState, sweep_of
from .ports import Columns, StoredRow, Table
from .rows import REGISTRY, CorruptRow, readable_or, time_of

LIFE: Final = "life:"
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Life(Struct, frozen=True, kw_only=True):
    """A period in which a schedule keeps its kind and watched folder; what is older starts nothing."""

    schedule: str
    id: str
    first_seen: datetime
    began_at: datetime
    seen_at: datetime
    """`began_at` and `seen_at` are on the ledger's clock; `seen_at` is renewed every five minutes."""
    is_first: bool
    """True for a schedule's first life, in which all events count."""
    version: str | None = None
    """ETag of the row that was read; None if it is not stored yet."""

    @property
    def row_key(self) -> str:
        """Its row key in the registry."""
        return life_key(self.schedule, self.id)


def life_key(schedule: str, life: str = "") -> str:
    """The row key of a life; without an id, the prefix of the schedule's lives."""
    return f"{LIFE}{schedule}:{life}"


def life_columns(life: Life) -> Columns:
    """The columns of a life's row."""
    times = {"first_seen": life.first_seen, "began_at": life.began_at, "seen_at": life.seen_at}
    return {**{name: at.isoformat() for name, at in times.items()}, "is_first": life.is_first}


def life_of(row: StoredRow) -> Life:
    """The life in a row; an unreadable time is replaced by the row's own."""

    def time(column: str) -> datetime:
        found = readable_or(lambda one: time_of(one, column), row, row.written_at)
        if found is None:
            raise CorruptRow(row.row_key, f"neither {column} nor the row's own time is known")
        return found

    schedule, _, life = row.row_key[len(LIFE) :].partition(":")
    return Life(
        schedule=schedule,
        id=life,
        first_seen=time("first_seen"),
        began_at=time("began_at"),
        seen_at=time("seen_at"),
        is_first=row.columns.get("is_first") is True,
        version=row.etag,
    )


def left_by_0_1(table: Table, schedule: str) -> SweepState | RunKind | None:
    """What version 0.1.0 knew of a schedule: the progress of its sweep, or RunKind.TIME; None if it wrote neither.

    The row that was written last shows the kind of the schedule. Progress that cannot be read is that of no folder.
    """
    mark, sweep = table.get(schedule, "mark"), table.get(REGISTRY, f"{SWEEP_0_1}{schedule}")
    newest = max((row for row in (sweep, mark) if row), key=lambda row: row.written_at or _LONG_AGO, default=None)
    if newest is None:
        return None
    return RunKind.TIME if newest is mark else readable_or(sweep_of, newest, SweepState())
