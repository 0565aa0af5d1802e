"""The ledger's transport: one write for each request, the errors of azure-core's own transport, proxies where named."""

import gzip
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest, HttpResponse
from socket_server import listening

from triggers.app import App
from triggers.azureml.connection_pool import Connections
from triggers.ledger.ports import LedgerUnavailable
from triggers.settings import read
from triggers.storage.pooled_transport import PooledTransport

EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    """Answers one request with these bytes and closes the connection."""

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    return serve


def sent(url: str, content: str | bytes | None = None) -> HttpResponse:
    connections = Connections(1, None, timedelta(seconds=30))
    transport = PooledTransport(connections, connection_timeout=0.5, read_timeout=0.5)
    return transport.send(HttpRequest("GET" if content is None else "POST", url, content=content))


def test_a_request_and_its_body_are_one_write() -> None:
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65_536):
                received.append(data)
                connection.sendall(EMPTY)

    transport = PooledTransport(Connections(1, None, timedelta(seconds=30)), connection_timeout=5, read_timeout=5)
    with listening(serve) as port:
        for number in range(20):
            transport.send(HttpRequest("POST", f"http://127.0.0.1:{port}/rows", content=f"row {number}".encode()))
            transport.send(HttpRequest("GET", f"http://127.0.0.1:{port}/rows?number={number}"))

    posts, gets = received[::2], received[1::2]
    assert [one.rpartition(b"\r\n\r\n")[2] for one in posts] == [f"row {number}".encode() for number in range(20)]
    assert [one.split(b"\r\n")[0] for one in gets] == [
        f"GET /rows?number={number} HTTP/1.1".encode() for number in range(20)
    ]


def test_the_length_of_a_text_is_that_of_its_bytes() -> None:
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            received.append(connection.recv(65_536))
            connection.sendall(EMPTY)

    with listening(serve) as port:
        sent(f"http://127.0.0.1:{port}/", "Zürich")

    assert b"Content-Length: 7\r\n" in received[0]
    assert received[0].endswith("\r\n\r\nZürich".encode())


def test_a_response_is_read_whole_and_decompressed() -> None:
    body = gzip.compress(json.dumps({"value": [1]}).encode())
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}"

    with listening(answering(head.encode() + b"\r\n\r\n" + body)) as port:
        response = sent(f"http://127.0.0.1:{port}/")

    assert (response.status_code, response.content_type, response.json()) == (200, "application/json", {"value": [1]})


def silent(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while connection.recv(65_536):
            pass


@pytest.mark.parametrize(
    ("serve", "raised"),
    [
        (silent, ServiceResponseTimeoutError),
        (answering(b""), ServiceResponseError),
        (answering(b"no HTTP at all\r\n\r\n"), ServiceResponseError),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbroke"), ServiceResponseError),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbroke\r\n"), ServiceResponseError),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw"), ServiceResponseError),
    ],
    ids=["silent", "closed", "garbled", "broken off", "a chunk missing", "not gzip"],
)
def test_what_goes_wrong_after_connecting_may_have_been_received(
    serve: Callable[[socket.socket], None], raised: type[AzureError]
) -> None:
    with listening(serve) as port, pytest.raises(AzureError) as found:
        sent(f"http://127.0.0.1:{port}/", b"row")

    assert type(found.value) is raised


def test_what_goes_wrong_before_a_connection_was_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(ServiceRequestError, match="refused"):
        sent(f"http://127.0.0.1:{port}/")
    with listening(silent) as port, pytest.raises(ServiceRequestTimeoutError, match="in time while connecting"):
        sent(f"https://127.0.0.1:{port}/")


def test_the_ledger_goes_through_the_proxy_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            lines.append(connection.recv(65_536).split(b"\r\n")[0])
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    account = "AccountName=a;AccountKey=a2V5;TableEndpoint=http://tables.invalid/a;BlobEndpoint=http://blobs.invalid/a"
    with listening(serve) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        app = App(read({"AzureWebJobsStorage": account}), tmp_path)
        with pytest.raises(LedgerUnavailable, match="Storage Table Data Contributor"):
            app.engine.ledger.ledger_id()

    assert lines
    assert all(line.split()[1].startswith(b"http://tables.invalid/a/") for line in lines)
