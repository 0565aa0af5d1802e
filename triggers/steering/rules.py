"""A schedule's keys other than its trigger, in words; defaults are left out, except `catchup`."""

from collections.abc import Iterator

from ..scheduling.config import (
    DEFAULT_RETRY,
    AfterSchedule,
    Catchup,
    ChangeSchedule,
    Overlap,
    Rerun,
    Schedule,
    TimeSchedule,
)
from ..scheduling.gathering import Batch
from ..scheduling.instants import in_units


def rules_of(schedule: Schedule) -> dict[str, str]:
    """Key → its value in words, for the keys that are set."""
    return dict(_rules(schedule))


def _rules(schedule: Schedule) -> Iterator[tuple[str, str]]:
    if schedule.overlap is not Overlap.ALLOW:
        yield "overlap", schedule.overlap.value
    if schedule.max_concurrent_runs is not None:
        yield "max_concurrent_runs", str(schedule.max_concurrent_runs)
    if isinstance(schedule, TimeSchedule):
        if schedule.jitter:
            yield "jitter", in_units(schedule.jitter)
        is_none = schedule.catchup is Catchup.NONE
        yield "catchup", "none" if is_none else f"{schedule.catchup.value}, within {in_units(schedule.catchup_window)}"
    if isinstance(schedule, ChangeSchedule):
        if schedule.batch is not None:
            yield "batch", _batch(schedule.batch)
        if schedule.trigger.expected_every is not None:
            yield "expected_every", in_units(schedule.trigger.expected_every)
    if isinstance(schedule, AfterSchedule):
        yield "after", ", ".join(schedule.trigger.schedules)
    if schedule.timeout is not None:
        yield "timeout", in_units(schedule.timeout)
    if schedule.rerun is not None:
        yield "rerun", _rerun(schedule.rerun)
    if schedule.retry != DEFAULT_RETRY:
        yield "retry", f"for {in_units(schedule.retry.max_age)}, {schedule.retry.max_attempts} attempts at most"


def _batch(batch: Batch) -> str:
    per_folder = ", one for each folder" if batch.group_by_folder else ""
    if batch.expect is None:
        return (
            f"closed after {in_units(batch.quiet)} without new files, or after {in_units(batch.max_wait)}{per_folder}"
        )
    wanted = ", ".join(batch.expect.globs) or f"{batch.expect.number} files"
    until = f"until {batch.expect.by:%H:%M}" if batch.expect.by is not None else f"for {in_units(batch.max_wait)}"
    then = "starts with the files that have come" if batch.expect.starts_incomplete else "is skipped as incomplete"
    return f"waits for {wanted} {until}, then {then}{per_folder}"


def _rerun(rerun: Rerun) -> str:
    times = "once" if rerun.attempts == 1 else f"{rerun.attempts} times"
    return f"{times} after {' or '.join(sorted(rerun.states))}, {in_units(rerun.delay)} later at first"
