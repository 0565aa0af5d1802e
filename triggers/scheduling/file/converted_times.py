"""Reports what `start_time` and `end_time` with an offset are in the schedule's time zone."""

from collections.abc import Iterator

from ..config import Schedule
from .leaf_checks import has_offset, reading


def converted_times(schedule: Schedule) -> Iterator[str]:
    """A sentence for each time of the trigger that was written with an offset."""
    for keys in schedule.written.values():
        for name in ("start_time", "end_time"):
            text = keys.get(name) if isinstance(keys, dict) else None
            if isinstance(text, str) and has_offset(text):
                yield f"{name} {text} is {reading(text, schedule.zone).isoformat()} in {schedule.zone.key}"
