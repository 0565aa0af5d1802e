"""Runs Azurite, Microsoft's storage emulator, in a separate process: real blobs, queues and tables on this machine."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

# The public account from Azurite's documentation; it works only with an emulator.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

CHECKOUT = Path(__file__).resolve().parent.parent
INSTALLED = CHECKOUT / ".local" / "node_modules" / ".bin" / "azurite"


class NotStarted(RuntimeError):
    """A process of the demo or the tests did not start; the message says what to do."""


def connection_string(ports: Sequence[int]) -> str:
    """The connection string for an Azurite with blobs, queues and tables on these ports."""
    blob, queue, table = (f"http://127.0.0.1:{port}/{ACCOUNT};" for port in ports)
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint={blob}QueueEndpoint={queue}TableEndpoint={table}"
    )


class Azurite:
    """A running Azurite; use it as a context manager."""

    def __init__(self, folder: Path, ports: Sequence[int], *, in_memory: bool = False) -> None:
        """`ports` are those of the blob, queue and table services; data is kept in the folder."""
        self.folder = folder
        self._place = ["--inMemoryPersistence"] if in_memory else ["--location", str(folder)]
        self.ports = tuple(ports)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def connection_string(self) -> str:
        """The connection string for all clients and for AzureWebJobsStorage."""
        return connection_string(self.ports)

    @property
    def log(self) -> Path:
        """The file of its output."""
        return self.folder / "azurite.log"

    def __enter__(self) -> Self:
        if not INSTALLED.exists() or shutil.which("node") is None:
            raise NotStarted("Azurite is not installed; `make setup` installs it (it needs Node.js 20 or newer)")
        self.folder.mkdir(parents=True, exist_ok=True)
        blob, queue, table = (str(port) for port in self.ports)
        command = [str(INSTALLED), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        command += [*self._place, "--blobPort", blob, "--queuePort", queue, "--tablePort", table]
        environment = {**os.environ, "NODE_NO_WARNINGS": "1"}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        for port in self.ports:
            wait_for(port, self.process, f"Azurite (see {self.log})")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            stop(self.process)


def free_ports(number: int) -> list[int]:
    """Ports of the loopback address that are free at the moment."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(port: int, process: subprocess.Popen[bytes], name: str, seconds: float = 60.0) -> None:
    """Wait until a process listens; raises NotStarted if it ends or takes too long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise NotStarted(f"{name} ended with {process.returncode} instead of listening on port {port}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NotStarted(f"{name} did not listen on port {port} within {seconds:.0f} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process; kill it if it does not end."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
