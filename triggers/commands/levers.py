"""What a command acts on: a deployed app (--url), or straight the ledger that the settings name."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec

from ..app import App
from ..blob_storage import BlobUnavailable
from ..connections import UnusableConnection
from ..ledger.ports import LedgerUnavailable
from ..remote import Remote
from ..settings import Settings, environment
from ..steering.declined import Declined
from ..steering.service import Steering
from .named import Refused

Levers: TypeAlias = Remote | Steering
Body = TypeVar("Body", bound=msgspec.Struct)


def levers(options: argparse.Namespace, settings: Settings, folder: Path) -> Levers:
    """The app at --url, or the service object over the ledger; raises Declined."""
    if options.url:
        return Remote(options.url, options.key or environment().get("TRIGGERS_KEY"))
    return App(settings, folder).steering


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
    except (Declined, LedgerUnavailable, BlobUnavailable, UnusableConnection) as error:
        raise Refused(f"{error}{done}") from error
