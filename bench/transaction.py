"""What a transaction of three rows costs in CPU: by the table client's own way, and as the ledger writes it.

Both go through one client to one Azurite, in turns, round by round; shown is the CPU of this process alone.

python -m bench.transaction [rounds]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from azure.data.tables import TableClient, TableServiceClient

from local.azurite import Azurite, free_ports
from triggers.ledger.calls import ServerTime
from triggers.ledger.ports import Create
from triggers.ledger.table_writes import written

A_ROUND = 60
COLUMNS = {"state": "submitting", "kind": "time", "document_0": "x" * 1500}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        table = TableServiceClient.from_connection_string(azurite.connection_string).create_table_if_not_exists("bench")
        ways = {"the client's": by_the_client, "the ledger's": by_the_ledger}
        for way in ways.values():
            cpu(table, way)
        found = {name: [cpu(table, way) for _ in range(rounds)] for name, way in ways.items()}
    for name, each in found.items():
        print(f"{name} transaction of three rows: {statistics.median(each) * 1000:.2f} ms of CPU")
    ratios = [one / other for other, one in zip(*found.values(), strict=True)]
    print(f"{statistics.median(ratios):.2f} x [{min(ratios):.2f}..{max(ratios):.2f}]")


def by_the_client(table: TableClient) -> None:
    rows = [{"PartitionKey": "s", "RowKey": f"{kind}:{uuid4()}", **COLUMNS} for kind in "kot"]
    table.submit_transaction([("create", row) for row in rows])


def by_the_ledger(table: TableClient) -> None:
    written(table, "s", [Create(f"{kind}:{uuid4()}", COLUMNS) for kind in "kot"], ServerTime())


def cpu(table: TableClient, way: Callable[[TableClient], None]) -> float:
    """Seconds of this process's CPU for one transaction."""
    before = time.process_time()
    for _ in range(A_ROUND):
        way(table)
    return (time.process_time() - before) / A_ROUND


if __name__ == "__main__":
    main()
