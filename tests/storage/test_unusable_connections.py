"""An unusable connection is reported in one sentence that does not reveal the setting's value."""

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken, TokenCredential

from triggers.app import App
from triggers.settings import UnusableConnection, read
from triggers.storage.connections import blob_service, table_service

SERVICES = pytest.mark.parametrize(
    ("open_service", "service"), [(blob_service, "blob"), (table_service, "table")], ids=["blob", "table"]
)


class Identity(TokenCredential):
    """An identity that is never used, because no client is created."""

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        raise AssertionError(f"asked for {scopes}")


@SERVICES
@pytest.mark.parametrize("held", ["s3cret", "AccountKey=s3cret", "AccountName=s3cret;AccountKey", "a=s3cret;;=;"])
def test_a_setting_that_is_no_connection_string_is_reported_without_its_value(
    open_service: Callable[..., object], service: str, held: str
) -> None:
    with pytest.raises(UnusableConnection) as raised:
        open_service("Data", {"Data": held}, Identity())

    assert str(raised.value) == "the app setting Data is not a connection string"
    assert raised.value.__suppress_context__


@SERVICES
@pytest.mark.parametrize("held", ["http://[s3cret", "https://"])
def test_a_setting_that_is_no_uri_is_reported_without_its_value(
    open_service: Callable[..., object], service: str, held: str
) -> None:
    name = f"Data__{service}ServiceUri"

    with pytest.raises(UnusableConnection) as raised:
        open_service("Data", {name: held}, Identity())

    assert str(raised.value) == (
        f"the app setting {name} is not the URI of a service, as https://ACCOUNT.{service}.core.windows.net"
    )
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"serviceUri": "https://a.blob.core.windows.net"},
            "Data__serviceUri alone is not enough; add Data__blobServiceUri and Data__queueServiceUri",
        ),
        (
            {"accountName": "a"},
            "Data__accountName alone is not enough; add Data__blobServiceUri and Data__queueServiceUri",
        ),
        (
            {"blobServiceUri": "https://a.blob.core.windows.net"},
            "the app setting Data (a connection string) does not exist, nor Data__queueServiceUri; add one of them",
        ),
        (
            {"blobServiceUri": "https://a.blob.core.windows.net", "queueServiceUri": "a.queue.core.windows.net"},
            "Data__queueServiceUri does not begin with https://; write https://ACCOUNT.queue.core.windows.net",
        ),
        ({"blobServiceUri": "https://a.blob.core.windows.net", "queueServiceUri": "https://a.queue/"}, None),
    ],
)
def test_half_of_a_connection_by_identity_is_an_error_before_the_host_meets_it(
    tmp_path: Path, settings: dict[str, str], sentence: str | None
) -> None:
    (tmp_path / "schedules.yaml").write_text(
        "pipelines: {p: {endpoint: 'https://x.api.azureml.ms/y'}}\n"
        "schedules: {s: {pipeline: p, change: {datastore: d, connection: Data, container: ccc}}}\n"
    )
    given = {f"Data__{name}": value for name, value in settings.items()}

    faults = App(read({"AzureWebJobsStorage": "UseDevelopmentStorage=true", **given}), tmp_path).faults()

    assert [fault.message for fault in faults] == ([] if sentence is None else [sentence])
