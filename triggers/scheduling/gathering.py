"""How changes are gathered into batches, according to the file."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct


class Expect(Struct, frozen=True, kw_only=True):
    """The condition for a complete set: a file for each glob, or a number of files."""

    globs: tuple[str, ...]
    """Matched against paths below the group's folder; empty if a number is expected."""
    number: int | None
    by: time | None
    """The time of day at which an incomplete set is closed; None if it is closed after `max_wait`."""
    zone: ZoneInfo
    """The zone of that time."""
    starts_incomplete: bool


class Batch(Struct, frozen=True, kw_only=True):
    """How changes are gathered into one run."""

    quiet: timedelta
    max_wait: timedelta
    max_items: int
    group_by_folder: bool
    expect: Expect | None
