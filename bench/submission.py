"""What the shared POST costs over TLS, against `requests.post` per call and against a pooled Session.

    python -m bench.submission [calls]

The bar: at least 20 x as cheap in CPU as `requests.post` per call. The server runs in a process of its own, so that
its CPU is not counted; rounds are interleaved and the ratio is taken round by round.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import certifi
import requests

from triggers.azureml.service import AzureMl
from triggers.azureml.tokens import Tokens
from triggers.azureml.wire import Wire
from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.outcome import Answer
from triggers.scheduling.run_request import Submission, build_request
from triggers.scheduling.times.time_zones import UTC_ZONE
from triggers.starting.occurrence import time_occurrence

ROOT = Path(__file__).resolve().parent.parent
SERVER = """
import json, ssl, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Answer(BaseHTTPRequestHandler):
    wbufsize = -1
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"Id": "run"}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


class NoTokens(Tokens):
    def bearer(self, scope: str) -> str:
        return "token"


def cpu(call: Callable[[], object], calls: int) -> float:
    """Microseconds of CPU a call."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(calls):
        call()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / calls * 1e6


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with served() as (url, bundle):
        measure(f"{url}/x", bundle, calls)


@contextmanager
def served() -> Iterator[tuple[str, str]]:
    """The address of a server in a process of its own that takes POSTs over TLS, and a bundle that trusts it."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key, bundle = (str(Path(folder) / name) for name in ("certificate.pem", "key.pem", "bundle.pem"))
        openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        openssl += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
        subprocess.run(openssl, check=True, capture_output=True)
        # A bundle as large as a real one: its parsing is what a new context costs.
        Path(bundle).write_text(Path(certifi.where()).read_text() + Path(certificate).read_text())
        server = subprocess.Popen([sys.executable, "-c", SERVER, certificate, key], stdout=subprocess.PIPE, text=True)
        assert server.stdout
        url = f"https://127.0.0.1:{server.stdout.readline().strip()}"
        try:
            yield url, bundle
        finally:
            server.terminate()


def measure(url: str, bundle: str, calls: int) -> None:
    pipelines = f"pipelines: {{p: {{endpoint: '{url}'}}}}"
    schedules = "schedules: {s: {pipeline: p, cron: {expression: 0 4 * * *}}}"
    schedule = load(f"{pipelines}\n{schedules}", "bench", {}).schedules["s"]
    assert isinstance(schedule, TimeSchedule)
    request = build_request(schedule, time_occurrence(schedule, datetime(2026, 11, 1, 4, tzinfo=UTC_ZONE)))
    submission = Submission(request=request, run_key="s@2026-11-01T04:00:00Z", ledger_id="L", attempt="A")
    patience = timedelta(seconds=60)
    wire = Wire(tokens=NoTokens(None), scope="x", patience=patience, threads=8, ca_bundle=bundle)
    endpoint = AzureMl(wire, {})
    session = requests.Session()

    def ours() -> None:
        assert endpoint.submit(submission, lambda: True).answer is Answer.SUBMITTED

    def pooled() -> None:
        session.post(url, json={"a": 1}, verify=bundle, timeout=60).raise_for_status()

    def naive() -> None:
        requests.post(url, json={"a": 1}, verify=bundle, timeout=60).raise_for_status()

    for call in (ours, pooled, naive):
        call()
    rounds = [(cpu(ours, calls), cpu(pooled, calls), cpu(naive, calls)) for _ in range(7)]
    mine, session_cost, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = sorted(row[2] / row[0] for row in rounds)
    print(f"ours {mine:.0f} us, requests.Session {session_cost:.0f} us, requests.post {theirs:.0f} us of CPU a call")
    print(f"requests.post / ours: {statistics.median(ratios):.1f} x [{ratios[0]:.1f}..{ratios[-1]:.1f}], bar 20")


if __name__ == "__main__":
    main()
