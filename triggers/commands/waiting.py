"""The command wait: waits for the end of a run, and of the reruns that follow it."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from ..scheduling.run import RunState
from ..scheduling.run_states import ENDED_STATES
from ..scheduling.shown import RunAnswer
from ..settings import Settings, StoreUnavailable
from .levers import Levers, levers, refusals
from .remote import Unreachable
from .showing import print_run, replays_of

_LONGEST_POLL: Final = 200
_LOOK_EVERY: Final = 5.0
"""Seconds between two polls, if the app does not wait itself."""
_PATIENCE: Final = timedelta(minutes=10)
"""How long an app or a ledger may be unreachable while we wait for a run."""
_ENDED: Final = frozenset(state.value for state in ENDED_STATES | {RunState.UNREADABLE})


def wait(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Wait for the end of a run."""
    with refusals():
        acting = levers(options, settings, folder)
        run = until_its_end(acting, options.key_of_run, options.timeout)
    print_run(run, json=options.json)
    return code_of(run)


def until_its_end(acting: Levers, key: str, timeout: timedelta | None, look_every: float = _LOOK_EVERY) -> RunAnswer:
    """Wait for the end of a run and its reruns; returns the last of them, or the current one on time-out.

    Progress goes to stderr. Raises Declined and StoreUnavailable.
    """
    until = None if timeout is None else time.monotonic() + timeout.total_seconds()
    told: tuple[str, str] | None = None
    while True:
        asked_at = time.monotonic()
        left = _LONGEST_POLL if until is None else max(0.0, until - asked_at)
        run = _patiently(partial(acting.run, key, int(min(left, _LONGEST_POLL))), look_every)
        again = _rerun_of(acting, run) if run.state in _ENDED else None
        if told != (run.key, run.state) and (again is not None or run.state not in _ENDED):
            told = run.key, run.state
            print(f"{run.key}: {run.state}", file=sys.stderr, flush=True)
        if run.state in _ENDED:
            if again is None:
                return run
            key = again.key
            continue
        if until is not None and time.monotonic() >= until:
            print(f"timed out: {run.key} is {run.state}; the run continues", file=sys.stderr)
            return run
        if time.monotonic() - asked_at < look_every:
            time.sleep(look_every if until is None else max(0.0, min(look_every, until - time.monotonic())))


def code_of(run: RunAnswer) -> int:
    """The exit code after a wait: 0 only if the run has finished."""
    return int(run.state != RunState.FINISHED.value)


def _rerun_of(acting: Levers, run: RunAnswer) -> RunAnswer | None:
    """The rerun that follows the end of a run; None if there is none."""
    if run.reruns is None or run.reruns.next_at is None:
        return None
    newest = replays_of(acting, run.reruns.of)[-1:]
    return next((one for one in newest if one.key != run.key), None)


def _patiently(ask: Callable[[], tuple[RunAnswer, bool]], look_every: float) -> RunAnswer:
    """The result of `ask`; retries while the app or its ledger cannot be reached, for at most ten minutes."""
    until = time.monotonic() + _PATIENCE.total_seconds()
    while True:
        try:
            return ask()[0]
        except (Unreachable, StoreUnavailable) as error:
            if time.monotonic() >= until:
                raise
            print(f"{error}; trying again", file=sys.stderr, flush=True)
            time.sleep(look_every)
