"""The interface of the ledger's store of rows (Azure Table Storage or memory), and its error."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from msgspec import Struct, field

from ..settings import StoreUnavailable

ROWS_A_TRANSACTION: Final = 100

Columns: TypeAlias = Mapping[str, Any]


class LedgerUnavailable(StoreUnavailable):
    """The ledger cannot be reached or denies access; the operation may or may not have happened."""


class StoredRow(Struct, frozen=True):
    """A row as it was read."""

    row_key: str
    columns: Columns
    etag: str
    written_at: datetime | None
    """On the store's clock."""


class Create(Struct, frozen=True):
    """Insert a row that does not exist yet."""

    row_key: str
    columns: Columns


class Replace(Struct, frozen=True):
    """Write a whole row: with an ETag, one that is unchanged since it was read; without, whatever is there."""

    row_key: str
    columns: Columns
    etag: str | None = None


class Merge(Struct, frozen=True):
    """Write some columns of an existing row."""

    row_key: str
    columns: Columns


class Delete(Struct, frozen=True):
    """Delete an existing row; with an ETag, one that is unchanged since it was read."""

    row_key: str
    etag: str | None = None
    columns: Columns = field(default_factory=dict)


Operation: TypeAlias = Create | Replace | Merge | Delete


def following(row_key: str, columns: Columns, etag: str | None) -> Operation:
    """The write that replaces the row whose ETag was read; None means that there was no row."""
    return Create(row_key, columns) if etag is None else Replace(row_key, columns, etag)


class Written(Struct, frozen=True):
    """The result of a write."""

    etag: str
    """ETag of the first operation's row."""
    at: datetime | None
    """On the store's clock."""


class RowsRead(Struct, frozen=True):
    """The rows of one response."""

    rows: Sequence[StoredRow]
    at: datetime | None
    """On the store's clock; None if the response did not include it."""


class Table(Protocol):
    """Rows in partitions, ordered by their keys. Every method raises LedgerUnavailable."""

    @property
    def incarnation(self) -> int:
        """Changes when the table is created again after it was missing; what was cached about it is then invalid."""

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
        """The first `limit` rows with keys in [first, before), in order, fetched as they are consumed.

        With `columns`, only these are read.
        """

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        """The first `limit` rows (at most 1000) with keys in [first, before), and the time; one request."""

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        """Perform all operations (at most ROWS_A_TRANSACTION) or none; None if a condition does not hold.

        A write is repeated internally if its reply is lost, and may then find its own rows and return None. A caller
        that needs to know puts a unique mark into the first row and reads it back.
        """

    def now(self) -> datetime:
        """The time on the store's clock, which all instances share; costs a call."""
