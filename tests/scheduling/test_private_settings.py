"""No connection string, key or identity setting leaves the app, and no error shows the value of a setting."""

import re
from pathlib import Path

import pytest
from builders import CHANGE, TIME, config, file_of
from command_line import run_command
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.faults import place_of
from triggers.scheduling.templates import MissingSetting, escaped, expand

URL = "https://westeurope.api.azureml.ms/PipelineRuns/PipelineSubmit/1"
WATCHED = CHANGE.replace("datastore: blobs", "datastore: blobs, connection: DataStorage")
PLACES = [
    "tags: {{t: 'a %{name}% b'}}\n",
    "pipeline_parameters: {{p: '%{name}%'}}\n",
    "experiment_name: '%{name}%'\n",
    "description: '%{name}%'\n",
    "parent_run_id: '%{name}%'\n",
    "run_source: '%{name}%'\n",
    "datapaths: {{d: {{datastore: s, path: '%{name}%'}}}}\n",
    "datasets: {{d: {{name: '%{name}%'}}}}\n",
    "webhook: 'https://hook.example/%{name}%'\n",
]
PRIVATE = [
    "AzureWebJobsStorage",
    "azurewebjobsstorage",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsDashboard",
    "DataStorage",
    "DATASTORAGE",
    "DataStorage__blobServiceUri",
    "LedgerStorage",
    "IDENTITY_HEADER",
    "IDENTITY_ENDPOINT",
    "MSI_SECRET",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "WEBSITE_AUTH_ENCRYPTION_KEY",
    "website_contentazurefileconnectionstring",
    "AZURE_CLIENT_SECRET",
]
SECRETS = [
    "UseDevelopmentStorage=true",
    "usedevelopmentstorage=TRUE;",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5",
    "BlobEndpoint=https://a;SharedAccessSignature=sv=1",
    "https://a.blob.core.windows.net/c?sv=1&sig=abc",
    "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=k",
]


def settings(**more: str) -> dict[str, str]:
    return {"ENDPOINT": URL, "LEDGER_CONNECTION": "LedgerStorage", **more}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_app_setting_is_refused_in_every_text_that_is_sent(place: str, name: str) -> None:
    loaded = config(file_of(place.format(name=name) + WATCHED), settings(**{name: "s3cret-value"}))

    [fault] = loaded.faults
    assert f"the app setting {name} belongs to the app itself and must not be sent" in fault.message
    assert "s3cret-value" not in str(fault)
    assert loaded.schedules == {}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", SECRETS)
def test_a_setting_whose_value_looks_like_a_secret_is_refused(place: str, value: str) -> None:
    loaded = config(file_of(place.format(name="HARMLESS") + TIME), settings(HARMLESS=value))

    [fault] = loaded.faults
    assert "the app setting HARMLESS contains a connection string or a signature" in fault.message
    assert value not in str(fault)
    assert loaded.schedules == {}


@pytest.mark.parametrize("name", ["WEBSITE_SITE_NAME", "WEBSITE_HOSTNAME", "DataStorages", "TEAM", "IDENTITY"])
def test_the_apps_name_and_ordinary_settings_may_be_sent(name: str) -> None:
    loaded = config(file_of(f"tags: {{t: '%{name}%'}}\n{WATCHED}"), settings(**{name: "design=1"}))

    assert loaded.faults == ()
    assert loaded.settings[name] == "design=1"


@pytest.mark.parametrize(
    "keys",
    [
        "path_on_datastore: '%IDENTITY_HEADER%'",
        "path_on_datastore: 'a/%HARMLESS%'",
        "include: ['%AzureWebJobsStorage%*']",
        "container: '%MSI_SECRET%'",
        "connection: '%IDENTITY_HEADER%'",
    ],
)
def test_a_private_setting_is_refused_in_the_keys_of_change(keys: str) -> None:
    text = file_of(f"change: {{datastore: d, data_path_parameter_name: i, {keys}, container: data}}")
    text = text.replace(", container: data", "") if "container: '" in keys else text
    held = settings(IDENTITY_HEADER="s3cret", MSI_SECRET="s3cret", HARMLESS="AccountKey=s3cret")

    loaded = config(text, {**held, "AzureWebJobsStorage": "s3cret"})

    [fault] = loaded.faults
    assert "must not be sent" in fault.message
    assert loaded.schedules == {}


def test_a_private_setting_is_refused_in_defaults_workspace_and_pipelines() -> None:
    text = (
        "workspace: {subscription_id: '%IDENTITY_HEADER%', resource_group: g, name: n, api: 'https://x.api.azureml.ms'}\n"
        "pipelines:\n"
        "  p: {endpoint: 'https://x.api.azureml.ms/%AzureWebJobsStorage%'}\n"
        "  q: {published_pipeline: a}\n"
        "defaults: {tags: {t: '%MSI_SECRET%'}}\n"
        "schedules:\n"
        f"  s: {{pipeline: p, {TIME}}}\n"
    )

    loaded = config(text, {"IDENTITY_HEADER": "a", "AzureWebJobsStorage": "b", "MSI_SECRET": "c"})

    assert {fault.path for fault in loaded.faults} == {
        "workspace.subscription_id",
        "pipelines.p.endpoint",
        "defaults.tags.t",
    }
    assert (loaded.schedules, loaded.pipelines) == ({}, {})


def test_a_private_setting_in_a_stored_request_is_not_filled_in() -> None:
    loaded = config(file_of(WATCHED), settings(DataStorage="AccountKey=s3cret", TEAM="ml"))

    assert expand("%TEAM%", loaded.settings) == "ml"
    for name in ("DataStorage", "LedgerStorage"):
        with pytest.raises(MissingSetting):
            expand(f"%{name}%", loaded.settings)


FAULTY = [
    ("cron: {expression: '%SECRET%'}", ""),
    ("cron: {expression: '0 4 * * *', time_zone: '%SECRET%'}", ""),
    ("cron: {expression: '0 4 * * *', start_time: '%SECRET%'}", ""),
    ("recurrence: {frequency: '%SECRET%', interval: 1}", ""),
    ("recurrence: {frequency: day, interval: 1, time_of_day: '%SECRET%'}", ""),
    ("change: {datastore: d, container: '%SECRET%', data_path_parameter_name: i}", ""),
    ("change: {datastore: d, container: ccc, connection: '%SECRET%', data_path_parameter_name: i}", ""),
    ("change: {datastore: d, container: ccc, include: ['[%SECRET%'], data_path_parameter_name: i}", ""),
    (f"overlap: '%SECRET%'\n{TIME}", ""),
    (f"jitter: '%SECRET%'\n{TIME}", ""),
    (f"status: '%SECRET%'\n{TIME}", ""),
    (f"pipeline: '%SECRET%'\n{TIME}", ""),
    (f"webhook: 'http://%SECRET%/'\n{TIME}", ""),
    (TIME, "{endpoint: 'https://%SECRET%/x'}"),
    (TIME, "{endpoint: '%SECRET%'}"),
    (TIME, "{batch_endpoint: 'http://%SECRET%/x'}"),
    (TIME, "{component: '%SECRET%'}"),
]
VALUES = [
    "61 s3cret * * *",
    "s3cret-Value",
    "Eurpe/S3cret",
    "2026-13-77",
    "s3cret value/with?all#of@it:99999",
    "d4y",
    "7q",
]


@pytest.mark.parametrize(("schedule", "pipeline"), FAULTY)
@pytest.mark.parametrize("value", VALUES)
def test_no_error_in_the_file_shows_the_value_of_a_setting(
    schedule: str, pipeline: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(file_of(schedule, pipeline=pipeline) if pipeline else file_of(schedule))
    own = {"SCHEDULES_FILE": str(file), "SECRET": value, "ENDPOINT": URL, "AzureWebJobsStorage": "s3cret"}

    done = run_command("validate", settings=own)

    words = [word for word in value.replace("/", " ").replace("-", " ").split() if len(word) > 1]
    faults = [line for line in done.out.splitlines() if line.startswith("s.yaml:") and not line.endswith("(warning)")]
    assert [word for word in words if word.lower() in ("\n".join(faults) + done.err).lower()] == []


@pytest.mark.parametrize(
    "name",
    ["SUBMIT_DEADLINE_SECONDS", "LEDGER_RETENTION_DAYS", "BLOB_TRIGGER_SOURCE", "AZUREML_ARM", "TOKEN_HOSTS",
     "RUN_TRACKING_DAYS", "PYTHON_THREADPOOL_THREAD_COUNT"],
)  # fmt: skip
def test_no_error_in_the_settings_shows_their_value(name: str, tmp_path: Path) -> None:
    (tmp_path / "schedules.yaml").write_text(file_of(TIME))

    done = run_command("validate", settings={name: "s3cret/", "ENDPOINT": URL}, folder=tmp_path)

    assert done.code == 1
    assert f"app settings: {name}: " in done.out
    assert "s3cret" not in done.out + done.err


OUTSIDE = st.text(alphabet="%{}:. aAzure_WebJobsStorageENDPOINTrun_key", max_size=40)


@given(text=OUTSIDE)
def test_text_from_outside_is_sent_unchanged(text: str) -> None:
    assert expand(escaped(text), {"ENDPOINT": "x", "AzureWebJobsStorage": "s3cret"}) == text


def test_an_internal_error_is_reported_only_by_its_type_and_place() -> None:
    def fails() -> None:
        raise ValueError("s3cret")

    with pytest.raises(ValueError, match="s3cret") as raised:
        fails()

    assert re.fullmatch(r"ValueError in test_private_settings\.py, line \d+", place_of(raised.value))
    assert place_of(KeyError("s3cret")) == "KeyError"
