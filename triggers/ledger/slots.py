"""Limits how many runs of a schedule are open, by the row `slots` and the rows of open runs."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from ..scheduling.overlap import OpenRun, newest_in_flight, ranks_at
from ..scheduling.run import Run
from .ports import Operation, StoredRow, following
from .records import open_run_of
from .rows import number_of, readable_or, time_of

_NEWEST: Final = "newest_started"


class Slots(Struct, frozen=True, kw_only=True):
    """The open runs of a schedule, and the row that lets only one claim at a time take a slot."""

    open_runs: tuple[OpenRun, ...]
    version: str | None = None
    is_all: bool = True
    """False if there are more open runs than were requested."""
    newest_started: datetime | None = None
    """The time of the newest occurrence that the schedule itself has started."""
    claim_id: str | None = None
    """The claim that took a slot last; None if version 0.1.0 wrote the row."""
    started_in_a_row: int = 0
    """Runs that took a slot since the last backfill or replay did."""

    def is_superseded(self, ranks: datetime) -> bool:
        """True if a later occurrence than the one of this time has started."""
        return self.newest_started is not None and ranks < self.newest_started

    def taken(self, run: Run) -> Operation:
        """The write that makes a claim fail if another claim has taken a slot since this was read."""
        assert run.claim_id is not None, "a claim takes a slot"
        ranks = self.newest_started if run.by_person else max(ranks_at(run), self.newest_started or ranks_at(run))
        columns = {
            "taken_by": run.key,
            "claim_id": run.claim_id,
            "started_in_a_row": 0 if open_run_of(run).is_made_up_for else self.started_in_a_row + 1,
            **({} if ranks is None else {"newest_started": ranks.isoformat()}),
        }
        return following("slots", columns, self.version)


def slots_in(row: StoredRow | None, open_runs: tuple[OpenRun, ...], *, is_all: bool) -> Slots:
    """The slots in a row; what version 0.1.0 did not write is derived from the open runs."""
    if row is None:
        return Slots(open_runs=open_runs, is_all=is_all)
    newest = readable_or(lambda one: time_of(one, "newest_started"), row, None) if _NEWEST in row.columns else None
    return Slots(
        open_runs=open_runs,
        version=row.etag,
        is_all=is_all,
        claim_id=claim_in(row),
        newest_started=newest or newest_in_flight(open_runs),
        started_in_a_row=readable_or(lambda one: number_of(one, "started_in_a_row"), row, 0),
    )


def claim_in(row: StoredRow | None) -> str | None:
    """The claim that took a slot last."""
    found = None if row is None else row.columns.get("claim_id")
    return None if found is None else str(found)
