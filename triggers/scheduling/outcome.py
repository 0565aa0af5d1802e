"""What Azure ML has said: of a submission, of a run that is looked up, and of one that it has accepted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from .run import RunState


class Answer(Enum):
    """Whether the service has accepted the run, as far as we can know."""

    SUBMITTED = "submitted"
    UNSENT = "unsent"
    """Certainly not accepted: safe to try again."""
    REJECTED = "rejected"
    """Refused for good: the same request will be refused again."""
    UNKNOWN = "unknown"
    """It may have been accepted: must be looked up, never simply sent again."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The answer with its sentence; `run_id` exactly with SUBMITTED, `retry_after` where the service asked for it."""

    answer: Answer
    sentence: str | None = None
    run_id: str | None = None
    studio_url: str | None = None
    is_untried: bool = False
    """Of UNSENT: nobody has tried to send it, so it does not count as an attempt."""
    retry_after: timedelta | None = None
    is_silence: bool = False
    """Of UNKNOWN: nothing was answered in time."""
    is_beyond_reach: bool = False
    """It was accepted, but there is no address to poll for its end."""


@dataclass(frozen=True)
class FoundRun:
    """A run with our key and ledger that Azure ML has."""

    run_id: str
    created_at: datetime | None = None
    """By Azure ML's clock; None: not told."""
    attempt: str | None = None
    """The claim that sent it; None: not told."""


@dataclass(frozen=True, kw_only=True)
class LookUp:
    """The answer: `complete` only when history was read to its end, so that an empty answer means something."""

    complete: bool = False
    runs: tuple[FoundRun, ...] = ()
    """Oldest first; more than one means that the service started a run twice."""
    is_proof: bool = False
    """That an empty answer is proof by itself: a repetition could start no second run."""
    is_impossible: bool = False
    """Neither its address nor the file says where its runs are looked up."""
    studio_url: str | None = None
    sentence: str | None = None
    """Why it is not complete."""
    is_away: bool = False
    """The service does not answer, or not now: asking for other runs is in vain, too."""
    lacks_experiment: bool = False
    """The service says that there is no such experiment."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of the runs that were found."""
        return tuple(one.run_id for one in self.runs)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The answer: a status, or why there is none."""

    status: str | None = None
    """Azure ML's own word; None when it was not told."""
    end: RunState | None = None
    """What the run came to; None while it runs."""
    is_denied: bool = False
    """The service says that there is no such run."""
    is_away: bool = False
    """The service does not answer, or not now: asking for other runs is in vain, too."""
    is_beyond_reach: bool = False
    """Its end stays unknown: neither its address nor the file says where its runs can be polled."""
    sentence: str | None = None
    """Why there is no status."""
