"""A table in memory, for tests and the simulator."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from threading import Lock

from ..scheduling.replacing import replace
from .ports import Create, Delete, Merge, Operation, Replace, RowsRead, StoredRow, Written


class MemoryTable:
    """Holds the rows of each partition in a dictionary, under one lock."""

    incarnation = 0

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`now` is the store's clock."""
        self._now = now
        self._lock = Lock()
        self._versions = count(1)
        self._partitions: dict[str, dict[str, StoredRow]] = {}

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        with self._lock:
            return self._partitions.get(partition, {}).get(row_key)

    def query(
        self,
        partition: str,
        first: str,
        before: str,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[StoredRow]:
        with self._lock:
            rows = self._partitions.get(partition, {})
            found = [rows[key] for key in sorted(rows) if first <= key < before][:limit]
        return iter(found if columns is None else [_cut_down(row, columns) for row in found])

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        return RowsRead(list(self.query(partition, first, before, limit)), self._now())

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        with self._lock:
            rows = self._partitions.setdefault(partition, {})
            if not all(_holds(one, rows.get(one.row_key)) for one in operations):
                return None
            now = self._now()
            for one in operations:
                present = rows.get(one.row_key)
                if isinstance(one, Delete):
                    del rows[one.row_key]
                    continue
                kept = present.columns if isinstance(one, Merge) and present else {}
                version = str(next(self._versions))
                rows[one.row_key] = StoredRow(one.row_key, {**kept, **one.columns}, version, now)
            first = rows.get(operations[0].row_key)
            return Written(first.etag if first else "", now)

    def now(self) -> datetime:
        return self._now()


def _cut_down(row: StoredRow, columns: Sequence[str]) -> StoredRow:
    return replace(row, columns={name: value for name, value in row.columns.items() if name in columns})


def _holds(operation: Operation, present: StoredRow | None) -> bool:
    """True if an operation's condition holds for the present row."""
    if isinstance(operation, Create):
        return present is None
    if isinstance(operation, Merge):
        return present is not None
    if operation.etag is not None:
        return present is not None and present.etag == operation.etag
    return isinstance(operation, Replace) or present is not None
