"""What a pass of the reconciler, a page of runs and the health report cost, beside ended and open runs, on Azurite.

    python -m bench.reconciler [most ended] [most open]     default: 100000 20000; filling takes some minutes

Counted are the requests to the storage service and the rows in its answers. Open runs are not due. The emulator itself
becomes slower the more it holds, so the clock says less than the counts and the CPU of this process do.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from builders import Outside

from bench.measuring import Report, argument, spent
from local.azurite import Azurite, free_ports
from triggers.clock import SystemClock
from triggers.engine import Engine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.ledger.list_rows import list_columns, list_key
from triggers.ledger.ports import Create, Operation, Table
from triggers.ledger.rows import run_columns
from triggers.pace import Pace
from triggers.reconciling.reconciliation import Reconciliation
from triggers.scheduling.file.loading import load
from triggers.scheduling.outcome import Answer, LookUp, Outcome
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_request import RunRequest, Submission, build_request
from triggers.steering.pages import Wanted, page

FILE = (
    "pipelines: {p: {endpoint: 'https://x.api.azureml.ms/y'}}\n"
    "schedules: {s: {pipeline: p, cron: {expression: 0 4 * * *}}}"
)
ROUNDS = 5


class Nobody:
    """An endpoint that refuses, and a history that knows nothing."""

    def obstacle(self, request: RunRequest) -> str | None:
        return None

    def is_unreachable(self, request: RunRequest) -> bool:
        return False

    def place(self, request: RunRequest) -> str | None:
        return None

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        return Outcome(answer=Answer.UNSENT, sentence="refused")

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        return LookUp()


class CountedSession(requests.Session):
    """Counts the requests, and the rows in their answers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.rows = 0, 0
        self.hooks["response"].append(self._count)

    def _count(self, response: requests.Response, *_: object, **__: object) -> None:
        self.sent += 1
        if "json" in response.headers.get("Content-Type", ""):
            self.rows += len(response.json().get("value", [None]))


def main() -> None:
    ended, opened = argument(1, 100_000), argument(2, 20_000)
    report = Report("reconciler", ROUNDS)
    rows: list[list[object]] = []
    passes: dict[str, dict[float, float]] = {"beside ended runs": {}, "with open runs": {}}
    for beside, waiting in ((0, 0), (1_000, 0), (ended, 0), (0, 1_000), (0, opened)):
        with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
            found = costs(azurite.connection_string, beside, waiting)
        rows.append([f"{beside:,} ended, {waiting:,} open", *(str(one) for one in found)])
        if not waiting:
            passes["beside ended runs"][beside] = found[0].cpu
        if not beside:
            passes["with open runs"][waiting] = found[0].cpu
    report.table("reconciler", ["requests, rows read, CPU", *ASKED], rows)
    report.curve("reconciler", "runs", "CPU of a pass, ms", passes)
    report.close()


class Cost(NamedTuple):
    sent: int
    rows: int
    cpu: float
    """Milliseconds, the median of the rounds."""

    def __str__(self) -> str:
        return f"{self.sent}, {self.rows:,}, {self.cpu:.0f} ms"


def costs(connection_string: str, ended: int, opened: int) -> list[Cost]:
    """What each of the questions costs in a ledger with so many ended and open runs."""
    session = CountedSession()
    transport = RequestsTransport(session=session, session_owner=False)
    service = TableServiceClient.from_connection_string(connection_string, transport=transport)
    ledger = Ledger(AzureTable(lambda: service))
    now = datetime.now(UTC)
    ledger.register("s", now)
    fill(ledger.table, ended, now)
    fill_open(ledger, opened, now)
    reconciliation = wired(ledger)
    asked = (
        reconciliation.run_pass,
        lambda: page(ledger, Wanted()),
        lambda: page(ledger, Wanted(state=RunState.DEAD)),
        lambda: (ledger.open_summary(), ledger.last_pass()),
    )
    return [cost(call, session) for call in asked]


ASKED = ("a pass", "the newest runs", "the dead runs, of which there are none", "health")


def cost(call: Callable[[], object], session: CountedSession) -> Cost:
    call()
    session.sent, session.rows = 0, 0
    call()
    sent, rows = session.sent, session.rows
    return Cost(sent, rows, statistics.median(spent(call).cpu for _ in range(ROUNDS)) * 1e3)


def fill_open(ledger: Ledger, number: int, now: datetime) -> None:
    """Runs that wait for their next attempt tomorrow, thirty a transaction."""
    schedule = load(FILE, "bench", {}).schedules["s"]
    for start in range(0, number, 30):
        operations: list[Operation] = []
        for position in range(start, min(start + 30, number)):
            run = one(f"s!open-{position}", RunState.UNSENT, now, next_attempt_at=now + timedelta(days=1))
            request = build_request(schedule, replace(run, nominal_time=now))
            operations += ledger.insert_operations(replace(run, request=request).first(now))
        assert ledger.table.write("s", operations) is not None


def wired(ledger: Ledger) -> Reconciliation:
    nobody = Nobody()
    return Engine(
        config=load(FILE, "bench", {}),
        ledger=ledger,
        outside=Outside(endpoint=nobody, history=nobody),
        clock=SystemClock(),
        started_at=datetime.now(UTC),
        pace=Pace(retention=timedelta(days=9000)),
        spread=lambda: 0.0,
    ).reconciliation


def seconds(done: Callable[[], object]) -> float:
    started = time.perf_counter()
    done()
    return time.perf_counter() - started


def one(key: str, state: RunState, created_at: datetime, **other: datetime) -> Run:
    run = Run(key=key, schedule="s", kind=RunKind.REQUEST, state=state, created_at=created_at, pipeline="p")
    return replace(run, **other)  # type: ignore[arg-type]  # times, by their names


def fill(table: Table, number: int, now: datetime) -> None:
    """Ended runs, written as they lie, a hundred rows a transaction."""
    for start in range(0, number, 50):
        operations: list[Operation] = []
        for offset in range(50):
            at = now - timedelta(minutes=start + offset)
            run = one(f"s!ended-{start + offset}", RunState.SKIPPED, at).first(at)
            operations += [
                Create(f"k:{run.key}", run_columns(run, str(uuid4()))),
                Create(f"{list_key(at)}:{run.key}", list_columns(run)),
            ]
        table.write("s", operations)


if __name__ == "__main__":
    main()
