"""The Event Grid-triggered function that receives renames of files and directories in watched storage accounts."""

import azure.functions as func

from .app import App
from .scheduling.config import ChangeSchedule


def register(functions: func.FunctionApp, app: App) -> None:
    """Add the function `storage_renamed` if any schedule is change-based."""
    if not any(isinstance(one, ChangeSchedule) for one in app.config.schedules.values()):
        return

    def storage_renamed(event: func.EventGridEvent) -> None:
        at = event.event_time or app.clock.now()
        app.engine.renames.note(event.event_type, event.topic, event.subject, at, event.get_json())

    functions.function_name("storage_renamed")(functions.event_grid_trigger(arg_name="event")(storage_renamed))
