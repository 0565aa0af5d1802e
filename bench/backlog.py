"""How fast a pass sends what an outage has held back: on one thread, and on as many as the app has.

The runs are `unsent` and due, in Azurite; the endpoint accepts each after a while. Shown are runs a second of one pass
of a sample on one thread, then of everything on the threads, and how many submissions were under way at most.

python -m bench.backlog [runs] [threads] [targets]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import uniform
from threading import Lock

from azure.data.tables import TableServiceClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from builders import Outside

from bench.measuring import LIMIT, Range, Report
from bench.reconciler import Nobody, seconds
from local.azurite import Azurite, free_ports
from triggers.clock import SystemClock
from triggers.engine import Engine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.pace import Pace
from triggers.reconciling.sharing import Pool
from triggers.scheduling.config import Config, Schedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_request import RunRequest, Submission, build_request
from triggers.starting.occurrence import Occurrence

SCHEDULES = 4
LATENCY = 0.3


class Slow(Nobody):
    """An endpoint that accepts everything after a delay; accepted runs never end."""

    def __init__(self, latency: float = LATENCY) -> None:
        self._latency = latency
        self._lock = Lock()
        self.keys: list[str] = []
        self.under_way = self.most = 0

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        time.sleep(self._latency)
        with self._lock:
            self.under_way -= 1
            self.keys.append(submission.run_key)
        return Outcome(answer=Answer.SUBMITTED, run_id=submission.run_key)

    def still_running(self, request: RunRequest, ledger_id: str, run_ids: Collection[str]) -> Collection[str]:
        return run_ids

    def of(self, run: Run) -> Seen:
        return Seen(status="Running")


def main() -> None:
    runs, threads, targets = (int(text) for text in [*sys.argv[1:], "5000", "16", "4"][:3])
    config, report = load(file_with(targets), "bench", {}), Report("backlog", 1)
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        service = TableServiceClient.from_connection_string(azurite.connection_string)
        ledger, endpoint = Ledger(AzureTable(lambda: service)), Slow()
        fill(ledger, config, 60)
        sample = rate(ledger, config, endpoint, 1)
        fill(ledger, config, runs)
        everything = rate(ledger, config, endpoint, threads)
    assert len(endpoint.keys) == len(set(endpoint.keys)), "each run is sent once"
    minutes = runs / everything / 60
    columns = ["", "runs a second"]
    rows = [["1 thread", sample], [f"{threads} threads, {targets} pipelines", everything]]
    report.table("backlog", columns, rows)
    held_back = f"Minutes for {runs:,} held-back runs, {LATENCY * 1000:.0f} ms each"
    report.figure(held_back, LIMIT, Range(minutes, minutes, minutes), 4)
    report.close()


def file_with(targets: int) -> str:
    """Four schedules of so many pipelines."""
    pipelines = "".join(
        f"  p{number}: {{endpoint: 'https://x.api.azureml.ms/{number}'}}\n" for number in range(targets)
    )
    schedules = "".join(
        f"  s{number}: {{pipeline: p{number % targets}, cron: {{expression: 0 4 1 1 *}}}}\n"
        for number in range(SCHEDULES)
    )
    return f"pipelines:\n{pipelines}schedules:\n{schedules}"


def fill(ledger: Ledger, config: Config, runs: int) -> None:
    """So many runs that are to be sent again now, over the schedules."""
    for number in range(SCHEDULES):
        held_back(ledger, config.schedules[f"s{number}"], runs // SCHEDULES)
    time.sleep(2)  # the ledger's clock is read in whole seconds


def held_back(ledger: Ledger, schedule: Schedule, runs: int) -> None:
    """So many runs of a schedule that are to be sent again now."""
    now = datetime.now(UTC) - timedelta(minutes=5)
    for number in range(runs):
        key = f"{schedule.name}!{runs}-{number}"
        run = Run(
            key=key,
            schedule=schedule.name,
            kind=RunKind.REQUEST,
            state=RunState.UNSENT,
            created_at=now,
            pipeline=schedule.pipeline,
            request=build_request(schedule, Occurrence(key=key, kind=RunKind.REQUEST, nominal_time=now)),
        )
        ledger.insert(replace(run, next_attempt_at=now).first(now))


def engine_of(config: Config, ledger: Ledger, endpoint: Slow) -> Engine:
    """A process's engine over one endpoint for everything."""
    return Engine(
        config=config,
        ledger=ledger,
        outside=Outside(endpoint=endpoint, history=endpoint, status=endpoint),
        clock=SystemClock(),
        started_at=datetime.now(UTC),
        pace=Pace(),
        spread=lambda: uniform(-1, 1),
    )


def rate(ledger: Ledger, config: Config, endpoint: Slow, threads: int) -> float:
    """Runs a second of one pass."""
    engine = engine_of(config, ledger, endpoint)
    before = len(endpoint.keys)
    taken = seconds(lambda: engine.reconciliation.run_pass(Pool(threads)))
    return (len(endpoint.keys) - before) / taken


if __name__ == "__main__":
    main()
