"""Blob events and timers as the host's worker runs them, beside the ten-line function; and what each of them loses.

    python -m bench.functions [rounds]

Each app is indexed and called in a worker's process (bench/worker.py, not the real Python worker), on its 6 threads on
2 cores. The endpoint answers over TLS, at once or after 300 ms. A round of timers waits for the next minute. For the
losses, 300 files are reported in ten waves while 35 % of the submissions fail, and the process is killed half-way: an
event whose call did not end, or raised, is delivered again, up to five times, as the host does.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from bench.cold_start import identity
from bench.measuring import ROOT, LineProcess, Range, Report, Spent, argument, compiled, in_turn, ratio
from bench.server import served
from local.azureml import AzureMl
from local.azureml_service import Fault, Service
from local.azurite import Azurite, free_ports

EVENTS = 60
LATENCIES = (0, 300)
APP, TEN_LINES = "this app", "the ten lines"
LOST_OF = 300
FAULTY = 0.35
WAVES = 10
DELIVERIES = 5
PASSES = 40
"""Of the reconciler, a second apart, after the last wave."""
OURS = ROOT
NAIVE = ROOT / "bench" / "naive"
FILE = """
pipelines: {{p: {{endpoint: '%PIPELINE_ENDPOINT%'}}}}
schedules:
  uploads:
    pipeline: p
    pipeline_parameters: {{source: '{{blob.path}}'}}
    change: {{datastore: d, connection: AzureWebJobsStorage, container: uploads}}
{}"""
TIMER = "  t{}: {{pipeline: p, cron: {{expression: '* * * * *'}}}}\n"


@dataclass
class Round:
    """What the calls of one round cost."""

    each: Spent
    latencies: Sequence[float]


class Worker:
    """A worker's process."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = LineProcess(
            "bench.worker", str(folder), environment={**environment, "PYTHONPATH": str(ROOT)}, quiet=True
        )
        assert "uploads" in str(self._answer()), f"the app in {folder} is not indexed"

    def call(self, function: str, inputs: Sequence[str]) -> Round:
        """Call a function once for each input; raises if one of the calls did."""
        return self.round([(function, one) for one in inputs])

    def round(self, calls: Sequence[tuple[str, str]]) -> Round:
        """Call each function with its input; raises if one of the calls did."""
        found = list(self.calls(calls))
        errors = [one["error"] for one in found if one.get("error")]
        assert not errors, errors[0]
        *ended, whole = found
        return Round(Spent(whole["wall"] / len(calls), whole["cpu"] / len(calls)), [one["seconds"] for one in ended])

    def calls(self, calls: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """What the worker reports, line by line; ends early when the process does."""
        self._process.say(json.dumps({"calls": calls}))
        while answer := self._answer():
            yield answer
            if "wall" in answer:
                return

    def kill(self) -> None:
        self._process.stop()

    def _answer(self) -> dict[str, Any]:
        line = self._process.heard()
        return json.loads(line) if line else {}


def main() -> None:
    compiled()
    rounds = argument(1, 5)
    report = Report("functions", rounds)
    with (
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder), free_ports(3), in_memory=True) as azurite,
        identity() as of_identity,
    ):
        environment = {"AzureWebJobsStorage": azurite.connection_string, "NAIVE_TOKEN": "token", **of_identity}
        container = ContainerClient.from_connection_string(azurite.connection_string, "uploads")
        container.create_container()
        costs(report, Path(folder), container, environment, rounds)
        losses(report, Path(folder), container, environment)
    report.close()


def costs(
    report: Report, folder: Path, container: ContainerClient, environment: Mapping[str, str], rounds: int
) -> None:
    """Events and timers of both apps, with both latencies in turn."""
    with ExitStack() as stack:
        places = {}
        for latency in LATENCIES:
            server = stack.enter_context(served(delay=latency / 1000))
            at = {**environment, "PIPELINE_ENDPOINT": server.url, "REQUESTS_CA_BUNDLE": server.bundle}
            file = folder / f"{latency}.yaml"
            file.write_text(FILE.format("".join(TIMER.format(f"{latency}x{number}") for number in range(EVENTS))))
            ours = stack.enter_context(working(OURS, {**at, "SCHEDULES_FILE": str(file)}))
            places[latency] = (Ours(ours, latency, container), stack.enter_context(working(NAIVE, at)))
        ways: dict[tuple[str, int], Callable[[], Round]] = {}
        for latency, (app, naive) in places.items():
            ways[APP, latency] = app.events
            ways[TEN_LINES, latency] = partial(naive.call, "uploads", ["a.csv"] * EVENTS)
        shown(report, "A blob event", in_turn(ways, rounds), 0.8)
        for latency, (app, naive) in places.items():
            ways[APP, latency] = app.timers
            ways[TEN_LINES, latency] = partial(naive.call, "hourly", [""] * EVENTS)
        shown(report, "A timer", in_turn(ways, rounds), 1.1)


class Ours:
    """This app in a worker, with files that are new and timers that are due."""

    def __init__(self, worker: Worker, latency: int, container: ContainerClient) -> None:
        self._worker, self._latency, self._container = worker, latency, container
        self._numbers = count()
        self._minute = 0.0

    def events(self) -> Round:
        names = [f"{self._latency}-{next(self._numbers)}.csv" for _ in range(EVENTS)]
        for name in names:
            self._container.upload_blob(name, b"1")
        return self._worker.call("uploads", names)

    def timers(self) -> Round:
        """Each of the timers once, in a minute of their own."""
        if self._minute == time.time() // 60:
            time.sleep(61 - time.time() % 60)
        self._minute = time.time() // 60
        return self._worker.round([(f"t{self._latency}x{number}", "") for number in range(EVENTS)])


def shown(report: Report, named: str, found: Mapping[tuple[str, int], list[Round]], most: float) -> None:
    rows = []
    for (app, latency), each in found.items():
        latencies = sorted(second * 1e3 for one in each for second in one.latencies)
        p50, p99 = (latencies[int(part * (len(latencies) - 1))] for part in (0.5, 0.99))
        cpu = Range.of([one.each.cpu * 1e3 for one in each]).median
        rate = Range.of([1 / one.each.wall for one in each]).median
        rows.append([f"{app}, {latency} ms at the endpoint", cpu, rate, p50, p99])
    columns = [named.lower(), "CPU, ms", "calls a second", "p50, ms", "p99, ms"]
    report.table(named.lower().replace(" ", "-"), columns, rows)
    for latency in LATENCIES:
        ours, theirs = ([one.each.cpu for one in found[app, latency]] for app in (APP, TEN_LINES))
        beside = "a function with requests.post"
        report.figure(f"{named}, {latency} ms at the endpoint", beside, ratio(ours, theirs), most)


class Faulty(Service):
    """Of the submissions, so many fail: refused, cut, or accepted without an answer."""

    def __init__(self) -> None:
        super().__init__(run_seconds=0)
        self._chance = random.Random(4)

    def next_fault(self) -> Fault | None:
        with self.lock:
            kind = self._chance.choice(("status", "lose_reply", "cut"))
            return Fault(kind, status=503) if self._chance.random() < FAULTY else None


def losses(report: Report, folder: Path, container: ContainerClient, environment: Mapping[str, str]) -> None:
    file = folder / "losses.yaml"
    file.write_text(FILE.format(""))
    fast = {"UNKNOWN_SETTLE_SECONDS": "2", "RETRY_FIRST_DELAY_SECONDS": "1", "SUBMIT_DEADLINE_SECONDS": "10"}
    rows = []
    for title, app in ((APP, OURS), (TEN_LINES, NAIVE)):
        with AzureMl(service=Faulty()) as azureml:
            token = azureml.service.issue_token("https://management.azure.com/")["access_token"]
            of_identity = {"IDENTITY_ENDPOINT": f"{azureml.url}/msi/token", "IDENTITY_HEADER": "stand-in"}
            at = {**environment, **fast, **of_identity, "NAIVE_TOKEN": token, "SCHEDULES_FILE": str(file)}
            at["PIPELINE_ENDPOINT"] = azureml.endpoint
            unknown = deliver(app, at, container)
            sources = [run.body["parameterassignments"]["source"] for run in azureml.service.runs.values()]
        runs = Counter(source.removeprefix("uploads/") for source in sources)
        twice = sum(count - 1 for count in runs.values())
        rows.append([title, LOST_OF, len(runs), len(unknown - set(runs)), LOST_OF - len(set(runs) | unknown), twice])
    columns = [
        "35 % of submissions fail, and a kill",
        "files",
        "with a run",
        "kept as unknown",
        "lost",
        "runs too many",
    ]
    report.table("losses", columns, rows)


def deliver(app: Path, environment: Mapping[str, str], container: ContainerClient) -> set[str]:
    """Report files in waves, as the host does, with a kill in the middle; returns the files whose run is unknown."""
    worker = Worker(app, environment)
    if app == OURS:
        worker.call("reconcile", [""])  # files from before a schedule is known start nothing
        time.sleep(2)
    for wave in range(WAVES):
        waiting = [f"lost-{wave}-{number}.csv" for number in range(LOST_OF // WAVES)]
        for name in waiting:
            container.upload_blob(name, b"1", overwrite=True)
        for delivery in range(DELIVERIES):
            ended: list[str] = []
            for answer in worker.calls([("uploads", one) for one in waiting]):
                if "done" in answer and answer["error"] is None:
                    ended.append(answer["done"])
                if wave == WAVES // 2 and delivery == 0 and len(ended) == len(waiting) // 2:
                    worker.kill()
            if wave == WAVES // 2 and delivery == 0:
                worker = Worker(app, environment)
            waiting = [one for one in waiting if one not in ended]
        if app == OURS:
            for _ in range(PASSES if wave == WAVES - 1 else 3):
                time.sleep(1)
                worker.call("reconcile", [""])
    worker.kill()
    return unknown_in(environment) if app == OURS else set()


def unknown_in(environment: Mapping[str, str]) -> set[str]:
    """The files of the runs that the app shows as unknown: it sends nothing before they are found or proved absent."""
    command = [sys.executable, "-m", "triggers", "runs", "--state", "unknown", "--json"]
    shown = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=True)
    return {str(run["blob"]["path"]) for run in json.loads(shown.stdout)}


@contextmanager
def working(folder: Path, environment: Mapping[str, str]) -> Iterator[Worker]:
    worker = Worker(folder, environment)
    try:
        yield worker
    finally:
        worker.kill()


if __name__ == "__main__":
    main()
