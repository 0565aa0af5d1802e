"""What a run is for: a time, a version of a blob, a batch of them, the end of a run, or a request."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from ..ledger.ports import Operation
from ..scheduling.batch import BatchFacts
from ..scheduling.change import BlobChange
from ..scheduling.config import TimeSchedule
from ..scheduling.overrides import Overrides
from ..scheduling.policies import jitter_of
from ..scheduling.run import RunKind
from ..scheduling.run_keys import chain_key, change_key, time_key
from ..scheduling.times.occurrences import moved_from, previous
from ..scheduling.upstream import Upstream


class Occurrence(Struct, frozen=True, kw_only=True):
    """What a run is for."""

    key: str
    kind: RunKind
    nominal_time: datetime
    blob: BlobChange | None = None
    batch: BatchFacts | None = None
    previous_time: datetime | None = None
    """For a time-based schedule: the occurrence before this one."""
    moved_from: datetime | None = None
    """The occurrence of an excluded day that runs at this time instead."""
    upstream: Upstream | None = None
    """For a chained schedule: the run after which this one starts."""
    replay_of: str | None = None
    due_at: datetime | None = None
    """When the run is to be sent; None for at once."""
    remark: str | None = None
    """The first remark in its history."""
    beside: Sequence[Operation] = ()
    """Writes of the schedule in the claim's transaction; the claim fails if one of their conditions does."""


class Requested(Struct, frozen=True, kw_only=True):
    """Who requested a run (unverified) and why."""

    by: str | None = None
    note: str | None = None
    request_id: str | None = None
    digest: str | None = None
    """Digest of everything that was requested under the id."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Pipeline parameters in place of the schedule's, by name."""
    is_held_by_pauses: bool = False
    """True if a program requested the run; it then waits for the end of a pause."""
    overrides: Overrides | None = None
    """Values that replace the schedule's."""


def time_occurrence(schedule: TimeSchedule, nominal_time: datetime) -> Occurrence:
    """The occurrence of a nominal time; with jitter it is due a little later."""
    due_at = nominal_time + jitter_of(schedule) if schedule.jitter else None
    key = time_key(schedule.name, nominal_time)
    previous_time = previous(schedule.trigger, nominal_time)
    return Occurrence(
        key=key,
        kind=RunKind.TIME,
        nominal_time=nominal_time,
        previous_time=previous_time,
        moved_from=moved_from(schedule.trigger, nominal_time),
        due_at=due_at,
    )


def chain_occurrence(schedule: str, upstream: Upstream) -> Occurrence:
    """The occurrence of a chained schedule after the end of a run."""
    key = chain_key(schedule, upstream.key)
    return Occurrence(key=key, kind=RunKind.CHAIN, nominal_time=upstream.ended_at, upstream=upstream)


def change_occurrence(schedule: str, change: BlobChange, digest: str | None = None) -> Occurrence:
    """The occurrence of one version of a blob; `digest` replaces the version's own if it had an occurrence before."""
    key = change_key(schedule, change) if digest is None else f"{schedule}~{digest}"
    return Occurrence(key=key, kind=RunKind.CHANGE, nominal_time=change.changed_at, blob=change)
