"""Checks a deployed app: it has all its functions, its file and settings are valid, and its reconciler works.

A reconciler pass that ended after the deployment has read the ledger with the app's own identity. More cannot be
tested without starting a pipeline.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

import requests

from .azure_cli import AzureRefused, az
from .environment import ROOT, CannotDeploy, end, looks, pause_seconds, value

_TIMEOUT: Final = 30


def main() -> None:
    """Wait until the app is healthy; report the last problem if that takes too long."""
    begun, expected = datetime.now(UTC), _expected_functions()
    complaint = "it was not checked"
    for _ in looks():
        try:
            complaint = _functions_complaint(expected) or _health_complaint(begun)
        except (AzureRefused, requests.RequestException) as error:
            complaint = str(error)
        if not complaint:
            print("the app is healthy: all functions exist, and the reconciler works")
            print(_where_to_go_on())
            return
        print(f"not yet: {complaint}", flush=True)
        time.sleep(pause_seconds())
    raise CannotDeploy(f"the app {value('FUNCTION_APP_NAME')} is not healthy: {complaint}")


def _where_to_go_on() -> str:
    group, app = value("AZURE_RESOURCE_GROUP"), value("FUNCTION_APP_NAME")
    return (
        f"dashboard: {_base()}/api/dashboard\n"
        f"its key:   az functionapp keys list --resource-group {group} --name {app} --query functionKeys.default\n"
        "next:      open the dashboard, trigger a schedule there, then upload a file to a watched folder"
    )


def _functions_complaint(expected: set[str]) -> str:
    """How the host's functions differ from the repository's; empty if they agree."""
    app = ("--resource-group", value("AZURE_RESOURCE_GROUP"), "--name", value("FUNCTION_APP_NAME"))
    there = {one["name"].rpartition("/")[2] for one in az("functionapp", "function", "list", *app) or []}
    missing, surplus = sorted(expected - there), sorted(there - expected)
    sentences = [
        f"{what} {', '.join(names)}"
        for what, names in (("the host lacks the functions", missing), ("the host still has", surplus))
        if names
    ]
    return "; ".join(sentences)


def _expected_functions() -> set[str]:
    command = [sys.executable, "-m", "triggers", "functions", "--json"]
    # Override local.settings.json, which is not deployed.
    deployed = {"SCHEDULES_FILE": "schedules.yaml", **os.environ, "BLOB_TRIGGER_SOURCE": "EventGrid"}
    done = subprocess.run(command, cwd=ROOT, env=deployed, capture_output=True, check=False)
    if done.returncode:
        raise CannotDeploy(f"python -m triggers functions: {done.stderr.decode(errors='replace').strip()}")
    return {one["name"] for one in json.loads(done.stdout)}


def _health_complaint(begun: datetime) -> str:
    """The problem that GET /api/health reports; empty if all is well and a pass has ended since `begun`."""
    app = ("--resource-group", value("AZURE_RESOURCE_GROUP"), "--name", value("FUNCTION_APP_NAME"))
    key = ((az("functionapp", "keys", "list", *app) or {}).get("functionKeys") or {}).get("default", "")
    answer = requests.get(
        f"{_base()}/api/health", headers={"x-functions-key": key}, timeout=_TIMEOUT, allow_redirects=False
    )
    if answer.status_code not in {200, 503}:
        return f"GET /api/health answered {answer.status_code}"
    try:
        health: dict[str, Any] = answer.json()
    except ValueError:
        return f"GET /api/health answered {answer.status_code} without JSON"
    if health["status"] != "ok":
        faults = [f"{fault['file']}: {fault['path']}: {fault['message']}" for fault in health["faults"]]
        return "; ".join([*faults, *([health["ledger"]] if health["ledger"] != "ok" else [])])
    last = health["last_reconcile"]
    if last is None or datetime.fromisoformat(last) < begun:
        return f"no pass of the reconciler has ended since {begun:%H:%M:%S} UTC"
    return ""


def _base() -> str:
    """The app's URL: http for a loopback host, otherwise https."""
    host = value("FUNCTION_APP_HOST")
    return f"{'http' if host.startswith('127.0.0.1:') else 'https'}://{host}"


if __name__ == "__main__":
    end(main, __doc__)
