"""Tokens go only to Azure's hosts, to hosts in TOKEN_HOSTS and to the local machine, whatever the file contains."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from builders import TIME, config, file_of
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from triggers.azureml.clouds import Audience
from triggers.azureml.tokens import Tokens
from triggers.azureml.wire import NeverSent, Wire
from triggers.scheduling.token_hosts import entries_problem, token_problem
from triggers.settings import read

HOSTS = "gateway.example.com, *.private.example.com other.example.com:8443"
FOREIGN = "no token is sent to this host"


class NoTokens(Tokens):
    """Records each request for a token; there must be none."""

    def __init__(self) -> None:
        super().__init__(None)
        self.asked: list[str] = []

    def bearer(self, scope: str) -> str:
        self.asked.append(scope)
        return "t0ken"


def wire(tokens: Tokens, hosts: str = "") -> Wire:
    return Wire(
        tokens=tokens,
        scope=None,
        patience=timedelta(seconds=2),
        threads=1,
        ca_bundle=None,
        settings={"TOKEN_HOSTS": hosts},
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://westeurope.api.azureml.ms/pipelines/v1.0/x",
        "https://WestEurope.API.AzureML.ms/x",
        "https://id.workspace.westeurope.api.azureml.ms/x",
        "https://westeurope.api.azureml.ms:443/x",
        "https://e.westeurope.inference.ml.azure.com/jobs",
        "https://westeurope.aether.ms/api/v1.0/x",
        "https://management.azure.com/subscriptions",
        "https://usgovvirginia.api.ml.azure.us/x",
        "https://e.usgovvirginia.inference.ml.azure.us/jobs",
        "https://management.usgovcloudapi.net/x",
        "https://chinaeast2.api.ml.azure.cn/x",
        "https://e.chinaeast2.inference.ml.azure.cn/jobs",
        "https://management.chinacloudapi.cn/x",
        "http://127.0.0.1:7071/x",
        "http://127.1.2.3/x",
        "http://localhost:1/x",
        "https://[::1]:1/x",
        "https://gateway.example.com/x",
        "https://a.b.private.example.com/x",
        "https://other.example.com:8443/x",
    ],
)
def test_azure_hosts_listed_hosts_and_the_local_machine_may_get_a_token(url: str) -> None:
    assert token_problem(url, {"TOKEN_HOSTS": HOSTS}) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://collector.attacker.example/x",
        "https://api.azureml.ms/x",
        "https://evilapi.azureml.ms/x",
        "https://x.api.azureml.ms.evil.example/x",
        "https://management.azure.com.evil.example/",
        "https://evil-management.azure.com/",
        "https://x.management.azure.com/",
        "https://management.azure.com./x",
        "https://x.api.azureml.ms./x",
        "https://x.api.azureml.ms:8443/x",
        "https://x..api.azureml.ms/x",
        "https://-x.api.azureml.ms/x",
        "https://x_y.api.azureml.ms/x",
        "https://evil.example%2f.api.azureml.ms/x",
        "https://evil.example%00.api.azureml.ms/x",
        "https://x.api.аzureml.ms/x",  # a Cyrillic letter
        "https://x。api。azureml。ms/x",  # full stops of another script
        "https://xn--zureml-4ve.ms/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://private.example.com/x",
        "https://evilprivate.example.com/x",
        "https://other.example.com/x",
        "https://gateway.example.com:8443/x",
        "https://sub.gateway.example.com/x",
        "https://localhost.evil.example/x",
        "https://127.0.0.1.evil.example/x",
    ],
)
def test_any_other_host_gets_no_token(url: str) -> None:
    assert (token_problem(url, {"TOKEN_HOSTS": HOSTS}) or "").startswith(FOREIGN)


@pytest.mark.parametrize(
    "url",
    [
        "https://management.azure.com@evil.example/",
        "https://management.azure.com:443@evil.example/",
        "https://evil.example#.api.azureml.ms",
        "https://evil.example\\.api.azureml.ms/x",
        "https://evil.example\\@x.api.azureml.ms/x",
        "https://evil.example\t.api.azureml.ms/x",
        " https://x.api.azureml.ms/x",
        "http://x.api.azureml.ms/x",
        "https:x.api.azureml.ms/x",
        "//x.api.azureml.ms/x",
        "https://[::ffff:127.0.0.1/x",
        "https://x.api.azureml.ms:65536/x",
    ],
)
def test_a_url_that_parsers_may_read_differently_gets_no_token(url: str) -> None:
    assert token_problem(url, {}) is not None


@given(st.text(alphabet="htps:/\\@?#%.[]-_x0 \t\n。ａevil.example", max_size=30))
@example("evil.example\\")
@example("evil.example?")
def test_the_host_checked_for_a_token_is_the_host_that_is_called(middle: str) -> None:
    for url in (f"https://{middle}.api.azureml.ms/x", f"https://management.azure.com{middle}/x", middle):
        if token_problem(url, {}) is None:
            called = parse_url(url).host or ""
            assert called.endswith(".api.azureml.ms") or called == "management.azure.com", url


def test_a_wire_never_gives_a_token_to_a_foreign_host() -> None:
    tokens = NoTokens()

    for audience, azureml in ((Audience.ARM, False), (Audience.AZURE_ML, False), (None, True)):
        with pytest.raises(NeverSent, match=FOREIGN):
            wire(tokens).prepared("https://evil.example/x", b"", audience=audience, with_azureml_token=azureml)

    assert tokens.asked == []


def test_a_webhook_may_be_on_any_host_and_gets_no_token() -> None:
    tokens = NoTokens()

    wire(tokens).prepared("https://evil.example/x", b"", audience=None)

    assert tokens.asked == []


@contextmanager
def redirecting(to: str) -> Iterator[tuple[str, list[str]]]:
    """A server that redirects every request; yields its URL and the requested paths."""
    asked: list[str] = []

    class Redirect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(307)
            self.send_header("Location", to or "/again")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/start", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_redirect_is_not_followed() -> None:
    with redirecting("") as (target, reached), redirecting(target) as (url, asked):
        reply = wire(NoTokens()).prepared(url, b"{}")()

    assert (reply.status, asked, reached) == (307, ["/start"], [])


@pytest.mark.parametrize(
    "pipeline",
    [
        "{endpoint: 'https://collector.attacker.example/x'}",
        "{batch_endpoint: 'https://collector.attacker.example/jobs'}",
        "{endpoint: '%ENDPOINT%'}",
    ],
)
def test_a_foreign_host_in_the_file_is_an_error_with_its_fix(pipeline: str) -> None:
    host = "collector.attacker.example"
    text = file_of(TIME, pipeline=pipeline)
    settings = {"ENDPOINT": f"https://{host}/x"}

    [fault] = config(text, settings).faults

    assert fault.path.startswith("pipelines.p.")
    assert "add it to the app setting TOKEN_HOSTS" in fault.message
    assert host not in fault.message
    assert config(text, {**settings, "TOKEN_HOSTS": host}).faults == ()


def test_the_workspaces_host_is_also_checked() -> None:
    workspace = (
        "workspace: {subscription_id: s, resource_group: g, name: n, api: 'https://collector.attacker.example'}\n"
    )
    text = workspace + file_of(TIME, pipeline="{published_pipeline: abc}")

    [fault] = config(text, {}).faults

    assert (fault.path, fault.message.startswith(FOREIGN)) == ("workspace.api", True)


@pytest.mark.parametrize(
    "value",
    ["*", "*.com", "https://gateway.example.com", "gateway.example.com/", "a.*.com", "*a.example.com", "host:99999999",
     "user@host", "host:0", "münchen.example", "x..example", "-x.example"],
)  # fmt: skip
def test_an_entry_that_is_no_host_is_an_error_and_allows_nothing(value: str) -> None:
    assert entries_problem(value) is not None
    [fault] = read({"TOKEN_HOSTS": value}).faults
    assert (fault.path, fault.value) == ("TOKEN_HOSTS", "")
    assert token_problem("https://gateway.example.com/x", {"TOKEN_HOSTS": value}) is not None


def test_the_resource_manager_setting_is_limited_to_the_same_hosts() -> None:
    foreign = {"AZUREML_ARM": "https://arm.attacker.example"}

    [fault] = read(foreign).faults

    assert (fault.path, fault.message.startswith(FOREIGN)) == ("AZUREML_ARM", True)
    assert read({**foreign, "TOKEN_HOSTS": "arm.attacker.example"}).faults == ()
