"""The answer of GET /api/health: whether the app can do its work."""

from collections.abc import Iterator
from pathlib import PurePath

from ..app import App
from ..engine import Engine
from ..ledger.open_summary import total
from ..ledger.ports import LedgerUnavailable
from ..scheduling.instants import iso_utc, iso_utc_or_none
from ..scheduling.replacing import replace
from ..steering.answers import FaultAnswer, HealthAnswer
from ..version import VERSION


def health(app: App) -> HealthAnswer:
    """Errors in the file and the settings, the state of the ledger, and what is open."""
    faults = [
        FaultAnswer(file=_name(one.file), path=one.path, value=one.value, message=one.message) for one in app.faults()
    ]
    answer = HealthAnswer(
        status="faulty" if faults else "ok",
        version=VERSION,
        faults=faults,
        warnings=[*app.settings.warnings, *(str(replace(one, file=_name(one.file))) for one in app.warnings())],
        ledger="ok",
        oldest_open=None,
        last_reconcile=None,
        counts={},
        missed_by_events={},
    )
    try:
        return with_open_runs(answer, app.engine)
    except LedgerUnavailable as error:
        return replace(answer, status="faulty", ledger=str(error))


def _name(file: str) -> str:
    """The file's name without its folder, which is not shown outside the machine."""
    return PurePath(file).name


def with_open_runs(answer: HealthAnswer, engine: Engine) -> HealthAnswer:
    """The answer, with what the last pass found open. Takes a few requests, however much is open."""
    of_schedules = engine.ledger.open_summary()
    unreachable = [
        FaultAnswer(file=_name(engine.config.file), path=f"schedules.{name}.change", value="", message=one.unreachable)
        for name, one in of_schedules.items()
        if one.unreachable and name in engine.config.schedules
    ]
    seen = total(of_schedules)
    overdue = {
        name: one.overdue or None
        for name, one in of_schedules.items()
        if one.overdue is not None and name in engine.config.schedules
    }
    return replace(
        answer,
        status="faulty" if unreachable else answer.status,
        faults=[*answer.faults, *unreachable],
        counts=seen.counts,
        oldest_open=iso_utc_or_none(seen.oldest),
        last_reconcile=iso_utc_or_none(engine.ledger.last_pass()),
        missed_by_events=engine.sweeps.missed_by_events(),
        overdue=overdue,
        warnings=[
            *answer.warnings,
            *(_silence(name, last) for name, last in overdue.items()),
            *_renames(engine),
        ],
    )


def _silence(name: str, last: str | None) -> str:
    since = f"since {last}" if last else "since it began"
    return f"schedules.{name}.change: no change {since}"


def _renames(engine: Engine) -> Iterator[str]:
    """A warning for each schedule with reported renames: only events report them, on a hierarchical namespace."""
    for name, at in engine.rename_rows.reported().items():
        if name in engine.config.schedules:
            yield (
                f"schedules.{name}.change: events report renamed files to it, the last one about {iso_utc(at)}; "
                "if such an event is lost, no sweep finds the file"
            )
