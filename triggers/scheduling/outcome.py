"""What a submission came to: the four words that everything after it depends on."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


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
    retry_after: timedelta | None = None
    is_beyond_reach: bool = False
    """It was accepted where nobody can ask for its end."""
