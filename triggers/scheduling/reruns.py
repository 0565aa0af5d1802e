"""Runs that failed, once more: what a run knows of the attempts that the app makes by itself."""

from datetime import datetime
from typing import Final

from msgspec import Struct

REQUESTED_BY: Final = "rerun"
"""In the place of a person."""


class Previous(Struct, frozen=True, kw_only=True):
    """The end that a rerun repeats: it is told where the rerun never runs."""

    key: str
    state: str
    run_id: str | None


class Reruns(Struct, frozen=True, kw_only=True):
    """A run among the reruns of one occurrence, or of a person's replay."""

    number: int
    """0: no rerun itself, but one follows it."""
    attempts: int
    """How many there may be, by the file when this was decided."""
    tells_each: bool
    """Whether a webhook is told of every end, not only of the last."""
    next_key: str | None = None
    """The rerun that its end has led to."""
    next_at: datetime | None = None
    previous: Previous | None = None
