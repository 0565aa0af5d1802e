"""How soon a healthy schedule has its turn beside hanging ones, and whether a burst of claims is decided, on Azurite.

A pass begins with many schedules whose endpoint does not answer, and one behind them whose endpoint does; shown is when
its run was sent, against sending one run after the other. Then 80 threads claim runs of one schedule at once.

python -m bench.fairness [hanging schedules]
"""

import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.data.tables import TableServiceClient

from bench.backlog import Slow, engine_of, held_back
from bench.measuring import Report
from bench.reconciler import seconds
from local.azurite import Azurite, free_ports
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.reconciling.sharing import Pool
from triggers.scheduling.config import Config, TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run_request import Submission
from triggers.starting.occurrence import time_occurrence

HANGS_FOR = 2.0
RUNS = 5
AT_ONCE = 80
EARLIER = datetime(2026, 11, 1, tzinfo=UTC)


class Hanging(Slow):
    """Endpoints of which all but one never answer."""

    def __init__(self) -> None:
        super().__init__()
        self.sent_at: float | None = None

    def submit(self, submission: Submission, is_fresh: object) -> Outcome:
        if submission.run_key.startswith("zz"):
            self.sent_at = time.perf_counter()
            return Outcome(answer=Answer.SUBMITTED, run_id=submission.run_key)
        time.sleep(HANGS_FOR)
        return Outcome(answer=Answer.UNKNOWN, sentence="no answer", is_silence=True)


def main() -> None:
    hanging = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        service = TableServiceClient.from_connection_string(azurite.connection_string)
        ledger = Ledger(AzureTable(lambda: service))
        report = Report("fairness", 1)
        report.table("fairness", ["", "seconds"], [*starvation(ledger, hanging), *burst(ledger)])
        report.close()


def starvation(ledger: Ledger, hanging: int) -> list[list[object]]:
    names = [*(f"a{number}" for number in range(hanging)), "zz"]
    config, endpoint = file_of(names), Hanging()
    for name in names:
        held_back(ledger, config.schedules[name], RUNS if name != "zz" else 1)
    time.sleep(2)  # the ledger's clock is read in whole seconds
    engine, started = engine_of(config, ledger, endpoint), time.perf_counter()
    engine.reconciliation.run_pass(Pool(16))
    assert endpoint.sent_at is not None, "the healthy schedule had its turn in the first pass"
    took, one_by_one = endpoint.sent_at - started, hanging * RUNS * HANGS_FOR
    return [
        [f"a healthy schedule's run, behind {hanging} schedules that hang, is sent after", took],
        ["one by one, it would be sent after", one_by_one],
    ]


def burst(ledger: Ledger) -> list[list[object]]:
    config = file_of(["burst"], f"max_concurrent_runs: {AT_ONCE}, ")
    engine, of = engine_of(config, ledger, Slow()), config.schedules["burst"]
    assert isinstance(of, TimeSchedule)

    def fire(second: int) -> str:
        run = engine.firing.fire(of, time_occurrence(of, EARLIER + timedelta(seconds=second)))
        return "nothing" if run is None else run.state.value

    states: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        taken = seconds(lambda: states.update(threads.map(fire, range(AT_ONCE))))
    assert states["submitted"] == AT_ONCE, states
    return [[f"{AT_ONCE} claims of one schedule at once are all submitted after", taken]]


def file_of(names: list[str], more: str = "") -> Config:
    pipelines = "".join(f"  {one}: {{endpoint: 'https://x.api.azureml.ms/{one}'}}\n" for one in names)
    schedules = "".join(f"  {one}: {{pipeline: {one}, {more}cron: {{expression: 0 4 1 1 *}}}}\n" for one in names)
    return load(f"pipelines:\n{pipelines}schedules:\n{schedules}", "bench", {})


if __name__ == "__main__":
    main()
