"""Whether the app can do its work: the answer of GET /api/health."""

from collections import Counter
from datetime import datetime
from typing import Any

from ..app import App
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable
from ..scheduling.faults import Fault
from ..scheduling.instants import iso_utc_or_none
from ..scheduling.run import RunState
from ..version import VERSION


def health(app: App) -> dict[str, Any]:
    """Whether the app can do its work: faults of the file and the settings, the ledger, and what is open."""
    faults = [_fault(fault) for fault in app.faults()]
    answer: dict[str, Any] = {
        "status": "faulty" if faults else "ok",
        "version": VERSION,
        "faults": faults,
        "warnings": list(app.settings.warnings),
        "ledger": "ok",
        "oldest_open": None,
        "last_reconcile": None,
        "counts": {},
        "missed_by_events": {},
    }
    try:
        answer.update(_open_runs(app.engine.ledger))
        answer["missed_by_events"] = app.engine.change_ledger.missed_by_events()
    except LedgerUnavailable as error:
        answer.update(status="faulty", ledger=str(error))
    return answer


def _open_runs(ledger: Ledger) -> dict[str, Any]:
    """Counts by state of the runs that are not ended; ended ones are not walked."""
    counts: Counter[str] = Counter()
    oldest: datetime | None = None
    for registration in ledger.registrations():
        for one in ledger.open_rows(registration.schedule):
            counts[one.state.value] += 1
            if one.state is not RunState.SUBMITTED:
                for run in ledger.runs([one.key]) if one.state is not RunState.UNREADABLE else ():
                    oldest = min(oldest or run.created_at, run.created_at)
    return {
        "counts": dict(counts),
        "oldest_open": iso_utc_or_none(oldest),
        "last_reconcile": iso_utc_or_none(ledger.last_pass()),
    }


def _fault(fault: Fault) -> dict[str, str]:
    return {"file": fault.file, "path": fault.path, "value": fault.value, "message": fault.message}
