"""Tokens go to the hosts of Azure, to those that TOKEN_HOSTS adds, and to this machine, whatever the file names."""

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
    """Says when it is asked, which must not be."""

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
def test_a_host_of_azure_a_named_one_and_this_machine_may_have_a_token(url: str) -> None:
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
def test_any_other_host_gets_none(url: str) -> None:
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
def test_an_address_that_two_parsers_may_read_differently_gets_none(url: str) -> None:
    assert token_problem(url, {}) is not None


@given(st.text(alphabet="htps:/\\@?#%.[]-_x0 \t\n。ａevil.example", max_size=30))
@example("evil.example\\")
@example("evil.example?")
def test_what_may_have_a_token_is_what_is_called(middle: str) -> None:
    for url in (f"https://{middle}.api.azureml.ms/x", f"https://management.azure.com{middle}/x", middle):
        if token_problem(url, {}) is None:
            called = parse_url(url).host or ""
            assert called.endswith(".api.azureml.ms") or called == "management.azure.com", url


def test_a_wire_gives_no_token_to_a_foreign_host_whoever_asks() -> None:
    tokens = NoTokens()

    for audience, azureml in ((Audience.ARM, False), (Audience.AZURE_ML, False), (None, True)):
        with pytest.raises(NeverSent, match=FOREIGN):
            wire(tokens).prepared("https://evil.example/x", b"", audience=audience, with_azureml_token=azureml)

    assert tokens.asked == []


def test_a_webhook_may_be_anywhere_and_gets_no_token() -> None:
    tokens = NoTokens()

    wire(tokens).prepared("https://evil.example/x", b"", audience=None)

    assert tokens.asked == []


@contextmanager
def redirecting(to: str) -> Iterator[tuple[str, list[str]]]:
    """A server that sends every caller elsewhere: its address, and the paths requested."""
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


def test_a_redirect_is_not_followed_and_takes_no_token_along() -> None:
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
def test_a_file_that_names_a_foreign_host_is_faulty_and_says_what_to_do(pipeline: str) -> None:
    host = "collector.attacker.example"
    text = file_of(TIME, pipeline=pipeline)
    settings = {"ENDPOINT": f"https://{host}/x"}

    [fault] = config(text, settings).faults

    assert fault.path.startswith("pipelines.p.")
    assert "add it to the app setting TOKEN_HOSTS" in fault.message
    assert host not in fault.message
    assert config(text, {**settings, "TOKEN_HOSTS": host}).faults == ()


def test_the_workspaces_host_is_checked_too() -> None:
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
def test_an_entry_that_is_no_host_is_a_fault_and_admits_nothing(value: str) -> None:
    assert entries_problem(value) is not None
    [fault] = read({"TOKEN_HOSTS": value}).faults
    assert (fault.path, fault.value) == ("TOKEN_HOSTS", "")
    assert token_problem("https://gateway.example.com/x", {"TOKEN_HOSTS": value}) is not None


def test_the_setting_for_resource_manager_is_held_to_the_same_hosts() -> None:
    foreign = {"AZUREML_ARM": "https://arm.attacker.example"}

    [fault] = read(foreign).faults

    assert (fault.path, fault.message.startswith(FOREIGN)) == ("AZUREML_ARM", True)
    assert read({**foreign, "TOKEN_HOSTS": "arm.attacker.example"}).faults == ()
