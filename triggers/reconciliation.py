"""One bounded pass over what is open in the ledger; safe on several instances at once: every write is conditional."""

import logging
from datetime import datetime, timedelta
from typing import Final

from .clock import Clock
from .firing import Firing
from .ledger.ports import Ledger
from .scheduling.config import Config, Retry
from .scheduling.run import Run, RunState

log = logging.getLogger(__name__)

PASS_LIMIT: Final = timedelta(minutes=4)
"""A pass stops here, well before functionTimeout; the next one goes on."""

REGISTERED_WITHIN: Final = timedelta(minutes=2)
"""How far back from its first pass the reconciler lets a schedule's life begin."""

_RETRY_OF_REMOVED: Final = Retry(max_age=timedelta(hours=24), max_attempts=185)
"""For the open runs of a schedule that has left the file."""


def run_pass(
    config: Config,
    ledger: Ledger,
    firing: Firing,
    clock: Clock,
    *,
    started_at: datetime,
    submit_deadline: timedelta,
) -> None:
    """Register every schedule of the file, then see to the open runs of every schedule that was ever registered.

    `started_at` is the start of the worker process. One schedule's fault stops no other; they are raised together at
    the end.
    """
    until = clock.monotonic() + PASS_LIMIT.total_seconds()
    faults: list[Exception] = []
    # What came between the start and this first pass belongs to the schedule. But should a ledger be lost under an app
    # that has run for days, nothing of those days shall start again.
    first_seen = max(started_at, clock.now() - REGISTERED_WITHIN)
    for name in config.schedules:
        ledger.register(name, first_seen)
    for registration in ledger.registrations():
        schedule = config.schedules.get(registration.schedule)
        retry = schedule.retry if schedule else _RETRY_OF_REMOVED
        try:
            for run in ledger.open_runs(registration.schedule):
                if clock.monotonic() > until:
                    break
                see_to(run, retry, ledger, firing, clock.now(), submit_deadline)
        except Exception as error:  # noqa: BLE001  raised again below, with the others'
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
