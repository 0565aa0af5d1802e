"""Schedules as the command line names them, and the refusal of what cannot be done."""

import sys

from ..app import App
from ..scheduling.config import Schedule
from ..scheduling.faults import nearest


class Refused(Exception):
    """What was asked cannot be done; the message goes to stderr and the exit code is 1."""


def named_schedule(name: str, app: App) -> Schedule:
    """The schedule of a name; raises Refused, with the faults that leave it out or the names that there are."""
    schedule = app.config.schedules.get(name)
    if schedule is not None:
        return schedule
    if name in app.config.left_out:
        for fault in app.config.faults:
            print(fault, file=sys.stderr)
        raise Refused(f"{name} is left out for the faults above")
    known = ", ".join(app.config.schedules) or "none"
    raise Refused(f"no schedule {name!r}{nearest(name, list(app.config.schedules))}; there are: {known}")
