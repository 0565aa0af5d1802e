"""The row of a schedule's life in the registry."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from .ports import Columns, StoredRow
from .rows import CorruptRow, readable_or, time_of

LIFE: Final = "life:"


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
