"""The signed-in user from App Service authentication; anything else in the header means no user."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from builders import Engine, schedule, utc

from triggers.management_api import register

NAMED: dict[str, Any] = {"name_typ": "upn", "claims": [{"typ": "upn", "val": "ann@contoso.example"}]}


def requested_by(header: bytes) -> str | None:
    """The `requested_by` of a run that is triggered with this header from the host."""
    engine = Engine(utc("2026-11-01T04:00")).wired(schedule())
    app: Any = SimpleNamespace(engine=engine, settings=SimpleNamespace(has_app_service_authentication=True))
    functions = func.FunctionApp()
    register(functions, app)
    called = {one.get_function_name(): one for one in functions.get_functions()}["api_trigger"].get_user_function()
    headers = {"x-ms-client-principal": base64.b64encode(header).decode()}
    request = func.HttpRequest(
        "POST", "/", headers=headers, route_params={"schedule": "s"}, params={}, body=b'{"by": "mallory"}'
    )
    answer = called(request)
    assert answer.status_code == 202, answer.get_body()
    found: str | None = json.loads(answer.get_body())["requested_by"]
    return found


def test_the_name_of_the_signed_in_user_is_recorded() -> None:
    assert requested_by(json.dumps(NAMED).encode()) == "ann@contoso.example"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"claims":' * 50_000,
        json.dumps({**NAMED, "name_typ": ["upn"]}).encode(),
        json.dumps({**NAMED, "claims": {"typ": "upn"}}).encode(),
        json.dumps({**NAMED, "claims": [["upn", "ann"]]}).encode(),
        json.dumps({**NAMED, "claims": [{"typ": ["upn"], "val": "ann"}]}).encode(),
        json.dumps({**NAMED, "claims": [{"typ": "upn", "val": ["ann"]}]}).encode(),
        json.dumps({**NAMED, "claims": [{"typ": "upn", "val": "a" * 200_000}]}).encode(),
        b'{"name_typ": "upn", "claims": [{"typ": "upn", "val": "\\ud800"}]}',
        b'{"name_typ": "upn", "claims": [{"typ": "upn", "val": "a\\u001b[2J"}]}',
        b'{"name_typ": "upn", "claims": [{"typ": "upn", "val": "a\xff"}]}',
    ],
    ids=lambda header: repr(header[:40]),
)
def test_a_malformed_header_means_no_user_and_never_raises(header: bytes) -> None:
    assert requested_by(header) is None
