"""What a page of runs costs by its list rows and, as before, by each run; and the answer of GET /api/health.

python -m bench.page [runs]
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

from bench.reconciler import CountedSession, fill, wired
from bench.submission import cpu
from local.azurite import Azurite, free_ports
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.steering.pages import Wanted, page

A_PAGE = 200
ROUNDS = 5


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        session = CountedSession()
        transport = RequestsTransport(session=session, session_owner=False)
        service = TableServiceClient.from_connection_string(azurite.connection_string, transport=transport)
        ledger = Ledger(AzureTable(lambda: service))
        fill(ledger.table, runs, datetime.now(UTC))

        def by_rows() -> None:
            page(ledger, Wanted(schedule="s", limit=A_PAGE))

        def by_runs() -> None:
            ledger.shown_runs([one.key for one in ledger.listed("s", limit=A_PAGE).runs])

        costs = {way: [cpu(way, 1) for _ in range(ROUNDS)] for way in (by_rows, by_runs)}
        ratio = statistics.median(one / other for one, other in zip(*costs.values(), strict=True))
        sent = [requests(session, way) for way in costs]
        process = wired(ledger)
        process.run_pass()
        health = requests(session, lambda: (ledger.open_summary(), ledger.last_pass()))
    print(f"a page of {A_PAGE} runs: {sent[0]} requests instead of {sent[1]}, {ratio:.2f} x the CPU")
    print(f"health: {health} requests for what is open and the last pass")


def requests(session: CountedSession, call: Callable[[], object]) -> int:
    session.sent = 0
    call()
    return session.sent


if __name__ == "__main__":
    main()
