"""A submission: this app's shared POST beside eight other ways, over TLS and plain, on 1 and 32 threads.

    python -m bench.submission [rounds]

Each way runs in a process of its own, whose CPU is counted; the server is another. The raw socket is the limit: it
writes the bytes and reads the answer, and parses nothing.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench import peers
from bench.clients import WAYS
from bench.measuring import LineProcess, Range, Report, Spent, argument, compiled, in_turn, ratio
from bench.server import Server, served

NAIVE, SIZED = "requests.post for each", "requests.Session, sized pool"
CALLS = {True: 40, False: 100}
"""Of a round, by whether it is over TLS."""
BARS = {("TLS", 1): 1 / 24, ("TLS", 32): 1 / 40}


class Client:
    """A way's process."""

    def __init__(self, name: str, python: Path | str, server: Server, threads: int) -> None:
        self._process = LineProcess("bench.clients", name, server.url, server.bundle, str(threads), python=python)
        self._server, self._connections, self._calls = server, 0, 0
        assert self._process.heard() == "ready", f"{name} does not start"

    def spent(self, calls: int) -> Spent:
        """What one of so many calls took."""
        before = self._server.connections()
        self._process.say(str(calls))
        found = Spent(*json.loads(self._process.heard()))
        self._connections += self._server.connections() - before
        self._calls += calls
        return found

    def connections_a_hundred(self) -> float:
        return self._connections / self._calls * 100

    def stop(self) -> None:
        self._process.stop()


def main() -> None:
    compiled()
    rounds = argument(1, 5)
    report = Report("submission", rounds)
    for tls in (True, False):
        with served(tls=tls) as server:
            for threads in (1, 32):
                measure(report, server, threads, rounds, tls=tls)
    report.close()


def measure(report: Report, server: Server, threads: int, rounds: int, *, tls: bool) -> None:
    calls = CALLS[tls] * (4 if threads > 1 else 1)
    with clients(server, threads) as ways:
        found = in_turn({name: partial(way.spent, calls) for name, way in ways.items()}, rounds)
        connections = {name: way.connections_a_hundred() for name, way in ways.items()}
    ours, transport = found["this app"], "TLS" if tls else "plain"
    rows = []
    for name, each in found.items():
        cpu = ratio([one.cpu for one in ours], [one.cpu for one in each])
        rate = Range.of([1 / one.wall for one in each]).median
        spent = Range.of([one.cpu * 1e6 for one in each]).median
        rows.append([name, rate, spent, "1" if name == "this app" else cpu, connections[name]])
    title = f"{transport}, {threads} thread{'s' * (threads > 1)}"
    columns = [title, "calls a second", "CPU, µs a call", "CPU here ÷ there", "connections for 100 calls"]
    report.table(title, columns, rows)
    naive, sized = found[NAIVE], found[SIZED]
    bar = BARS.get((transport, threads))
    named = f"A submission, {title}"
    report.figure(named, NAIVE, ratio([one.cpu for one in ours], [one.cpu for one in naive]), bar)
    if bar:
        wall = ratio([one.wall for one in ours], [one.wall for one in naive])
        report.figure(f"{named}, by the clock", NAIVE, wall, bar)
        cpu = ratio([one.cpu for one in ours], [one.cpu for one in sized])
        report.figure(named, "a requests.Session with a pool of that size", cpu, 0.9)


@contextmanager
def clients(server: Server, threads: int) -> Iterator[dict[str, Client]]:
    """The ways that can be had here, each started."""
    ways = dict.fromkeys(WAYS, sys.executable) | {"SDK v1's client": peers.sdk_v1()}
    with ExitStack() as stack:
        found = {}
        for name, python in ways.items():
            if python is None:
                continue
            found[name] = Client(name, python, server, threads)
            stack.callback(found[name].stop)
        yield found


if __name__ == "__main__":
    main()
