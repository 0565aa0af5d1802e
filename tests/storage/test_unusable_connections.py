"""An unusable connection is reported in one sentence that does not reveal the setting's value."""

from collections.abc import Callable

import pytest
from azure.core.credentials import AccessToken, TokenCredential

from triggers.settings import UnusableConnection
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
