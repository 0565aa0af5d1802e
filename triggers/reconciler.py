"""The timer-triggered function that finishes what is open."""

import azure.functions as func

from .app import App


def register(functions: func.FunctionApp, app: App) -> None:
    """Add the function `reconcile`."""

    def reconcile(timer: func.TimerRequest) -> None:
        from .reconciliation import run_pass

        run_pass(
            app.config,
            app.ledger,
            app.firing,
            app.clock,
            started_at=app.started_at,
            submit_deadline=app.settings.submit_deadline,
        )

    trigger = functions.timer_trigger(arg_name="timer", schedule=app.settings.reconcile_schedule)
    functions.function_name("reconcile")(trigger(reconcile))
