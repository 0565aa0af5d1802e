"""What a page of runs costs by its list rows, beside reading each run by itself.

python -m bench.page [rounds]
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

from bench.measuring import Range, Report, argument, in_turn, ratio, spent
from bench.reconciler import CountedSession, fill
from local.azurite import Azurite, free_ports
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.steering.pages import Wanted, page

A_PAGE = 200
RUNS = 2000


def main() -> None:
    rounds = argument(1, 5)
    report = Report("page", rounds)
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        session = CountedSession()
        transport = RequestsTransport(session=session, session_owner=False)
        service = TableServiceClient.from_connection_string(azurite.connection_string, transport=transport)
        ledger = Ledger(AzureTable(lambda: service))
        fill(ledger.table, RUNS, datetime.now(UTC))

        def by_rows() -> None:
            page(ledger, Wanted(schedule="s", limit=A_PAGE))

        def by_runs() -> None:
            ledger.shown_runs([one.key for one in ledger.listed("s", limit=A_PAGE).runs])

        ways = {"by their list rows": by_rows, "each run by itself": by_runs}
        found = in_turn({name: partial(spent, way) for name, way in ways.items()}, rounds)
        sent = [requests(session, way) for way in ways.values()]
    ours, theirs = ([one.cpu for one in each] for each in found.values())
    rows = [
        [name, number, Range.of([one.cpu * 1e3 for one in found[name]]).median]
        for name, number in zip(ways, sent, strict=True)
    ]
    report.table("page", [f"a page of {A_PAGE} runs", "requests", "CPU, ms"], rows)
    report.figure(f"A page of {A_PAGE} runs", "one request for each run", ratio(ours, theirs))
    report.close()


def requests(session: CountedSession, call: Callable[[], object]) -> int:
    session.sent = 0
    call()
    return session.sent


if __name__ == "__main__":
    main()
