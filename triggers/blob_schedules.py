"""One blob-triggered function per change-based schedule; no blob content ever enters the worker.

The functions are bound to BlobClient, which carries a name and nothing else. Bound to bytes or InputStream, every blob
would be loaded whole (measured: 44 MiB + 4 × its size).
"""

from collections.abc import Callable
from typing import Any

import azure.functions as func

from .app import App
from .scheduling.config import ChangeSchedule, ChangeTrigger


def register(functions: func.FunctionApp, app: App) -> None:
    """Add a function for every change-based schedule."""
    for schedule in app.config.schedules.values():
        if isinstance(schedule, ChangeSchedule):
            trigger = functions.blob_trigger(
                arg_name="client",
                path=binding_path(schedule.trigger),
                connection=schedule.trigger.connection,
                source=func.BlobSource(app.settings.blob_trigger_source),
            )
            functions.function_name(schedule.name)(trigger(_function(app, schedule)))


def binding_path(trigger: ChangeTrigger) -> str:
    """The binding's path. A folder with %, { or }, which bindings interpret, is omitted: our own filter checks it."""
    if not trigger.folder or any(mark in trigger.folder for mark in "%{}"):
        return f"{trigger.container}/{{name}}"
    return f"{trigger.container}/{trigger.folder}/{{name}}"


def _function(app: App, schedule: ChangeSchedule) -> Callable[[Any], None]:
    # Imported here: it takes longer than the worker itself, and apps without change-based schedules don't need it.
    from azurefunctions.extensions.bindings.blob import BlobClient

    polled = app.settings.blob_trigger_source != "EventGrid"

    def fire(client: BlobClient) -> None:
        app.engine.changes.report(schedule, client.container_name, client.blob_name, polled=polled)

    return fire
