"""A deployment with a stand-in for the Azure CLI: its steps, repeated deployments, and early refusals."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from builders import API

ROOT = Path(__file__).parent.parent
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices/workspaces/mlw"
)
ACCOUNT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/mydata"
WEBHOOK_KEY, FUNCTION_KEY = "key/of+the=webhook", "key-of-the-functions"
SCHEDULES = """
pipelines: {score: {endpoint: "%PIPELINE_ENDPOINT%"}}
schedules:
  nightly: {pipeline: score, cron: {expression: "30 4 * * *"}}
  uploads: {pipeline: score, change: {datastore: d, connection: DataStorage, container: inbox, path_on_datastore: raw}}
"""
FUNCTIONS = ["nightly", "uploads", "reconcile", "storage_renamed", "run_status_changed", *API]
TOPIC = f"evgt-{hashlib.sha256(ACCOUNT.lower().encode()).hexdigest()[:12]}"
GROUP = "rg-pipeline-triggers-dev"
HEALTHY: dict[str, Any] = {"status": "ok", "faults": [], "ledger": "ok", "last_reconcile": None}


class Azure:
    """A copy of the repository, the state of Azure in a file, and an app that answers GET /api/health."""

    def __init__(self, folder: Path, host: str, health: dict[str, Any]) -> None:
        self.folder, self._file, self.health = folder / "repository", folder / "azure.json", health
        self.host = host
        self.package = folder / "package.zip"
        for name in ("triggers", "infra", "function_app.py", "host.json", "requirements.txt", ".funcignore"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            self.folder.mkdir(exist_ok=True)
            copy(ROOT / name, self.folder / name)
        (self.folder / "infra/schedules.json").unlink(missing_ok=True)
        self.set_schedules(SCHEDULES)
        subprocess.run(["git", "init", "--quiet"], cwd=self.folder, check=True)
        subprocess.run(["git", "add", "."], cwd=self.folder, check=True)
        programs = folder / "bin"
        programs.mkdir()
        (programs / "az").write_text(f"#!{sys.executable} -IS\n" + (ROOT / "tests/az_stand_in.py").read_text())
        (programs / "az").chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "AZURE_STAND_IN": str(self._file),
            "PAUSE_SECONDS": "0.01",
            "LOOKS": "3",
            "AZUREML_RESOURCE_GROUP": "rg-ml",
            "AZUREML_WORKSPACE_NAME": "mlw",
            "PIPELINE_ENDPOINT": "https://x.api.azureml.ms/PipelineRuns/PipelineSubmit/1",
            "DataStorage__accountId": ACCOUNT,
        }
        self.write(
            subscription=SUBSCRIPTION,
            watched=ACCOUNT,
            providers={},
            resources={WORKSPACE: {"id": WORKSPACE}, ACCOUNT: {"id": ACCOUNT, "kind": "StorageV2"}},
            containers=["inbox"],
            topics=[],
            subscriptions={},
            functions=FUNCTIONS,
            function_key=FUNCTION_KEY,
            webhook_key=WEBHOOK_KEY,
            package=str(self.package),
            fail={},
            calls=[],
            outputs={
                "AZURE_RESOURCE_GROUP": GROUP,
                "FUNCTION_APP_NAME": "func-dev",
                "FUNCTION_APP_HOST": host,
                "DEAD_LETTER_ACCOUNT_ID": "/dead",
                "DEAD_LETTER_CONTAINER": "dead-letters",
                "EVENT_TOPICS": json.dumps([{"connection": "DataStorage", "name": TOPIC, "resourceGroup": GROUP}]),
            },
        )

    def set_schedules(self, text: str) -> None:
        (self.folder / "schedules.yaml").write_text(text)

    def write(self, **parts: Any) -> None:
        known = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._file.write_text(json.dumps({**known, **parts}))

    @property
    def state(self) -> Any:
        return json.loads(self._file.read_text())

    def deploy(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra.deploy", *(arguments or ("dev",))],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def commands(self) -> list[str]:
        """The calls in order, without options; repeated calls appear once."""
        names = [" ".join(takewhile(lambda word: not word.startswith("-"), call)) for call in self.state["calls"]]
        return list(dict.fromkeys(names))

    def connected(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["subscriptions"].get(TOPIC, {})
        return found


@contextmanager
def serving(health: dict[str, Any]) -> Iterator[str]:
    """An app whose health is given by `health`; each request also completes a pass of its reconciler."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.path == "/api/health" and self.headers["x-functions-key"] == FUNCTION_KEY
            passed = datetime.now(UTC) + timedelta(seconds=1)
            told = {"last_reconcile": f"{passed:%Y-%m-%dT%H:%M:%SZ}"} if health.get("passes", True) else {}
            body = json.dumps({**health, **told}).encode()
            self.send_response(401 if not allowed else 200 if health["status"] == "ok" else 503)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    health = dict(HEALTHY)
    with serving(health) as host:
        yield Azure(tmp_path, host, health)


def test_a_deployment_ends_with_a_connected_and_healthy_app(azure: Azure) -> None:
    done = azure.deploy()

    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if not line.startswith("The package has no bytecode")]
    assert told == [
        "everything the schedules refer to exists",
        "1 event subscription(s) in place",
        "the workspace reports its runs",
        "the app is healthy: all functions exist, and the reconciler works",
        f"dashboard: http://{azure.host}/api/dashboard",
        f"its key:   az functionapp keys list --resource-group {GROUP} --name func-dev --query functionKeys.default",
        "next:      open the dashboard, trigger a schedule there, then upload a file to a watched folder",
    ]
    assert list(azure.connected()) == ["func-dev-uploads", "func-dev-storage-renamed"]
    assert azure.connected()["func-dev-uploads"]["key"] == WEBHOOK_KEY
    assert (
        azure.connected()["func-dev-uploads"]["filter"]["subjectBeginsWith"]
        == "/blobServices/default/containers/inbox/blobs/raw/"
    )
    order = ["deployment sub create", "functionapp deployment source config-zip", "deployment group create"]
    assert [name for name in azure.commands() if name in order] == order


def test_the_workspace_reports_its_runs_and_a_deployment_without_that_permission_succeeds(
    azure: Azure,
) -> None:
    first = azure.deploy()
    connected = azure.state["run_events"]
    azure.write(fail={"deployment group create": ["", "(AuthorizationFailed) you may not"]})
    second = azure.deploy()

    assert (first.returncode, connected) == (0, "rg-ml/mlw")
    assert second.returncode == 0
    assert "so the app notices their ends up to a minute later: " in second.stderr
    assert "(AuthorizationFailed) you may not" in second.stderr


def test_output_of_a_cli_that_keeps_properties_nested_is_understood(azure: Azure) -> None:
    azure.write(nested=True)

    first, again = azure.deploy(), azure.deploy()

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "1 event subscription(s) in place" in again.stdout


def test_the_deployed_package_follows_funcignore(azure: Azure) -> None:
    azure.deploy()

    names = zipfile.ZipFile(azure.package).namelist()
    assert {
        "function_app.py",
        "host.json",
        "requirements.txt",
        "schedules.yaml",
        "triggers/web/dashboard/main.js",
    } <= set(names)
    assert [name for name in names if name.startswith(("infra", "tests", "."))] == []


def test_no_key_appears_on_a_command_line_or_in_the_output(azure: Azure) -> None:
    azure.write(fail={"deployment group create": [f"handshake with code={WEBHOOK_KEY} failed"]})

    done = azure.deploy()

    assert done.returncode == 0
    seen = json.dumps(azure.state["calls"]) + done.stdout + done.stderr
    assert WEBHOOK_KEY not in seen
    assert FUNCTION_KEY not in seen
    assert "handshake with code=… failed" in done.stdout


def test_what_if_changes_nothing(azure: Azure) -> None:
    done = azure.deploy("dev", "--what-if")

    assert done.returncode == 0
    assert azure.commands()[-1] == "deployment sub what-if"
    assert [name for name in azure.commands() if "create" in name or "config-zip" in name] == []


def test_the_deployment_waits_for_the_key_that_the_host_creates_at_its_start(azure: Azure) -> None:
    azure.write(fail={"functionapp keys list": ["Bad Gateway", "Bad Gateway", None]})

    done = azure.deploy()

    assert done.returncode == 0
    assert done.stdout.count("waiting for the app to start") == 2
    assert list(azure.connected()) == ["func-dev-uploads", "func-dev-storage-renamed"]


def test_a_host_that_never_starts_fails_the_deployment_with_an_error_message(azure: Azure) -> None:
    azure.write(webhook_key=None)

    done = azure.deploy()

    assert done.returncode == 1
    assert "the app func-dev has no system key blobs_extension: its host has not started" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        (None, "the event subscription func-dev-storage-renamed is missing; run this again"),
        (
            {
                "provisioningState": "Succeeded",
                "destination": {"resourceId": "/sites/func-old/functions/storage_renamed"},
            },
            "the event subscription func-dev-storage-renamed calls /sites/func-old/functions/storage_renamed, not "
            "storage_renamed; run this again",
        ),
    ],
)
def test_a_missing_or_wrong_subscription_for_renames_fails_the_deployment(
    azure: Azure, there: dict[str, Any] | None, sentence: str
) -> None:
    azure.write(renames=there)

    done = azure.deploy()

    assert done.returncode == 1
    assert done.stderr.strip() == sentence


def test_a_failed_handshake_is_retried_and_then_reported_with_its_reason(azure: Azure) -> None:
    azure.write(fail={"deployment group create": ["the handshake failed"] * 2})
    assert azure.deploy().returncode == 0

    azure.write(fail={"deployment group create": ["the handshake failed"] * 5})
    given_up = azure.deploy()

    assert given_up.returncode == 1
    assert given_up.stderr.strip() == f"the topic {TOPIC}: ERROR: the handshake failed"


def test_repeating_a_deployment_changes_nothing(azure: Azure) -> None:
    azure.deploy()
    first = azure.state["subscriptions"]

    again = azure.deploy()

    assert again.returncode == 0
    assert azure.state["subscriptions"] == first


def test_the_subscription_of_a_removed_schedule_is_deleted_but_not_that_of_another_app(azure: Azure) -> None:
    azure.deploy()
    state = azure.state
    state["subscriptions"][TOPIC]["func-prod-uploads"] = {"name": "func-prod-uploads"}
    azure.write(subscriptions=state["subscriptions"], functions=["nightly", "fresh", *FUNCTIONS[2:]])
    azure.set_schedules(SCHEDULES.replace("uploads:", "fresh:"))

    done = azure.deploy()

    assert done.returncode == 0, done.stderr
    assert sorted(azure.connected()) == ["func-dev-fresh", "func-dev-storage-renamed", "func-prod-uploads"]
    assert "func-dev-uploads: deleted, because its schedule no longer exists" in done.stdout


def test_the_subscriptions_of_an_account_that_is_no_longer_watched_are_deleted(azure: Azure) -> None:
    azure.deploy()
    azure.write(
        outputs={**azure.state["outputs"], "EVENT_TOPICS": "[]"}, functions=["nightly", *FUNCTIONS[2:3], *FUNCTIONS[4:]]
    )
    azure.set_schedules(SCHEDULES.partition("  uploads")[0])

    done = azure.deploy()

    assert done.returncode == 0, done.stderr
    assert azure.connected() == {}


def test_everything_missing_in_azure_is_listed_at_once_before_anything_is_created(azure: Azure) -> None:
    azure.write(
        providers={"Microsoft.EventGrid": "NotRegistered"},
        resources={ACCOUNT: {"id": ACCOUNT, "kind": "StorageV2"}},
        containers=[],
        topics=[{"name": "theirs", "id": "/topics/theirs", "source": ACCOUNT, "resourceGroup": "x", "tags": None}],
    )

    refused = azure.deploy()

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "the subscription has not registered Microsoft.EventGrid yet: "
        "az provider register --namespace Microsoft.EventGrid --wait",
        f"the workspace mlw in rg-ml: ERROR: (ResourceNotFound) The Resource '{WORKSPACE}' was not found.",
        "the storage account mydata has no container inbox: create it, or correct schedules.yaml",
        "the storage account mydata already has the system topic theirs, and Azure allows only one: "
        "set DataStorage__systemTopicId to /topics/theirs",
    ]
    assert [name for name in azure.commands() if name.startswith("deployment")] == []


def test_an_account_without_events_is_refused(azure: Azure) -> None:
    azure.write(resources={WORKSPACE: {"id": WORKSPACE}, ACCOUNT: {"id": ACCOUNT, "kind": "Storage"}})

    refused = azure.deploy()

    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        "the storage account mydata is of kind Storage, which has no events: upgrade it to StorageV2"
    )


@pytest.mark.parametrize(
    ("topics", "sentence"),
    [
        ([], "DataStorage__systemTopicId: the storage account mydata has no system topic shared"),
        (
            [{"name": "shared", "id": "/t", "source": ACCOUNT, "resourceGroup": "rg-e", "identity": None}],
            "the system topic shared has no identity of its own, so it cannot write dead letters: az eventgrid "
            "system-topic update --name shared --resource-group rg-e --identity systemassigned",
        ),
    ],
)
def test_a_system_topic_from_the_settings_must_exist_and_have_an_identity(
    azure: Azure, topics: list[Any], sentence: str
) -> None:
    azure.write(topics=topics)
    topic = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-e/providers/Microsoft.EventGrid/systemTopics/shared"

    refused = azure.deploy(DataStorage__systemTopicId=topic)

    assert (refused.returncode, refused.stderr.strip()) == (1, sentence)


def test_a_wrong_schedules_file_is_refused_before_azure_is_queried(azure: Azure) -> None:
    azure.set_schedules(SCHEDULES.replace("cron:", "corn:"))

    refused = azure.deploy()

    assert refused.returncode == 1
    assert "corn" in refused.stderr
    assert azure.commands() == ["account show"]


@pytest.mark.parametrize(
    ("health", "functions", "sentence"),
    [
        (
            {},
            ["nightly", "reconcile", "storage_renamed", "run_status_changed", *API],
            "the host lacks the functions uploads",
        ),
        ({}, [*FUNCTIONS, "old"], "the host still has old"),
        (
            {"status": "faulty", "faults": [{"file": "app settings", "path": "X", "message": "no"}]},
            FUNCTIONS,
            "app settings: X: no",
        ),
        ({"status": "faulty", "ledger": "the ledger is away"}, FUNCTIONS, "the ledger is away"),
        ({"passes": False}, FUNCTIONS, "no pass of the reconciler has ended since"),
    ],
)
def test_an_unhealthy_app_fails_the_deployment(
    azure: Azure, health: dict[str, Any], functions: list[str], sentence: str
) -> None:
    azure.health.update(health)
    azure.write(functions=functions)

    failed = azure.deploy()

    assert failed.returncode == 1
    assert failed.stderr.startswith(f"the app func-dev is not healthy: {sentence}")


def test_connecting_events_refuses_a_connection_that_was_never_provisioned(azure: Azure) -> None:
    azure.deploy()
    other = ACCOUNT.replace("mydata", "other")
    more = "  more: {pipeline: score, change: {datastore: d, connection: Other, container: out-box}}\n"
    azure.set_schedules(SCHEDULES + more)
    outputs = {name: str(one) for name, one in azure.state["outputs"].items()}
    own = {"AZURE_ENV_NAME": "dev", "AZURE_LOCATION": "westeurope", "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}

    done = subprocess.run(
        [sys.executable, "-m", "infra.connect_events"],
        cwd=azure.folder,
        env={**azure.environment, **outputs, **own, "Other__accountId": other},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (
        1,
        "there is no event topic for Other yet: provision first (azd provision)\n",
    )


def test_subscriptions_on_a_shared_topic_that_is_no_longer_used_are_deleted(azure: Azure) -> None:
    shared = {"name": "shared", "id": "/t", "source": "elsewhere", "resourceGroup": "rg-e", "tags": None}
    azure.write(topics=[shared], subscriptions={"shared": {"func-dev-old": {"name": "func-dev-old"}}})

    assert azure.deploy().returncode == 0
    assert azure.state["subscriptions"]["shared"] == {}


def test_a_file_that_git_does_not_track_is_refused_before_anything_is_created(azure: Azure) -> None:
    (azure.folder / "mine.yaml").write_text(SCHEDULES)

    refused = azure.deploy(SCHEDULES_FILE="mine.yaml")

    assert (refused.returncode, refused.stderr) == (
        1,
        "mine.yaml is not packaged: git does not track it, or .funcignore leaves it out\n",
    )
    assert "deployment sub create" not in azure.commands()


def test_output_of_az_that_is_not_json_is_an_error_message(azure: Azure) -> None:
    (azure.folder.parent / "bin/az").write_text("#!/bin/sh\necho Hello\n")

    refused = azure.deploy()

    assert (refused.returncode, refused.stderr) == (1, "az account show did not print JSON\n")


@pytest.mark.parametrize(
    ("line", "value"),
    [("A=b c", "b c"), ("A='b # c'", "b # c"), ('A="b"', "b"), ("A=b # why", "b"), ("A=", None), ('A="b', None)],
)
def test_lines_of_an_environment_file_are_read_like_a_shell_does(azure: Azure, line: str, value: str | None) -> None:
    (azure.folder / "infra/parameters/odd.env").write_text(f"{line}\n")
    show = "from infra.environment import load; import os; load('odd'); print(os.environ.get('A') or None)"

    done = subprocess.run(
        [sys.executable, "-c", show], cwd=azure.folder, capture_output=True, text=True, check=False, env={"A": ""}
    )

    assert done.stdout.strip() == str(value) or (value is None and "is not NAME=VALUE" in done.stderr)


def test_an_unknown_environment_and_a_malformed_environment_file_are_refused(azure: Azure) -> None:
    (azure.folder / "infra/parameters/odd.env").write_text("# mine\n\nNAME: value\n")

    assert azure.deploy("staging").stderr.strip() == (
        "there is no environment 'staging' in infra/parameters; there are: dev, odd, prod"
    )
    assert azure.deploy("odd").stderr.strip() == "odd.env, line 3: 'NAME: value' is not NAME=VALUE"


def test_a_missing_azure_cli_is_reported(azure: Azure) -> None:
    done = azure.deploy(PATH="/nowhere")

    assert (done.returncode, done.stderr.strip()) == (1, "the Azure CLI, az, is not installed")
