"""Sentences for people, by the values that rows and answers contain."""

from typing import Final

REASONS: Final = {
    "paused": "the schedule was paused",
    "disabled": "the schedule is disabled",
    "overlap": "the run before it was still going",
    "catchup": "it came too late to be caught up with",
    "superseded": "a newer one was started in its place",
    "filtered": "the blob is none that the schedule watches",
    "before_first_seen": "it lies before the schedule was first seen",
    "before_start": "it lies before the schedule's start",
    "gone": "the blob was gone",
    "content_unchanged": "the same content again",
    "copy_failed": "the copy that made the blob failed",
    "excluded": "its day is excluded",
    "incomplete": "files of its set had not come by the deadline",
    "timeout": "it took longer than its schedule lets it",
    "forgotten": "older than what the ledger keeps",
}
"""By the values of SkipReason, and TIMEOUT."""
