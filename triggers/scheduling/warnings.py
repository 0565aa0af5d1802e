"""What is right in a schedules file and yet worth a word: told by `validate`, and never a reason to fail."""

from datetime import datetime

from .config import Config
from .faults import Fault, FaultList
from .foresight import foreseen
from .suspicions import suspicions


def warnings_of(config: Config, now: datetime) -> list[Fault]:
    """Everything worth a word, schedule by schedule; dates concerned are those after `now`."""
    found = FaultList(config.file, config.lines)
    for schedule in config.schedules.values():
        for key, sentence in (
            *suspicions(schedule, config.settings),
            *foreseen(schedule, now),
        ):
            found.add(f"schedules.{schedule.name}.{key}", None, sentence)
    return list(found)
