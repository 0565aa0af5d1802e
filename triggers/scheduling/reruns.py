"""Reruns: the data of a run about the attempts that the app makes by itself."""

from datetime import datetime
from typing import Final

from msgspec import Struct

REQUESTED_BY: Final = "rerun"
"""Used in place of a person's name."""


class Previous(Struct, frozen=True, kw_only=True):
    """The end that a rerun repeats; it is reported if the rerun never runs."""

    key: str
    state: str
    run_id: str | None


class Reruns(Struct, frozen=True, kw_only=True):
    """A run's place among the reruns of one occurrence, or of a replay."""

    number: int
    """0 for a run that is not a rerun itself, but is followed by one."""
    attempts: int
    """How many reruns there may be, according to the file when this was decided."""
    tells_each: bool
    """True if a webhook is notified of every end, not only of the last."""
    next_key: str | None = None
    """The rerun that follows its end."""
    next_at: datetime | None = None
    previous: Previous | None = None
