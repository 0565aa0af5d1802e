"""Runs Azurite, the Azure ML stand-in and the host with the app on one machine, each in its own process."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from .azureml import IDENTITY_HEADER, PIPELINES
from .azureml_calls import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE_NAME
from .azureml_service import DEMO_PIPELINE
from .azurite import CHECKOUT, Azurite, NotStarted, stop, wait_for

_NOT_FOR_LOOPBACK = ("REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Machine:
    """The running processes; use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        ports: Sequence[int],
        settings: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
        run_seconds: float = 5.0,
    ) -> None:
        """`ports` are those of the host, Azure ML, and Azurite's blobs, queues and tables.

        `settings` are added to the app settings. With a `key`, callers of HTTP functions must send it. A run takes
        `run_seconds` in Azure ML.
        """
        self._run_seconds = str(run_seconds)
        self.folder = folder
        self.host_port, self.azureml_port, *storage_ports = ports
        self.azurite = Azurite(folder / "azurite", storage_ports)
        self._settings = dict(settings or {})
        self.key = key
        self.containers: list[str] = []
        """Containers to create before the host starts."""
        self._processes = ExitStack()
        self._host: subprocess.Popen[bytes] | None = None
        self._azureml: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the host."""
        return f"http://127.0.0.1:{self.host_port}"

    @property
    def azureml_url(self) -> str:
        """The URL of the Azure ML stand-in."""
        return f"http://127.0.0.1:{self.azureml_port}"

    @property
    def app_settings(self) -> dict[str, str]:
        """The app settings that local.settings.json would contain."""
        return {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "DataStorage": self.azurite.connection_string,
            "PIPELINE_ENDPOINT": f"{self.azureml_url}{PIPELINES}/PipelineRuns/PipelineSubmit/{DEMO_PIPELINE}",
            "AZUREML_API": self.azureml_url,
            "AZUREML_ARM": self.azureml_url,
            "AZUREML_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZUREML_RESOURCE_GROUP": RESOURCE_GROUP,
            "AZUREML_WORKSPACE_NAME": WORKSPACE_NAME,
            "BATCH_ENDPOINT": f"{self.azureml_url}/jobs",
            "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
            "IDENTITY_ENDPOINT": f"{self.azureml_url}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
            **self._settings,
        }

    def forget(self) -> None:
        """Delete all stored data, before a start; raises NotStarted while it is in use."""
        self._check_ports()
        shutil.rmtree(self.azurite.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self._check_ports()
        try:
            self._processes.enter_context(self.azurite)
            for container in self.containers:
                self.make_container(container)
            port = str(self.azureml_port)
            self._azureml = self._start("local.azureml", "--port", port, "--run-seconds", self._run_seconds)
            self._processes.callback(stop, self._azureml)
            wait_for(self.azureml_port, self._azureml, "the Azure ML stand-in")
            self.start_host()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._host is not None:
            stop(self._host)
            self._host = None
        self._processes.close()

    def _check_ports(self) -> None:
        for port in (self.host_port, self.azureml_port, *self.azurite.ports):
            _check_free(port)

    def start_host(self) -> None:
        """Start the host, the first time or after kill_host."""
        key = () if self.key is None else ("--key", self.key)
        self._host = self._start("local.host", "--port", str(self.host_port), "--visibility", "3", *key)
        wait_for(self.host_port, self._host, f"the host (see {self.folder / 'local.host.log'})")

    @contextmanager
    def another_host(self, port: int, key: str) -> Iterator[None]:
        """Run a second host on the same storage, whose callers must send a key."""
        host = self._start("local.host", "--port", str(port), "--key", key)
        try:
            wait_for(port, host, f"the host on port {port}")
            yield
        finally:
            stop(host)

    def ended(self) -> str | None:
        """The process that has ended by itself, with the file of its output; None while all run."""
        host, azureml = self.folder / "local.host.log", self.folder / "local.azureml.log"
        for name, process, log in (
            ("Azurite, the storage emulator,", self.azurite.process, self.azurite.log),
            ("the Azure ML stand-in", self._azureml, azureml),
            ("the host", self._host, host),
        ):
            if process is not None and process.poll() is not None:
                return f"{name} has ended by itself; start again, or look into {log} for the reason"
        return None

    def kill_host(self) -> None:
        """Kill the host and its worker, like `kill -9`."""
        assert self._host is not None
        self._host.kill()
        self._host.wait()

    def upload(self, container: str, path: str, content: bytes) -> None:
        """Upload a blob; creates the container if it is missing."""
        service = self.make_container(container)
        service.get_blob_client(container, path).upload_blob(content, overwrite=True)

    def make_container(self, container: str) -> BlobServiceClient:
        """Create a container if it is missing."""
        service = BlobServiceClient.from_connection_string(self.azurite.connection_string)
        with suppress(ResourceExistsError):
            service.create_container(container)
        return service

    def wake(self, function: str) -> None:
        """Start a function through the host's admin route."""
        self.post(f"{self.url}/admin/functions/{function}", {})

    def submissions(self) -> list[dict[str, Any]]:
        """The submissions that the Azure ML stand-in has received, oldest first."""
        return list(self.get(f"{self.azureml_url}/_stand-in/submissions")["received"])

    def accepted_runs(self) -> list[dict[str, Any]]:
        """The runs that the Azure ML stand-in has started, as PipelineRunEntity."""
        return list(self.get(f"{self.azureml_url}/_stand-in/submissions")["runs"])

    def wait_until_registered(self, schedule: str, seconds: float = 60.0) -> None:
        """Wait until a reconciler pass has ended; raises NotStarted after `seconds`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            health = self.get(f"{self.url}/api/health", self.key)
            if health["last_reconcile"] is not None:
                return
            time.sleep(0.2)
        raise NotStarted(f"{schedule} was not registered within {seconds:.0f} s")

    @staticmethod
    def get(url: str, key: str | None = None) -> Any:
        """The JSON from a URL of this machine, whatever the status."""
        request = urllib.request.Request(url, headers={} if key is None else {"x-functions-key": key})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    @staticmethod
    def post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """The status and body of a POST to this machine."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return int(reply.status), reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_LOOPBACK}
        with (self.folder / f"{module}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=CHECKOUT,
                env={**environment, **self.app_settings, "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=output,
            )


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NotStarted(
                f"port {port} is in use: stop the other `make run` or `make demo` (Ctrl+C there); if it was killed, "
                f"`lsof -i :{port}` shows the process to end"
            ) from error
