"""Sentences that more than one source needs."""

from typing import Final

ONE_EACH: Final = "one run for each file; files in subfolders are not watched, as in the source"


def polled_there(minutes: int) -> str:
    """How a polling interval is imported."""
    return (
        f"the source polls every {minutes} minutes; in this app, an event starts the run within seconds, and a sweep "
        f"follows every {minutes} minutes"
    )
