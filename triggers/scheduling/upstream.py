"""The data of a chained run about the run after which it starts."""

from datetime import datetime
from typing import Final

from msgspec import Struct

LONGEST_CHAIN: Final = 16
"""In schedules; limits chains that edits and manual triggers would otherwise make endless."""


class Upstream(Struct, frozen=True, kw_only=True):
    """A run that has ended; absent values are None."""

    key: str
    schedule: str
    state: str
    ended_at: datetime
    run_id: str | None = None
    nominal_time: datetime | None = None
    blob_path: str | None = None
    experiment_name: str | None = None
    """Stored text."""
    ancestry: tuple[str, ...] = ()
    """The schedules that led to it, its own last."""
    is_made_up_for: bool = False
    """True if a backfill or a replay began the chain."""


def chain_problem(follower: str, upstream: Upstream) -> str | None:
    """Why a chain ends here; None if it continues."""
    if follower in upstream.ancestry:
        return f"the chain {' → '.join((*upstream.ancestry, follower))} is circular"
    if len(upstream.ancestry) > LONGEST_CHAIN:
        return f"the chain is longer than {LONGEST_CHAIN} schedules"
    return None
