"""What Azure ML says of a run that it has accepted."""

from dataclasses import dataclass

from .run import RunState


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
    """Nobody can tell: neither its address nor the file says where its runs are asked for."""
    sentence: str | None = None
    """Why there is no status."""
