"""Builds table writes and sends them through the client's own pipeline.

The client itself starts several threads for every part of a transaction, once to send it and again to read the answer,
which costs three times the CPU. Authentication, retries, timeouts and logging remain the client's. A single write is a
plain request; several writes are one transaction.
"""

import json
import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from typing import Any, Final
from urllib.parse import quote

from azure.core.exceptions import HttpResponseError, ServiceResponseError
from azure.core.rest import HttpRequest, HttpResponse
from azure.data.tables import TableClient
from azure.data.tables._serialize import _add_entity_properties
from msgspec import Struct

from .calls import ServerTime
from .ports import Create, Delete, Merge, Operation

_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json", "DataServiceVersion": "3.0"}
_BATCH: Final = "batch_rows"
_CHANGES: Final = "changeset_rows"
"""The boundaries. No row can contain one: a row is JSON in one line, and a boundary has its own."""
_PART: Final = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
_CODE: Final = re.compile(r'"code"\s*:\s*"(\w+)"|<(?:\w+:)?code>(\w+)<', re.IGNORECASE)
_DONE: Final = re.compile(
    rb"HTTP/1\.1 2\d\d [^\r\n]*\r\n(?:(?!etag:)[^\r\n]+\r\n)*etag: *([^\r\n]+)\r\n", re.IGNORECASE
)
"""A part of an answer to a transaction that was carried out, with its ETag."""
_SAID: Final = re.compile(r'"value"\s*:\s*"((?:[^"\\]|\\.)*)"|<(?:\w+:)?message[^>]*>([^<]*)<', re.IGNORECASE)


class _Call(Struct, frozen=True):
    """One write as an HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str


def written(
    table: TableClient, partition: str, operations: Sequence[Operation], answered: ServerTime
) -> Sequence[str | None]:
    """Perform all writes or none; return their ETags. Raises HttpResponseError and whatever the client raises."""
    place = f"{table.scheme}://{table._primary_hostname}"  # noqa: SLF001  the client exposes it nowhere else
    calls = [_call(f"{place}/{table.table_name}", partition, one) for one in operations]
    if len(calls) == 1:
        return [_single(table, calls[0], answered)]
    response = _sent(
        table,
        HttpRequest(
            "POST",
            f"{place}/$batch",
            headers={**_common(table), "Content-Type": f"multipart/mixed; boundary={_BATCH}"},
            content=_body(calls).encode(),
        ),
        answered,
    )
    if response.status_code != 202:
        raise _refused(response, response.status_code, response.text())
    return _etags(response, len(calls))


def _common(table: TableClient) -> dict[str, str]:
    return {"x-ms-version": table.api_version, "MaxDataServiceVersion": "3.0;NetFx", **_JSON}


def _sent(table: TableClient, request: HttpRequest, answered: ServerTime) -> HttpResponse:
    response: HttpResponse = table._client.send_request(  # noqa: SLF001  the client's pipeline has no public name
        request, stream=True, raw_response_hook=answered
    )
    response.read()
    return response


def _single(table: TableClient, call: _Call, answered: ServerTime) -> str | None:
    headers = {**_common(table), **call.headers}
    response = _sent(table, HttpRequest(call.method, call.url, headers=headers, content=call.body), answered)
    if response.status_code >= 300:
        raise _refused(response, response.status_code, response.text())
    return response.headers.get("ETag")


def _call(table: str, partition: str, operation: Operation) -> _Call:
    """The request for a write, with its condition."""
    row = json.dumps(
        _add_entity_properties({**operation.columns, "PartitionKey": partition, "RowKey": operation.row_key})
    )
    if isinstance(operation, Create):
        return _Call("POST", table, {**_JSON, "Prefer": "return-no-content"}, row)
    url = f"{table}(PartitionKey='{_quoted(partition)}',RowKey='{_quoted(operation.row_key)}')"
    if isinstance(operation, Merge):
        return _Call("PATCH", url, {**_JSON, "If-Match": "*"}, row)
    if isinstance(operation, Delete):
        return _Call("DELETE", url, {**_JSON, "If-Match": operation.etag or "*"}, "")
    return _Call("PUT", url, _JSON if operation.etag is None else {**_JSON, "If-Match": operation.etag}, row)


def _quoted(key: str) -> str:
    return quote(key.replace("'", "''"), safe="")


def _body(calls: Sequence[_Call]) -> str:
    parts = [
        f"--{_CHANGES}\r\n{_PART}{call.method} {call.url} HTTP/1.1\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        + f"Content-Length: {len(call.body)}\r\n\r\n{call.body}\r\n"
        for call in calls
    ]
    head = f"--{_BATCH}\r\nContent-Type: multipart/mixed; boundary={_CHANGES}\r\n\r\n"
    return f"{head}{''.join(parts)}--{_CHANGES}--\r\n\r\n--{_BATCH}--\r\n"


def _etags(response: HttpResponse, number: int) -> Sequence[str | None]:
    """The ETags in the answer to a transaction; raises the error of the part that was refused."""
    content_type = response.headers.get("Content-Type", "")
    if response.content.rstrip().endswith(f"--{content_type.partition('boundary=')[2]}--".encode()):
        found = [etag.decode() for etag in _DONE.findall(response.content)]
        if len(found) == number:
            return found
    return _parsed_etags(response, number)


def _parsed_etags(response: HttpResponse, number: int) -> Sequence[str | None]:
    """As `_etags`, for every answer that is not a plain success: it parses the answer as a whole."""
    kind = f"Content-Type: {response.headers.get('Content-Type', '')}\r\n\r\n"
    message = message_from_bytes(kind.encode() + response.content)
    parts = [str(one.get_payload()) for one in message.walk() if one.get_content_type() == "application/http"]
    found: list[str | None] = []
    for part in parts:
        head, _, body = part.replace("\r\n", "\n").partition("\n\n")
        line, _, lines = head.partition("\n")
        status = int(line.split()[1]) if re.match(r"HTTP/1\.1 \d{3}\b", line) else 0
        if status >= 300:
            raise _refused(response, status, body)
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines.split("\n"))}
        found.append(headers.get("etag") if status else None)
    if len(found) != number or any(one.defects for one in message.walk()):
        raise ServiceResponseError("the answer broke off")
    return found


def _refused(response: HttpResponse, status: int, body: str) -> HttpResponseError:
    """The error for a refusal: the service's code and the first line of its message."""
    code, said = (_first(pattern, body) for pattern in (_CODE, _SAID))
    sentence = said.replace("\\n", "\n").splitlines()[0] if said else f"the service answered {status}"
    error = HttpResponseError(f"{code}: {sentence}" if code else sentence)
    error.status_code, error.response = status, response
    known: Any = error
    known.error_code = code
    return error


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return next((one for one in match.groups() if one), "") if match else ""
