"""What a schedules file may say already but this version does not act on: told by `validate`, refused at the run."""

from collections.abc import Iterator

from .config import PipelineKind, Schedule

_SUBMITTED = frozenset({PipelineKind.ENDPOINT, PipelineKind.PUBLISHED_PIPELINE, PipelineKind.PIPELINE_ENDPOINT})


def not_acted_on(schedule: Schedule) -> Iterator[tuple[str, str]]:
    """Keys of the schedule that have no effect yet, each with a sentence."""
    if schedule.overlap != "allow":
        yield "overlap", "runs may still overlap: only `allow` is acted on in this version"
    if schedule.max_concurrent_runs is not None:
        yield "max_concurrent_runs", "not acted on in this version: runs do not wait for one another"
    if problem := refusal(schedule):
        yield problem


def refusal(schedule: Schedule) -> tuple[str, str] | None:
    """The key, and why no run of this schedule can be submitted yet; its runs are recorded as `rejected`."""
    if schedule.target.kind not in _SUBMITTED:
        return "pipeline", f"this version cannot submit to a {schedule.target.kind.value} yet"
    return None
