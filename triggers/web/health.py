"""Whether the app can do its work: the answer of GET /api/health."""

from collections import Counter
from datetime import datetime

from msgspec.structs import replace

from ..app import App
from ..engine import Engine
from ..ledger.ports import LedgerUnavailable
from ..scheduling.instants import iso_utc_or_none
from ..scheduling.run import RunState
from ..steering.answers import FaultAnswer, HealthAnswer
from ..version import VERSION


def health(app: App) -> HealthAnswer:
    """Whether the app can do its work: faults of the file and the settings, the ledger, and what is open."""
    faults = [FaultAnswer(file=one.file, path=one.path, value=one.value, message=one.message) for one in app.faults()]
    answer = HealthAnswer(
        status="faulty" if faults else "ok",
        version=VERSION,
        faults=faults,
        warnings=list(app.settings.warnings),
        ledger="ok",
        oldest_open=None,
        last_reconcile=None,
        counts={},
        missed_by_events={},
    )
    try:
        return _with_open_runs(answer, app.engine)
    except LedgerUnavailable as error:
        return replace(answer, status="faulty", ledger=str(error))


def _with_open_runs(answer: HealthAnswer, engine: Engine) -> HealthAnswer:
    """With counts by state of the runs that are not ended; ended ones are not walked."""
    counts: Counter[str] = Counter()
    oldest: datetime | None = None
    for registration in engine.ledger.registrations():
        for one in engine.ledger.open_rows(registration.schedule):
            counts[one.state.value] += 1
            if one.state not in (RunState.SUBMITTED, RunState.UNREADABLE):
                for run in engine.ledger.runs([one.key]):
                    oldest = min(oldest or run.created_at, run.created_at)
    return replace(
        answer,
        counts=dict(counts),
        oldest_open=iso_utc_or_none(oldest),
        last_reconcile=iso_utc_or_none(engine.ledger.last_pass()),
        missed_by_events=engine.change_ledger.missed_by_events(),
    )
