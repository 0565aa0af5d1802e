"""The functions of function_app.py as the host sees them: names, bindings and code."""

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from threading import local
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import azure.functions as func
from azure.functions import meta
from azure.functions.eventgrid import EventGridEventInConverter

_OF_THREADS = local()


@dataclass(frozen=True)
class HostedFunction:
    """One indexed function."""

    name: str
    bindings: tuple[Mapping[str, Any], ...]
    call: Callable[..., Any]

    @property
    def trigger(self) -> Mapping[str, Any]:
        """The binding that starts it."""
        return next(one for one in self.bindings if str(one["type"]).lower().endswith("trigger"))

    def invoke(self, value: object) -> Any:
        """Call it as the worker does: with the trigger's value by the binding's name, and a context if it takes one."""
        given = {str(self.trigger["name"]): value}
        if "context" in signature(self.call).parameters:
            given["context"] = SimpleNamespace(invocation_id=str(uuid4()), thread_local_storage=_OF_THREADS)
        return self.call(**given)


def load(folder: Path) -> list[HostedFunction]:
    """Import function_app.py from a folder and index it."""
    sys.path.insert(0, str(folder))
    app: func.FunctionApp = importlib.import_module("function_app").app
    return [
        HostedFunction(
            name=str(one.get_function_name()),
            bindings=tuple(json.loads(binding) for binding in one.get_raw_bindings()),
            call=one.get_user_function(),
        )
        for one in app.get_functions()
    ]


def blob_client(connection: str, container: str, blob: str) -> Any:
    """The value that the worker passes to a function bound to BlobClient: names only, no content."""
    from azurefunctions.extensions.bindings.blob import BlobClient

    content = json.dumps({"Connection": connection, "ContainerName": container, "BlobName": blob})
    data = SimpleNamespace(version="1.0", source="AzureStorageBlobs", content_type="application/json", content=content)
    return BlobClient(data=data).get_sdk_type()


def event_grid_event(event: Mapping[str, Any]) -> object:
    """The value that the worker passes to a function with an Event Grid trigger."""
    datum = meta.Datum(json.dumps(event), "json")
    return EventGridEventInConverter.decode(datum, trigger_metadata=None)
