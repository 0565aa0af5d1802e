"""One timer-triggered function per time-based schedule."""

from collections.abc import Callable

import azure.functions as func

from .app import App
from .scheduling.config import TimeSchedule
from .scheduling.times.alarm import alarm_of


def register(functions: func.FunctionApp, app: App) -> None:
    """Add a function for every time-based schedule. Its timer only wakes it up; the schedule decides what is due."""
    for schedule in app.config.schedules.values():
        if isinstance(schedule, TimeSchedule):
            trigger = functions.timer_trigger(arg_name="timer", schedule=str(alarm_of(schedule.trigger)))
            functions.function_name(schedule.name)(trigger(_function(app, schedule)))


def _function(app: App, schedule: TimeSchedule) -> Callable[[func.TimerRequest], None]:
    def fire(timer: func.TimerRequest) -> None:
        app.engine.due_occurrences.fire(schedule)

    return fire
