"""Tokens of the managed identity over real HTTP: when they are requested, and what follows from a bad answer."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from local.azureml import IDENTITY_HEADER, AzureMl
from local.azurite import free_ports
from triggers.azureml.managed_identity import ManagedIdentity
from triggers.azureml.tokens import LateCredential, NoToken, Tokens
from triggers.settings import from_environment

SCOPE = "https://management.azure.com/.default"
A_DAY = 86_400
NAMES = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET")


class Endpoint(ThreadingHTTPServer):
    """IDENTITY_ENDPOINT, with scripted answers and tokens after them."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str], Mapping[str, str]]] = []
        self.lifetime = A_DAY
        self.delay = 0.0
        super().__init__(("127.0.0.1", 0), _Request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/msi/token"


class _Request(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((parts.path, dict(parse_qsl(parts.query)), dict(self.headers)))
        number = len(self.server.asked)
        time.sleep(self.server.delay)
        token = {
            "access_token": f"token {number}",
            "expires_on": str(int(time.time()) + self.server.lifetime),
            "resource": "https://management.azure.com",
            "token_type": "Bearer",
        }
        status, body, headers = self.server.answers.pop(0) if self.server.answers else (200, token, {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with Endpoint() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("IDENTITY_ENDPOINT", server.url)
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        yield server
        server.shutdown()


@pytest.fixture
def tokens(endpoint: Endpoint) -> Tokens:
    return Tokens(None, has_managed_identity=True)


def refusal(tokens: Tokens) -> str:
    with pytest.raises(NoToken) as error:
        tokens.bearer(SCOPE)
    return str(error.value).removeprefix(f"no token for {SCOPE}: ")


def test_a_token_is_requested_once_for_each_resource(endpoint: Endpoint, tokens: Tokens) -> None:
    found = [tokens.bearer(scope) for scope in (SCOPE, SCOPE, "https://ml.azure.com/.default", SCOPE)]

    assert found == ["token 1", "token 1", "token 2", "token 1"]
    assert [query["resource"] for _, query, _ in endpoint.asked] == [
        "https://management.azure.com",
        "https://ml.azure.com",
    ]


@pytest.mark.parametrize("client_id", [None, "11111111-2222-3333-4444-555555555555"])
def test_the_request_is_the_one_that_azure_identity_sends(endpoint: Endpoint, client_id: str | None) -> None:
    for has_managed_identity in (True, False):
        Tokens(client_id, has_managed_identity=has_managed_identity).bearer(SCOPE)

    (path, query, headers), (other_path, other_query, other_headers) = endpoint.asked
    assert (path, query) == (other_path, other_query)
    assert query.get("client_id") == client_id
    assert headers["X-IDENTITY-HEADER"] == other_headers["X-IDENTITY-HEADER"] == "secret"


def test_a_credential_for_storage_says_when_the_token_ends(endpoint: Endpoint, tokens: Tokens) -> None:
    endpoint.lifetime = 3600

    found = LateCredential(tokens).get_token(SCOPE, tenant_id="t", enable_cae=True)

    assert found.token == "token 1"
    assert 3590 <= found.expires_on - time.time() <= 3601


def test_a_token_that_ends_within_five_minutes_is_requested_again(endpoint: Endpoint, tokens: Tokens) -> None:
    endpoint.lifetime = 299
    first = tokens.bearer(SCOPE)
    endpoint.lifetime = A_DAY

    assert [first, tokens.bearer(SCOPE), tokens.bearer(SCOPE)] == ["token 1", "token 2", "token 2"]


def test_a_token_that_a_service_no_longer_takes_is_replaced(endpoint: Endpoint, tokens: Tokens) -> None:
    credential = LateCredential(tokens)
    first = credential.get_token(SCOPE)

    assert credential.get_token(SCOPE, claims='{"access_token": {}}').token == "token 2"
    assert first.token == "token 1"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_failure_that_passes_is_tried_again(endpoint: Endpoint, tokens: Tokens, status: int) -> None:
    endpoint.answers = [(status, {"statusCode": status, "message": "later"}, {})]

    assert tokens.bearer(SCOPE) == "token 2"


def test_a_failure_that_stays_is_tried_again_three_times_and_reported(endpoint: Endpoint, tokens: Tokens) -> None:
    endpoint.answers = [(429, {"statusCode": 429, "message": "Too many\nrequests"}, {"Retry-After": "0"})] * 9

    assert refusal(tokens) == "the managed identity's endpoint refused: 429, Too many requests"
    assert len(endpoint.asked) == 4


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"statusCode": 400, "message": "Unable to load the proper Managed Identity."},
         "refused: 400, Unable to load the proper Managed Identity."),
        ({"error": "?"}, "refused: it gave no reason"),
        (b"<html>", "sent no usable answer: JSONDecodeError"),
        ([], "sent no usable answer: AttributeError"),
        ({"access_token": "t", "expires_on": "soon"}, "sent no usable answer: ValueError"),
    ],
)  # fmt: skip
def test_an_answer_without_a_token_is_not_tried_again(
    endpoint: Endpoint, tokens: Tokens, answer: object, sentence: str
) -> None:
    endpoint.answers = [(400, answer, {})]

    assert refusal(tokens) == f"the managed identity's endpoint {sentence}"
    assert len(endpoint.asked) == 1
    assert tokens.bearer(SCOPE) == "token 2"


def test_an_endpoint_that_is_away_is_tried_again_and_reported(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{free_ports(1)[0]}/msi/token")

    assert refusal(tokens) == "the managed identity's endpoint does not answer: ConnectionError"


def test_threads_that_need_the_first_token_send_one_request(endpoint: Endpoint, tokens: Tokens) -> None:
    endpoint.delay = 0.2
    barrier = Barrier(16)

    def ask(_: int) -> str:
        barrier.wait()
        return tokens.bearer(SCOPE)

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(16))) == ["token 1"] * 16
    assert len(endpoint.asked) == 1


def test_a_redirect_does_not_get_the_secret(endpoint: Endpoint, tokens: Tokens) -> None:
    with Endpoint() as other:
        Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        endpoint.answers = [(307, {}, {"Location": other.url})]

        assert refusal(tokens) == "the managed identity's endpoint refused: it gave no reason"
        assert other.asked == []
        other.shutdown()


def test_a_proxy_does_not_get_the_secret(endpoint: Endpoint, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert tokens.bearer(SCOPE) == "token 1"


def test_the_stand_in_issues_tokens_and_refuses_another_secret(
    azureml: AzureMl, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{azureml.url}/msi/token")

    assert refusal(tokens) == "the managed identity's endpoint refused: it gave no reason"
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    assert azureml.service.knows(f"Bearer {tokens.bearer(SCOPE)}")


@pytest.mark.parametrize(
    "settings",
    [
        {"AZURE_CLIENT_SECRET": "s", "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"},
        {"AZURE_CLIENT_CERTIFICATE_PATH": "c.pem"},
        {"AZURE_USERNAME": "u"},
        {"AZURE_FEDERATED_TOKEN_FILE": "file"},
        {"AZURE_TOKEN_CREDENTIALS": "dev"},
        {"IDENTITY_SERVER_THUMBPRINT": "0" * 40},
        {"IDENTITY_ENDPOINT": ""},
        {"IDENTITY_HEADER": ""},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_of_another_credential_leave_the_choice_to_azure_identity(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    assert from_environment(tmp_path).has_managed_identity
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert not from_environment(tmp_path).has_managed_identity


def test_local_settings_do_not_make_a_managed_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    values = {"IDENTITY_ENDPOINT": "http://x", "IDENTITY_HEADER": "y"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))

    assert not from_environment(tmp_path).has_managed_identity


def test_where_the_managed_identity_is_used_azure_identity_would_use_it_too(endpoint: Endpoint) -> None:
    from azure.identity import DefaultAzureCredential

    chosen = Tokens(None).credential
    assert isinstance(chosen, DefaultAzureCredential)
    chosen.get_token(SCOPE)

    assert type(chosen._successful_credential).__name__ == "ManagedIdentityCredential"
    assert type(vars(chosen._successful_credential)["_credential"]).__name__ == "AppServiceCredential"
    assert isinstance(Tokens(None, has_managed_identity=True).credential, ManagedIdentity)
