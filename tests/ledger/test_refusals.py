"""Refusals of the table service, and the errors that the ledger raises for them."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from azure.data.tables import TableServiceClient

from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ports import Create, LedgerUnavailable

XML = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
NAMESPACE = 'xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"'
ONE, TWO = [Create("a", {})], [Create("a", {}), Create("b", {})]
MIXED = "multipart/mixed; boundary=batchresponse_1"


def part(status: str, body: str) -> str:
    return (
        "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n"
        "--changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"HTTP/1.1 {status}\r\nContent-ID: 1\r\nContent-Type: application/json;odata=minimalmetadata\r\n\r\n{body}\r\n"
        "--changesetresponse_2--\r\n--batchresponse_1--\r\n"
    )


def odata(code: str, said: str) -> str:
    message = f"{said}\\nRequestId:48cc6c89-30cf-4364-9271-97bfd930771b\\nTime:2026-11-29T22:49:31.263Z"
    return f'{{"odata.error":{{"code":"{code}","message":{{"lang":"en-US","value":"{message}"}}}}}}'


class Refusing(BaseHTTPRequestHandler):
    """Creates the table, then gives one answer to every write."""

    answer: tuple[int, str, str]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, kind, body = (201, "application/json", "{}") if self.path.endswith("/Tables") else self.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


@pytest.fixture
def table() -> Iterator[AzureTable]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    place = f"http://127.0.0.1:{server.server_port}/account"
    text = f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={key};TableEndpoint={place};"
    yield AzureTable(lambda: TableServiceClient.from_connection_string(text, retry_total=0))
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("operations", [ONE, TWO], ids=["a single write", "a transaction"])
@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (
            403,
            "application/xml",
            f"{XML}<error {NAMESPACE}><code>AuthorizationPermissionMismatch</code><message xml:lang='en-US'>"
            "This request is not authorized to perform this operation using this permission.</message></error>",
            "AuthorizationPermissionMismatch: This request is not authorized to perform this operation using this "
            "permission.; the app's identity needs the role Storage Table Data Contributor",
        ),
        (
            503,
            "application/json",
            odata("ServerBusy", "The server is busy."),
            "ServerBusy: The server is busy.",
        ),
        (413, "text/html", "<html>too large</html>", "the service answered 413"),
    ],
    ids=["403 in XML", "503 in JSON", "413 in HTML"],
)
def test_a_refusal_is_reported_with_the_services_message(
    table: AzureTable, operations: list[Create], status: int, kind: str, body: str, said: str
) -> None:
    Refusing.answer = (status, kind, body)

    with pytest.raises(LedgerUnavailable) as raised:
        table.write("s", operations)

    assert str(raised.value) == f"the ledger (table pipelinetriggers) cannot be reached: {said}"


@pytest.mark.parametrize(
    ("status", "code"),
    [("409 Conflict", "EntityAlreadyExists"), ("412 Precondition Failed", "UpdateConditionNotSatisfied")],
)
def test_a_failed_condition_is_a_conflict_and_not_an_error(table: AzureTable, status: str, code: str) -> None:
    Refusing.answer = (202, MIXED, part(status, odata(code, "1:The condition is not met.")))
    assert table.write("s", TWO) is None

    Refusing.answer = (int(status[:3]), "application/json", odata(code, "The condition is not met."))
    assert table.write("s", ONE) is None


def test_an_operation_refused_within_a_transaction_is_reported(table: AzureTable) -> None:
    Refusing.answer = (202, MIXED, part("400 Bad Request", odata("PropertyValueTooLarge", "0:It is too large.")))

    with pytest.raises(LedgerUnavailable, match="PropertyValueTooLarge: 0:It is too large"):
        table.write("s", TWO)


def test_a_truncated_answer_is_an_error(table: AzureTable) -> None:
    whole = part("204 No Content", "")
    Refusing.answer = (202, MIXED, whole[: whole.index("--changesetresponse_2--")])

    with pytest.raises(LedgerUnavailable, match="broke off"):
        table.write("s", TWO)
