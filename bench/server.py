"""A server that takes submissions, in a process of its own, so that its CPU is not counted; plain or over TLS.

    python -m bench.server DELAY [CERTIFICATE KEY]

It answers each POST with a run's id after a delay of so many seconds, and prints its port, then the number of
connections whenever it reads a line.
"""

import asyncio
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi

from bench.measuring import LineProcess

ANSWER = b"""HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"Id": "run"}"""
PIPELINE = (
    "/pipelines/v1.0/subscriptions/s/resourceGroups/r/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/PipelineRuns/PipelineSubmit/3f0c6f3e-6c2a-4d3f-9a55-0d6b1f7e8a10"
)


class _Connection(asyncio.Protocol):
    opened = 0

    def __init__(self, delay: float) -> None:
        self._delay, self._received = delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        _Connection.opened += 1
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, ANSWER)
            else:
                self._transport.write(ANSWER)


async def _serve(delay: float, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(delay), "127.0.0.1", 0, ssl=context, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(_Connection.opened, flush=True)


class Server:
    """The process, as its client sees it."""

    def __init__(self, delay: float, certificate: list[str], bundle: str) -> None:
        """`certificate`: the paths of the certificate and of its key, or none of them."""
        self._process = LineProcess("bench.server", str(delay), *certificate)
        self.bundle = bundle
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._process.heard()}{PIPELINE}"

    def connections(self) -> int:
        """How many were opened so far."""
        self._process.say("")
        return int(self._process.heard())

    def stop(self) -> None:
        self._process.stop()


@contextmanager
def served(*, tls: bool = True, delay: float = 0) -> Iterator[Server]:
    """A server that takes POSTs, and a bundle of root certificates as large as a real one that trusts it."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key, bundle = (str(Path(folder) / name) for name in ("certificate.pem", "key.pem", "bundle.pem"))
        openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        openssl += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
        subprocess.run(openssl, check=True, capture_output=True)
        # The parsing of a bundle is what a new context costs.
        Path(bundle).write_text(Path(certifi.where()).read_text() + Path(certificate).read_text())
        server = Server(delay, [certificate, key] if tls else [], bundle)
        try:
            yield server
        finally:
            server.stop()


def main() -> None:
    context = None
    if sys.argv[2:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[2:4])
    asyncio.run(_serve(float(sys.argv[1]), context))


if __name__ == "__main__":
    main()
