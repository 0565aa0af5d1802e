"""The shared POST over real HTTP and TLS: what reaches the service, and which error follows from a bad answer."""

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builders import TIME, schedule, utc
from socket_server import listening

from local.azureml import AzureMl
from local.azureml_service import Fault
from triggers.azureml.outcomes import of_reply
from triggers.azureml.service import AzureMl as Endpoint
from triggers.azureml.tokens import NoToken, Tokens
from triggers.azureml.wire import Wire
from triggers.scheduling.outcome import Answer, Outcome
from triggers.scheduling.run import RunKind
from triggers.scheduling.run_request import Submission, build_request
from triggers.starting.occurrence import Occurrence


class IssuedTokens(Tokens):
    """Tokens issued by the stand-in, without azure-identity."""

    def __init__(self, token: str | None) -> None:
        super().__init__(None)
        self._token = token

    def bearer(self, scope: str) -> str:
        if self._token is None:
            raise NoToken(f"no token for {scope}: nobody is signed in")
        return self._token


HOSTS = {"TOKEN_HOSTS": "no-such-host.invalid"}


def endpoint_of(
    url: str | None,
    token: str | None = "t",
    patience: float = 2.0,
    ca_bundle: str | None = None,
    max_idle: float = 30.0,
) -> Endpoint:
    wire = Wire(
        tokens=IssuedTokens(token),
        scope="https://management.azure.com/.default",
        patience=timedelta(seconds=patience),
        threads=8,
        ca_bundle=ca_bundle,
        max_idle=timedelta(seconds=max_idle),
        settings=HOSTS,
    )
    return Endpoint(wire, HOSTS if url is None else {**HOSTS, "ENDPOINT": url})


def submission(key: str = "s@2026-11-01T04:00:00Z") -> Submission:
    of = Occurrence(key=key, kind=RunKind.REQUEST, nominal_time=utc("2026-11-01T04:00"))
    request = build_request(schedule(f"tags: {{größe: Zoë}}\n{TIME}"), of)
    return Submission(request=request, run_key=key, ledger_id="L", attempt="A")


def submit(endpoint: Endpoint, fresh: Callable[[], bool] = lambda: True) -> Outcome:
    return endpoint.submit(submission(), fresh)


@pytest.fixture
def pipeline(azureml: AzureMl) -> Endpoint:
    token = azureml.service.issue_token("x")["access_token"]
    return endpoint_of(azureml.endpoint, token)


def test_a_run_is_started_and_its_id_is_read(azureml: AzureMl, pipeline: Endpoint) -> None:
    outcome = submit(pipeline)

    (run_id,) = azureml.service.runs
    assert (outcome.answer, outcome.run_id) == (Answer.SUBMITTED, run_id)
    assert outcome.studio_url is not None
    assert outcome.studio_url.startswith(f"https://ml.azure.com/runs/{run_id}?wsid=/subscriptions/")
    (received,) = azureml.service.received
    assert received["body"]["tags"]["größe"] == "Zoë"
    assert received["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("fault", "answer", "sentence"),
    [
        (Fault("status", status=401), Answer.UNSENT, "the service answered 401: UserError: fault switch: 401"),
        (Fault("status", status=403), Answer.UNSENT, "the service answered 403: UserError: fault switch: 403"),
        (Fault("status", status=404), Answer.REJECTED, "the service answered 404: UserError: fault switch: 404"),
        (Fault("status", status=429), Answer.UNSENT, "the service answered 429: UserError: fault switch: 429"),
        (Fault("status", status=500), Answer.UNKNOWN, "the service answered 500: UserError: fault switch: 500"),
        (Fault("html", status=503), Answer.UNKNOWN, "the service answered 503"),
        (Fault("html", status=200), Answer.UNKNOWN, "the service answered 200 but sent HTML"),
        (Fault("without_id"), Answer.UNKNOWN, "the service answered 200 but sent no Id and no PipelineRunId"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
def test_an_error_answer_is_classified_and_not_retried(
    azureml: AzureMl, pipeline: Endpoint, fault: Fault, answer: Answer, sentence: str
) -> None:
    azureml.service.add_fault(fault)

    outcome = submit(pipeline)

    assert (outcome.answer, outcome.sentence) == (answer, sentence)
    assert len(azureml.service.received) == 1


@pytest.mark.parametrize("place", ["Authorization", "x-azureml-token"])
def test_a_token_that_the_service_echoes_is_removed_from_the_answer(place: str) -> None:
    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.dumps({"error": {"code": "Bad", "message": f"no good: {self.headers[place]}"}}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wire = Wire(
            tokens=IssuedTokens("TOK3N.abc_-"), scope="x", patience=timedelta(seconds=5), threads=1, ca_bundle=None
        )
        reply = wire.prepared(f"http://127.0.0.1:{server.server_port}/", b"{}", with_azureml_token=True)()
        server.shutdown()

    assert b"TOK3N" not in reply.body
    assert "no good: " in str(of_reply(reply.status, reply.headers, reply.body).sentence)


@pytest.mark.parametrize("kind", ["cut", "lose_reply"])
def test_a_connection_cut_after_the_request_is_unknown_and_the_request_is_not_resent(
    azureml: AzureMl, pipeline: Endpoint, kind: str
) -> None:
    azureml.service.add_fault(Fault(kind))

    outcome = submit(pipeline)

    assert outcome.answer is Answer.UNKNOWN
    assert "the connection ended before the service answered" in (outcome.sentence or "")
    assert len(azureml.service.received) == 1


def test_the_stand_in_ignores_a_request_that_was_cut_off(azureml: AzureMl) -> None:
    token = azureml.service.issue_token("x")["access_token"]
    with socket.create_connection(("127.0.0.1", azureml.server_address[1])) as connection:
        path = azureml.endpoint.removeprefix(azureml.url)
        head = f"POST {path} HTTP/1.1"
        connection.sendall(f"{head}\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 50\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""

    assert azureml.service.received == []


def test_a_slow_answer_is_unknown_after_the_timeout(azureml: AzureMl) -> None:
    azureml.service.add_fault(Fault("slow", seconds=3))
    token = azureml.service.issue_token("x")["access_token"]

    outcome = submit(endpoint_of(azureml.endpoint, token, patience=0.6))

    assert outcome.answer is Answer.UNKNOWN


def test_a_redirect_is_not_followed(azureml: AzureMl, pipeline: Endpoint) -> None:
    azureml.service.add_fault(Fault("redirect", status=307))

    outcome = submit(pipeline)

    assert outcome.answer is Answer.REJECTED
    assert len(azureml.service.received) == 1


def test_a_wrong_token_is_unsent(azureml: AzureMl) -> None:
    assert submit(endpoint_of(azureml.endpoint, "made-up")).answer is Answer.UNSENT


def test_without_a_token_nothing_is_sent(azureml: AzureMl) -> None:
    outcome = submit(endpoint_of(azureml.endpoint, token=None))

    assert outcome == Outcome(
        answer=Answer.UNSENT,
        sentence="no token for https://management.azure.com/.default: nobody is signed in",
    )
    assert azureml.service.received == []


def test_a_claim_that_is_too_old_is_not_sent(azureml: AzureMl, pipeline: Endpoint) -> None:
    outcome = submit(pipeline, lambda: False)

    assert (outcome.answer, outcome.is_untried) == (Answer.UNSENT, True)
    assert azureml.service.received == []


def test_a_missing_setting_is_unsent_and_named() -> None:
    assert submit(endpoint_of(None)).sentence == "the app setting ENDPOINT does not exist"


def test_plain_http_gets_no_token() -> None:
    outcome = submit(endpoint_of("http://example.org/submit"))

    assert outcome == Outcome(
        answer=Answer.UNSENT,
        sentence="the address of endpoint %ENDPOINT%: a token is never sent over plain http; expected https://",
    )


def test_a_refused_connection_is_unsent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    outcome = submit(endpoint_of(f"http://127.0.0.1:{port}/x"))

    assert outcome.answer is Answer.UNSENT
    assert "Connection refused" in (outcome.sentence or "")


def test_a_host_name_that_does_not_resolve_is_unsent() -> None:
    outcome = submit(endpoint_of("https://no-such-host.invalid/x"))

    assert outcome.answer is Answer.UNSENT
    assert "no connection to the service" in (outcome.sentence or "")


def test_a_tls_handshake_that_stalls_is_unsent() -> None:
    """No byte of the request was sent, although urllib3 reports it as a read timeout."""

    def stall(connection: socket.socket) -> None:
        time.sleep(3)
        connection.close()

    with listening(stall) as port:
        outcome = submit(endpoint_of(f"https://127.0.0.1:{port}/x", patience=1.2))

    assert outcome.answer is Answer.UNSENT


def test_a_server_that_closes_during_the_tls_handshake_is_unsent() -> None:
    with listening(lambda connection: connection.close()) as port:
        outcome = submit(endpoint_of(f"https://127.0.0.1:{port}/x"))

    assert outcome.answer is Answer.UNSENT


def test_a_reply_that_never_ends_is_abandoned() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.1)
        except OSError:
            pass
        connection.close()

    with listening(drip) as port:
        started = time.monotonic()
        outcome = submit(endpoint_of(f"http://127.0.0.1:{port}/x", patience=1.0))
        took = time.monotonic() - started

    assert outcome.answer is Answer.UNKNOWN
    assert took < 8, "the server would have dripped for 10 s and more"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


class TlsAzureMl(AzureMl):
    """The stand-in behind TLS. It counts its connections."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        super().__init__()
        self.connections = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_file, key_file)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return super().url.replace("http://", "https://")

    def finish_request(self, request: object, client_address: object) -> None:
        self.connections += 1
        super().finish_request(request, client_address)  # type: ignore[arg-type]  # as the base class passes it


@pytest.fixture
def tls_azureml(certificate: tuple[Path, Path]) -> Iterator[TlsAzureMl]:
    with TlsAzureMl(*certificate) as running:
        yield running


def test_an_untrusted_certificate_is_unsent(tls_azureml: TlsAzureMl) -> None:
    outcome = submit(endpoint_of(tls_azureml.endpoint))

    assert outcome.answer is Answer.UNSENT
    assert "CERTIFICATE_VERIFY_FAILED" in (outcome.sentence or "")


def test_connections_are_reused_and_never_outnumber_the_threads(
    tls_azureml: TlsAzureMl, certificate: tuple[Path, Path]
) -> None:
    token = tls_azureml.service.issue_token("x")["access_token"]
    endpoint = endpoint_of(tls_azureml.endpoint, token, patience=30, ca_bundle=str(certificate[0]))

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: submit(endpoint), range(40)))

    assert [outcome.answer for outcome in outcomes] == [Answer.SUBMITTED] * 40
    assert len(tls_azureml.service.runs) == 40
    assert tls_azureml.connections <= 4


def test_a_connection_closed_by_the_service_while_idle_loses_no_run() -> None:
    """Ten rounds: the server answers once on each connection and then closes it silently."""
    accepted: list[bytes] = []
    body = json.dumps({"Id": "run"}).encode()

    def once(connection: socket.socket) -> None:
        accepted.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        connection.close()

    with listening(once) as port:
        endpoint = endpoint_of(f"http://127.0.0.1:{port}/x")
        outcomes = []
        for _ in range(10):
            outcomes.append(submit(endpoint).answer)
            time.sleep(0.05)

    assert outcomes == [Answer.SUBMITTED] * 10
    assert len(accepted) == 10


def test_a_connection_that_was_idle_too_long_is_replaced(
    tls_azureml: TlsAzureMl, certificate: tuple[Path, Path]
) -> None:
    """A load balancer may have dropped it silently; a POST on it could not be distinguished from an accepted one."""
    token = tls_azureml.service.issue_token("x")["access_token"]
    patient = endpoint_of(tls_azureml.endpoint, token, ca_bundle=str(certificate[0]))
    hasty = endpoint_of(tls_azureml.endpoint, token, ca_bundle=str(certificate[0]), max_idle=0.0)

    connections = []
    for endpoint in (patient, patient, hasty, hasty):
        assert submit(endpoint).answer is Answer.SUBMITTED
        connections.append(tls_azureml.connections)

    assert connections == [1, 1, 2, 3]


def test_a_late_second_answer_is_never_taken_for_the_next_requests_answer() -> None:
    """103 and, later, 429: the 429 belongs to the first run, so the second must not read it as its own answer."""
    body = json.dumps({"Id": "second"}).encode()
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(connection.recv(65_536))
        if len(seen) == 1:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            time.sleep(0.3)
            connection.sendall(b"HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n")
            time.sleep(0.3)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        connection.close()

    with listening(serve) as port:
        endpoint = endpoint_of(f"http://127.0.0.1:{port}/x")
        first = submit(endpoint)
        time.sleep(0.5)
        second = submit(endpoint)

    assert (first.answer, second.answer) == (Answer.UNKNOWN, Answer.SUBMITTED)
    assert len(seen) == 2


def test_an_unreadable_ca_bundle_is_unsent(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")

    for bundle in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        outcome = submit(endpoint_of("https://127.0.0.1:1/x", ca_bundle=str(bundle)))
        assert outcome.answer is Answer.UNSENT
        assert "REQUESTS_CA_BUNDLE" in (outcome.sentence or "")


def test_a_token_that_is_no_valid_header_is_unsent_and_not_shown() -> None:
    outcome = submit(endpoint_of("https://127.0.0.1:1/x", token="secret\nsecond line"))

    assert outcome.answer is Answer.UNSENT
    assert "secret" not in (outcome.sentence or "")


def test_no_error_message_shows_the_query_of_the_address(azureml: AzureMl) -> None:
    azureml.service.add_fault(Fault("cut"))
    token = azureml.service.issue_token("x")["access_token"]

    cut = submit(endpoint_of(f"{azureml.endpoint}?sig=topsecret", token))
    refused = submit(endpoint_of("https://127.0.0.1:1/x?sig=topsecret"))

    assert "topsecret" not in f"{cut.sentence} {refused.sentence}"
