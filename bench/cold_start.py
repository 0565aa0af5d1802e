"""A cold start: a fresh process up to its indexed functions, and up to its first POST.

    python -m bench.cold_start [rounds]

CPU, wall clock and memory of the process, with compiled bytecode. Beside it: the smallest app there is, the same app
with `requests`, and functions that import the SDKs (`azureml.core` needs Python 3.10). Azurite, the identity endpoint
and the server that takes the POSTs are other processes.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread

from bench import peers
from bench.measuring import FreshProcess, Range, Report, argument, compiled, fresh_process, in_turn, ratio
from bench.server import served
from local.azurite import Azurite, free_ports

TIMER = """
import azure.functions as func
{}
app = func.FunctionApp()
@app.function_name("f")
@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def f(timer: func.TimerRequest) -> None:
    {}
app.get_functions()
"""
BLOB = """
import azure.functions as func
from azurefunctions.extensions.bindings import blob
app = func.FunctionApp()
@app.function_name("f")
@app.blob_trigger(arg_name="client", path="ccc/{name}", connection="AzureWebJobsStorage")
def f(client: blob.BlobClient) -> None: ...
app.get_functions()
"""
POSTS = """
import os, requests
    requests.post(os.environ["PIPELINE_ENDPOINT"], json={"a": 1}, verify=os.environ["REQUESTS_CA_BUNDLE"], timeout=60)
"""
OURS = "from function_app import app; app.get_functions()"
OURS_FIRES = """
from function_app import app
{one.get_function_name(): one for one in app.get_functions()}["t%d"].get_user_function()(None)
"""
HEAD = "pipelines: {p: {endpoint: '%PIPELINE_ENDPOINT%'}}\nschedules:\n"
SIZES = (10, 100, 200)


def main() -> None:
    compiled()
    rounds = argument(1, 9)
    report = Report("cold_start", rounds)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PIPELINE_ENDPOINT"] = "https://x.api.azureml.ms/y"
        indexing(report, Path(folder), rounds)
        growth(report, Path(folder), max(3, rounds // 2))
        first_post(report, Path(folder), rounds)
    report.close()


def indexing(report: Report, folder: Path, rounds: int) -> None:
    times, both = folder / "times.yaml", folder / "both.yaml"
    times.write_text(file_with(timers=10))
    both.write_text(file_with(timers=10, changes=10))
    ways: dict[str, Callable[[], FreshProcess]] = {
        "the smallest app": partial(fresh_process, TIMER.format("", "...")),
        "this app, 10 timers": partial(fresh_process, OURS, SCHEDULES_FILE=str(times)),
        "an app that imports requests": partial(fresh_process, TIMER.format("import requests", "...")),
        "the smallest app bound to BlobClient": partial(fresh_process, BLOB),
        "this app, 10 timers and 10 change schedules": partial(fresh_process, OURS, SCHEDULES_FILE=str(both)),
        **sdk_ways("..."),
    }
    found = in_turn(ways, rounds)
    smallest = found["the smallest app"]
    table(report, "indexing", "indexed", found, smallest)
    cpus = {name: [one.cpu for one in each] for name, each in found.items()}
    timers = ratio(cpus["this app, 10 timers"], cpus["the smallest app"])
    report.figure("Indexing 10 timers", "the smallest app", timers, 1.4)
    bound = ratio(cpus["this app, 10 timers and 10 change schedules"], cpus["the smallest app bound to BlobClient"])
    report.figure("Indexing 10 timers and 10 change schedules", "the smallest app bound to BlobClient", bound, 1.15)


def growth(report: Report, folder: Path, rounds: int) -> None:
    files = {size: folder / f"{size}.yaml" for size in SIZES}
    for size, file in files.items():
        file.write_text(file_with(timers=size))
    ways = {str(size): partial(fresh_process, OURS, SCHEDULES_FILE=str(file)) for size, file in files.items()}
    found = in_turn(ways, rounds)
    medians = {float(size): Range.of([one.cpu * 1000 for one in each]).median for size, each in found.items()}
    rows = [
        [f"{size} timers", medians[size], Range.of([one.memory for one in found[str(size)]]).median] for size in SIZES
    ]
    report.table("growth", ["indexing", "CPU, ms", "memory, MB"], rows)
    report.curve("indexing", "timers", "CPU, ms", {"this app": medians})


def first_post(report: Report, folder: Path, rounds: int) -> None:
    with served() as server, Azurite(folder, free_ports(3), in_memory=True) as azurite, identity() as of_identity:
        os.environ |= {
            "AzureWebJobsStorage": azurite.connection_string,
            "PIPELINE_ENDPOINT": server.url,
            "REQUESTS_CA_BUNDLE": server.bundle,
            **of_identity,
        }
        numbers, file = count(), folder / "one.yaml"

        def ours() -> FreshProcess:
            number = next(numbers)
            file.write_text(f"{HEAD}  t{number}: {{pipeline: p, cron: {{expression: '* * * * *'}}}}\n")
            return fresh_process(OURS_FIRES % number, SCHEDULES_FILE=str(file))

        posts = POSTS.partition("    ")
        ways: dict[str, Callable[[], FreshProcess]] = {
            "this app": ours,
            "a function with requests.post": partial(fresh_process, fires(TIMER.format(posts[0], posts[2]))),
            **sdk_ways(posts[2], posts[0]),
        }
        found = in_turn(ways, rounds)
    table(report, "first-post", "up to the first POST", found, found["a function with requests.post"])
    cpus = {name: [one.cpu for one in each] for name, each in found.items()}
    for name, cpu in cpus.items():
        if name.startswith("a function that imports azure"):
            most = 0.5 if "azureml.core" in name else None
            report.figure("A fresh process up to its first POST", name, ratio(cpus["this app"], cpu), most)


def sdk_ways(does: str, imports: str = "") -> dict[str, Callable[[], FreshProcess]]:
    """Functions that import Azure ML's SDKs, as far as these can be had."""
    core = TIMER.format(f"from azureml.core import Workspace\n{imports}", does)
    ai = TIMER.format(f"from azure.ai.ml import MLClient\n{imports}", does)
    if imports:
        core, ai = fires(core), fires(ai)
    v1 = peers.sdk_v1()
    ways: dict[str, Callable[[], FreshProcess]] = {
        "a function that imports azure.ai.ml": partial(fresh_process, ai, peers.python()),
    }
    if v1:
        ways["a function that imports azureml.core"] = partial(fresh_process, core, v1)
    return ways


def fires(code: str) -> str:
    """The code of an app, with its function called."""
    return code.rstrip() + "[0].get_user_function()(None)\n"


def table(
    report: Report, name: str, title: str, found: Mapping[str, list[FreshProcess]], beside: list[FreshProcess]
) -> None:
    rows = []
    for way, each in found.items():
        wall, cpu, memory = (Range.of(column).median for column in zip(*each, strict=True))
        rows.append([way, cpu * 1e3, wall * 1e3, memory, ratio([one.cpu for one in each], [one.cpu for one in beside])])
    report.table(name, [title, "CPU, ms", "wall clock, ms", "memory, MB", "CPU ÷ the first's"], rows)


def file_with(timers: int, changes: int = 0) -> str:
    """A file of daily timers of a zone with summer time, and of change schedules."""
    lines = [
        f"  t{n}: {{pipeline: p, cron: {{expression: '{n % 60} {n // 60 + 4} * * *', time_zone: Europe/Berlin}}}}\n"
        for n in range(timers)
    ]
    lines += [f"  c{n}: {{pipeline: p, change: {{datastore: d, container: ccc}}}}\n" for n in range(changes)]
    return HEAD + "".join(lines)


@contextmanager
def identity() -> Iterator[dict[str, str]]:
    """The settings of a managed identity whose endpoint always has a token."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Identity)
    Thread(target=server.serve_forever, daemon=True).start()
    yield {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{server.server_port}/", "IDENTITY_HEADER": "x"}
    server.shutdown()


class _Identity(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = json.dumps({"access_token": "token", "expires_on": int(time.time()) + 86400, "resource": "x"})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    main()
