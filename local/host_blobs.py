"""Runs blob triggers like the real host: a scan or Event Grid fills a storage queue, and a listener empties it.

A message gets five attempts without a pause, then goes to the poison queue. Receipts (scan only) are written once the
message is queued. A message is dropped if its blob is gone or its function is unknown. Sources: the Storage Blobs
extension's BlobTriggerExecutor, BlobQueueTriggerExecutor and ProcessEventsAsync.
"""

import base64
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueMessage

from .function_table import HostedFunction, blob_client

log = logging.getLogger("host.blobs")

HOST_ID = "onemachine"
MAX_ATTEMPTS = 5
_RECEIPTS = "azure-webjobs-hosts"


class BlobTriggers:
    """All blob-triggered functions of one host."""

    def __init__(
        self,
        functions: Mapping[str, HostedFunction],
        settings: Mapping[str, str],
        workers: ThreadPoolExecutor,
        visibility: int,
    ) -> None:
        """`visibility` is how long, in seconds, a dead host's message stays hidden from the next host."""
        self._functions = functions
        self._settings = settings
        self._workers = workers
        self._visibility = visibility
        storage = settings["AzureWebJobsStorage"]
        self._queue = QueueClient.from_connection_string(storage, f"azure-webjobs-blobtrigger-{HOST_ID}")
        self._poison = QueueClient.from_connection_string(storage, "webjobs-blobtrigger-poison")
        self._receipts = BlobServiceClient.from_connection_string(storage).get_container_client(_RECEIPTS)
        self._seen: set[str] = set()

    def prepare(self) -> None:
        """Create the queues and the container for receipts."""
        for create in (self._queue.create_queue, self._poison.create_queue, self._receipts.create_container):
            try:
                create()
            except ResourceExistsError:
                continue

    def enqueue(self, function: str, container: str, blob: str, etag: str) -> None:
        """Queue one blob for a function."""
        message = {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{function}",
            "BlobType": "BlockBlob",
            "ContainerName": container,
            "BlobName": blob,
            "ETag": etag,
        }
        self._queue.send_message(base64.b64encode(json.dumps(message).encode()).decode(), time_to_live=-1)

    def scan_for_ever(self, interval: float, stop: Event) -> None:
        """Poll the containers of triggers whose source is LogsAndContainerScan; with Event Grid, none are polled."""
        polled = [one for one in self._functions.values() if one.trigger.get("source") == "LogsAndContainerScan"]
        while polled and not stop.wait(interval):
            for function in polled:
                try:
                    self._scan(function)
                except AzureError as error:
                    log.warning("%s: the scan failed: %s", function.name, str(error).splitlines()[0])

    def listen_for_ever(self, stop: Event) -> None:
        """Pass queued messages to the functions, at most one per worker at a time."""
        while not stop.is_set():
            try:
                messages = list(self._queue.receive_messages(max_messages=16, visibility_timeout=self._visibility))
                list(self._workers.map(self._handle, messages))
            except AzureError as error:
                log.warning("the queue cannot be read: %s", str(error).splitlines()[0])
                messages = []
            if not messages:
                time.sleep(0.2)

    def _scan(self, function: HostedFunction) -> None:
        container, _, pattern = str(function.trigger["path"]).partition("/")
        connection = self._settings[str(function.trigger["connection"])]
        service = BlobServiceClient.from_connection_string(connection)
        try:
            for blob in service.get_container_client(container).list_blobs(pattern.partition("{")[0]):
                self._found(function.name, container, blob.name, str(blob.etag))
        except ResourceNotFoundError:
            return

    def _found(self, function: str, container: str, blob: str, etag: str) -> None:
        digest = hashlib.sha256(json.dumps([container, blob, etag]).encode()).hexdigest()
        receipt = f"blobreceipts/{HOST_ID}/Host.Functions.{function}/{digest}"
        if receipt in self._seen:
            return
        if not self._receipts.get_blob_client(receipt).exists():
            # The receipt is written last, as in the real host: after a crash in between, the blob is queued again.
            self.enqueue(function, container, blob, etag)
            self._receipts.upload_blob(receipt, b"", overwrite=True)
        self._seen.add(receipt)

    def _handle(self, message: QueueMessage) -> None:
        body = json.loads(base64.b64decode(message.content))
        function = self._functions.get(body["FunctionId"].removeprefix("Host.Functions."))
        if function is None or not self._exists(function, body):
            self._queue.delete_message(message)
            return
        try:
            connection = str(function.trigger["connection"])
            function.invoke(blob_client(connection, body["ContainerName"], body["BlobName"]))
        except Exception:
            log.exception("%s failed, attempt %s of %s", function.name, message.dequeue_count, MAX_ATTEMPTS)
            self._failed(message)
            return
        self._queue.delete_message(message)

    def _failed(self, message: QueueMessage) -> None:
        if (message.dequeue_count or 0) >= MAX_ATTEMPTS:
            self._poison.send_message(message.content)
            self._queue.delete_message(message)
        else:
            self._queue.update_message(message, visibility_timeout=0)

    def _exists(self, function: HostedFunction, body: Mapping[str, Any]) -> bool:
        connection = self._settings[str(function.trigger["connection"])]
        service = BlobServiceClient.from_connection_string(connection)
        return bool(service.get_blob_client(body["ContainerName"], body["BlobName"]).exists())
