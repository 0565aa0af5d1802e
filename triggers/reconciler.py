"""The timer-triggered function that runs the reconciler."""

from typing import Any

import azure.functions as func

from .app import App


def register(functions: func.FunctionApp, app: App) -> None:
    """Add the function `reconcile`."""

    def reconcile(timer: func.TimerRequest, context: func.Context) -> None:
        from .reconciling.sharing import Pool

        def begin() -> None:
            # The worker forwards another thread's log lines only if it knows the invocation they belong to.
            of_thread: Any = context.thread_local_storage
            of_thread.invocation_id = context.invocation_id

        app.engine.reconciliation.run_pass(Pool(app.settings.reconcile_threads, begins=begin))

    trigger = functions.timer_trigger(arg_name="timer", schedule=app.settings.reconcile_schedule)
    functions.function_name("reconcile")(trigger(reconcile))
