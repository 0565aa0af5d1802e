"""What a pass of the reconciler costs beside a past of ended runs, on Azurite: what is open counts, not what is past.

Counted are the requests to the storage service and the rows in its answers; the time of the same pass is shown beside
the time of a single read by its full key, since the emulator itself becomes slower the more it holds.

python -m bench.reconciler [ended runs]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from builders import Outside

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
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_request import RunRequest, Submission, build_request
from triggers.steering.pages import Wanted, page

FILE = (
    "pipelines: {p: {endpoint: 'https://x.api.azureml.ms/y'}}\n"
    "schedules: {s: {pipeline: p, cron: {expression: 0 4 * * *}}}"
)
OPEN = 50


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


@dataclass(frozen=True)
class Cost:
    """Of one pass, and of one read by its full key, in seconds (medians)."""

    sent: int
    rows: int
    pass_time: float
    read_time: float

    def __str__(self) -> str:
        times = f"{self.pass_time * 1000:.0f} ms, a single read {self.read_time * 1000:.1f} ms"
        return f"{self.sent} requests, {self.rows} rows, {times}"


def main() -> None:
    ended = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder), free_ports(3), in_memory=True) as azurite:
        session = CountedSession()
        transport = RequestsTransport(session=session, session_owner=False)
        service = TableServiceClient.from_connection_string(azurite.connection_string, transport=transport)
        ledger = Ledger(AzureTable(lambda: service))
        ledger.register("s", datetime.now(UTC))
        reconciliation = wired(ledger)
        now = datetime.now(UTC)
        for number in range(OPEN):
            run = one(f"s!open-{number}", RunState.UNSENT, now, next_attempt_at=now + timedelta(days=1))
            request = build_request(load(FILE, "bench", {}).schedules["s"], replace(run, nominal_time=now))
            ledger.insert(replace(run, request=request).first(now))
        empty = cost(reconciliation, ledger, session)
        fill(ledger.table, ended, now)
        full = cost(reconciliation, ledger, session)
        pages = [paged(ledger, session, wanted) for wanted in (Wanted(), Wanted(state=RunState.DEAD))]
    print(f"{OPEN} open runs alone: {empty}")
    print(f"beside {ended} ended: {full}")
    for title, (sent, rows, taken) in zip(("newest runs", "dead ones, of which there are none"), pages, strict=True):
        print(f"a page of the {title}: {sent} requests, {rows} rows, {taken * 1000:.0f} ms")
    print(f"a pass took {full.pass_time / empty.pass_time:.2f} x, a read {full.read_time / empty.read_time:.2f} x")


def paged(ledger: Ledger, session: CountedSession, wanted: Wanted) -> tuple[int, int, float]:
    """Requests, rows and seconds of a page of runs."""
    session.sent, session.rows = 0, 0
    taken = seconds(lambda: page(ledger, wanted))
    return session.sent, session.rows, taken


def cost(reconciliation: Reconciliation, ledger: Ledger, session: CountedSession) -> Cost:
    reconciliation.run_pass()
    session.sent, session.rows = 0, 0
    reconciliation.run_pass()
    sent, rows = session.sent, session.rows
    passes = statistics.median(seconds(reconciliation.run_pass) for _ in range(7))
    reads = statistics.median(seconds(lambda: ledger.get("s!open-7")) for _ in range(100))
    return Cost(sent, rows, passes, reads)


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
