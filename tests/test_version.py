"""The version is one constant, and everything that shows a version shows this constant."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import UserAgentPolicy
from command_line import run_command

from triggers.azureml.tokens import LateCredential, NoToken, Tokens
from triggers.azureml.wire import Wire
from triggers.commands.remote import Remote
from triggers.steering.declined import Declined
from triggers.storage.connections import blob_service, table_service
from triggers.version import USER_AGENT, VERSION
from triggers.web.openapi import document

ROOT = Path(__file__).parent.parent
PRODUCT = f"azureml-pipeline-triggers/{VERSION}"
ONE_TRY: dict[str, Any] = {"retry_total": 0}
RELEASES = re.findall(
    r"^## (\S+)(?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)


@pytest.fixture
def callers() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server that refuses everything, and the User-Agent of each request it received."""
    agents: list[str] = []

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            agents.append(self.headers["User-Agent"])
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", agents
    server.shutdown()
    server.server_close()


def storage(url: str) -> dict[str, str]:
    return {"Data": f"AccountName=a;AccountKey=a2V5;BlobEndpoint={url}/a;TableEndpoint={url}/a"}


def test_requests_to_azure_ml_webhooks_and_callbacks_have_the_apps_user_agent(
    callers: tuple[str, list[str]],
) -> None:
    url, agents = callers
    wire = Wire(tokens=Tokens(None), scope=None, patience=timedelta(seconds=10), threads=1, ca_bundle=None)

    wire.prepared(url, b"{}", audience=None)()
    wire.prepared(url, b"{}", method="GET", headers={"Authorization": "Basic eA=="}, audience=None)()

    assert agents == [PRODUCT] * 2


def test_requests_of_the_command_line_to_a_deployed_app_have_the_apps_user_agent(
    callers: tuple[str, list[str]],
) -> None:
    url, agents = callers

    with pytest.raises(Declined):
        Remote(url, None).schedules()

    assert agents == [PRODUCT]


def test_the_user_agent_of_requests_to_storage_begins_with_the_app(callers: tuple[str, list[str]]) -> None:
    url, agents = callers
    credential = LateCredential(Tokens(None))

    with blob_service("Data", storage(url), credential, ONE_TRY) as blobs, pytest.raises(AzureError):
        list(blobs.list_containers())
    with table_service("Data", storage(url), credential, ONE_TRY) as tables, pytest.raises(AzureError):
        list(tables.list_tables())

    assert [agent.partition(" ")[0] for agent in agents] == [PRODUCT] * 2


def test_the_user_agent_of_requests_to_storage_with_an_identity_begins_with_the_app() -> None:
    uris = {"Data__blobServiceUri": "https://a.blob.example", "Data__tableServiceUri": "https://a.table.example"}
    credential = LateCredential(Tokens(None))

    with blob_service("Data", uris, credential) as blobs, table_service("Data", uris, credential) as tables:
        policies = [blobs._config.user_agent_policy, tables._client._config.user_agent_policy]
    agents = [one.user_agent for one in policies if isinstance(one, UserAgentPolicy)]

    assert [agent.partition(" ")[0] for agent in agents] == [PRODUCT] * 2


def test_the_user_agent_of_token_requests_begins_with_the_app(
    callers: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, agents = callers
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h")

    with pytest.raises(NoToken):
        Tokens("11111111-2222-3333-4444-555555555555").bearer("https://management.azure.com/.default")

    assert agents
    assert {agent.partition(" ")[0] for agent in agents} == {PRODUCT}


def test_the_command_line_shows_the_version() -> None:
    assert run_command("--version", settings={}) == (0, f"azureml-pipeline-triggers {VERSION}\n", "")


def test_the_description_of_the_http_api_has_the_version() -> None:
    assert document()["info"]["version"] == VERSION


def test_the_pages_show_the_version() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    api = (ROOT / "docs/http-api.md").read_text(encoding="utf-8")

    assert re.findall(r"release candidate \((\S+)\)", readme) == [VERSION]
    assert re.findall(r'"version":"([^"]+)"', api) == [VERSION]


def test_pyproject_has_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert (project["name"], project["version"]) == ("azureml-pipeline-triggers", VERSION)
    assert f"{project['name']}/{project['version']}" == USER_AGENT


def _precedence(version: str) -> tuple[list[int], bool, str]:
    """A key that orders versions, a candidate before its release; candidates up to the ninth."""
    numbers, _, candidate = version.partition("-")
    return [int(number) for number in numbers.split(".")], not candidate, candidate


def test_the_changelog_begins_with_unreleased_and_its_newest_release_is_the_version() -> None:
    versions = [version for version, _ in RELEASES]
    dates = [date.fromisoformat(day) for _, day in RELEASES[1:]]

    assert versions[:2] == ["Unreleased", VERSION]
    assert versions[1:] == sorted(versions[1:], key=_precedence, reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert not RELEASES[0][1]
