"""Demonstrates the app on one machine: uploads a CSV, fires a timer, and shows both POSTs and the runs they started."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError
from azure.data.tables import TableServiceClient

from triggers.app import read_config
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import LedgerUnavailable
from triggers.scheduling.config import ChangeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.run import Run, RunState
from triggers.settings import read

from . import history
from .azureml_service import FAULT_KINDS
from .azurite import CHECKOUT, NotStarted
from .env import sourced
from .machine import Machine

PORTS = (7071, 21080, 21000, 21001, 21002)
UPLOADS = "score-uploads"
TIMERS = {"local/schedules.yaml": "nightly-training", "local/many-schedules.yaml": "heartbeat"}
"""The schedules file of the demo and that of `make run`, each with its schedule that is due every minute."""
CONTAINER, PATH = "azureml-blobstore", "incoming/2026-11.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns 0 if both schedules have started their runs."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description="The main job, on one machine.")
    parser.add_argument("--stay", action="store_true", help="stay up until stopped (make run)")
    options = parser.parse_args(arguments)
    own_file = os.environ.get("SCHEDULES_FILE") if options.stay else None
    file = own_file or list(TIMERS)[options.stay]
    machine = Machine(folder_of(file), PORTS, {"SCHEDULES_FILE": file})
    machine.containers = containers(machine)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if not options.stay:
            machine.forget()  # otherwise a demo would begin with occurrences missed since the last one
        if options.stay and not (CHECKOUT / file).exists():
            raise NotStarted(f"the file {file}, which SCHEDULES_FILE names, does not exist")
        with machine, explained(machine), ExitStack() as stack:
            if options.stay:
                stack.enter_context(sourced(machine))
            print(f"Azurite, the Azure ML stand-in and the host are up. Health: {machine.url}/api/health")
            for fault in machine.get(f"{machine.url}/api/health")["faults"]:
                print(f"{fault['file']}: {fault['path']}: {fault['message']}", file=sys.stderr)
            if options.stay:
                print(f"The dashboard: {machine.url.replace('127.0.0.1', 'localhost')}/api/dashboard", flush=True)
                own = "" if own_file else " (to use your own: SCHEDULES_FILE=my.yaml make run)"
                print(f"The schedules: {file}{own}", flush=True)
            if own_file is None and options.stay:
                print(f"Sample runs of the past week that were added: {lively(machine, file)}", flush=True)
            if own_file is None:
                _show(machine, _both_halves(machine, TIMERS[file]))
            if options.stay:
                _stay(machine)
    except NotStarted as error:
        print(f"The demo did not work: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


@contextmanager
def explained(machine: Machine) -> Iterator[None]:
    """Report the process that has ended, instead of what failed because of it."""
    try:
        yield
    except (AzureError, LedgerUnavailable, OSError) as error:
        raise NotStarted(machine.ended() or str(error)) from error


def folder_of(file: str) -> Path:
    """The storage folder of a schedules file: each file has a ledger of its own."""
    whole = (CHECKOUT / file).resolve()
    return CHECKOUT / ".local" / "machines" / f"{whole.stem}-{sha256(bytes(whole)).hexdigest()[:8]}"


def containers(machine: Machine) -> list[str]:
    """The containers that the file's schedules watch; a missing one would be an error in the app's health."""
    schedules = read_config(CHECKOUT, read(machine.app_settings)).schedules.values()
    return list(dict.fromkeys(one.trigger.container for one in schedules if isinstance(one, ChangeSchedule)))


def lively(machine: Machine, file: str) -> int:
    """Fill the machine's ledger with a week of history for a file's schedules; returns the number of new runs."""
    config = load((CHECKOUT / file).read_text(), file, machine.app_settings)
    return history.fill(_ledger(machine), config, datetime.now(UTC).replace(microsecond=0))


def _both_halves(machine: Machine, timer: str) -> list[Run]:
    """Upload and wake, then wait until the ledger has a submitted run of each schedule."""
    ledger = _ledger(machine)
    before = {run.key for name in (timer, UPLOADS) for run in ledger.recent_runs(name, 100)}
    print(f"Uploading {CONTAINER}/{PATH}, and waking the timer of {timer}, which is due every minute in the demo …")
    machine.upload(CONTAINER, PATH, f"sepal_length,sepal_width\n5.1,3.5\n{time.time()},0\n".encode())
    until = time.monotonic() + 75
    says_so_at = time.monotonic() + 3
    while time.monotonic() < until:
        machine.wake(timer)
        found = [_newest_submitted(ledger, name, before) for name in (timer, UPLOADS)]
        submitted = [run for run in found if run is not None]
        if len(submitted) == len(found):
            return submitted
        if says_so_at and time.monotonic() > says_so_at:
            print("This minute's run has already been started; waiting for the next minute …", flush=True)
            says_so_at = 0.0
        time.sleep(1)
    raise NotStarted(f"the two runs were not submitted; see {machine.folder / 'local.host.log'}")


def _newest_submitted(ledger: Ledger, schedule: str, before: set[str]) -> Run | None:
    runs = ledger.recent_runs(schedule, 20)
    return next((run for run in runs if run.state is RunState.SUBMITTED and run.key not in before), None)


def _show(machine: Machine, runs: list[Run]) -> None:
    for run in runs:
        submission = next(one for one in machine.submissions() if one["body"]["tags"]["trigger_run_key"] == run.key)
        print(f"\n{run.schedule}: POST {_short(submission['path'])}")
        print(json.dumps(submission["body"], indent=2, ensure_ascii=False))
        print(f"→ run {run.run_id}, {run.state.value}, run key {run.key}")


def _short(path: str) -> Any:
    return "…" + path[path.index("/PipelineRuns") :]


def _stay(machine: Machine) -> None:
    """Print every run until stopped."""
    print("\nIn a second terminal: source .local/env, then triggers runs, or make upload FILE=…; Ctrl+C here stops.")
    print(f'See it fail: curl {machine.azureml_url}/_stand-in/faults -d \'{{"kind": "lose_reply"}}\'', end="")
    print(
        f" (or {', '.join(kind for kind in FAULT_KINDS if kind != 'lose_reply')}; DELETE switches it off)", flush=True
    )
    ledger = _ledger(machine)
    known = {run.key: run.state for one in ledger.registrations() for run in ledger.recent_runs(one.schedule, 100)}
    while (ended := machine.ended()) is None:
        for registration in ledger.registrations():
            for run in reversed(ledger.recent_runs(registration.schedule, 20)):
                if known.get(run.key) is not run.state:
                    known[run.key] = run.state
                    _tell(run)
        time.sleep(1)
    raise NotStarted(ended)


def _tell(run: Run) -> None:
    because = ": ".join(part for part in (run.reason, run.error, run.run_id) if part)
    what = f" ({run.blob.path!r})" if run.blob else ""
    print(f"{run.state.value:<10} {run.key}{what} {because}", flush=True)


def _ledger(machine: Machine) -> Ledger:
    service = TableServiceClient.from_connection_string(machine.azurite.connection_string)
    return Ledger(AzureTable(lambda: service))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
