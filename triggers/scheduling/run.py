"""A run: the row that records what became of one occurrence.

    (new)      → waiting | submitting | skipped | rejected   rejected: no request can be built
    waiting    → submitting | skipped | canceled             for its time, for a free slot, or a person's run at first
    submitting → submitted | unsent | rejected | unknown     2xx with an id | not accepted | 3xx, other 4xx | unclear
    unsent     → submitting | dead | canceled                a retry (backoff, Retry-After), until none is left
    unknown    → submitted | unsent                          history knows the key | two look-ups found nothing, and the
                                                             second saw a run accepted after the unknown one was sent
    unknown    → rejected | untracked | canceled             a late answer | no way to look it up | a person gives it up
    submitted  → finished | failed | canceled | untracked    untracked: Azure ML does not say what became of it
    unsent, dead, rejected, canceled, untracked → submitted  the id arrived late, after the submitter was given up

A claim writes `submitting`; a settle writes the outcome of the submission. `unsent` was certainly not accepted.
`unknown` may have been: it is looked up, never simply sent again.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from .batch import BatchFacts
from .change import BlobChange
from .instants import Instant
from .overrides import Overrides
from .replacing import replace
from .reruns import Previous, Reruns
from .run_request import RunRequest
from .upstream import Upstream

KEPT_CLAIMS: Final = 500
FIRST_EVENTS: Final = 20
LAST_EVENTS: Final = 30
"""The events kept of a run's history, which has thousands if many attempts are allowed."""
LONGEST_SENTENCE: Final = 2000
"""Reasons and errors are cut to this many characters."""


class RunState(Enum):
    """The states of runs, in the words of rows, answers and the dashboard."""

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
    """Shown for a row that cannot be read; no run is ever written with it."""


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
"""The reason of a run that was canceled because it took longer than its `timeout`."""


class RunKind(Enum):
    """The kind of a run's occurrence."""

    TIME = "time"
    CHANGE = "change"
    BATCH = "batch"
    REQUEST = "request"
    REPLAY = "replay"
    CHAIN = "chain"


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
"""The allowed transitions; a state that is not a key is final. An id that arrives late leads to SUBMITTED."""


class Event(Struct, frozen=True, kw_only=True):
    """One line of a run's history."""

    at: Instant
    state: RunState
    reason: str | None


class Unknown(Struct, frozen=True, kw_only=True):
    """Data that a newer version of the app has added to a run's row; kept when the row is rewritten."""

    columns: Mapping[str, Any]
    keys: Mapping[Any, Any]
    """Of the document, as a tree: by name in an object, by index in an array."""


_NOT_COMPARED: Final = frozenset({"written_at", "unknown"})


class Run(Struct, frozen=True, kw_only=True):  # noqa: PLW1641  its mappings have no hash
    """One occurrence and what became of it; times are UTC, and None means not yet or not at all."""

    key: str
    schedule: str
    kind: RunKind
    state: RunState
    created_at: Instant
    pipeline: str
    nominal_time: Instant | None = None
    reason: str | None = None
    """Why it was skipped, or TIMEOUT if it was canceled for that; None otherwise."""
    due_at: Instant | None = None
    blob: BlobChange | None = None
    batch: BatchFacts | None = None
    request: RunRequest | None = None
    """The request that is POSTed, with settings not filled in; None if there will never be one."""
    run_id: str | None = None
    duplicate_run_id: str | None = None
    """A second id that the service gave to one key; there should never be one."""
    studio_url: str | None = None
    azureml_status: str | None = None
    """Azure ML's own word, as last reported."""
    denied_since: Instant | None = None
    """On the ledger's clock: since when Azure ML has said that there is no such run."""
    attempts: int = 0
    claim_id: str | None = None
    """The newest claim. Only it may settle the run, and its id tags its submission."""
    claimed_at: Instant | None = None
    """When the newest claim was written, on the ledger's clock; known once another state follows."""
    sent_to: str | None = None
    """Digest of the URL that the newest claim's settings gave; the URL itself may contain a setting's value."""
    unknown_since: Instant | None = None
    """On the ledger's clock, from the first lookup on: the request cannot have been sent later than this."""
    first_look_up_at: Instant | None = None
    """On the ledger's clock: the first complete lookup that found nothing."""
    next_attempt_at: Instant | None = None
    submitted_at: Instant | None = None
    ended_at: Instant | None = None
    replay_of: str | None = None
    request_id: str | None = None
    """The id of a manual trigger; the same id always means the same run."""
    request_digest: str | None = None
    """Digest of what was requested under that id."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Pipeline parameters that the caller gave, by name; a replay uses them again."""
    webhook: str | None = None
    """The webhook to notify when the run ends, with settings not filled in."""
    requested_by: str | None = None
    note: str | None = None
    """Written by the person who requested the run."""
    by_person: bool = False
    """True if a person requested it: a pause does not hold it."""
    error: str | None = None
    history: tuple[Event, ...] = ()
    version: str | None = None
    """ETag of the row that was read, for conditional updates; None if it is not stored yet."""
    written_at: Instant | None = None
    """When this row was written, on the ledger's clock, if the ledger reports it; not part of the row."""
    life: str | None = None
    """The life of its schedule in which it was decided; None if unknown: the present file does not apply to it."""
    claims: tuple[str, ...] = ()
    """The ids of its claims, the newest last; fewer than `attempts` if version 0.1.0 made some of them."""
    events_left_out: int = 0
    """Number of events left out of its history, between the first FIRST_EVENTS and the rest."""
    previous_time: Instant | None = None
    """The occurrence before this one; None if it is not an occurrence of a time-based schedule."""
    moved_from: Instant | None = None
    """The occurrence of an excluded day that runs at this time instead; the newest of several."""
    cancel_requested_at: Instant | None = None
    """On the ledger's clock: when its cancellation because of its timeout was requested."""
    reruns: Reruns | None = None
    """Set if the app runs it again, or if it is a rerun."""
    upstream: Upstream | None = None
    """For a chained run: the run after which it starts."""
    overrides: Overrides | None = None
    """The caller's values other than parameters; a replay uses them again."""
    unknown: Unknown | None = None
    """None if all of the row is understood."""

    def to(self, state: RunState, at: datetime, remark: str | None = None, **changes: object) -> "Run":
        """The run after a transition; an illegal one is a programming error.

        `remark` goes into the history if there is neither a reason nor an error.
        """
        if state not in TRANSITIONS.get(self.state, frozenset()):
            raise AssertionError(f"{self.key}: {self.state} → {state}")
        return self._with_event(state, at, changes, remark)

    def __post_init__(self) -> None:
        if self.error is not None and len(self.error) > LONGEST_SENTENCE:
            force_setattr(self, "error", f"{self.error[:LONGEST_SENTENCE]}…")

    def __eq__(self, other: object) -> bool:
        """Compare all fields except `written_at` and `unknown`."""
        if not isinstance(other, Run):
            return NotImplemented
        names = (name for name in self.__struct_fields__ if name not in _NOT_COMPARED)
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def claimed(self, claim_id: str) -> "Run":
        """The run with one more claim, which is not written yet."""
        return replace(self, claim_id=claim_id, claims=(*self.claims, claim_id)[-KEPT_CLAIMS:])

    def first(self, at: datetime, remark: str | None = None) -> "Run":
        """The run with the first line of its history, as it is written to the ledger."""
        return self._with_event(self.state, at, {}, remark)

    def _with_event(
        self, state: RunState, at: datetime, changes: Mapping[str, object], remark: str | None = None
    ) -> "Run":
        changed = replace(self, state=state, **changes)  # type: ignore[arg-type]  # named by callers in this package
        event = Event(at=at, state=state, reason=changed.reason or changed.error or remark)
        return _within_bounds(replace(changed, history=(*self.history, event)))


def is_rerun(run: Run) -> bool:
    """True if the app itself decided to run something again."""
    return run.reruns is not None and run.reruns.number > 0


def is_repeated(run: Run) -> bool:
    """True if a rerun follows the run, so that its end is not the last."""
    return run.reruns is not None and run.reruns.next_key is not None


def previous_of(run: Run) -> Previous | None:
    """If a rerun was dropped before it was sent: the end that it was to repeat, which then is the last one."""
    return run.reruns.previous if run.reruns is not None and never_ran(run) else None


def never_ran(run: Run) -> bool:
    """True if it was dropped before it was sent."""
    return run.run_id is None and run.state in (RunState.SKIPPED, RunState.CANCELED)


def _within_bounds(run: Run) -> Run:
    """The run with the beginning and the end of its history; the events in between are counted."""
    left_out = len(run.history) - FIRST_EVENTS - LAST_EVENTS
    if left_out <= 0:
        return run
    history = (*run.history[:FIRST_EVENTS], *run.history[-LAST_EVENTS:])
    return replace(run, history=history, events_left_out=run.events_left_out + left_out)
