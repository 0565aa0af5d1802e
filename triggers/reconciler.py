"""Finishes what is open: the timer-triggered function, and one bounded pass over the ledger."""

import logging
from datetime import datetime, timedelta
from typing import Final

import azure.functions as func

from .app import App
from .clock import Clock
from .firing import Firing
from .ledger.ports import Ledger
from .scheduling.config import Config, Retry
from .scheduling.run import Run, RunState

log = logging.getLogger(__name__)

PASS_LIMIT: Final = timedelta(minutes=4)
"""A pass stops here, well before functionTimeout; the next one goes on."""

_RETRY_OF_REMOVED: Final = Retry(max_age=timedelta(hours=24), max_attempts=185)
"""For the open runs of a schedule that has left the file."""


def register(functions: func.FunctionApp, app: App) -> None:
    """Add the function `reconcile`."""

    def reconcile(timer: func.TimerRequest) -> None:
        run_pass(app.config, app.ledger, app.firing, app.clock, app.settings.submit_deadline)

    trigger = functions.timer_trigger(arg_name="timer", schedule=app.settings.reconcile_schedule)
    functions.function_name("reconcile")(trigger(reconcile))


def run_pass(config: Config, ledger: Ledger, firing: Firing, clock: Clock, submit_deadline: timedelta) -> None:
    """Register every schedule of the file, then see to the open runs of every schedule that was ever registered.

    One schedule's fault stops no other; they are raised together at the end.
    """
    until = clock.monotonic() + PASS_LIMIT.total_seconds()
    faults: list[Exception] = []
    for name in config.schedules:
        ledger.register(name, clock.now())
    for registration in ledger.registrations():
        schedule = config.schedules.get(registration.schedule)
        retry = schedule.retry if schedule else _RETRY_OF_REMOVED
        try:
            for run in ledger.open_runs(registration.schedule):
                if clock.monotonic() > until:
                    break
                see_to(run, retry, ledger, firing, clock.now(), submit_deadline)
        except Exception as error:  # raised again below, with the others'
            faults.append(error)
    ledger.note_pass(clock.now())
    if faults:
        raise ExceptionGroup("the reconciler could not see to every schedule", faults)


def see_to(
    run: Run, retry: Retry, ledger: Ledger, firing: Firing, now: datetime, submit_deadline: timedelta
) -> Run | None:
    """Do what one open run needs now; None when there is nothing to do or somebody else did it."""
    if run.state is RunState.UNSENT and run.next_attempt_at is not None and run.next_attempt_at <= now:
        return firing.retry(run, retry)
    if run.state is RunState.SUBMITTING and run.claimed_at is not None and now - run.claimed_at > submit_deadline:
        sentence = "the submitter fell silent after its claim; the service may have accepted the run"
        extra = {"action": "claim_stale", "run_key": run.key}
        log.warning("a claim was never settled", extra=extra)
        return ledger.update(run, run.to(RunState.UNKNOWN, now, error=sentence))
    return None
