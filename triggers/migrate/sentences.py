"""Sentences that more than one source needs."""

from typing import Final

ONE_EACH: Final = "one run for each file; files in folders below are not watched, there and here"


def polled_there(minutes: int) -> str:
    """How a polling interval is imported."""
    return (
        f"polls every {minutes} minutes there; here an event starts the run within seconds, and a sweep follows every "
        f"{minutes} minutes"
    )
