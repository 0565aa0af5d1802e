"""What a pass of the reconciler costs beside a past of ended runs, on Azurite: what is open counts, not what is past.

python -m bench.reconciler [ended runs]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from azure.data.tables import TableServiceClient

from local.azurite import Azurite, free_ports
from triggers.clock import SystemClock
from triggers.firing import Firing
from triggers.ledger.azure_table import AzureTableLedger
from triggers.ledger.calls import TABLE
from triggers.ledger.rows import list_row, run_row
from triggers.reconciliation import Reconciliation
from triggers.scheduling.loading import load
from triggers.scheduling.look_up import LookUp
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_request import RunRequest, Submission
from triggers.unknown_runs import UnknownRuns

FILE = "pipelines: {p: {endpoint: 'https://x.example/y'}}\nschedules: {s: {pipeline: p, cron: {expression: 0 4 * * *}}}"
OPEN = 50


class Nobody:
    """An endpoint that refuses, and a history that knows nothing."""

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        return Outcome(answer=Answer.UNSENT, sentence="refused")

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        return LookUp()


def main() -> None:
    ended = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        service = TableServiceClient.from_connection_string(azurite.connection_string)
        ledger = AzureTableLedger(lambda: service)
        ledger.register("s", datetime.now(UTC))
        reconciliation = wired(ledger)
        now = datetime.now(UTC)
        for number in range(OPEN):
            run = one(f"s!open-{number}", RunState.UNSENT, now, next_attempt_at=now + timedelta(days=1))
            ledger.insert(run.first(now))
        empty = [passed(reconciliation) for _ in range(7)]
        fill(service, ended, now)
        full = [passed(reconciliation) for _ in range(7)]
    before, after = statistics.median(empty), statistics.median(full)
    past = f"beside {ended} ended ones {after * 1000:.0f} ms"
    print(f"{OPEN} open runs: {before * 1000:.0f} ms a pass; {past}: {after / before:.2f} x")


def wired(ledger: AzureTableLedger) -> Reconciliation:
    clock, nobody = SystemClock(), Nobody()
    firing = Firing(
        ledger=ledger,
        endpoint=nobody,
        clock=clock,
        submit_deadline=timedelta(seconds=300),
        retry_first_delay=timedelta(seconds=30),
        spread=lambda: 0.0,
    )
    return Reconciliation(
        config=load(FILE, "bench", {}),
        ledger=ledger,
        firing=firing,
        unknown_runs=UnknownRuns(ledger=ledger, history=nobody, clock=clock, settle=timedelta(seconds=120)),
        clock=clock,
        started_at=clock.now(),
        submit_deadline=timedelta(seconds=300),
        retention=timedelta(days=9000),
    )


def passed(reconciliation: Reconciliation) -> float:
    """Seconds of one pass."""
    started = time.perf_counter()
    reconciliation.run_pass()
    return time.perf_counter() - started


def one(key: str, state: RunState, created_at: datetime, **other: datetime) -> Run:
    run = Run(key=key, schedule="s", kind=RunKind.REQUEST, state=state, created_at=created_at, pipeline="p")
    return replace(run, **other)  # type: ignore[arg-type]  # times, by their names


def fill(service: TableServiceClient, number: int, now: datetime) -> None:
    """Ended runs, written as they lie, a hundred rows a transaction."""
    table = service.get_table_client(TABLE)
    for start in range(0, number, 50):
        operations = []
        for offset in range(50):
            at = now - timedelta(minutes=start + offset)
            run = one(f"s!ended-{start + offset}", RunState.SKIPPED, at).first(at)
            operations += [("create", run_row(run, str(uuid4()))), ("create", list_row(run))]
        table.submit_transaction(operations)


if __name__ == "__main__":
    main()
