"""Batches: adding files to them, and sealing 10,000 and 100,000 waiting files into runs.

    python -m bench.changes [files ...]     default: 1000 3000 10000 100000

Sealing is a whole pass of the reconciler: it reads what waits, makes batches of 5,000 files, and starts their runs. The
ledger is on Azurite up to 10,000 files. Beyond that it is in memory, since the emulator looks through all its rows at
each request; the CPU of that table counts too.
"""

import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

from bench.backlog import Slow
from bench.measuring import Report, spent
from bench.reconciler import CountedSession

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from builders import MemoryBlobs, Outside

from local.azurite import Azurite, free_ports
from triggers.clock import SystemClock
from triggers.engine import Engine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.change_ledger import ChangeLedger
from triggers.ledger.change_records import pending_key
from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import Create, Delete, Operation, StoredRow, Table, Written
from triggers.ledger.rows import columns_of
from triggers.pace import Pace
from triggers.scheduling.batch import Member
from triggers.scheduling.change import BlobChange, change_digest
from triggers.scheduling.file.loading import load

FILE = """
pipelines: {p: {endpoint: 'https://x.api.azureml.ms/y'}}
schedules:
  s:
    pipeline: p
    change: {datastore: d, connection: X, container: ccc, path_on_datastore: in, data_path: folder, min_size: 0}
    batch: {quiet: 1s, max_wait: 1m, max_items: 5000}
"""
ADDED = 60
ON_AZURITE = 10_000


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [1_000, 3_000, 10_000, 100_000]
    report = Report("changes", 1)
    rows = []
    for size in sizes:
        if size > ON_AZURITE:
            rows.append(sealed(SortedTable(), CountedSession(), size))
            continue
        with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
            session = CountedSession()
            transport = RequestsTransport(session=session, session_owner=False)
            service = TableServiceClient.from_connection_string(azurite.connection_string, transport=transport)
            rows.append(sealed(AzureTable(lambda: service), session, size))  # noqa: B023  called in this round
    columns = ["waiting files", "runs", "seconds", "requests", "rows read", "CPU, µs a file", "adding a file, CPU ms"]
    report.table("sealing", columns, rows)
    cpu = {float(size): float(str(row[5])) for size, row in zip(sizes, rows, strict=True) if size <= ON_AZURITE}
    report.curve("sealing", "waiting files", "CPU, µs a file", {"this app": cpu})
    report.close()


class SortedTable(MemoryTable):
    """A table in memory whose keys are kept in order, as the service keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[str] = []

    def query(
        self, partition: str, first: str, before: str, limit: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[StoredRow]:
        if partition != "s":
            return super().query(partition, first, before, limit, columns)
        start, end = bisect_left(self._keys, first), bisect_left(self._keys, before)
        keys = self._keys[start : end if limit is None else min(end, start + limit)]
        return iter([row for key in keys if (row := self.get(partition, key)) is not None])

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        written = super().write(partition, operations)
        if written is not None and partition == "s":
            for one in operations:
                at = bisect_left(self._keys, one.row_key)
                is_there = at < len(self._keys) and self._keys[at] == one.row_key
                if isinstance(one, Delete) and is_there:
                    del self._keys[at]
                elif not isinstance(one, Delete) and not is_there:
                    self._keys.insert(at, one.row_key)
        return written


def sealed(table: Table, session: CountedSession, size: int) -> Sequence[object]:
    """Fill an empty ledger, and let passes seal all of it."""
    ledger, endpoint = Ledger(table), Slow(latency=0)
    config = load(FILE, "bench", {"X": "UseDevelopmentStorage=true"})
    assert not config.faults, config.faults
    engine = Engine(
        config=config,
        ledger=ledger,
        outside=Outside(endpoint=endpoint, history=endpoint, status=endpoint, blobs=MemoryBlobs()),
        clock=SystemClock(),
        started_at=datetime.now(UTC),
        pace=Pace(),
        spread=lambda: 0.0,
    )
    engine.reconciliation.run_pass()
    adding = added(ChangeLedger(ledger))
    fill(ledger, size - ADDED)
    time.sleep(3)  # until the batch is due
    session.sent = session.rows = 0
    taken = spent(lambda: until_sealed(engine, ChangeLedger(ledger)))
    per_file = round(taken.cpu / size * 1e6, 1)
    counted = [f"{session.sent:,}", f"{session.rows:,}"] if session.sent else ["in memory", "in memory"]
    return [f"{size:,}", len(endpoint.keys), taken.wall, *counted, per_file, adding]


def until_sealed(engine: Engine, changes: ChangeLedger) -> None:
    engine.reconciliation.run_pass()
    while changes.waiting("s"):
        engine.reconciliation.run_pass()


def member(number: int) -> Member:
    at = datetime.now(UTC) - timedelta(minutes=5)
    path = f"in/{number:07}.csv"
    change = BlobChange(
        host="account.blob.core.windows.net", container="ccc", path=path, etag=f"0x{number}", size=1, last_modified=at
    )
    return Member(digest=change_digest(change), group="", change=change)


def added(changes: ChangeLedger) -> float:
    """Milliseconds of CPU to add a file."""
    members = iter([member(number) for number in range(ADDED)])
    return spent(lambda: changes.add("s", next(members), []), ADDED).cpu * 1e3


def fill(ledger: Ledger, files: int) -> None:
    """Let files wait, as `add` writes them, fifty a transaction."""
    for start in range(ADDED, ADDED + files, 50):
        operations: list[Operation] = []
        for number in range(start, min(start + 50, ADDED + files)):
            one = member(number)
            named = {"path": one.change.path, "etag": one.change.etag, "run_key": "", "written_by": "x"}
            operations += [Create(f"c:{one.digest}", named), Create(pending_key(one, for_set=False), columns_of(one))]
        assert ledger.table.write("s", operations) is not None


if __name__ == "__main__":
    main()
