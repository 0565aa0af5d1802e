"""The summary of a pass by schedule: open and overdue runs. Health reads it instead of every open run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from ..scheduling.overlap import OpenRun
from ..scheduling.run_states import TO_BE_ACCEPTED


class OpenOf(Struct, frozen=True, kw_only=True):
    """The open runs of one schedule, or of all."""

    counts: dict[str, int]
    """State → number of open runs."""
    oldest: datetime | None = None
    """Creation time of the oldest run that Azure ML has not accepted."""
    unreachable: str | None = None
    """Why the watched container could not be reached; None if it was reached, or there is none."""
    overdue: str | None = None
    """If a change is overdue: the time of the last one, in ISO 8601; empty if there was none yet."""


def summed(open_runs: Iterable[OpenRun]) -> OpenOf:
    """The summary of open runs."""
    counts: Counter[str] = Counter()
    oldest: datetime | None = None
    for one in open_runs:
        counts[one.state.value] += 1
        if one.created_at is not None and one.state in TO_BE_ACCEPTED:
            oldest = min(oldest or one.created_at, one.created_at)
    return OpenOf(counts=dict(counts), oldest=oldest)


def total(of_schedules: Mapping[str, OpenOf]) -> OpenOf:
    """The summary of all schedules."""
    counts: Counter[str] = Counter()
    for one in of_schedules.values():
        counts.update(one.counts)
    return OpenOf(
        counts=dict(counts), oldest=min((one.oldest for one in of_schedules.values() if one.oldest), default=None)
    )
