"""Rebuilds the request of a run that waits, so that a fixed address or setting in the file reaches it too."""

from ..scheduling.batch import manifest_path
from ..scheduling.config import ChangeSchedule, DataPathKind, Schedule
from ..scheduling.overrides import with_overrides
from ..scheduling.replacing import replace
from ..scheduling.run import Run
from ..scheduling.run_request import build_request, too_large


def rebuilt(run: Run, schedule: Schedule | None, life: str | None) -> Run:
    """The run with its request rebuilt from the present file and the facts of its occurrence; raises KeyError.

    The request stays as it was decided if the schedule is another one by now (`life` is that of the file's), starts
    another pipeline, or wants a manifest that was never written for this run, or if the new request is too large.
    """
    if schedule is None or life is None or (run.life, run.pipeline) != (life, schedule.pipeline):
        return run
    if run.request is None or _lacks_manifest(run, schedule):
        return run
    request = build_request(schedule, run if run.nominal_time else replace(run, nominal_time=run.created_at))
    present = with_overrides(request, run.parameters, run.overrides)
    return run if too_large(present) else replace(run, request=present)


def _lacks_manifest(run: Run, schedule: Schedule) -> bool:
    if not isinstance(schedule, ChangeSchedule) or schedule.trigger.data_path is not DataPathKind.MANIFEST:
        return False
    assert run.request is not None
    path = manifest_path(schedule.name, run.key)
    return (run.blob is not None or run.batch is not None) and all(
        one.path != path for one in run.request.datapaths.values()
    )
