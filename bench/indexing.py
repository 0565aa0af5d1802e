"""What a cold start pays: the CPU of indexing the app against the smallest app there is, each in a fresh process.

    python -m bench.indexing [rounds]

The bars: at most 1.6 x without change schedules, at most 1.15 x the same function bound to BlobClient with them.
Rounds are interleaved, the ratio is taken round by round, and the median of the ratios is shown with its range.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TRIVIAL = """
import azure.functions as func
app = func.FunctionApp()
@app.function_name("f")
@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def f(timer: func.TimerRequest) -> None: ...
app.get_functions()
"""
TRIVIAL_BLOB = """
import azure.functions as func
from azurefunctions.extensions.bindings import blob
app = func.FunctionApp()
@app.function_name("f")
@app.blob_trigger(arg_name="client", path="ccc/{name}", connection="AzureWebJobsStorage")
def f(client: blob.BlobClient) -> None: ...
app.get_functions()
"""
OURS = "from function_app import app; app.get_functions()"

HEAD = 'pipelines: {p: {endpoint: "https://x.api.azureml.ms/y"}}\nschedules:\n'
TIMES = "".join(
    f'  t{n}: {{pipeline: p, cron: {{expression: "{n} 4 * * *", time_zone: Europe/Berlin}}}}\n' for n in range(10)
)
CHANGES = "".join(f"  c{n}: {{pipeline: p, change: {{datastore: d, container: ccc}}}}\n" for n in range(10))


def cpu(code: str, schedules: Path, python: str = sys.executable) -> float:
    """Seconds of CPU of a fresh interpreter that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "SCHEDULES_FILE": str(schedules)}
    subprocess.run([python, "-c", code], cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name: str, ours: Path, yardstick: str, bar: float, rounds: int) -> None:
    cpu(OURS, ours), cpu(yardstick, ours)  # bytecode and page cache warm
    pairs = [(cpu(OURS, ours), cpu(yardstick, ours)) for _ in range(rounds)]
    ratios = sorted(mine / theirs for mine, theirs in pairs)
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ratios)
    least = min(mine for mine, _ in pairs) / min(theirs for _, theirs in pairs)
    spread = f"[{ratios[0]:.2f}..{ratios[-1]:.2f}], least by least {least:.2f}"
    print(f"{name}: {mine:.3f} s CPU, yardstick {theirs:.3f} s: {ratio:.2f} x {spread}, bar {bar}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        times, both = Path(folder) / "times.yaml", Path(folder) / "both.yaml"
        times.write_text(HEAD + TIMES)
        both.write_text(HEAD + TIMES + CHANGES)
        compare("10 timers", times, TRIVIAL, 1.6, rounds)
        compare("10 timers and 10 change schedules", both, TRIVIAL_BLOB, 1.15, rounds)


if __name__ == "__main__":
    main()
