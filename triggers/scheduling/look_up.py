"""What run history says about a run key."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LookUp:
    """The answer: `complete` only when history was read to its end, so that an empty answer means something."""

    complete: bool = False
    run_ids: tuple[str, ...] = ()
    """Oldest first; more than one means that the service started a run twice."""
    is_proof: bool = False
    """That an empty answer is proof by itself: a repetition could start no second run."""
    is_impossible: bool = False
    """Neither its address nor the file says where its runs are looked up."""
    studio_url: str | None = None
    sentence: str | None = None
    """Why it is not complete."""
