"""How every figure is measured: ways in turn, round by round, CPU and wall clock; a ratio is taken within a round.

A measurement prints its tables and leaves them in `.local/bench/NAME.json`; see `bench/results.py` for what becomes of
them.
"""

import compileall
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeVar

ROOT: Final = Path(__file__).resolve().parent.parent
MEASURED: Final = ROOT / ".local" / "bench"
COMMITTED: Final = ROOT / "bench" / "results"

LIMIT: Final = "a limit"
"""What a figure is beside that is no ratio, but has a bar of its own."""

Name = TypeVar("Name")
Cost = TypeVar("Cost")


class Spent(NamedTuple):
    """What one call cost, in seconds."""

    wall: float
    cpu: float


class Range(NamedTuple):
    """The median of the rounds, and the lowest and the highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        return cls(statistics.median(numbers), min(numbers), max(numbers))

    def __str__(self) -> str:
        return f"{short(self.median)} [{short(self.low)}..{short(self.high)}]"


def spent(call: Callable[[], object], calls: int = 1) -> Spent:
    """The cost of one of so many calls, CPU of all threads of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return Spent((time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls)


class FreshProcess(NamedTuple):
    """What a process cost from its start to its end: seconds, and its largest resident size in MB."""

    wall: float
    cpu: float
    memory: float


def fresh_process(code: str, python: Path | str = sys.executable, **environment: str) -> FreshProcess:
    """Run code in a new interpreter. Bytecode must have been compiled (see `compiled`), or it counts too."""
    command = [str(python), "-c", f"{code}\nimport os\nos._exit(0)"]  # a cold start does not pay for the end
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a measured process failed:\n{said.decode()}")
    size = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return FreshProcess(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, size)


class LineProcess:
    """A module of bench in a process of its own, which answers lines with lines."""

    def __init__(
        self,
        *words: str,
        python: Path | str = sys.executable,
        environment: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> None:
        """`quiet`: what it writes to stderr is dropped."""
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [str(python), "-m", *words],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
        )

    def say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def heard(self) -> str:
        """The next line; empty once the process has ended, also for a line that it did not finish."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        return line.strip() if line.endswith("\n") else ""

    def stop(self) -> None:
        """Kill it; what it has written can still be heard."""
        self._process.kill()
        self._process.wait()


def compiled() -> None:
    """Compile the app's bytecode, as a deployment does: otherwise each fresh process compiles it anew."""
    for folder in ("triggers", "bench"):
        compileall.compile_dir(ROOT / folder, quiet=2)
    compileall.compile_file(ROOT / "function_app.py", quiet=2)


def in_turn(ways: Mapping[Name, Callable[[], Cost]], rounds: int) -> dict[Name, list[Cost]]:
    """Each way once unmeasured, then each once a round; every round begins with another of them."""
    for way in ways.values():
        way()
    names = list(ways)
    found: dict[Name, list[Cost]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            found[name].append(ways[name]())
    return found


def ratio(ones: Sequence[float], others: Sequence[float]) -> Range:
    """One divided by the other, round by round."""
    return Range.of([one / other for one, other in zip(ones, others, strict=True)])


def short(number: float) -> str:
    """A number with as many digits as say something."""
    size = abs(number)
    if size >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if size >= 10 else f"{number:.2f}" if size >= 0.095 else f"{number:.3f}"


class Report:
    """The tables, figures and curves of one measurement."""

    def __init__(self, name: str, rounds: int, through: str = "") -> None:
        """`name` is the module of bench that measures, `through` the one that has to start it."""
        self._name = name
        self._load_before = os.getloadavg()[0]
        self._found: dict[str, Any] = {
            "command": f"python -m {through}bench.{name}",
            "rounds": rounds,
            "tables": {},
            "figures": [],
            "curves": {},
        }

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of texts and numbers; the first column names the row."""
        shown = [[short(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
        self._found["tables"][name] = {"columns": list(columns), "rows": shown}
        print(*markdown(columns, shown), sep="\n")
        print()

    def figure(self, named: str, beside: str, measured: Range, most: float | None = None) -> None:
        """What is compared with the committed results: here divided by there, the smaller the better."""
        figure = {"named": named, "beside": beside, **measured._asdict(), "most": most}
        self._found["figures"].append(figure)
        bar = (
            "" if most is None else f"; asked: at most {short(most)}, {'met' if measured.median <= most else 'MISSED'}"
        )
        print(f"{named}, beside {beside}: {measured}{bar}")

    def curve(self, name: str, across: str, up: str, series: Mapping[str, Mapping[float, float]]) -> None:
        """Growth: for each series what was found (`up`), by its size (`across`)."""
        shown = {line: sorted(points.items()) for line, points in series.items()}
        self._found["curves"][name] = {"across": across, "up": up, "series": shown}

    def close(self) -> None:
        """Leave the results where the page, the plots and the comparison find them."""
        load = sorted((self._load_before, os.getloadavg()[0]))
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        self._found |= {"machine": machine, "load": load, "day": f"{datetime.now(UTC):%Y-%m-%d}"}
        MEASURED.mkdir(parents=True, exist_ok=True)
        (MEASURED / f"{self._name}.json").write_text(json.dumps(self._found, indent=1, ensure_ascii=False) + "\n")
        print(f"{machine}, {self._found['rounds']} rounds, load {load[0]:.1f} to {load[1]:.1f}\n")


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, all but the first column to the right."""
    marks = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(line)} |" for line in (columns, marks, *rows)]


def argument(position: int, otherwise: int) -> int:
    """A whole number of the command line."""
    return int(sys.argv[position]) if len(sys.argv) > position else otherwise
