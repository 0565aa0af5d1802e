"""What the ledger needs of a store of rows: Azure Table Storage, or memory. And what goes wrong with one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from ..settings import StoreUnavailable

ROWS_A_TRANSACTION: Final = 100

Columns: TypeAlias = Mapping[str, Any]


class LedgerUnavailable(StoreUnavailable):
    """The ledger cannot be reached or does not let us; what was asked may or may not have happened."""


@dataclass(frozen=True)
class StoredRow:
    """A row as it was read."""

    row_key: str
    columns: Columns
    etag: str
    written_at: datetime | None
    """By the store's clock."""


@dataclass(frozen=True)
class Create:
    """Insert a row that is not there."""

    row_key: str
    columns: Columns


@dataclass(frozen=True)
class Replace:
    """Write a row whole: one that is unchanged since its ETag was read; without an ETag, whatever is there."""

    row_key: str
    columns: Columns
    etag: str | None = None


@dataclass(frozen=True)
class Merge:
    """Write some columns of a row that is there."""

    row_key: str
    columns: Columns


@dataclass(frozen=True)
class Delete:
    """Delete a row that is there, with an ETag one that is unchanged since."""

    row_key: str
    etag: str | None = None
    columns: Columns = field(default_factory=dict)


Operation: TypeAlias = Create | Replace | Merge | Delete


def following(row_key: str, columns: Columns, etag: str | None) -> Operation:
    """Write a row that follows the one whose ETag was read; None: there was none."""
    return Create(row_key, columns) if etag is None else Replace(row_key, columns, etag)


@dataclass(frozen=True)
class Written:
    """What a write came to."""

    etag: str
    """Of the row of the first operation."""
    at: datetime | None
    """By the store's clock."""


@dataclass(frozen=True)
class RowsRead:
    """The rows of one answer."""

    rows: Sequence[StoredRow]
    at: datetime | None
    """By the store's clock; None where the answer did not tell."""


class Table(Protocol):
    """Rows in partitions, ordered by their keys. Every method raises LedgerUnavailable."""

    @property
    def incarnation(self) -> int:
        """Another number after the table was found missing and made anew: what was known of it holds no more."""

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        """One row, or None."""

    def query(
        self,
        partition: str,
        first: str,
        before: str,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[StoredRow]:
        """The rows with keys in [first, before), in order, fetched as they are asked for; the first `limit` of them.

        With `columns` these alone are read.
        """

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        """The first `limit` rows (at most 1000) with keys in [first, before), and the time; one request."""

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        """All operations (at most ROWS_A_TRANSACTION) or none; None when a condition does not hold.

        A write whose answer was lost is repeated underneath, and may then meet its own rows and return None: who must
        know gives the first row a mark of its own and reads it.
        """

    def now(self) -> datetime:
        """The time by the store's clock, which all instances share; costs a call."""
