"""The texts and the sets of states that the dashboard shares with the app; inserted when the page is built."""

from collections.abc import Iterable
from typing import Any, Final

from ..scheduling.run import RunKind, RunState
from ..scheduling.run_states import CANCELABLE, OPEN_STATES, REPLAYABLE, TROUBLE, WITH_FORCE
from ..steering.words import REASONS

_STATES: Final = {
    RunState.UNKNOWN: "It may have been started: the app looks it up before it sends it again",
    RunState.DEAD: "All its retries were used up",
    RunState.REJECTED: "Azure ML rejected it",
    RunState.FAILED: "It ran in Azure ML and failed",
    RunState.UNREADABLE: "Its row in the ledger cannot be read",
    RunState.UNSENT: "Not accepted yet; the app tries again",
    RunState.SUBMITTING: "It is being sent right now",
    RunState.WAITING: "It waits for its time, for a free slot or for its batch",
    RunState.SUBMITTED: "Azure ML has accepted it",
    RunState.UNTRACKED: "Azure ML does not say how it ended",
    RunState.CANCELED: "It was canceled",
    RunState.FINISHED: "It ran in Azure ML and finished",
    RunState.SKIPPED: "It was skipped; the reason says why",
}
"""The gravest state first; it is shown where runs in several states share a mark."""
_KINDS: Final = {
    RunKind.TIME: "by the clock",
    RunKind.CHANGE: "a file changed",
    RunKind.BATCH: "a batch of files",
    RunKind.REQUEST: "manual",
    RunKind.REPLAY: "a replay",
    RunKind.CHAIN: "after another run",
}


def tables() -> dict[str, Any]:
    """JSON for the page: sentences by state, reason and kind, and the states that allow an action."""
    return {
        "states": {state.value: sentence for state, sentence in _STATES.items()},
        "reasons": REASONS,
        "kinds": {kind.value: words for kind, words in _KINDS.items()},
        "open": _gravest_first(OPEN_STATES),
        "replayable": _gravest_first(REPLAYABLE | WITH_FORCE),
        "with_force": _gravest_first(WITH_FORCE),
        "cancelable": _gravest_first(CANCELABLE),
        "trouble": _gravest_first(TROUBLE),
    }


def _gravest_first(states: Iterable[RunState]) -> list[str]:
    wanted = frozenset(states)
    return [state.value for state in _STATES if state in wanted]
