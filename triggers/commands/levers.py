"""What a command acts on: a deployed app (--url), or directly the ledger that the settings name."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec

from ..app import App
from ..scheduling.config import Schedule
from ..scheduling.faults import no_such
from ..settings import Settings, StoreUnavailable, environment
from ..steering.declined import Declined
from ..steering.service import Steering
from .remote import Remote

Levers: TypeAlias = Remote | Steering
Body = TypeVar("Body", bound=msgspec.Struct)


def levers(options: argparse.Namespace, settings: Settings, folder: Path) -> Levers:
    """The app at --url, or the service object on the ledger; raises Declined."""
    if options.url:
        return Remote(options.url, options.key or environment().get("TRIGGERS_KEY"))
    return App(settings, folder).engine.steering


def levers_of_schedule(options: argparse.Namespace, settings: Settings, folder: Path) -> Levers:
    """Like `levers`, but without --url raises Refused if the schedule is missing, after printing the file's errors."""
    if options.url:
        return levers(options, settings, folder)
    app = App(settings, folder)
    named_schedule(options.schedule, app)
    return app.engine.steering


def checked(kind: type[Body], **fields: object) -> Body:
    """A request body, checked as the API would; raises Refused."""
    try:
        body = msgspec.convert({name: value for name, value in fields.items() if value is not None}, kind)
        msgspec.json.encode(body)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Refused(f"{error}") from error
    return body


@contextmanager
def refusals(done: str = "") -> Iterator[None]:
    """Turn Declined and StoreUnavailable into Refused; `done` is appended to the message: what is already done."""
    try:
        yield
    except (Declined, StoreUnavailable) as error:
        raise Refused(f"{error}{done}") from error


class Refused(Exception):
    """The command cannot do what was requested; the message goes to stderr."""

    code = 1


class Misused(Refused):
    """Arguments that cannot be combined."""

    code = 2


def named_schedule(name: str, app: App) -> Schedule:
    """The schedule with this name; raises Refused, after printing the errors that leave it out, or with known names."""
    schedule = app.config.schedules.get(name)
    if schedule is not None:
        return schedule
    if name in app.config.left_out:
        for fault in app.config.faults:
            print(fault, file=sys.stderr)
        raise Refused(f"{name} is not active because of the errors above")
    raise Refused(no_such("schedule", name, list(app.config.schedules)))
