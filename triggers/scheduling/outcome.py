"""Azure ML's answers: about a submission, a run that is looked up, and a run that it has accepted."""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct

from .run import RunState


class Answer(Enum):
    """Whether the service has accepted the run, as far as we can know."""

    SUBMITTED = "submitted"
    UNSENT = "unsent"
    """Certainly not accepted: safe to try again."""
    REJECTED = "rejected"
    """Refused for good: the same request will be refused again."""
    UNKNOWN = "unknown"
    """May have been accepted: must be looked up, never simply sent again."""


class Outcome(Struct, frozen=True, kw_only=True):
    """The answer and its sentence; `run_id` only with SUBMITTED, `retry_after` if the service sent one."""

    answer: Answer
    sentence: str | None = None
    run_id: str | None = None
    studio_url: str | None = None
    is_untried: bool = False
    """For UNSENT: it was not tried at all, so it does not count as an attempt."""
    retry_after: timedelta | None = None
    is_silence: bool = False
    """For UNKNOWN: there was no answer in time."""
    is_beyond_reach: bool = False
    """It was accepted, but there is no address to poll for its end."""


class FoundRun(Struct, frozen=True):
    """A run with our key and ledger in Azure ML."""

    run_id: str
    created_at: datetime | None = None
    """On Azure ML's clock; None if not reported."""
    attempt: str | None = None
    """The claim that sent it; None if not reported."""


class LookUp(Struct, frozen=True, kw_only=True):
    """The result of a lookup. An empty one means something only if it is `complete`: history was read to its end."""

    complete: bool = False
    runs: tuple[FoundRun, ...] = ()
    """Oldest first; more than one means that the service started a run twice."""
    is_proof: bool = False
    """True if an empty result is proof by itself: sending again could not start a second run."""
    is_impossible: bool = False
    """Neither its URL nor the file shows where its runs are looked up."""
    studio_url: str | None = None
    sentence: str | None = None
    """Why it is not complete."""
    is_away: bool = False
    """The service does not answer, or not now: queries about other runs would fail, too."""
    lacks_experiment: bool = False
    """The service says that there is no such experiment."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of the runs that were found."""
        return tuple(one.run_id for one in self.runs)


class Seen(Struct, frozen=True, kw_only=True):
    """The result of a status query: a status, or why there is none."""

    status: str | None = None
    """Azure ML's own word; None if it was not reported."""
    end: RunState | None = None
    """How the run ended; None while it runs."""
    is_denied: bool = False
    """The service says that there is no such run."""
    is_away: bool = False
    """The service does not answer, or not now: queries about other runs would fail, too."""
    is_beyond_reach: bool = False
    """Its end stays unknown: neither its URL nor the file shows where its runs can be polled."""
    sentence: str | None = None
    """Why there is no status."""
