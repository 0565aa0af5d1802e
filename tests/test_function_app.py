"""What the host sees: the functions, and what indexing them must not import."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import local
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.data.tables import TableServiceClient
from builders import API

from local.azurite import Azurite
from triggers import reconciler
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.change_records import SweepState
from triggers.ledger.ledger import Ledger
from triggers.ledger.sweeps import Sweeps
from triggers.version import VERSION

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.machine  # the host imports the app in a separate process, and so do these tests
LATE = [
    "requests",
    "azure.identity",
    "azure.data.tables",
    "azure.storage.blob",
    "azurefunctions.extensions.bindings.blob",
]
TIMERS_ONLY = """
pipelines: {p: {endpoint: "https://x.api.azureml.ms/y"}}
schedules: {nightly: {pipeline: p, cron: {expression: "0 4 * * *"}}}
"""
BOTH = TIMERS_ONLY.replace("}}}", "}}, uploads: {pipeline: p, change: {datastore: d, container: ccc}}}")


def python(
    code: str, tmp_path: Path, schedules: str | bytes | None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a separate process, with the app's folder as the host has it and only these settings."""
    file = tmp_path / "schedules.yaml"
    if schedules is not None:
        file.write_bytes(schedules if isinstance(schedules, bytes) else schedules.encode())
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={**environment, "SCHEDULES_FILE": str(file), **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


INDEX = f"""
import json, sys
from function_app import app
table = {{f.get_function_name(): [json.loads(b) for b in f.get_raw_bindings()] for f in app.get_functions()}}
late = [name for name in {LATE!r} if name in sys.modules]
print(json.dumps([table, late]))
"""


def indexed(tmp_path: Path, schedules: str | bytes | None, **settings: str) -> tuple[dict[str, Any], list[str]]:
    done = python(INDEX, tmp_path, schedules, **settings)
    assert done.returncode == 0, done.stderr
    table, late = json.loads(done.stdout)
    return table, late


def test_there_is_a_function_for_each_schedule_and_the_apps_own_functions(tmp_path: Path) -> None:
    table, _ = indexed(tmp_path, BOTH)

    assert list(table) == ["nightly", "uploads", "reconcile", "storage_renamed", "run_status_changed", *API]
    assert table["nightly"] == [{"direction": "IN", "type": "timerTrigger", "name": "timer", "schedule": "0 0 4 * * *"}]
    assert table["uploads"] == [
        {
            "direction": "IN",
            "type": "blobTrigger",
            "name": "client",
            "path": "ccc/{name}",
            "connection": "AzureWebJobsStorage",
            "source": "EventGrid",
        }
    ]
    assert table["reconcile"][0]["schedule"] == "0 * * * * *"
    assert (table["api_health"][0]["route"], table["api_health"][0]["methods"]) == ("health", ["GET"])
    levels = {name: table[name][0]["authLevel"] for name in API}
    assert levels == dict.fromkeys(API, "FUNCTION") | {"api_dashboard": "ANONYMOUS"}


def test_settings_choose_the_blob_trigger_source_and_the_reconcilers_schedule(tmp_path: Path) -> None:
    settings = {"BLOB_TRIGGER_SOURCE": "LogsAndContainerScan", "RECONCILE_SCHEDULE": "*/5 * * * * *"}

    table, _ = indexed(tmp_path, BOTH, **settings)

    assert table["uploads"][0]["source"] == "LogsAndContainerScan"
    assert table["reconcile"][0]["schedule"] == "%RECONCILE_SCHEDULE%"


def test_the_log_begins_with_the_version_once_per_process(tmp_path: Path) -> None:
    log = "import logging, sys; logging.basicConfig(level=logging.INFO, format='%(message)s', stream=sys.stdout)\n"

    lines = python(log + "import function_app", tmp_path, BOTH).stdout.splitlines()

    started = {"action": "app_started", "version": VERSION}
    assert lines[0] == f"azureml-pipeline-triggers {VERSION} starts {json.dumps(started)}"
    assert [line for line in lines[1:] if "app_started" in line] == []


def test_indexing_imports_no_module_that_only_runs_need(tmp_path: Path) -> None:
    _, late = indexed(tmp_path, TIMERS_ONLY)

    assert late == []


def test_indexing_collects_no_garbage_and_leaves_the_collector_on(tmp_path: Path) -> None:
    code = """
import gc
from function_app import app
app.get_functions()
print(gc.isenabled(), gc.get_freeze_count() > 20_000, gc.get_stats()[2]["collections"])
"""

    done = python(code, tmp_path, BOTH)

    assert done.stdout == "True True 0\n", done.stderr


def test_a_token_of_the_managed_identity_needs_no_other_credential(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from triggers.azureml.tokens import Tokens
from triggers.settings import from_environment
Tokens(None, has_managed_identity=from_environment(Path()).has_managed_identity).credential
print([name for name in ("azure.identity", "cryptography") if name in sys.modules])
"""

    done = python(code, tmp_path, None, IDENTITY_ENDPOINT="http://127.0.0.1:9", IDENTITY_HEADER="h")

    assert done.stdout == "[]\n", done.stderr


def test_indexing_does_not_read_the_dashboard(tmp_path: Path) -> None:
    done = python(INDEX + "print('triggers.web.dashboard' in sys.modules)", tmp_path, BOTH)

    assert done.stdout.endswith("False\n"), done.stderr


def test_with_change_schedules_indexing_imports_the_blob_extension_and_no_tables(tmp_path: Path) -> None:
    _, late = indexed(tmp_path, BOTH)

    assert "azurefunctions.extensions.bindings.blob" in late
    assert "azure.data.tables" not in late


@pytest.mark.parametrize(
    ("schedules", "functions"),
    [
        (None, []),
        ("", []),
        ("pipelines: [", []),
        (b"\xff\xfe\x00", []),
        ("a: *b", []),
        (TIMERS_ONLY + "\n  broken: {pipeline: p}", []),
        (BOTH.replace("0 4", "0 44"), ["uploads"]),
        (BOTH.replace("container: ccc", "container: C"), ["nightly"]),
        (BOTH.replace("https://x.api.azureml.ms/y", "%MISSING%"), ["nightly", "uploads"]),
    ],
)
def test_a_broken_file_disables_only_the_broken_schedules(
    tmp_path: Path, schedules: str | bytes | None, functions: list[str]
) -> None:
    table, _ = indexed(tmp_path, schedules)

    renamed = ["storage_renamed"] if "uploads" in functions else []
    assert list(table) == [*functions, "reconcile", *renamed, "run_status_changed", *API]


HEALTH = """
import azure.functions as func, json
from function_app import app
health = {f.get_function_name(): f for f in app.get_functions()}["api_health"].get_user_function()
reply = health(func.HttpRequest(method="GET", url="/api/health", body=b""))
print(json.dumps([reply.status_code, reply.mimetype, json.loads(reply.get_body())]))
"""


def health(tmp_path: Path, schedules: str | None, **settings: str) -> tuple[int, dict[str, Any]]:
    done = python(HEALTH, tmp_path, schedules, **settings)
    assert done.returncode == 0, done.stderr
    status, kind, body = json.loads(done.stdout)
    assert kind == "application/json"
    return status, body


def test_health_lists_every_error_in_file_and_settings(tmp_path: Path) -> None:
    status, body = health(
        tmp_path, BOTH.replace("0 4", "0 44"), SUBMIT_DEADLINE_SECONDS="soon", BLOB_TRIGGER_SOURCE="X"
    )

    assert status == 503
    assert body["status"] == "faulty"
    assert [(fault["file"], fault["path"]) for fault in body["faults"]] == [
        ("schedules.yaml", "schedules.nightly.cron.expression"),
        ("app settings", "BLOB_TRIGGER_SOURCE"),
        ("app settings", "SUBMIT_DEADLINE_SECONDS"),
        ("app settings", "AzureWebJobsStorage"),
    ]
    assert body["faults"][0] == {
        "file": "schedules.yaml",
        "path": "schedules.nightly.cron.expression",
        "value": "'0 44 * * *'",
        "message": "hour '44': expected 0-23, or lists, ranges and steps of them",
    }
    assert "AzureWebJobsStorage" in body["ledger"]


def test_health_warns_of_values_meant_for_tests(tmp_path: Path) -> None:
    _, body = health(tmp_path, BOTH, UNKNOWN_SETTLE_SECONDS="2", SUBMIT_DEADLINE_SECONDS="300")

    of_settings = [one for one in body["warnings"] if not one.startswith("schedules.yaml:")]
    assert of_settings == ["UNKNOWN_SETTLE_SECONDS is 2: values below 60 are for tests"]


def test_health_warns_of_a_time_zone_of_the_host(tmp_path: Path) -> None:
    _, body = health(tmp_path, BOTH, WEBSITE_TIME_ZONE="Europe/Berlin")

    of_settings = [one for one in body["warnings"] if not one.startswith("schedules.yaml:")]
    assert [one.partition(":")[0] for one in of_settings] == ["WEBSITE_TIME_ZONE is set"]


def test_health_shows_the_warnings_of_validate_without_folder_names(tmp_path: Path) -> None:
    _, body = health(tmp_path, BOTH.replace("0 4 * * *", "0 4 1-7 * 0"))

    [warning] = [one for one in body["warnings"] if "cron.expression" in one]
    assert warning.startswith("schedules.yaml:")
    assert "runs 124 times a year: on days that match 1-7 or 0; for days that match both, write" in warning


def test_health_counts_the_changes_found_by_sweeps(tmp_path: Path, azurite: Azurite) -> None:
    name = f"uploads-{tmp_path.name[-20:].replace('_', '-')}"
    rows = Sweeps(Ledger(AzureTable(lambda: TableServiceClient.from_connection_string(azurite.connection_string))))
    rows.set(name, "0123456789abcdef", SweepState(missed_by_events=3))

    status, body = health(tmp_path, BOTH, AzureWebJobsStorage=azurite.connection_string)

    assert (status, body["missed_by_events"][name]) == (200, 3)


def test_a_watched_account_given_only_by_name_is_an_error_with_its_fix(tmp_path: Path) -> None:
    _, body = health(
        tmp_path,
        BOTH,
        AzureWebJobsStorage__accountName="acct",
        AzureWebJobsStorage__tableServiceUri="https://acct.table.core.windows.net",
    )

    assert [fault["message"] for fault in body["faults"]] == [
        "AzureWebJobsStorage__accountName alone is not enough; "
        "add AzureWebJobsStorage__blobServiceUri and AzureWebJobsStorage__queueServiceUri"
    ]


def test_the_functions_and_the_routes_match() -> None:
    from triggers.management_api import TABLE
    from triggers.web.routes import DESCRIBED

    described = {(one.function, one.method, one.path) for one in DESCRIBED}

    assert set(TABLE) == described | {("api_openapi", "GET", "openapi.json"), ("api_dashboard", "GET", "dashboard")}


def test_the_log_lines_of_each_thread_of_a_pass_carry_the_invocation_id() -> None:
    """The worker sends log lines of another thread to the host only if they carry the invocation id."""
    seen: list[str | None] = []
    of_threads = local()
    engine = SimpleNamespace(reconciliation=SimpleNamespace(run_pass=lambda threads: threads.run(work)))

    def work() -> None:
        seen.append(getattr(of_threads, "invocation_id", None))

    functions = func.FunctionApp()
    reconciler.register(
        functions,
        SimpleNamespace(engine=engine, settings=SimpleNamespace(reconcile_threads=3, reconcile_schedule="0 * * * * *")),  # type: ignore[arg-type]
    )
    reconcile = functions.get_functions()[0].get_user_function()

    reconcile(timer=None, context=SimpleNamespace(invocation_id="this call", thread_local_storage=of_threads))

    assert seen == ["this call"] * 3
