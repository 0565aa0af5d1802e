"""The output of `python -m triggers infra` for Bicep: filters that pass every change in scope, and early refusals."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders import CHANGE, TIME, file_of
from command_line import ROOT, run_command
from hypothesis import given
from hypothesis import strategies as st

from triggers.deployment.parameters import Undeployable, parameters, subject, subject_filter
from triggers.scheduling.change import path_out_of_scope
from triggers.scheduling.config import ChangeSchedule, ChangeTrigger
from triggers.scheduling.file.loading import load

ACCOUNT = "/subscriptions/{}/resourceGroups/rg-data/providers/Microsoft.Storage/storageAccounts/mydata"
HERE = "00000000-0000-0000-0000-000000000001"
ELSEWHERE = "00000000-0000-0000-0000-000000000002"
ENVIRONMENT = {
    "AZURE_ENV_NAME": "dev",
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": HERE,
    "AZUREML_RESOURCE_GROUP": "rg-ml",
    "AZUREML_WORKSPACE_NAME": "mlw",
    "DataStorage__accountId": ACCOUNT.format(HERE),
}
OWN_TOPIC = f"evgt-{hashlib.sha256(ACCOUNT.format(HERE).lower().encode()).hexdigest()[:12]}"
TOPIC = f"/subscriptions/{HERE}/resourceGroups/rg-events/providers/Microsoft.EventGrid/systemTopics/shared"
URL = "https://westeurope.api.azureml.ms/PipelineRuns/PipelineSubmit/1"


def change_file(change: str, name: str = "s") -> str:
    return (
        f"pipelines: {{p: {{endpoint: '%PIPELINE_ENDPOINT%'}}}}\n"
        f"schedules: {{{name}: {{pipeline: p, change: {{datastore: d, container: in-box, {change}}}}}}}\n"
    )


def values(environment: dict[str, str] | None = None) -> dict[str, str]:
    found = {**ENVIRONMENT, "PIPELINE_ENDPOINT": URL, "ENDPOINT": URL, **(environment or {})}
    return {name: value for name, value in found.items() if value}


def infra_output(text: str, **environment: str) -> dict[str, Any]:
    return parameters(text, "schedules.yaml", values(environment))


def trigger(change: str) -> ChangeTrigger:
    found = load(change_file(change), "schedules.yaml", values()).schedules["s"]
    assert isinstance(found, ChangeSchedule)
    return found.trigger


def admits(change: str, path: str, container: str = "in-box") -> bool:
    """Event Grid's rule: the subject has the given prefix and suffix, and every advanced filter matches."""
    found, event = subject_filter(trigger(change)), subject(container, path)
    return (
        event.startswith(found["subjectBeginsWith"])
        and event.endswith(found["subjectEndsWith"])
        and not any(event.startswith(prefix) for prefix in found["subjectsNotBeginningWith"])
    )


@pytest.mark.parametrize(
    ("change", "path", "passes"),
    [
        ("path_on_datastore: raw", "raw/a.csv", True),
        ("path_on_datastore: raw", "raw-old/a.csv", False),
        ("path_on_datastore: raw", "rawer", False),
        ("path_on_datastore: raw, include: ['*.csv']", "raw/a.csv", True),
        ("path_on_datastore: raw, include: ['*.csv']", "raw/a.txt", False),
        ("path_on_datastore: raw, include: ['*.csv', '*.tsv']", "raw/a.tsv", True),
        ("path_on_datastore: raw, include: ['*.csv', '*.tsv']", "raw/a.txt", False),
        ("path_on_datastore: raw, include: ['*.[ct]sv']", "raw/a.tsv", True),
        ("path_on_datastore: raw, include: ['2026-*.csv']", "raw/2025-1.csv", False),
        ("path_on_datastore: raw, recursive: true, include: ['**/*.csv']", "raw/b/a.csv", True),
        ("path_on_datastore: 'raw/date=1'", "raw/date=1/a", True),
        ("recursive: true", "any/where", True),
        ("recursive: true", "pipeline-trigger-manifests/s/1.jsonl", False),
    ],
)
def test_the_filter_matches_what_the_schedule_watches(change: str, path: str, *, passes: bool) -> None:
    assert admits(change, path) is passes


def test_the_filter_of_a_container_does_not_match_a_container_with_a_longer_name() -> None:
    assert not admits("recursive: true", "a", container="in-box-old")


_NAMES = st.text(alphabet="ab.-_=é %[]*?", min_size=1, max_size=4)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_GLOBS = st.lists(st.sampled_from(["*", "**/", "?", "[a-b]", "[!a]", ".csv", "a", "b", "é", "/", "="]), min_size=1).map(
    "".join
)


@given(folder=st.just("") | _PATHS, globs=st.lists(_GLOBS, min_size=1, max_size=3), path=_PATHS, below=st.booleans())
def test_no_change_in_scope_is_filtered_out(folder: str, globs: list[str], path: str, *, below: bool) -> None:
    watched = json.dumps(folder)
    folded = f"path_on_datastore: {watched}, recursive: true, include: {json.dumps(globs)}"
    if "s" not in load(change_file(folded), "schedules.yaml", values()).schedules:
        return  # a folder or a glob that is not valid in the file
    one = trigger(folded)
    blob = f"{one.folder}/{path}" if below and one.folder else path

    if path_out_of_scope(one, blob) is None:
        assert admits(folded, blob)


def test_the_shipped_file_gives_one_subscription_and_its_settings() -> None:
    found = infra_output((ROOT / "schedules.yaml").read_text())

    assert found == {
        "maximumInstanceCount": 40,
        "settings": {
            "AZUREML_RESOURCE_GROUP": "rg-ml",
            "AZUREML_SUBSCRIPTION_ID": HERE,
            "AZUREML_WORKSPACE_NAME": "mlw",
            "PIPELINE_ENDPOINT": URL,
        },
        "hostContainers": [],
        "watchedAccounts": [
            {
                "connection": "DataStorage",
                "accountName": "mydata",
                "resourceGroup": "rg-data",
                "containers": ["azureml-blobstore"],
                "topicName": OWN_TOPIC,
                "topicResourceGroup": "",
                "createTopic": True,
            }
        ],
        "subscriptions": [
            {
                "name": "score-uploads",
                "schedule": "score-uploads",
                "connection": "DataStorage",
                "subjectBeginsWith": "/blobServices/default/containers/azureml-blobstore/blobs/incoming/",
                "subjectEndsWith": "",
                "subjectsNotBeginningWith": [],
            }
        ],
        "renames": [
            {
                "connection": "DataStorage",
                "subjectsBeginningWith": ["/blobServices/default/containers/azureml-blobstore/blobs/"],
            }
        ],
    }


def test_a_watched_account_is_listed_once_with_its_containers() -> None:
    text = (
        "pipelines: {p: {endpoint: https://x.api.azureml.ms/1}}\nschedules:\n"
        "  a: {pipeline: p, change: {datastore: d, connection: DataStorage, container: two}}\n"
        "  b: {pipeline: p, change: {datastore: d, connection: DataStorage, container: one}}\n"
        "  c: {pipeline: p, change: {datastore: d, connection: DataStorage, container: one, path_on_datastore: x}}\n"
    )

    account = {
        "connection": "DataStorage",
        "accountName": "mydata",
        "resourceGroup": "rg-data",
        "containers": ["one", "two"],
    }
    own = {"topicName": OWN_TOPIC, "topicResourceGroup": "", "createTopic": True}
    shared = {"topicName": "shared", "topicResourceGroup": "rg-events", "createTopic": False}
    assert infra_output(text)["watchedAccounts"] == [account | own]
    assert infra_output(text, DataStorage__systemTopicId=TOPIC)["watchedAccounts"] == [account | shared]
    assert infra_output(text)["hostContainers"] == []
    assert [one["name"] for one in infra_output(text)["subscriptions"]] == ["a", "b", "c"]


def test_app_settings_are_passed_on_and_settings_of_the_machine_are_not() -> None:
    found = infra_output(
        file_of(TIME),
        RECONCILE_SCHEDULE="*/30 * * * * *",
        LEDGER_RETENTION_DAYS="30",
        AZURE_CLIENT_ID="of the deployer",
        REQUESTS_CA_BUNDLE="/etc/ssl/mine.pem",
        PATH="/usr/bin",
    )["settings"]

    assert found["RECONCILE_SCHEDULE"] == "*/30 * * * * *"
    assert found["LEDGER_RETENTION_DAYS"] == "30"
    assert not {"AZURE_CLIENT_ID", "REQUESTS_CA_BUNDLE", "PATH"} & set(found)


def test_many_timers_raise_the_maximum_instance_count() -> None:
    times = "".join(f"  t{n}: {{pipeline: p, {TIME}}}\n" for n in range(60))

    assert (
        infra_output(f"pipelines: {{p: {{endpoint: https://x.api.azureml.ms/1}}}}\nschedules:\n{times}")[
            "maximumInstanceCount"
        ]
        == 70
    )


def test_schedules_without_a_timer_need_no_room_for_one() -> None:
    manual = "".join(f"  m{n}: {{pipeline: p, manual: {{}}}}\n" for n in range(60))

    found = infra_output(f"pipelines: {{p: {{endpoint: https://x.api.azureml.ms/1}}}}\nschedules:\n{manual}")

    assert found["maximumInstanceCount"] == 40


def test_long_or_unusual_schedule_names_become_valid_event_grid_names() -> None:
    text = "pipelines: {p: {endpoint: https://x.api.azureml.ms/1}}\nschedules:\n" + "".join(
        f"  {name}: {{pipeline: p, change: {{datastore: d, container: one}}}}\n"
        for name in ("a_b", "a-b", "x" * 100, "x" * 99 + "y")
    )

    names = [one["name"] for one in infra_output(text)["subscriptions"]]

    assert len(set(names)) == 4
    assert names[1] == "a-b"
    assert [name for name in names if len(name) > 40 or not name.replace("-", "").isalnum()] == []


WATCHING = change_file("connection: DataStorage")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"AZURE_ENV_NAME": ""}, "AZURE_ENV_NAME is not set"),
        ({"AZURE_ENV_NAME": "x" * 41}, "AZURE_ENV_NAME is 41 characters long; at most 40 are allowed"),
        (
            {"AZURE_ENV_NAME": "dev env"},
            "AZURE_ENV_NAME: 'dev env': expected letters, digits, and hyphens between them",
        ),
        ({"AZURE_ENV_NAME": "-dev"}, "AZURE_ENV_NAME: '-dev': expected letters, digits, and hyphens between them"),
        (
            {"LEDGER_RETENTION_DAYS": "abc"},
            "app settings: LEDGER_RETENTION_DAYS: expected a whole number of days, 7 or more",
        ),
        (
            {"RECONCILE_SCHEDULE": "0 0 * * * *"},
            "RECONCILE_SCHEDULE: '0 0 * * * *': expected an NCRONTAB of at least every five minutes, such as "
            "0 */2 * * * *: an alert fires after ten minutes without a pass",
        ),
        ({"INSTANCE_MEMORY_MB": "1024"}, "INSTANCE_MEMORY_MB: '1024': this template supports 512 or 2048 or 4096"),
        ({"LOG_RETENTION_DAYS": "3"}, "LOG_RETENTION_DAYS: '3': expected a whole number from 30 to 730"),
        ({"AZUREML_WORKSPACE_NAME": ""}, "AZUREML_WORKSPACE_NAME is not set"),
        ({"AZUREML_WORKSPACE_NAME": "w" * 34}, "AZUREML_WORKSPACE_NAME is 34 characters long; at most 33 are allowed"),
        (
            {"AZURE_SUBSCRIPTION_ID": "", "AZUREML_SUBSCRIPTION_ID": ELSEWHERE},
            "AZURE_SUBSCRIPTION_ID is not set",
        ),
        (
            {"AZUREML_SUBSCRIPTION_ID": ELSEWHERE},
            f"the workspace mlw is in the subscription {ELSEWHERE}, the app goes into {HERE}: "
            "deploy the app into the workspace's subscription",
        ),
        (
            {"DataStorage__accountId": ""},
            "DataStorage__accountId is not set: the resource id of the storage account that schedules.yaml watches "
            "as DataStorage",
        ),
        (
            {"DataStorage__accountId": "mydata"},
            "DataStorage__accountId: 'mydata' is not the resource id of a storage account "
            "(/subscriptions/…/resourceGroups/…/providers/Microsoft.Storage/storageAccounts/NAME)",
        ),
        (
            {"DataStorage__accountId": ACCOUNT.format(ELSEWHERE)},
            f"the storage account mydata is in the subscription {ELSEWHERE}, the app goes into {HERE}: "
            "a system topic has to be in its account's subscription",
        ),
        (
            {"DataStorage__systemTopicId": "shared"},
            "DataStorage__systemTopicId: 'shared' is not the resource id of a system topic "
            "(/subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/systemTopics/NAME)",
        ),
        (
            {"BLOB_TRIGGER_SOURCE": "LogsAndContainerScan"},
            "BLOB_TRIGGER_SOURCE: 'LogsAndContainerScan': this template supports EventGrid",
        ),
        (
            {"LEDGER_CONNECTION": "Other"},
            "LEDGER_CONNECTION: 'Other': this template supports AzureWebJobsStorage",
        ),
    ],
)
def test_an_invalid_environment_is_refused_before_anything_is_deployed(
    environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Undeployable) as refused:
        infra_output(WATCHING, **environment)

    assert refused.value.sentences == (sentence,)


def test_two_connections_to_one_account_are_refused() -> None:
    text = (
        "pipelines: {p: {endpoint: https://x.api.azureml.ms/1}}\nschedules:\n"
        "  a: {pipeline: p, change: {datastore: d, connection: DataStorage, container: one}}\n"
        "  b: {pipeline: p, change: {datastore: d, connection: Other, container: two}}\n"
    )

    with pytest.raises(Undeployable, match="Other__accountId is the same storage account as DataStorage__accountId"):
        infra_output(text, Other__accountId=ACCOUNT.format(HERE).upper())


def test_watching_the_apps_own_containers_is_refused() -> None:
    with pytest.raises(Undeployable, match="the container dead-letters of the app's own account cannot be watched"):
        infra_output(change_file("recursive: true").replace("in-box", "dead-letters"))


def test_a_key_vault_reference_is_accepted_in_place_of_a_value() -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)"

    assert infra_output(file_of(TIME), ENDPOINT=reference)["settings"]["ENDPOINT"] == reference


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(Undeployable) as refused:
        infra_output(WATCHING, AZURE_ENV_NAME="", AZURE_LOCATION="", DataStorage__accountId="")

    assert [sentence.split()[0] for sentence in refused.value.sentences] == [
        "AZURE_ENV_NAME",
        "AZURE_LOCATION",
        "DataStorage__accountId",
    ]


def test_a_thousand_timers_are_refused() -> None:
    times = "".join(f"  t{n}: {{pipeline: p, {TIME}}}\n" for n in range(1000))

    with pytest.raises(
        Undeployable, match="1000 time-based schedules need 1010 instances; Flex Consumption allows 1000"
    ):
        infra_output(f"pipelines: {{p: {{endpoint: https://x.api.azureml.ms/1}}}}\nschedules:\n{times}")


def test_the_command_reads_the_environment_and_never_local_settings(tmp_path: Path) -> None:
    (tmp_path / "schedules.yaml").write_text(change_file("connection: DataStorage"))
    (tmp_path / "local.settings.json").write_text(
        json.dumps({"IsEncrypted": False, "Values": {"PIPELINE_ENDPOINT": "http://127.0.0.1", "SCHEDULES_FILE": "no"}})
    )

    refused = run_command("infra", settings=ENVIRONMENT, folder=tmp_path)
    done = run_command("infra", settings={**ENVIRONMENT, "PIPELINE_ENDPOINT": URL}, folder=tmp_path)

    assert (refused.code, refused.out) == (1, "")
    assert "the app setting PIPELINE_ENDPOINT does not exist; add it" in refused.err
    assert done.code == 0, done.err
    assert json.loads(done.out) == infra_output(change_file("connection: DataStorage"))


def test_a_broken_file_is_not_deployed(tmp_path: Path) -> None:
    (tmp_path / "schedules.yaml").write_text(file_of(CHANGE.replace("datastore", "data_store")))

    refused = run_command("infra", settings=ENVIRONMENT, folder=tmp_path)

    assert (refused.code, refused.out) == (1, "")
    assert "data_store" in refused.err


FROM_AZD = ("AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID")
EVENTS_ALONE = change_file("connection: DataStorage, polling_interval: 0")


@pytest.mark.parametrize(
    ("more", "warns"),
    [
        ({}, True),
        ({"ALWAYS_READY_INSTANCES": "0"}, True),
        ({"ALWAYS_READY_INSTANCES": "1"}, False),
        ({"BLOB_TRIGGER_SOURCE": "LogsAndContainerScan"}, False),
    ],
    ids=str,
)
def test_an_app_that_scales_to_zero_and_relies_on_events_gets_a_warning(
    tmp_path: Path, more: dict[str, str], *, warns: bool
) -> None:
    (tmp_path / "schedules.yaml").write_text(EVENTS_ALONE)
    settings = values(more)

    validated = run_command("validate", settings=settings, folder=tmp_path)
    deployed = run_command("infra", settings=settings, folder=tmp_path)

    assert ("deploy with ALWAYS_READY_INSTANCES=1" in validated.out) == warns
    if "BLOB_TRIGGER_SOURCE" not in more:  # the template has events only
        assert (deployed.code, "deploy with ALWAYS_READY_INSTANCES=1" in deployed.err) == (0, warns)
        assert json.loads(deployed.out)["maximumInstanceCount"] == 40


@pytest.mark.parametrize(
    ("value", "sentence"), [("-1", "from 0 to 20"), ("21", "from 0 to 20"), ("one", "from 0 to 20")]
)
def test_an_invalid_number_of_always_ready_instances_is_refused(value: str, sentence: str) -> None:
    with pytest.raises(Undeployable, match=sentence):
        infra_output(change_file("connection: DataStorage"), ALWAYS_READY_INSTANCES=value)


def test_the_shipped_file_passes_the_steps_of_the_first_deployment(tmp_path: Path) -> None:
    """The steps of docs/deploy.md before Azure is called: write the container into the file, set values, validate."""
    guide = (ROOT / "docs/deploy.md").read_text()
    first = guide[guide.index("## First deployment") : guide.index("### What azd up runs")]
    given = dict(re.findall(r"azd env set (\w+) (\S+)", first))
    account = ACCOUNT.format(HERE)
    settings = {**ENVIRONMENT, **given, "DataStorage__accountId": account, "PIPELINE_ENDPOINT": URL}
    shipped = (ROOT / "schedules.yaml").read_text()
    edited = shipped.replace("container: azureml-blobstore", "container: azureml-blobstore-0123abcd")
    assert edited != shipped
    (tmp_path / "schedules.yaml").write_text(edited)

    validated = run_command("validate", settings=settings, folder=tmp_path)
    deployed = run_command("infra", settings=settings, folder=tmp_path)

    assert set(given) == {
        "PIPELINE_ENDPOINT",
        "DataStorage__accountId",
        "AZUREML_RESOURCE_GROUP",
        "AZUREML_WORKSPACE_NAME",
    }
    assert (validated.code, validated.out.splitlines()[-1]) == (0, "schedules.yaml: 2 schedules, no errors")
    assert (deployed.code, deployed.err) == (0, "")
    assert json.loads(deployed.out)["watchedAccounts"][0]["containers"] == ["azureml-blobstore-0123abcd"]
