"""What a person's trigger may change of a run."""

from ..scheduling.change import path_out_of_scope
from ..scheduling.config import ChangeSchedule, Schedule, TriggerOverrides
from .declined import NotAllowed
from .questions import TriggerBody


def check_overrides(schedule: Schedule, body: TriggerBody) -> None:
    """What the schedule's trigger_overrides let a person change; raises NotAllowed."""
    allowed, named = schedule.trigger_overrides, schedule.request.pipeline_parameters
    if allowed is TriggerOverrides.ANY:
        return
    given = [repr(name) for name in body.pipeline_parameters if allowed is TriggerOverrides.NONE or name not in named]
    if given:
        known = f"only {', '.join(map(repr, named))}" if named and allowed is not TriggerOverrides.NONE else "none"
        why = f"trigger_overrides {allowed.value} lets {known} be given"
        raise NotAllowed(f"{schedule.name}: pipeline_parameters: {', '.join(given)} may not be given: {why}")
    if body.blob is None or not isinstance(schedule, ChangeSchedule):
        return
    if because := path_out_of_scope(schedule.trigger, body.blob):
        raise NotAllowed(f"{schedule.name}: blob {body.blob!r}: {because}; trigger_overrides: any would let it")
