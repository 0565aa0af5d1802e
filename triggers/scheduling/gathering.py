"""How changes are gathered into batches, as the file says it."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct


class Expect(Struct, frozen=True, kw_only=True):
    """What makes a batch a complete set: a file for each glob, or a number of files."""

    globs: tuple[str, ...]
    """Against paths below the group's folder; empty where a number is expected."""
    number: int | None
    by: time | None
    """The time of day at which a set that is incomplete is closed; None: after `max_wait`."""
    zone: ZoneInfo
    """Of that time."""
    starts_incomplete: bool


class Batch(Struct, frozen=True, kw_only=True):
    """How changes are gathered into one run."""

    quiet: timedelta
    max_wait: timedelta
    max_items: int
    group_by_folder: bool
    expect: Expect | None
