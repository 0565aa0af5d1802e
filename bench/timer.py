"""What a timer that fires costs: its requests to the ledger, the POST over TLS and all between them, in CPU.

Beside it the naive function: one `requests.post`. Both run in this process, in turns, round by round; Azurite and the
server that takes the POSTs are processes of their own.

python -m bench.timer [firings a round]
"""

import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from azure.data.tables import TableServiceClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from builders import HandClock, Outside

from bench.reconciler import Nobody
from bench.submission import NoTokens, cpu, served
from local.azurite import Azurite, free_ports
from triggers.azureml.service import AzureMl
from triggers.azureml.wire import Wire
from triggers.engine import Engine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.pace import Pace
from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.file.loading import load

ROUNDS = 7
PIPELINE = (
    "/pipelines/v1.0/subscriptions/s/resourceGroups/r/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/PipelineRuns/PipelineSubmit/3f0c6f3e-6c2a-4d3f-9a55-0d6b1f7e8a10"
)
FILE = "pipelines: {{p: {{endpoint: '{}'}}}}\nschedules: {{s: {{pipeline: p, cron: {{expression: '* * * * *'}}}}}}\n"


def main() -> None:
    firings = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with (
        served() as (url, bundle),
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder), free_ports(3), in_memory=True) as azurite,
    ):
        timer = Timer(f"{url}{PIPELINE}", bundle, azurite.connection_string)

        def naive() -> None:
            requests.post(url, json={"a": 1}, verify=bundle, timeout=60).raise_for_status()

        for call in (timer.fire, naive):
            call()
        rounds = [(cpu(timer.fire, firings), cpu(naive, firings)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) / 1000 for column in zip(*rounds, strict=True))
    ratios = sorted(mine / other for mine, other in rounds)
    print(f"a timer that fires: {ours:.1f} ms of CPU, the naive function {theirs:.1f} ms")
    print(f"{statistics.median(ratios):.2f} x [{ratios[0]:.2f}..{ratios[-1]:.2f}], bar 1.1")


class Timer:
    """A schedule of every minute, on a clock that is moved on by a minute for each firing."""

    def __init__(self, url: str, bundle: str, connection_string: str) -> None:
        self._clock = HandClock(datetime.now(UTC) - timedelta(days=2))
        config = load(FILE.format(url), "bench", {})
        schedule = config.schedules["s"]
        assert isinstance(schedule, TimeSchedule)
        wire = Wire(tokens=NoTokens(None), scope="x", patience=timedelta(seconds=60), threads=8, ca_bundle=bundle)
        service = TableServiceClient.from_connection_string(connection_string)
        nobody = Nobody()
        self._schedule = schedule
        self._engine = Engine(
            config=config,
            ledger=Ledger(AzureTable(lambda: service)),
            outside=Outside(endpoint=AzureMl(wire, {}), history=nobody, status=nobody),
            clock=self._clock,
            started_at=self._clock.now(),
            pace=Pace(),
            spread=lambda: 0.0,
        )

    def fire(self) -> None:
        self._clock.pass_time(timedelta(minutes=1))
        assert self._engine.due_occurrences.fire(self._schedule) >= 1


if __name__ == "__main__":
    main()
