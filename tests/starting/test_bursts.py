"""Many concurrent claims of one schedule, which must take turns: every one of them is decided."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import uniform
from threading import Barrier

import pytest
from azure.data.tables import TableServiceClient
from builders import Outside, ScriptedEndpoint, ScriptedHistory, change, config, file_of

from local.azurite import Azurite
from triggers.clock import SystemClock
from triggers.engine import Engine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.pace import Pace
from triggers.starting.occurrence import change_occurrence

AT_ONCE = 80
CHANGE = "change: {datastore: blobs, container: data, data_path_parameter_name: input}"


@pytest.mark.parametrize(
    ("limit", "submitted"), [("max_concurrent_runs: 100", AT_ONCE), ("overlap: buffer_all", 1)], ids=["slots", "line"]
)
def test_eighty_concurrent_claims_all_succeed(azurite: Azurite, limit: str, submitted: int) -> None:
    name = f"burst{submitted}"
    of = config(file_of(f"{CHANGE}\n{limit}", name=name)).schedules[name]
    service = TableServiceClient.from_connection_string(azurite.connection_string)
    endpoint = ScriptedEndpoint()
    engine = Engine(
        config=config(file_of(f"{CHANGE}\n{limit}", name=name)),
        ledger=Ledger(AzureTable(lambda: service)),
        outside=Outside(endpoint=endpoint, history=ScriptedHistory(endpoint)),
        clock=SystemClock(),
        started_at=datetime.now(UTC),
        pace=Pace(submit_deadline=timedelta(minutes=5)),
        spread=lambda: uniform(-1, 1),
    )
    engine.ledger.ledger_id()
    together = Barrier(AT_ONCE)

    def fire(number: int) -> str | None:
        together.wait()
        run = engine.firing.fire(of, change_occurrence(name, change(etag=str(number))))
        return None if run is None else run.state.value

    with ThreadPoolExecutor(AT_ONCE) as threads:
        states = Counter(threads.map(fire, range(AT_ONCE)))

    assert states == {"submitted": submitted} | ({"waiting": AT_ONCE - submitted} if submitted < AT_ONCE else {})
    assert len(set(endpoint.keys)) == len(endpoint.keys) == submitted
