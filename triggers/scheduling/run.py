"""A run: the row that says what became of one occurrence.

          jitter, a free slot                            2xx with an id
    ┌──────── waiting ────────┐              ┌────────────── submitted ──→ finished | failed | canceled | untracked
    │                         ▼              │
  (new) ───────────────→ submitting ─────────┼─ unsent ──→ submitting (backoff, Retry-After) … → dead
    │                                        ├─ rejected   3xx, other 4xx
    └──→ skipped (why)                       └─ unknown    may have been accepted, or no settle within the deadline
                                                  │
                                                  ├─→ submitted   run history knows the key, or the id arrived late
                                                  └─→ unsent      two look-ups found nothing, and the second saw a run
                                                                  that was accepted after the unknown one was sent

A claim writes `submitting`; a settle writes what the submission came to. `unsent` is certainly not accepted, `unknown`
may have been: it is looked up, never simply sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from .batch import BatchFacts
from .change import BlobChange
from .instants import Instant
from .overrides import Overrides
from .reruns import Previous, Reruns
from .run_request import RunRequest
from .upstream import Upstream

KEPT_CLAIMS: Final = 500
FIRST_EVENTS: Final = 20
LAST_EVENTS: Final = 30
"""Of a run's history, which has thousands of events where many attempts are allowed."""
LONGEST_SENTENCE: Final = 2000
"""Characters of a reason or an error that are kept."""


class RunState(Enum):
    """The words that rows, answers and the dashboard use."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    UNSENT = "unsent"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    DEAD = "dead"
    SKIPPED = "skipped"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELED = "canceled"
    UNTRACKED = "untracked"
    UNREADABLE = "unreadable"
    """Shown for a row that cannot be read; what is in it is not known, and no run is ever written with it."""


class SkipReason(Enum):
    """Why an occurrence started nothing."""

    PAUSED = "paused"
    DISABLED = "disabled"
    OVERLAP = "overlap"
    CATCHUP = "catchup"
    SUPERSEDED = "superseded"
    FILTERED = "filtered"
    BEFORE_FIRST_SEEN = "before_first_seen"
    BEFORE_START = "before_start"
    GONE = "gone"
    CONTENT_UNCHANGED = "content_unchanged"
    COPY_FAILED = "copy_failed"
    FORGOTTEN = "forgotten"
    EXCLUDED = "excluded"
    INCOMPLETE = "incomplete"


TIMEOUT: Final = "timeout"
"""The reason of a run that was canceled because it took longer than its schedule lets it."""


class RunKind(Enum):
    """What a run's occurrence is."""

    TIME = "time"
    CHANGE = "change"
    BATCH = "batch"
    REQUEST = "request"
    REPLAY = "replay"
    CHAIN = "chain"


OPEN_STATES = frozenset({RunState.WAITING, RunState.SUBMITTING, RunState.UNSENT, RunState.UNKNOWN, RunState.SUBMITTED})
"""The states that the reconciler still has to do with."""

ENDED_STATES = frozenset(set(RunState) - OPEN_STATES - {RunState.UNREADABLE})
"""The states in which nothing more happens to a run by itself."""

TOLD_STATES = ENDED_STATES - {RunState.SKIPPED}
"""The ends that a webhook is told; a skipped occurrence never was a run."""

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.WAITING: frozenset({RunState.SUBMITTING, RunState.SKIPPED, RunState.CANCELED}),
    RunState.SUBMITTING: frozenset({RunState.SUBMITTED, RunState.UNSENT, RunState.REJECTED, RunState.UNKNOWN}),
    RunState.UNSENT: frozenset({RunState.SUBMITTING, RunState.SUBMITTED, RunState.DEAD, RunState.CANCELED}),
    RunState.UNKNOWN: frozenset(
        {RunState.SUBMITTED, RunState.UNSENT, RunState.REJECTED, RunState.CANCELED, RunState.UNTRACKED}
    ),
    RunState.DEAD: frozenset({RunState.SUBMITTED}),
    RunState.REJECTED: frozenset({RunState.SUBMITTED}),
    RunState.CANCELED: frozenset({RunState.SUBMITTED}),
    RunState.UNTRACKED: frozenset({RunState.SUBMITTED}),
    RunState.SUBMITTED: frozenset({RunState.FINISHED, RunState.FAILED, RunState.CANCELED, RunState.UNTRACKED}),
}
"""What may follow what; a state that is no key is final. SUBMITTED may follow where an id arrives late."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a run's history."""

    at: Instant
    state: RunState
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """What a newer version of the app has written into a run's row: it is kept when the row is rewritten."""

    columns: Mapping[str, Any]
    keys: Mapping[Any, Any]
    """Of the document, as a tree: by name in an object, by index in an array."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One occurrence and what became of it; times are UTC, None means not yet or not at all."""

    key: str
    schedule: str
    kind: RunKind
    state: RunState
    created_at: Instant
    pipeline: str
    nominal_time: Instant | None = None
    reason: str | None = None
    """Why it was skipped, or TIMEOUT of one that was canceled for it; None otherwise."""
    due_at: Instant | None = None
    blob: BlobChange | None = None
    batch: BatchFacts | None = None
    request: RunRequest | None = None
    """What is POSTed, settings not put in; None where nothing ever will be."""
    run_id: str | None = None
    duplicate_run_id: str | None = None
    """A second id that the service gave to one key; there should never be one."""
    studio_url: str | None = None
    azureml_status: str | None = None
    """Azure ML's own word, as it was last heard."""
    denied_since: Instant | None = None
    """On the ledger's clock: since when Azure ML says that there is no such run."""
    attempts: int = 0
    claim_id: str | None = None
    """Of the newest claim: who may settle it, and the tag by which its submission is told from others."""
    claimed_at: Instant | None = None
    """When the newest claim was written, on the ledger's clock; known once something follows the claim."""
    sent_to: str | None = None
    """A digest of the address that the newest claim's settings made; the address itself may hold a setting's value."""
    unknown_since: Instant | None = None
    """On the ledger's clock, from the first look-up on: the request cannot have been on the wire later than this."""
    first_look_up_at: Instant | None = None
    """On the ledger's clock: the first complete look-up that found nothing."""
    next_attempt_at: Instant | None = None
    submitted_at: Instant | None = None
    ended_at: Instant | None = None
    replay_of: str | None = None
    request_id: str | None = None
    """Of a person's trigger: the same id is the same run."""
    request_digest: str | None = None
    """Of what was asked for under that id."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Pipeline parameters that the person gave, by name; a replay gives them again."""
    webhook: str | None = None
    """Who is told when the run ends, settings not put in."""
    requested_by: str | None = None
    note: str | None = None
    """Of the person who asked for the run."""
    by_person: bool = False
    """Asked for by a person: a pause does not hold it."""
    error: str | None = None
    history: tuple[Event, ...] = field(default=())
    version: str | None = None
    """The ledger's mark of what was read, for conditional updates; None for a run that is not in it yet."""
    written_at: Instant | None = field(default=None, compare=False)
    """When this row was written, on the ledger's clock, as far as the ledger tells; not a part of the row."""
    life: str | None = None
    """In which life of its schedule it was decided; None: not known, so the present file is none of its."""
    claims: tuple[str, ...] = ()
    """The ids of its claims, the newest last; fewer than `attempts` where version 0.1.0 has claimed it."""
    events_left_out: int = 0
    """Of its history, between the first FIRST_EVENTS and the rest."""
    previous_time: Instant | None = None
    """The occurrence before this one; None of what is no occurrence of a time-based schedule."""
    moved_from: Instant | None = None
    """The occurrence of an excluded day that runs here instead, the newest of several."""
    cancel_requested_at: Instant | None = None
    """On the ledger's clock: when Azure ML was asked to cancel it for its timeout."""
    reruns: Reruns | None = None
    """Of a run that the app runs again, or has run again."""
    upstream: Upstream | None = None
    """Of a chained run: the run after which it starts."""
    overrides: Overrides | None = None
    """What the person gave beside parameters; a replay gives it again."""
    unknown: Unknown | None = field(default=None, compare=False)
    """None: all of the row is understood."""

    def to(self, state: RunState, at: datetime, remark: str | None = None, **changes: object) -> "Run":
        """The run after a transition; an illegal one is a programming error.

        `remark` goes into the history where no reason and no error do.
        """
        if state not in TRANSITIONS.get(self.state, frozenset()):
            raise AssertionError(f"{self.key}: {self.state} → {state}")
        return self._with_event(state, at, changes, remark)

    def __post_init__(self) -> None:
        if self.error is not None and len(self.error) > LONGEST_SENTENCE:
            object.__setattr__(self, "error", f"{self.error[:LONGEST_SENTENCE]}…")

    def claimed(self, claim_id: str) -> "Run":
        """The run with one claim more, which is not written yet."""
        return replace(self, claim_id=claim_id, claims=(*self.claims, claim_id)[-KEPT_CLAIMS:])

    def first(self, at: datetime, remark: str | None = None) -> "Run":
        """The run with the first line of its history, as it is written into the ledger."""
        return self._with_event(self.state, at, {}, remark)

    def _with_event(
        self, state: RunState, at: datetime, changes: Mapping[str, object], remark: str | None = None
    ) -> "Run":
        changed = replace(self, state=state, **changes)  # type: ignore[arg-type]  # named by callers in this package
        event = Event(at=at, state=state, reason=changed.reason or changed.error or remark)
        return _within_bounds(replace(changed, history=(*self.history, event)))


def is_rerun(run: Run) -> bool:
    """Whether the app has decided by itself to run something again."""
    return run.reruns is not None and run.reruns.number > 0


def is_repeated(run: Run) -> bool:
    """Whether a rerun follows the run, so that its end is not the last."""
    return run.reruns is not None and run.reruns.next_key is not None


def previous_of(run: Run) -> Previous | None:
    """The end that a rerun was to repeat which was given up before it was sent: after all, that was the last."""
    if run.reruns is None or run.run_id is not None or run.state not in (RunState.SKIPPED, RunState.CANCELED):
        return None
    return run.reruns.previous


def _within_bounds(run: Run) -> Run:
    """The run with the beginning and the end of its history; what lies between them is counted."""
    left_out = len(run.history) - FIRST_EVENTS - LAST_EVENTS
    if left_out <= 0:
        return run
    history = (*run.history[:FIRST_EVENTS], *run.history[-LAST_EVENTS:])
    return replace(run, history=history, events_left_out=run.events_left_out + left_out)
