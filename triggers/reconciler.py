"""The timer-triggered function that finishes what is open."""

import azure.functions as func

from .app import App


def register(functions: func.FunctionApp, app: App) -> None:
    """Add the function `reconcile`."""

    def reconcile(timer: func.TimerRequest) -> None:
        app.engine.reconciliation.run_pass()

    trigger = functions.timer_trigger(arg_name="timer", schedule=app.settings.reconcile_schedule)
    functions.function_name("reconcile")(trigger(reconcile))
