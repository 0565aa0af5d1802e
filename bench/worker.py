"""A worker's process: indexes an app and calls its functions on as many threads as the Python worker has.

    python -m bench.worker FOLDER

Each line of the input is a JSON object: `calls`, pairs of a function and its input, which is a blob's name or empty.
For each call that has ended, a line says which one, whether it raised, and how many seconds it took; then a line says
the seconds of the whole, and of CPU.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.function_table import HostedFunction, blob_client, load

CONTAINER = "uploads"


def main() -> None:
    functions = {one.name: one for one in load(Path(sys.argv[1]))}
    is_ours = "reconcile" in functions
    threads = min(32, (os.cpu_count() or 1) + 4)  # the Python worker's default
    print(json.dumps({"ready": sorted(functions)}), flush=True)
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            command = json.loads(line)
            wall, cpu = time.perf_counter(), time.process_time()
            calls = {
                pool.submit(_called, functions[name], given, is_ours=is_ours): given for name, given in command["calls"]
            }
            for done in as_completed(calls):
                seconds, error = done.result()
                print(json.dumps({"done": calls[done], "seconds": seconds, "error": error}), flush=True)
            ended = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            print(json.dumps(ended), flush=True)


def _called(function: HostedFunction, path: str, *, is_ours: bool) -> tuple[float, str | None]:
    started = time.perf_counter()
    try:
        function.invoke(_input(function, path, is_ours=is_ours))
    except Exception as error:  # noqa: BLE001  as the worker does: the host hears of it, and delivers again
        return time.perf_counter() - started, f"{type(error).__name__}: {error}"
    return time.perf_counter() - started, None


def _input(function: HostedFunction, path: str, *, is_ours: bool) -> Any:
    if function.trigger["type"] != "blobTrigger":
        return SimpleNamespace(past_due=False)
    if is_ours:
        return blob_client(str(function.trigger["connection"]), CONTAINER, path)
    return SimpleNamespace(name=f"{CONTAINER}/{path}")


if __name__ == "__main__":
    main()
