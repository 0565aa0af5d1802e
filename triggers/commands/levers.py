"""What a command acts on: a deployed app (--url), or the ledger that the settings name, directly."""

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
    """The app at --url, or the service object over the ledger; raises Declined."""
    if options.url:
        return Remote(options.url, options.key or environment().get("TRIGGERS_KEY"))
    return App(settings, folder).engine.steering


def levers_of_schedule(options: argparse.Namespace, settings: Settings, folder: Path) -> Levers:
    """The same for the schedule that the options name; raises Refused, here with all that the file says of it."""
    if options.url:
        return levers(options, settings, folder)
    app = App(settings, folder)
    named_schedule(options.schedule, app)
    return app.engine.steering


def checked(kind: type[Body], **fields: object) -> Body:
    """A body as the API would take it; raises Refused for what it would not."""
    try:
        body = msgspec.convert({name: value for name, value in fields.items() if value is not None}, kind)
        msgspec.json.encode(body)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Refused(f"{error}") from error
    return body


@contextmanager
def refusals(done: str = "") -> Iterator[None]:
    """Whatever is declined or cannot be reached becomes a refusal; `done` says what of the work is."""
    try:
        yield
    except (Declined, StoreUnavailable) as error:
        raise Refused(f"{error}{done}") from error


class Refused(Exception):
    """What was asked cannot be done; the message goes to stderr."""

    code = 1


class Misused(Refused):
    """Arguments that do not go together."""

    code = 2


def named_schedule(name: str, app: App) -> Schedule:
    """The schedule of a name; raises Refused, with the faults that leave it out or the names that there are."""
    schedule = app.config.schedules.get(name)
    if schedule is not None:
        return schedule
    if name in app.config.left_out:
        for fault in app.config.faults:
            print(fault, file=sys.stderr)
        raise Refused(f"{name} is left out because of the errors above")
    raise Refused(no_such("schedule", name, list(app.config.schedules)))
