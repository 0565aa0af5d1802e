"""What each state of a run means: a table with a line for each state and a column for each question about it."""

from typing import Final

from .run import RunState

_TABLE: Final = """
state       open  accepted  slot  replay  cancel  attention
waiting     yes   not-yet   no    no      yes     no
submitting  yes   perhaps   yes   no      no      no
submitted   yes   yes       yes   no      yes     no
unsent      yes   not-yet   no    no      yes     log
unknown     yes   perhaps   yes   yes     yes     yes
rejected    no    never     no    yes     no      yes
dead        no    never     no    yes     no      yes
skipped     no    never     no    yes     no      no
finished    no    yes       no    force   no      no
failed      no    yes       no    yes     no      yes
canceled    no    either    no    yes     no      no
untracked   no    yes       no    force   no      yes
unreadable  ?     ?         ?     no      no      no
"""
"""
open: does the reconciler still have to work on it?
accepted: has Azure ML accepted it? Of a canceled run the state alone does not say.
slot: is Azure ML running it, or may it be? Then it counts against `max_concurrent_runs`.
replay, cancel: may people do that? Some replays need `force`, because they may duplicate work.
attention: does it need someone, so that the dashboard shows it first and the log warns? An unsent run only warns.
"""

_LINES: Final = [line.split() for line in _TABLE.strip().splitlines()]


def _states(question: str, *answers: str) -> frozenset[RunState]:
    column = _LINES[0].index(question)
    return frozenset(RunState(line[0]) for line in _LINES[1:] if line[column] in answers)


OPEN_STATES: Final = _states("open", "yes")
ENDED_STATES: Final = _states("open", "no")
"""The states in which nothing more happens to a run by itself."""
REPORTED_STATES: Final = ENDED_STATES - {RunState.SKIPPED}
"""The ends that a webhook is notified of; a skipped occurrence never was a run."""
TO_BE_SENT: Final = _states("accepted", "not-yet")
UNSETTLED: Final = _states("accepted", "perhaps")
"""A submission is under way, or its result is not known."""
TO_BE_ACCEPTED: Final = TO_BE_SENT | UNSETTLED
NEVER_ACCEPTED: Final = _states("accepted", "never")
"""Ends without a run in Azure ML: a backfill starts these again."""
ACCEPTED_OR_CANCELED: Final = _states("accepted", "yes", "either")
REFUSED_OR_CANCELED: Final = _states("accepted", "never", "either")
IN_FLIGHT: Final = _states("slot", "yes")
REPLAYABLE: Final = _states("replay", "yes")
WITH_FORCE: Final = _states("replay", "force")
"""Replayable, but only with `force`."""
CANCELABLE: Final = _states("cancel", "yes")
TROUBLE: Final = _states("attention", "yes")
WORRYING: Final = _states("attention", "yes", "log")
"""The states whose log lines are warnings."""
