"""The ledger in Azure Table Storage: one partition a schedule, since a transaction spans one partition only."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient, UpdateMode

from ..connections import UnusableConnection
from ..scheduling.pauses import Pause
from ..scheduling.run import OPEN_STATES, Run, RunState, schedule_of
from .calls import BROKEN_OFF, TABLE, ServerTime, explained, repeated, table_is_missing, whole_transaction
from .ports import LedgerUnavailable, Mark, Pauses, Registration
from .rows import (
    REGISTRY,
    CorruptRow,
    Row,
    list_key,
    list_row,
    open_row,
    pauses_of,
    pauses_row,
    run_of,
    run_row,
    time_of,
)

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

log = logging.getLogger(__name__)

Item = TypeVar("Item")

_RUNS_A_TRANSACTION: Final = 48
"""A transaction holds 100 rows; a run has two once it has ended."""

_CONFLICT: Final = 409
_CHANGED: Final = frozenset({404, 409, 412})
"""A conditional write that somebody else has overtaken: by changing the row, or by deleting it."""


class AzureTableLedger:
    """Keeps the rows of `rows.py`; safe to share between threads. The table is created when it is missing."""

    def __init__(self, open_service: Callable[[], TableServiceClient]) -> None:
        """`open_service` is called at the first use, so that building a ledger touches nothing."""
        self._open_service = open_service
        self._lock = Lock()
        self._client: TableClient | None = None
        self._id: str | None = None
        self._registered: dict[str, Registration] = {}
        """A registration never changes; without this, every firing would ask for it."""

    def ledger_id(self) -> str:
        if self._id is None:
            row = {"PartitionKey": REGISTRY, "RowKey": "ledger", "ledger_id": str(uuid4())}
            self._id = str(self._created_or_present(row)["ledger_id"])
        return self._id

    def register(self, schedule: str, first_seen: datetime) -> Registration:
        if schedule not in self._registered:
            row = {"PartitionKey": REGISTRY, "RowKey": f"s:{schedule}", "first_seen": first_seen.isoformat()}
            self._registered[schedule] = _registration(self._created_or_present(row))
        return self._registered[schedule]

    def registrations(self) -> list[Registration]:
        return list(_readable(_registration, self._query(REGISTRY, "s:")))

    def insert(self, run: Run) -> Run | None:
        write_id = str(uuid4())
        rows = [run_row(run, write_id), list_row(run)]
        if run.state in OPEN_STATES:
            rows.append(open_row(run))
        return self._transaction(run, write_id, [("create", row) for row in rows], frozenset({_CONFLICT}))

    def update(self, before: Run, after: Run) -> Run | None:
        write_id = str(uuid4())
        unchanged = {
            "mode": UpdateMode.REPLACE,
            "etag": before.version,
            "match_condition": MatchConditions.IfNotModified,
        }
        operations: list[Any] = [
            ("update", run_row(after, write_id), unchanged),
            ("upsert", list_row(after), {"mode": UpdateMode.REPLACE}),
        ]
        if after.state in OPEN_STATES:
            operations.append(("upsert", open_row(after), {"mode": UpdateMode.REPLACE}))
        elif before.state in OPEN_STATES:
            operations.append(("delete", open_row(after)))
        return self._transaction(after, write_id, operations, _CHANGED)

    def get(self, key: str) -> Run | None:
        row = self._get(schedule_of(key), f"k:{key}")
        return None if row is None else _run(row)

    def open_runs(self, schedule: str) -> Iterator[Run]:
        return self._runs(schedule, (row["RowKey"][2:] for row in self._query(schedule, "o:")))

    def recent_runs(self, schedule: str, limit: int) -> list[Run]:
        keys = []
        for row in self._query(schedule, "t:"):
            keys.append(row["key"])
            if len(keys) == limit:
                break
        return list(self._runs(schedule, iter(keys)))

    def now(self) -> datetime:
        self.ledger_id()
        answered = ServerTime()
        with self._reached() as table:
            table.get_entity(REGISTRY, "ledger", raw_response_hook=answered)
        if answered.at is None:
            raise LedgerUnavailable("the ledger's answer does not tell the time")
        return answered.at

    def hold(self, target: str, until: datetime) -> None:
        with self._reached() as table:
            table.upsert_entity({"PartitionKey": REGISTRY, "RowKey": f"h:{target}", "until": until.isoformat()})

    def holds(self) -> dict[str, datetime]:
        return dict(_readable(lambda row: (row["RowKey"][2:], time_of(row, "until")), self._query(REGISTRY, "h:")))

    def prune(self, schedule: str, created_before: datetime, limit: int) -> int:
        past = []
        for row in self._query(schedule, list_key(created_before), "t;"):
            if RunState(row["state"]) not in OPEN_STATES:
                past.append(row)
            if len(past) == limit:
                break
        for start in range(0, len(past), _RUNS_A_TRANSACTION):
            operations = []
            for row in past[start : start + _RUNS_A_TRANSACTION]:
                operations += [("delete", _key_of(row)), ("delete", {**_key_of(row), "RowKey": f"k:{row['key']}"})]
            with self._reached() as table:
                try:
                    table.submit_transaction(operations)
                except HttpResponseError as error:
                    if error.status_code not in _CHANGED:
                        raise
                    return start  # another instance prunes too
        return len(past)

    def mark(self, schedule: str) -> Mark | None:
        row = self._get(schedule, "mark")
        if row is None:
            return None
        return Mark(until=time_of(row, "until"), trigger_digest=str(row["trigger_digest"]), version=_etag(row))

    def set_mark(self, schedule: str, mark: Mark) -> bool:
        row = {
            "PartitionKey": schedule,
            "RowKey": "mark",
            "until": mark.until.isoformat(),
            "trigger_digest": mark.trigger_digest,
        }
        return self._followed(row, mark.version)

    def pauses(self, schedule: str) -> Pauses:
        row = self._get(REGISTRY, f"p:{schedule}")
        return Pauses() if row is None else Pauses(intervals=pauses_of(row), version=_etag(row))

    def all_pauses(self) -> dict[str, tuple[Pause, ...]]:
        return dict(_readable(lambda row: (row["RowKey"][2:], pauses_of(row)), self._query(REGISTRY, "p:")))

    def set_pauses(self, schedule: str, pauses: Pauses) -> bool:
        return self._followed(pauses_row(schedule, pauses.intervals), pauses.version)

    def note_pass(self, at: datetime) -> None:
        with self._reached() as table:
            table.upsert_entity({"PartitionKey": REGISTRY, "RowKey": "reconcile", "ended_at": at.isoformat()})

    def last_pass(self) -> datetime | None:
        row = self._get(REGISTRY, "reconcile")
        return None if row is None else time_of(row, "ended_at")

    def _followed(self, row: Row, version: str | None) -> bool:
        """Write a row that follows the version that was read, None where there was none; False when it does not."""
        unchanged = MatchConditions.IfNotModified
        with self._reached() as table:
            try:
                if version is None:
                    table.create_entity(row)
                else:
                    table.update_entity(row, mode=UpdateMode.REPLACE, etag=version, match_condition=unchanged)
            except HttpResponseError as error:
                if error.status_code in _CHANGED and not table_is_missing(error):
                    return False
                raise
        return True

    def _transaction(self, run: Run, write_id: str, operations: list[Any], overtaken: frozenset[int]) -> Run | None:
        """Write all rows or none; the first is the run's own. None when another write came first."""
        with self._reached() as table:
            answered = ServerTime()
            try:
                written = repeated(lambda: whole_transaction(table, operations, answered))
            except HttpResponseError as error:
                if error.status_code not in overtaken or table_is_missing(error):
                    raise
            else:
                return replace(run, version=str(written[0]["etag"]), written_at=answered.at)
        # A write whose answer was lost was repeated, and then met its own row.
        row = self._get(run.schedule, f"k:{run.key}")
        if row is not None and row.get("written_by") == write_id:
            return _run(row)
        return None

    def _runs(self, schedule: str, keys: Iterator[str]) -> Iterator[Run]:
        """The runs of these keys."""
        rows = (self._get(schedule, f"k:{key}") for key in keys)
        return _readable(_run, (row for row in rows if row is not None))

    def _created_or_present(self, row: Row) -> "Row | TableEntity":
        """Insert a row, or read the one that is there already."""
        with self._reached() as table:
            try:
                repeated(lambda: table.create_entity(row))
                return row
            except HttpResponseError as error:
                if error.status_code != _CONFLICT:
                    raise
            return table.get_entity(row["PartitionKey"], row["RowKey"])

    def _get(self, partition: str, row_key: str) -> "TableEntity | None":
        with self._reached() as table:
            try:
                return table.get_entity(partition, row_key)
            except ResourceNotFoundError as error:
                if table_is_missing(error):
                    raise
                return None
        return None

    def _query(self, partition: str, prefix: str, after: str | None = None) -> Iterator["TableEntity"]:
        """The rows of a partition from a row key on, in order: those that begin with it, or all before `after`."""
        after = after or prefix[:-1] + chr(ord(prefix[-1]) + 1)
        with self._reached() as table:
            yield from table.query_entities(
                "PartitionKey eq @partition and RowKey ge @first and RowKey lt @after",
                parameters={"partition": partition, "first": prefix, "after": after},
            )

    @contextmanager
    def _reached(self) -> Iterator[TableClient]:
        """The table; whatever goes wrong with it inside becomes LedgerUnavailable, with what to do."""
        try:
            yield self._table()
        except UnusableConnection as error:
            raise LedgerUnavailable(f"the ledger cannot be reached: {error}") from error
        except AzureError as error:
            if isinstance(error, HttpResponseError) and table_is_missing(error):
                # Made anew by the next call, the table and what this process knows of it.
                self._client, self._id = None, None
                self._registered.clear()
            raise LedgerUnavailable(explained(error)) from error
        except BROKEN_OFF as error:
            raise LedgerUnavailable(explained(error)) from error

    def _table(self) -> TableClient:
        with self._lock:
            if self._client is None:
                self._client = self._open_service().create_table_if_not_exists(TABLE)
            return self._client


def _readable(read: Callable[["TableEntity"], Item], rows: Iterator["TableEntity"]) -> Iterator[Item]:
    """What the rows hold; one that is not readable is named and passed over."""
    for row in rows:
        try:
            yield read(row)
        except CorruptRow:
            log.exception("a row of the ledger is passed over", extra={"action": "corrupt_row", "row": row["RowKey"]})


def _registration(row: "Row | TableEntity") -> Registration:
    return Registration(schedule=row["RowKey"][2:], first_seen=time_of(row, "first_seen"))


def _run(row: "TableEntity") -> Run:
    # As a plain datetime: the client's own kind cannot be written into a document.
    stamped = row.metadata["timestamp"]
    return run_of(row, _etag(row), None if stamped is None else datetime.fromisoformat(stamped.isoformat()))


def _key_of(row: "TableEntity") -> Row:
    return {"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"]}


def _etag(row: "TableEntity") -> str:
    return str(row.metadata["etag"])
