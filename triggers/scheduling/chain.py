"""Chains: which schedules follow which, and what they learn about the end of a run."""

from collections.abc import Iterable, Mapping

from .config import AfterSchedule, Schedule
from .overlap import is_made_up_for
from .run import Run
from .upstream import Upstream


def followers_of(upstream: str, schedules: Iterable[Schedule]) -> list[AfterSchedule]:
    """The schedules that start runs after those of `upstream`."""
    return [one for one in schedules if isinstance(one, AfterSchedule) and upstream in one.trigger.schedules]


def followed(schedules: Iterable[Schedule]) -> Mapping[str, frozenset[str]]:
    """For each schedule, the states of its runs that start runs of other schedules."""
    found: dict[str, frozenset[str]] = {}
    for one in schedules:
        if isinstance(one, AfterSchedule):
            for upstream in one.trigger.schedules:
                found[upstream] = found.get(upstream, frozenset()) | one.trigger.states
    return found


def upstream_of(run: Run) -> Upstream:
    """The facts about a run's end that its followers receive."""
    above = run.upstream
    return Upstream(
        key=run.key,
        schedule=run.schedule,
        state=run.state.value,
        ended_at=run.ended_at or run.created_at,
        run_id=run.run_id,
        nominal_time=run.nominal_time,
        blob_path=None if run.blob is None else run.blob.path,
        experiment_name=None if run.request is None else run.request.experiment_name,
        ancestry=(*(above.ancestry if above else ()), run.schedule),
        is_made_up_for=is_made_up_for(run),
    )
