"""Batches: adding files to them, and sealing 10,000 and 100,000 waiting files into runs, on Azurite.

    python -m bench.changes [files ...]     default: 1000 10000 100000; the last takes some minutes

Sealing is a whole pass of the reconciler: it reads what waits, makes batches of 5,000 files, and starts their runs.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
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
from triggers.ledger.ports import Create, Operation
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


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [1_000, 10_000, 100_000]
    report = Report("changes", 1)
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
            rows.append(sealed(azurite.connection_string, size))
    columns = ["waiting files", "runs", "seconds", "requests", "rows read", "CPU, µs a file", "adding a file, CPU ms"]
    report.table("sealing", columns, rows)
    cpu = {float(size): float(str(row[5])) for size, row in zip(sizes, rows, strict=True)}
    report.curve("sealing", "waiting files", "CPU, µs a file", {"this app": cpu})
    report.close()


def sealed(connection_string: str, size: int) -> Sequence[object]:
    """Fill an empty ledger, and let passes seal all of it."""
    session = CountedSession()
    transport = RequestsTransport(session=session, session_owner=False)
    service = TableServiceClient.from_connection_string(connection_string, transport=transport)
    ledger, endpoint = Ledger(AzureTable(lambda: service)), Slow(latency=0)
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
    return [f"{size:,}", len(endpoint.keys), taken.wall, f"{session.sent:,}", f"{session.rows:,}", per_file, adding]


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
