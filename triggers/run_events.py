"""The Event Grid-triggered function that receives status changes of runs."""

import azure.functions as func

from .app import App


def register(functions: func.FunctionApp, app: App) -> None:
    """Add the function `run_status_changed`."""

    def run_status_changed(event: func.EventGridEvent) -> None:
        app.engine.run_hints.note(event.subject or "", event.get_json())

    functions.function_name("run_status_changed")(functions.event_grid_trigger(arg_name="event")(run_status_changed))
