"""What becomes of a run that is decided about and never sent."""

from dataclasses import replace
from datetime import datetime

from ..ledger.slots import Slots
from ..scheduling.instants import iso_utc
from ..scheduling.run import Run, RunState, SkipReason


def overlapping(run: Run, now: datetime) -> Run:
    """The run, skipped because another one of its schedule is open."""
    return replace(run, state=RunState.SKIPPED, reason=SkipReason.OVERLAP.value, ended_at=now)


def superseded(run: Run, slots: Slots, now: datetime) -> Run:
    """The run, skipped because one of a later occurrence has started."""
    sentence = f"the run of a later occurrence, {iso_utc(slots.newest_started or now)}, has started"
    return replace(run, state=RunState.SKIPPED, reason=SkipReason.SUPERSEDED.value, error=sentence, ended_at=now)


def rejected(run: Run, because: str, now: datetime) -> Run:
    """The run of which no request can be made, or none that can be kept."""
    return replace(run, state=RunState.REJECTED, error=because, ended_at=now)


def unfillable(missing: KeyError) -> str:
    """Why a run is rejected whose templates cannot be filled."""
    return f"its templates use {missing.args[0]}, which this run does not have; fix the file, then replay it"
