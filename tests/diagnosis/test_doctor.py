"""`doctor` as a user runs it, against the stand-in over HTTP and Azurite: its findings and their remedies."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local.azureml import IDENTITY_HEADER, PIPELINES, AzureMl
from local.azureml_calls import WORKSPACE
from local.azureml_service import DEMO_ENDPOINT_NAME, DEMO_PIPELINE
from local.azureml_workspace import WorkspaceService, blob_datastore, event_subscription, workspace_of
from local.azurite import ACCOUNT, KEY, Azurite, free_ports
from triggers.__main__ import main

ROOT = Path(__file__).parents[2]
FILE = """
workspace: {subscription_id: "00000000-0000-0000-0000-000000000001", resource_group: rg1, name: ws1, api: "%API%"}
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
  train: {pipeline_endpoint: TrainEndpoint, version: "1"}
schedules:
  nightly:
    pipeline: train
    cron: {expression: "30 4 * * *"}
    pipeline_parameters: {epochs: 20}
    datasets: {train_ds: {id: 0c5f9a3e-5b7e-4f0a-9d67-0d2f5f4c1a11}}
  uploads:
    pipeline: score
    change:
      {datastore: blobs, connection: DataStorage, container: inbox, path_on_datastore: raw, data_path: manifest,
       data_path_parameter_name: input_datapath}
    batch: {quiet: 5m}
"""
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
ACCOUNT_ID = f"{SUBSCRIPTION}/resourceGroups/rg1/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
TOPIC = f"{SUBSCRIPTION}/resourceGroups/rg1/providers/Microsoft.EventGrid/systemTopics/evgt-1"
WEBHOOK = "https://app.azurewebsites.net/runtime/webhooks/blobs?functionName=Host.Functions.uploads&code=s3cret"
BEGINS = "/blobServices/default/containers/inbox/blobs/raw/"


class Doctor:
    """Runs the command in this process, with its own file and settings."""

    def __init__(self, folder: Path, azureml: AzureMl, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "my.yaml"
        self.file.write_text(FILE)
        self.azureml, self.state = azureml, workspace_of(azureml.service)
        self.settings = {
            "SCHEDULES_FILE": self.file.name,
            "AzureWebJobsStorage": azurite.connection_string,
            "DataStorage": azurite.connection_string,
            "PIPELINE_ENDPOINT": azureml.endpoint,
            "API": azureml.url,
            "AZUREML_ARM": azureml.url,
            "IDENTITY_ENDPOINT": f"{azureml.url}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
        }
        self.folder, self.monkeypatch = folder, monkeypatch
        well(self.state)

    def __call__(self, *arguments: str, **settings: str) -> int:
        self.monkeypatch.chdir(self.folder)
        with self.monkeypatch.context() as environment:
            for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
                environment.delenv(name, raising=False)
            for name, value in {**self.settings, **settings}.items():
                environment.setenv(name, value)
            return main(["doctor", *arguments])

    def replace(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))


def well(state: WorkspaceService) -> None:
    """Everything that Resource Manager shows if all is set up correctly."""
    of_topic = f"{TOPIC}/eventSubscriptions"
    resources: dict[str, dict[str, Any]] = {
        WORKSPACE: {"name": "ws1", "properties": {}},
        f"{WORKSPACE}/providers/Microsoft.Authorization/permissions": {
            "value": [
                {"actions": ["*/read"], "notActions": []},
                {"actions": ["Microsoft.MachineLearningServices/workspaces/*/write"], "notActions": []},
                {"actions": ["Microsoft.MachineLearningServices/workspaces/*/action"], "notActions": []},
            ]
        },
        f"{WORKSPACE}/datastores/blobs": blob_datastore(ACCOUNT, "inbox"),
        f"{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts": {"value": [{"name": ACCOUNT, "id": ACCOUNT_ID}]},
        f"{ACCOUNT_ID}/providers/Microsoft.EventGrid/eventSubscriptions": {"value": []},
        f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics": {
            "value": [{"id": TOPIC, "properties": {"source": ACCOUNT_ID.upper()}}]
        },
        of_topic: {"value": [event_subscription(f"{of_topic}/app-uploads", WEBHOOK, BEGINS), renames()]},
    }
    state.resources = {path.lower(): one for path, one in resources.items()}
    state.full_urls = {f"{of_topic}/app-uploads".lower(): WEBHOOK}


def renames(container: str = "inbox", **changed: Any) -> dict[str, Any]:
    """The subscription that reports renames, as Resource Manager shows it."""
    begins = f"/blobServices/default/containers/{container}/blobs/"
    types = ["Microsoft.Storage.BlobRenamed", "Microsoft.Storage.DirectoryRenamed"]
    properties = {
        "provisioningState": "Succeeded",
        "destination": {
            "endpointType": "AzureFunction",
            "properties": {"resourceId": f"{SUBSCRIPTION}/resourceGroups/g/sites/app/functions/storage_renamed"},
        },
        "filter": {
            "includedEventTypes": types,
            "advancedFilters": [{"operatorType": "StringBeginsWith", "key": "subject", "values": [begins]}],
        },
    }
    return {"id": f"{TOPIC}/eventSubscriptions/app-storage-renamed", "name": "app-storage-renamed",
            "properties": {**properties, **changed}}  # fmt: skip


def subscribe(state: WorkspaceService, url: str = WEBHOOK, begins: str = BEGINS, *, name: str = "app-uploads") -> None:
    """Replace the right event subscription with another one."""
    of_topic = f"{TOPIC}/eventSubscriptions"
    one = event_subscription(f"{of_topic}/{name}", url, begins)
    state.resources[of_topic.lower()] = {"value": [one, renames(begins.split("/")[4])]}
    state.full_urls = {f"{of_topic}/{name}".lower(): url}


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Azurite:
    """Azurite, with the ledger's table and the watched container."""
    TableServiceClient.from_connection_string(azurite.connection_string).create_table_if_not_exists("pipelinetriggers")
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    with suppress(ResourceExistsError):
        service.create_container("inbox")
    return azurite


@pytest.fixture(scope="module")
def service() -> Iterator[AzureMl]:
    """One stand-in for all tests, because stopping one takes half a second."""
    with AzureMl() as running:
        yield running


@pytest.fixture
def azureml(service: AzureMl) -> AzureMl:
    """The stand-in, reset to its initial state."""
    vars(service.service).pop("workspace", None)
    service.service.pipelines = {DEMO_PIPELINE: "Active"}
    return service


@pytest.fixture
def doctor(tmp_path: Path, azureml: AzureMl, storage: Azurite, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(tmp_path, azureml, storage, monkeypatch)


def found(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """What `doctor --json` printed."""
    said = capsys.readouterr()
    assert said.err == ""
    assert "s3cret" not in said.out
    assert KEY not in said.out
    return list(json.loads(said.out))


def wrong(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str, str]]:
    """The findings that are not ok: verdict, subject, sentence and remedy."""
    return [
        (one["verdict"], one["subject"], one["sentence"], one["remedy"])
        for one in found(capsys)
        if one["verdict"] != "ok"
    ]


def test_if_everything_is_right_all_checks_are_ok_and_the_exit_code_is_0(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    code = doctor()

    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "ok           settings: my.yaml, the app settings and the connections have no errors",
        "ok           identity: there is a token for https://management.azure.com/.default",
        "ok           workspace ws1: the workspace exists",
        "ok           workspace ws1: the identity may submit runs",
        f"ok           pipeline score: the pipeline {DEMO_PIPELINE} exists and is Active",
        "ok           schedule uploads: the pipeline has input_datapath",
        f"ok           pipeline train: the endpoint {DEMO_ENDPOINT_NAME} exists and is Active",
        f"ok           pipeline train: the pipeline {DEMO_PIPELINE} exists and is Active",
        "ok           schedule nightly: the pipeline has epochs, train_ds",
        "ok           datastore blobs: it is devstoreaccount1/inbox, which uploads watches",
        "ok           ledger AzureWebJobsStorage: the table pipelinetriggers can be read and written",
        "ok           host storage AzureWebJobsStorage: its containers can be listed",
        "ok           storage DataStorage/inbox: it can be listed",
        "ok           storage DataStorage/inbox: manifests can be written",
        "ok           events uploads: the event subscription app-uploads calls Host.Functions.uploads at "
        "app.azurewebsites.net, with the right filter",
        "ok           renames DataStorage: the event subscription app-storage-renamed calls storage_renamed; if it "
        "misses a rename, the sweep does not find it either",
        "16 ok, 0 warning, 0 fault, 0 not checked",
    ]
    assert doctor.azureml.service.received == []
    assert doctor.state.puts == []


def test_doctor_writes_nothing_to_storage(doctor: Doctor, storage: Azurite, capsys: pytest.CaptureFixture[str]) -> None:
    doctor()
    capsys.readouterr()

    tables = TableServiceClient.from_connection_string(storage.connection_string)
    rows = tables.get_table_client("pipelinetriggers").query_entities("PartitionKey eq '~doctor'")
    blobs = BlobServiceClient.from_connection_string(storage.connection_string).get_container_client("inbox")
    assert list(rows) == []
    assert [one for one in blobs.list_blob_names() if "never" in one] == []


def test_a_misspelled_parameter_is_an_error_that_lists_the_right_names(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.replace("{epochs: 20}", "{epocs: 20}")
    doctor.replace("data_path_parameter_name: input_datapath", "data_path_parameter_name: input_data")

    code = doctor("--json")

    assert code == 1
    has = "it has: epochs, input_datapath, since, train_ds"
    assert wrong(capsys) == [
        (
            "fault",
            "schedule uploads",
            f"the pipeline has no parameter 'input_data'; did you mean 'input_datapath'? {has}",
            "correct schedules.uploads.change.data_path_parameter_name in my.yaml",
        ),
        (
            "fault",
            "schedule nightly",
            f"the pipeline has no parameter 'epocs'; did you mean 'epochs'? {has}",
            "correct schedules.nightly.pipeline_parameters.epocs in my.yaml",
        ),
    ]


def test_a_data_path_given_as_a_plain_parameter_is_a_warning(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.replace("{epochs: 20}", "{input_datapath: x}")

    assert doctor("--json") == 0
    assert wrong(capsys) == [
        (
            "warning",
            "schedule nightly",
            "'input_datapath' is a data path of the pipeline, but is given as a plain parameter",
            "schedules.nightly.pipeline_parameters.input_datapath in my.yaml: give it under `datapaths`",
        )
    ]


def test_data_paths_are_not_checked_if_their_names_cannot_be_read(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.state.refused = {"/interface": 403}

    assert doctor("--json") == 0
    assert wrong(capsys) == []
    doctor.state.pipelines_list_datapaths = False
    assert doctor("--json") == 0
    assert [(verdict, subject) for verdict, subject, _, _ in wrong(capsys)] == [("not checked", "schedule uploads")]


def test_a_disabled_pipeline_is_an_error_that_enable_fixes(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.azureml.service.pipelines[DEMO_PIPELINE] = "Disabled"
    doctor.state.endpoint_status = "Disabled"

    assert doctor("--json") == 1
    assert wrong(capsys) == [
        (
            "fault",
            subject,
            f"the {what} is Disabled: it cannot be started",
            f"python -m triggers doctor --enable {subject.removeprefix('pipeline ')}",
        )
        for subject, what in (
            ("pipeline score", f"pipeline {DEMO_PIPELINE}"),
            ("pipeline train", "endpoint TrainEndpoint"),
            ("pipeline train", f"pipeline {DEMO_PIPELINE}"),
        )
    ]
    assert doctor("--enable", "train") == 0
    assert capsys.readouterr().out.splitlines() == [
        "the endpoint TrainEndpoint is Active now; it was Disabled",
        f"the pipeline {DEMO_PIPELINE} is Active now; it was Disabled",
    ]
    assert doctor.state.puts[0]["EntityStatus"] == "Active"
    assert doctor.state.puts[0]["PipelineVersionList"] == [{"Version": "1", "PipelineId": DEMO_PIPELINE}]
    assert doctor("--enable", "score") == 0
    assert capsys.readouterr().out == f"the pipeline {DEMO_PIPELINE} was already Active\n"
    assert doctor("--json") == 0
    assert wrong(capsys) == []


def test_disable_changes_only_the_target_of_the_entry(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--disable", "train") == 0
    assert (doctor.state.endpoint_status, doctor.azureml.service.pipelines[DEMO_PIPELINE]) == ("Disabled", "Active")
    assert doctor("--disable", "score") == 0
    assert doctor.azureml.service.pipelines[DEMO_PIPELINE] == "Disabled"
    assert capsys.readouterr().out.splitlines() == [
        "the endpoint TrainEndpoint is Disabled now; it was Active",
        f"the pipeline {DEMO_PIPELINE} is Disabled now; it was Active",
    ]


@pytest.mark.parametrize(
    ("pipeline", "name", "sentence"),
    [
        ("", "scor", "no entry 'scor' in pipelines; did you mean 'score'?; the file has: score, train"),
        (
            "  b: {batch_endpoint: 'https://b.x.inference.ml.azure.com/jobs'}",
            "b",
            "b is a batch endpoint, which ",
        ),
        ("  c: {component: 'azureml:taxi:1'}", "c", "c is a component, which cannot be enabled or disabled"),
        (
            "  e: {endpoint: 'https://x.api.azureml.ms/y'}",
            "e",
            "e: its address is not like …/PipelineRuns/PipelineSubmit/ID",
        ),
        ("  g: {published_pipeline: gone}", "g", "what it names does not exist in the workspace ws1"),
    ],
)
def test_enable_refuses_entries_that_cannot_be_enabled_and_says_why(
    doctor: Doctor, capsys: pytest.CaptureFixture[str], pipeline: str, name: str, sentence: str
) -> None:
    doctor.replace("schedules:\n", f"{pipeline}\nschedules:\n")

    assert doctor("--enable", name) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(sentence)


def test_a_missing_pipeline_and_a_missing_version_are_errors(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.replace('version: "1"', 'version: "7"')

    code = doctor("--json", PIPELINE_ENDPOINT=f"{doctor.azureml.url}{PIPELINES}/PipelineRuns/PipelineSubmit/gone")

    assert code == 1
    assert wrong(capsys) == [
        (
            "fault",
            "pipeline score",
            "the pipeline gone does not exist in the workspace ws1 (the service answered 404: UserError: Pipeline gone "
            "not found)",
            "correct pipelines.score.endpoint in my.yaml, or publish the pipeline again",
        ),
        (
            "fault",
            "pipeline train",
            "the endpoint TrainEndpoint has no version 7; it has: 1",
            "correct the version of pipelines.train in my.yaml",
        ),
    ]


def test_without_a_token_the_checks_that_need_none_still_run(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}/msi/token"

    code = doctor("--json", IDENTITY_ENDPOINT=nobody)

    findings = found(capsys)
    assert code == 1
    faults = [one for one in findings if one["verdict"] == "fault"]
    assert [one["subject"] for one in faults] == ["identity"]
    assert faults[0]["sentence"].startswith("no token for https://management.azure.com/.default: ")
    assert "az login" in faults[0]["remedy"]
    unknown = {one["subject"] for one in findings if one["sentence"] == "there is no token (see above)"}
    assert unknown == {"workspace ws1", "pipeline score", "pipeline train", "datastore blobs", "events uploads"}
    assert "ledger AzureWebJobsStorage" in {one["subject"] for one in findings if one["verdict"] == "ok"}


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "Azure ML rejects the token: check AZUREML_TOKEN_SCOPE"),
        (403, "the identity needs the role AzureML "),
    ],
)
def test_a_refusal_by_the_service_names_the_missing_role_or_the_token_scope(
    doctor: Doctor, capsys: pytest.CaptureFixture[str], status: int, remedy: str
) -> None:
    doctor.state.refused = {"/pipelines/v1.0": status}

    assert doctor("--json") == 1
    faults = wrong(capsys)
    assert [(verdict, subject) for verdict, subject, _, _ in faults] == [
        ("fault", "pipeline score"),
        ("fault", "pipeline train"),
    ]
    assert all(f"the service answered {status}" in sentence for _, _, sentence, _ in faults)
    assert all(told.startswith(remedy) for _, _, _, told in faults)


def test_an_identity_that_may_read_but_not_submit_is_an_error(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    permissions = f"{WORKSPACE}/providers/Microsoft.Authorization/permissions".lower()
    doctor.state.resources[permissions] = {
        "value": [{"actions": ["*"], "notActions": ["*/submit/action", "*/Write"]}, {"actions": ["*/read"]}]
    }

    assert doctor("--json") == 1
    ((verdict, subject, sentence, remedy),) = wrong(capsys)
    assert (verdict, subject) == ("fault", "workspace ws1")
    assert sentence.startswith(
        "the identity may not submit runs: it lacks Microsoft.MachineLearningServices/workspaces"
    )
    assert (
        remedy == f'az role assignment create --role "AzureML Data Scientist" --assignee OBJECT_ID --scope {WORKSPACE}'
    )


def test_what_resource_manager_does_not_show_is_reported_as_not_checked(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.state.refused = {"/datastores": 403, "/microsoft.eventgrid": 403, "/permissions": 500}

    assert doctor("--json") == 0
    findings = wrong(capsys)
    assert {one[0] for one in findings} == {"not checked"}
    unknown = [one[1:] for one in findings]
    assert [subject for subject, _, _ in unknown] == ["workspace ws1", "datastore blobs", "events uploads"]
    assert "az eventgrid system-topic event-subscription list" in unknown[2][2]


@pytest.mark.parametrize(
    ("datastore", "sentence"),
    [
        (None, "the workspace ws1 has no datastore blobs"),
        (
            blob_datastore(ACCOUNT, "elsewhere"),
            "it is devstoreaccount1/elsewhere, but uploads watches devstoreaccount1/inbox: runs would look for the "
            "changed file in the wrong place",
        ),
        (
            blob_datastore("other", "inbox"),
            "it is other/inbox, but uploads watches devstoreaccount1/inbox: runs would look for the changed file "
            "in the wrong place",
        ),
    ],
)
def test_a_datastore_that_differs_from_the_watched_container_is_an_error(
    doctor: Doctor, capsys: pytest.CaptureFixture[str], datastore: dict[str, Any] | None, sentence: str
) -> None:
    path = f"{WORKSPACE}/datastores/blobs".lower()
    if datastore is None:
        del doctor.state.resources[path]
    else:
        doctor.state.resources[path] = datastore

    assert doctor("--json") == 1
    ((verdict, subject, told, remedy),) = wrong(capsys)
    assert (verdict, subject, told) == ("fault", "datastore blobs", sentence)
    assert remedy.startswith("correct schedules.uploads.change.datastore in my.yaml")


def test_an_unreachable_ledger_and_an_unreachable_account_are_errors(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports(1)[0]
    nowhere = f"http://127.0.0.1:{port}/{ACCOUNT}"
    away = f"AccountName={ACCOUNT};AccountKey={KEY};TableEndpoint={nowhere};BlobEndpoint={nowhere}"

    assert doctor("--json", AzureWebJobsStorage=away) == 1
    faults = wrong(capsys)
    assert [(verdict, subject) for verdict, subject, _, _ in faults] == [
        ("fault", "ledger AzureWebJobsStorage"),
        ("fault", "host storage AzureWebJobsStorage"),
    ]
    assert faults[0][2].startswith("the table pipelinetriggers cannot be reached: ")


def test_a_connection_with_a_shared_access_signature_is_not_shown(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = doctor.azureml.url.replace("http:", "https:") + f"/{ACCOUNT}"
    signed = f"BlobEndpoint={nowhere};TableEndpoint={nowhere};SharedAccessSignature=sv=2024-11-04&sig=s3cret"

    assert doctor("--json", AzureWebJobsStorage=signed, DataStorage=signed) == 1
    subjects = [subject for verdict, subject, _, _ in wrong(capsys) if verdict == "fault"]
    assert subjects == [
        "ledger AzureWebJobsStorage",
        "host storage AzureWebJobsStorage",
        "storage DataStorage/inbox",
    ]


def test_a_wrong_account_key_is_reported_for_the_container_that_it_opens(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = doctor.settings["DataStorage"].replace(KEY, "d3Jvbmc=")

    assert doctor("--json", DataStorage=strange) == 1
    ((verdict, subject, sentence, remedy),) = wrong(capsys)
    assert (verdict, subject) == ("fault", "storage DataStorage/inbox")
    assert sentence.startswith("the identity may not use the container inbox: the service answered 403: ")
    assert remedy == "the account's key in the app setting DataStorage is wrong or no longer valid"


def test_a_missing_container_is_an_error(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.replace("container: inbox", "container: outbox")
    doctor.state.resources[f"{WORKSPACE}/datastores/blobs".lower()] = blob_datastore(ACCOUNT, "outbox")
    subscribe(doctor.state, begins=BEGINS.replace("inbox", "outbox"))

    assert doctor("--json") == 1
    ((_, subject, sentence, _),) = wrong(capsys)
    assert (subject, sentence) == ("storage DataStorage/outbox", "the container outbox does not exist")


def test_a_connection_without_a_queue_address_is_an_error(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor("--json", DataStorage="", DataStorage__blobServiceUri="https://devstoreaccount1.invalid")

    findings = wrong(capsys)
    assert code == 1
    assert findings[0] == (
        "fault",
        "settings",
        "app settings: DataStorage: the app setting DataStorage (a connection string) does not exist, nor "
        "DataStorage__queueServiceUri; add one of them",
        "correct the app setting DataStorage",
    )
    assert ("fault", "storage DataStorage/inbox") in [one[:2] for one in findings]


def test_an_event_subscription_with_a_wrong_filter_or_function_is_an_error(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    def events() -> str:
        assert doctor("--json") == 1
        ((verdict, subject, sentence, remedy),) = wrong(capsys)
        assert (verdict, subject) == ("fault", "events uploads")
        assert remedy.startswith("run azd hooks run postdeploy")
        return sentence

    subscribe(doctor.state, begins="/blobServices/default/containers/inbox/raw/")
    assert events() == (
        "the event subscription app-uploads filters on the prefix /blobServices/default/containers/inbox/raw/, "
        f"but the schedule watches {BEGINS}; the affected uploads are found only by the sweep"
    )
    subscribe(doctor.state, WEBHOOK.replace("Host.Functions.", ""))
    assert events() == (
        "the event subscription app-uploads calls the function uploads instead of Host.Functions.uploads"
    )
    subscribe(doctor.state, WEBHOOK.replace("/blobs?", "/eventgrid?"))
    assert events() == (
        "the event subscription app-uploads calls /runtime/webhooks/eventgrid; a blob function's webhook is "
        "/runtime/webhooks/blobs"
    )
    subscribe(doctor.state, WEBHOOK.replace("uploads", "others"), name="app-others")
    assert events() == "no event subscription reports uploads to this function, so they are found only by the sweep"


def test_a_wider_filter_is_accepted_and_a_hidden_function_is_not_checked(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    subscribe(doctor.state, begins="/blobServices/default/containers/inbox/")
    doctor.state.refused = {"/getfullurl": 403}

    assert doctor("--json") == 0
    ((verdict, _, sentence, _),) = wrong(capsys)
    assert verdict == "not checked"
    assert (
        sentence == "the event subscription app-uploads has the right filter; the function that it calls is not visible"
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (None, "no event subscription reports renamed files and directories to storage_renamed: in a hierarchical "
            "namespace, they start nothing, and the sweep does not find them either"),
        ({"provisioningState": "Failed"}, "the event subscription app-storage-renamed is in the state "
            "Failed; the sweep does not find renamed files"),
        ({"filter": {"includedEventTypes": ["Microsoft.Storage.BlobRenamed"]}}, "the event subscription "
            "app-storage-renamed filters out Microsoft.Storage.DirectoryRenamed; the sweep does not find renamed "
            "files"),
        ({"filter": {"subjectBeginsWith": "/blobServices/default/containers/other/"}}, "the event subscription "
            "app-storage-renamed filters out the container inbox; the sweep does not find renamed files"),
    ],
)  # fmt: skip
def test_the_event_subscription_for_renames_is_checked(
    doctor: Doctor, capsys: pytest.CaptureFixture[str], changed: dict[str, Any] | None, sentence: str
) -> None:
    of_topic = f"{TOPIC}/eventSubscriptions"
    right = event_subscription(f"{of_topic}/app-uploads", WEBHOOK, BEGINS)
    there = [right] if changed is None else [right, renames(**changed)]
    doctor.state.resources[of_topic.lower()] = {"value": there}

    code = doctor("--json")

    ((verdict, subject, told, remedy),) = wrong(capsys)
    assert (verdict, code) == (("warning", 0) if changed is None else ("fault", 1))
    assert (subject, told) == ("renames DataStorage", sentence)
    assert remedy.startswith("run azd hooks run postdeploy")


def test_a_topic_that_is_not_visible_is_a_warning(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.state.resources[f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics".lower()] = {"value": []}

    assert doctor("--json") == 0
    assert [(verdict, subject) for verdict, subject, _, _ in wrong(capsys)] == [("warning", "events uploads")]


def test_malformed_answers_and_settings_are_reported_in_sentences(
    doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (f"{WORKSPACE}/datastores/blobs", f"{WORKSPACE}/providers/Microsoft.Authorization/permissions"):
        doctor.state.resources[path.lower()] = {"properties": ["?"], "value": "?"}

    code = doctor("--json", DataStorage="", DataStorage__blobServiceUri="https://[", DataStorage__queueServiceUri="?")

    findings = {(verdict, subject): sentence for verdict, subject, sentence, _ in wrong(capsys)}
    assert code == 1
    assert findings == {
        ("fault", "settings"): (
            "app settings: DataStorage: DataStorage__queueServiceUri does not begin with https://; "
            "write https://ACCOUNT.queue.core.windows.net"
        ),
        ("not checked", "workspace ws1"): "the service did not send a list",
        ("fault", "datastore blobs"): "this check failed because of a bug: AttributeError",
        ("fault", "storage DataStorage/inbox"): (
            "the app setting DataStorage__blobServiceUri is not the URI of a service, "
            "as https://ACCOUNT.blob.core.windows.net"
        ),
        ("fault", "storage DataStorage"): findings["fault", "storage DataStorage"],
        (
            "not checked",
            "events uploads",
        ): "neither the file nor the settings say in which account and subscription it is",
    }


def test_a_host_that_polls_needs_no_event_subscription(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.state.refused = {"/microsoft.eventgrid": 500}

    assert doctor("--json", BLOB_TRIGGER_SOURCE="LogsAndContainerScan") == 0
    assert wrong(capsys) == []


def test_a_broken_file_does_not_stop_the_other_checks(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.replace('"30 4 * * *"', '"30 25 * * *"')

    assert doctor("--json") == 1
    findings = found(capsys)
    assert findings[0]["sentence"].startswith("my.yaml:9: schedules.nightly.cron.expression: ")
    assert findings[0]["remedy"] == "correct it in my.yaml:9"
    assert {one["verdict"] for one in findings[1:]} == {"ok"}
    doctor.file.write_text("a: [")
    assert doctor("--json") == 1
    assert [one["subject"] for one in found(capsys) if one["verdict"] == "fault"] == ["settings"]


def test_components_and_batch_endpoints_are_checked(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.replace(
        "schedules:\n",
        "  taxi: {component: 'azureml:taxi:1'}\n"
        "  batch: {batch_endpoint: 'https://scores.westeurope.inference.ml.azure.com/jobs', deployment: blue}\n"
        "schedules:\n  rides: {pipeline: taxi, cron: {expression: '0 5 * * *'}, pipeline_parameters: {citi: riga}}\n",
    )
    workspace = {
        "AZUREML_SUBSCRIPTION_ID": SUBSCRIPTION.rpartition("/")[2],
        "AZUREML_RESOURCE_GROUP": "rg1",
        "AZUREML_WORKSPACE_NAME": "ws1",
    }
    inputs = {"city": {"type": "string"}, "year": {"type": "integer", "default": "2026"}}
    component = {"properties": {"componentSpec": {"inputs": inputs}}}
    doctor.state.resources[f"{WORKSPACE}/components/taxi/versions/1".lower()] = component
    doctor.state.resources[f"{WORKSPACE}/batchEndpoints/scores".lower()] = {"properties": {"defaults": {}}}

    assert doctor("--json", **workspace) == 1
    assert [one[1:3] for one in wrong(capsys)] == [
        ("schedule rides", "the pipeline has no parameter 'citi'; did you mean 'city'? it has: city, year"),
        ("schedule rides", "it sets no city, for which the component has no default"),
        ("pipeline batch", "the batch endpoint scores or its deployment blue does not exist"),
    ]


class Refusing(BaseHTTPRequestHandler):
    """A storage account over TLS that refuses every request of the identity."""

    def do_GET(self) -> None:
        body = b"<?xml version='1.0'?><Error><Code>AuthorizationPermissionMismatch</Code><Message>no</Message></Error>"
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(403)
        self.send_header("x-ms-error-code", "AuthorizationPermissionMismatch")
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class WithPoison(Refusing):
    """One that lets the identity do everything, and has three messages in its poison queue."""

    def do_GET(self) -> None:
        body = b"<?xml version='1.0'?><EnumerationResults><Blobs/><Containers/><Queues/></EnumerationResults>"
        self.send_response(200)
        if "/webjobs-blobtrigger-poison?" in self.path:
            self.send_header("x-ms-approximate-messages-count", "3")
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def refusing(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """The URL of such an account, and its certificate."""
    handler: type[Refusing] = getattr(request, "param", Refusing)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    openssl += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(openssl, check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}/{ACCOUNT}", certificate
    server.shutdown()
    server.server_close()


def test_for_an_identity_without_roles_each_missing_role_is_named(
    doctor: Doctor, refusing: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    url, certificate = refusing
    uris = {
        f"{connection}__{service}ServiceUri": url
        for connection in ("AzureWebJobsStorage", "DataStorage")
        for service in ("blob", "queue", "table")
    }

    code = doctor("--json", AzureWebJobsStorage="", DataStorage="", REQUESTS_CA_BUNDLE=str(certificate), **uris)

    refused = [one for one in wrong(capsys) if "403" in one[2]]
    assert code == 1
    assert [(subject, remedy.partition(";")[0]) for _, subject, _, remedy in refused] == [
        ("ledger AzureWebJobsStorage", "the identity needs the role Storage Table Data Contributor"),
        ("host storage AzureWebJobsStorage", "the identity needs the role Storage Blob Data Owner"),
        ("host storage AzureWebJobsStorage", "the identity needs the role Storage Queue Data Contributor"),
        ("storage DataStorage/inbox", "the identity needs the role Storage Blob Data Owner"),
        ("storage DataStorage", "the identity needs the role Storage Queue Data Contributor"),
    ]


@pytest.mark.parametrize("refusing", [WithPoison], indirect=True)
def test_what_lies_in_the_poison_queue_is_a_warning(
    doctor: Doctor, refusing: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    url, certificate = refusing
    uris = {f"DataStorage__{service}ServiceUri": url for service in ("blob", "queue")}

    doctor("--json", DataStorage="", REQUESTS_CA_BUNDLE=str(certificate), **uris)

    [(verdict, sentence, remedy)] = [(one[0], *one[2:]) for one in wrong(capsys) if one[1] == "storage DataStorage"]
    assert (verdict, sentence) == (
        "warning",
        "the queue webjobs-blobtrigger-poison contains about 3 events that failed five times",
    )
    assert "az storage message clear --queue-name webjobs-blobtrigger-poison" in str(remedy)


def test_doctor_checks_the_demo_in_its_own_process(azureml: AzureMl, storage: Azurite) -> None:
    service = BlobServiceClient.from_connection_string(storage.connection_string)
    with suppress(ResourceExistsError):
        service.create_container("azureml-blobstore")
    settings = {
        "SCHEDULES_FILE": "local/schedules.yaml",
        "AzureWebJobsStorage": storage.connection_string,
        "DataStorage": storage.connection_string,
        "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
        "PIPELINE_ENDPOINT": azureml.endpoint,
        "AZUREML_ARM": azureml.url,
        "IDENTITY_ENDPOINT": f"{azureml.url}/msi/token",
        "IDENTITY_HEADER": IDENTITY_HEADER,
    }

    def run() -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "triggers", "doctor"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()[-1], done.stderr

    well = run()
    switch = Request(f"{azureml.url}/_stand-in/workspace", b'{"parameters": {"epochs": "1"}}', method="PUT")
    urlopen(switch, timeout=10).close()

    assert well == (0, "12 ok, 0 warning, 0 fault, 0 not checked", "")
    assert run() == (1, "11 ok, 0 warning, 1 fault, 0 not checked", "")


def test_wrong_usage_is_exit_code_two(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--enable"], ["--enable", "score", "--disable", "score"], ["nonsense"]):
        with pytest.raises(SystemExit) as ended:
            doctor(*arguments)

        assert ended.value.code == 2
    assert "usage: python -m triggers doctor" in capsys.readouterr().err
