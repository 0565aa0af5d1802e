"""The ledger's rows in Azure Table Storage. A transaction covers one partition, so each schedule has its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient

from ..settings import UnusableConnection
from .calls import BROKEN_OFF, TABLE, ServerTime, explained, repeated, table_is_missing
from .ports import LedgerUnavailable, Operation, Replace, RowsRead, StoredRow, Written
from .table_writes import written

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

_UNFIT: Final = frozenset({404, 409, 412})
"""Statuses of a failed condition: the row is missing, exists already, or has changed."""


_BETWEEN: Final = "PartitionKey eq @partition and RowKey ge @first and RowKey lt @before"
_ROWS_A_REQUEST: Final = 1000
"""The most that the service returns at once."""


class AzureTable:
    """One table, created if it is missing; safe to share between threads."""

    def __init__(self, open_service: Callable[[], TableServiceClient]) -> None:
        """`open_service` is called on first use, so that building a ledger sends nothing."""
        self._open_service = open_service
        self._lock = Lock()
        self._client: TableClient | None = None
        self.incarnation = 0

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        with self._reached() as table:
            try:
                return _stored(table.get_entity(partition, row_key))
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
                return None
        return None

    def query(
        self,
        partition: str,
        first: str,
        before: str,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[StoredRow]:
        with self._reached() as table:
            found = table.query_entities(
                _BETWEEN,
                parameters={"partition": partition, "first": first, "before": before},
                results_per_page=None if limit is None else min(limit, _ROWS_A_REQUEST),
                select=None if columns is None else ["RowKey", "Timestamp", *columns],
            )
            yield from map(_stored, islice(found, limit))

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        with self._reached() as table:
            answered = ServerTime()
            found = table.query_entities(
                _BETWEEN,
                parameters={"partition": partition, "first": first, "before": before},
                results_per_page=limit,
                raw_response_hook=answered,
            )
            return RowsRead([_stored(row) for row in islice(found, limit)], answered.at)
        return RowsRead([], None)

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        with self._reached() as table:
            answered = ServerTime()
            try:
                etags = repeated(lambda: written(table, partition, operations, answered))
            except HttpResponseError as error:
                if error.status_code not in _UNFIT or table_is_missing(error):
                    raise
                return None
            return Written(etags[0] or "", answered.at)
        return None

    def now(self) -> datetime:
        answered = ServerTime()
        with self._reached() as table:
            try:
                table.get_entity("registry", "ledger", raw_response_hook=answered)
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
        return answered.at or self._stamped()

    def _stamped(self) -> datetime:
        """Write a row and return its timestamp; used when a proxy removes the Date header."""
        self.write("registry", [Replace("clock", {})])
        row = self.get("registry", "clock")
        if row is None or row.written_at is None:
            raise LedgerUnavailable("the ledger does not report the time")
        return row.written_at

    @contextmanager
    def _reached(self) -> Iterator[TableClient]:
        """Yield the table; any error of it becomes LedgerUnavailable, with a hint at the fix."""
        try:
            yield self._table()
        except UnusableConnection as error:
            raise LedgerUnavailable(f"the ledger cannot be reached: {error}") from error
        except AzureError as error:
            if isinstance(error, HttpResponseError) and table_is_missing(error):
                self._client = None  # created again by the next call
                self.incarnation += 1
            raise LedgerUnavailable(explained(error)) from error
        except BROKEN_OFF as error:
            raise LedgerUnavailable(explained(error)) from error

    def _table(self) -> TableClient:
        with self._lock:
            if self._client is None:
                self._client = self._open_service().create_table_if_not_exists(TABLE)
            return self._client


def _stored(entity: "TableEntity") -> StoredRow:
    stamped = entity.metadata["timestamp"]
    # A plain datetime, because the client's subclass of it cannot be serialized.
    written_at = None if stamped is None else datetime.fromisoformat(stamped.isoformat())
    return StoredRow(entity["RowKey"], entity, str(entity.metadata["etag"]), written_at)
