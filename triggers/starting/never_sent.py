"""Runs that are decided but never sent: skipped or rejected."""

from collections.abc import Iterable
from datetime import datetime

from ..ledger.slots import Slots
from ..scheduling.config import Schedule
from ..scheduling.instants import iso_utc
from ..scheduling.overlap import OpenRun, in_the_way, ordered
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState, SkipReason
from ..scheduling.templates import names_in

_NAMED = 3


def skipped(run: Run, schedule: Schedule | None, reason: SkipReason, because: str | None, now: datetime) -> Run:
    """The run as skipped; `because` explains it in addition to the reason."""
    error = why_skipped(run, schedule, because)
    return replace(run, state=RunState.SKIPPED, reason=reason.value, request=None, error=error, ended_at=now)


def why_skipped(run: Run, schedule: Schedule | None, because: str | None) -> str | None:
    """The explanation of a skip, in addition to its reason; None if there is none."""
    return "; ".join(filter(None, (because, _uncovered(run, schedule)))) or None


def in_the_way_of(open_runs: Iterable[OpenRun], now: datetime) -> str:
    """A sentence on the open runs that are in the way of a run; names some of them."""
    found = ordered(in_the_way(open_runs, now))
    named = ", ".join(f"{one.key} ({one.state.value})" for one in found[:_NAMED])
    return f"blocked by {named}{f' and {len(found) - _NAMED} more' if len(found) > _NAMED else ''}"


def newer_has_started(slots: Slots, now: datetime) -> str:
    """Why a run is superseded."""
    return f"the run of a later occurrence, {iso_utc(slots.newest_started or now)}, has started"


def _uncovered(run: Run, schedule: Schedule | None) -> str | None:
    """The time range that no run covers because of a skip; None if runs do not use {previous_time}."""
    if schedule is None or run.previous_time is None or run.nominal_time is None:
        return None
    if all("previous_time" not in names_in(text) for _, text in schedule.request.texts()):
        return None
    return f"no run covers the time from {iso_utc(run.previous_time)} to {iso_utc(run.nominal_time)}"


def rejected(run: Run, because: str, now: datetime) -> Run:
    """The run as rejected: its request cannot be built, or is too large to store."""
    return replace(run, state=RunState.REJECTED, error=because, ended_at=now)


def unfillable(missing: KeyError) -> str:
    """Why a run is rejected if its templates cannot be filled."""
    return f"its templates use {missing.args[0]}, which this run does not have; correct the file, then replay the run"
