"""A fire, whole: what it reads, claims, sends and settles, beside the same rows by hand, one row, and the limit.

    python -m bench.fire [rounds]

By hand are the table client's own calls and a pooled `requests.Session`: the rows that a fire writes, or one row that
is claimed and settled. The limit is the same rows over urllib3, signed and put together by hand. All run in this
process, whose CPU is counted; Azurite and the server are others.
"""

import hmac
import json
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import partial
from itertools import cycle
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import urllib3
from azure.data.tables import TableClient, TableServiceClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from builders import HandClock, Outside

from bench import clients
from bench.measuring import Range, Report, argument, in_turn, ratio, spent
from bench.reconciler import Nobody
from bench.server import Server, served
from local.azurite import Azurite, free_ports
from triggers.azureml.connection_pool import Connections
from triggers.azureml.service import AzureMl
from triggers.azureml.tokens import Tokens
from triggers.azureml.wire import MAX_IDLE, Wire
from triggers.engine import Engine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.calls import ServerTime
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import Create
from triggers.ledger.table_writes import written
from triggers.pace import Pace
from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.storage.connections import pooled_transport

FIRINGS = 40
SCHEDULES = 60
"""They take turns, one a minute, since each fire leaves an open run."""
COLUMNS = {"state": "submitting", "kind": "time", "document_0": "x" * 1500}
NAIVE, BY_HAND, ONE_ROW, LIMIT = "requests.post alone", "the same rows by hand", "one row by hand", "the limit"


def main() -> None:
    rounds = argument(1, 7)
    report = Report("fire", rounds)
    with (
        served() as server,
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder), free_ports(3), in_memory=True) as azurite,
    ):
        fires(report, server, azurite.connection_string, rounds)
        transactions(report, azurite.connection_string, rounds)
    report.close()


def fires(report: Report, server: Server, connection_string: str, rounds: int) -> None:
    timer = Timer(server, connection_string)
    post = clients.sized_session(server.url, server.bundle, 8)
    naive = clients.requests_post(server.url, server.bundle, 8)
    table = TableServiceClient.from_connection_string(connection_string).get_table_client("byhand")
    table.create_table()
    ways: dict[str, Callable[[], object]] = {
        "this app": timer.fire,
        BY_HAND: lambda: by_hand(table, post, rows=4),
        ONE_ROW: lambda: by_hand(table, post, rows=1),
        LIMIT: Limit(server, connection_string).fire,
        NAIVE: naive,
    }
    found = in_turn({name: partial(spent, way, FIRINGS) for name, way in ways.items()}, rounds)
    cpus = {name: [one.cpu for one in each] for name, each in found.items()}
    rows = []
    for name, each in found.items():
        beside = "1" if name == "this app" else ratio(cpus["this app"], cpus[name])
        wall = Range.of([one.wall for one in each]).median
        rows.append([name, Range.of(cpus[name]).median * 1e3, wall * 1e3, beside])
    report.table("fire", ["a timer that fires", "CPU, ms", "wall clock, ms", "CPU here ÷ there"], rows)
    named = "A timer that fires, with everything it reads and writes"
    for beside, most in ((NAIVE, 1.1), (BY_HAND, None), (ONE_ROW, None), (LIMIT, 2.0)):
        report.figure(named, beside, ratio(cpus["this app"], cpus[beside]), most)


def transactions(report: Report, connection_string: str, rounds: int) -> None:
    table = TableServiceClient.from_connection_string(connection_string).create_table_if_not_exists("transactions")

    def by_the_client() -> None:
        rows = [{"PartitionKey": "s", "RowKey": f"{kind}:{uuid4()}", **COLUMNS} for kind in "kot"]
        table.submit_transaction([("create", row) for row in rows])

    def by_the_ledger() -> None:
        written(table, "s", [Create(f"{kind}:{uuid4()}", COLUMNS) for kind in "kot"], ServerTime())

    ways = {"the ledger": partial(spent, by_the_ledger, 60), "the table client": partial(spent, by_the_client, 60)}
    found = in_turn(ways, rounds)
    ours, theirs = ([one.cpu for one in each] for each in found.values())
    rows = [[name, Range.of([one.cpu for one in each]).median * 1e3] for name, each in found.items()]
    report.table("transaction", ["a transaction of three rows", "CPU, ms"], rows)
    report.figure("A transaction of three rows", "the table client's own", ratio(ours, theirs))


def by_hand(table: TableClient, post: Callable[[], object], rows: int) -> None:
    """Read the mark, claim so many rows, POST, settle them: what a fire does, with the client's own calls."""
    if rows > 1:
        between = "PartitionKey eq 's' and RowKey ge 'mark' and RowKey lt 'pause~'"
        list(table.query_entities(between))
    key = uuid4()
    claimed = [{"PartitionKey": "s", "RowKey": f"{kind}:{key}", **COLUMNS} for kind in "ktom"[:rows]]
    if rows == 1:
        table.create_entity(claimed[0])
        post()
        table.update_entity({**claimed[0], "state": "submitted"})
        return
    table.submit_transaction([("create", row) for row in claimed])
    post()
    table.submit_transaction([("update", {**row, "state": "submitted"}) for row in claimed[:3]])


class Limit:
    """The same rows and the submission over urllib3, signed and put together by hand; answers are hardly looked at."""

    def __init__(self, server: Server, connection_string: str) -> None:
        parts = dict(part.partition("=")[::2] for part in connection_string.split(";"))
        self._account, self._key = parts["AccountName"], b64decode(parts["AccountKey"])
        self._service = parts["TableEndpoint"]
        self._server = server
        self._pool = urllib3.PoolManager(maxsize=8, ca_certs=server.bundle)

    def fire(self) -> None:
        between = quote("PartitionKey eq 's' and RowKey ge 'mark' and RowKey lt 'pause~'")
        self._sent("GET", "byhand()", f"?$filter={between}", 200)
        key = uuid4()
        rows = [json.dumps({"PartitionKey": "s", "RowKey": f"{kind}:{key}", **COLUMNS}) for kind in "ktom"]
        self._transaction([("POST", f"{self._service}/byhand", row) for row in rows])
        assert self._pool.request("POST", self._server.url, body=clients.CONTENT, headers=clients.HEADERS).status == 200
        places = [f"{self._service}/byhand(PartitionKey='s',RowKey='{kind}:{key}')" for kind in "kto"]
        self._transaction([("PUT", place, row) for place, row in zip(places, rows, strict=False)])

    def _transaction(self, writes: list[tuple[str, str, str]]) -> None:
        part = "--changeset_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        head = "Content-Type: application/json\r\nAccept: application/json\r\n"
        head += "DataServiceVersion: 3.0\r\nPrefer: return-no-content\r\n"
        parts = [
            f"{part}{method} {url} HTTP/1.1\r\n{head}Content-Length: {len(row)}\r\n\r\n{row}\r\n"
            for method, url, row in writes
        ]
        begin = "--batch_1\r\nContent-Type: multipart/mixed; boundary=changeset_1\r\n\r\n"
        body = f"{begin}{''.join(parts)}--changeset_1--\r\n\r\n--batch_1--\r\n"
        answer = self._sent("POST", "$batch", "", 202, body.encode())
        assert answer.count(b"HTTP/1.1 204") == len(writes), answer

    def _sent(self, method: str, path: str, query: str, status: int, body: bytes = b"") -> bytes:
        date = formatdate(usegmt=True)
        place = f"{urlsplit(self._service).path}/{path}"
        signed = hmac.digest(self._key, f"{date}\n/{self._account}{place}".encode(), "sha256")
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2019-02-02",
            "Authorization": f"SharedKeyLite {self._account}:{b64encode(signed).decode()}",
            "Accept": "application/json;odata=minimalmetadata",
            "Content-Type": "multipart/mixed; boundary=batch_1",
        }
        answer = self._pool.request(method, f"{self._service}/{path}{query}", body=body or None, headers=headers)
        assert answer.status == status, answer.data
        return answer.data


class NoTokens(Tokens):
    """A token that costs nothing: what a credential costs is part of a cold start."""

    def bearer(self, scope: str) -> str:
        return "token"


class Timer:
    """Hourly schedules, on a clock that is moved on by a minute for each firing."""

    def __init__(self, server: Server, connection_string: str) -> None:
        self._clock = HandClock(datetime.now(UTC).replace(minute=0, second=0) - timedelta(days=2, minutes=1))
        lines = [
            f"  s{number}: {{pipeline: p, cron: {{expression: '{number} * * * *'}}}}\n" for number in range(SCHEDULES)
        ]
        config = load(f"pipelines: {{p: {{endpoint: '{server.url}'}}}}\nschedules:\n{''.join(lines)}", "bench", {})
        self._schedules = cycle([one for one in config.schedules.values() if isinstance(one, TimeSchedule)])
        patience = timedelta(seconds=60)
        wire = Wire(tokens=NoTokens(None), scope="x", patience=patience, threads=8, ca_bundle=server.bundle)
        transport = pooled_transport(Connections(8, None, MAX_IDLE))
        service = TableServiceClient.from_connection_string(connection_string, transport=transport)
        nobody = Nobody()
        self._engine = Engine(
            config=config,
            ledger=Ledger(AzureTable(lambda: service)),
            outside=Outside(endpoint=AzureMl(wire, {}), history=nobody, status=nobody),
            clock=self._clock,
            started_at=self._clock.now(),
            pace=Pace(),
            spread=lambda: 0.0,
        )
        for _ in range(SCHEDULES):
            self.fire()

    def fire(self) -> None:
        self._clock.pass_time(timedelta(minutes=1))
        assert self._engine.due_occurrences.fire(next(self._schedules)) >= 1


if __name__ == "__main__":
    main()
