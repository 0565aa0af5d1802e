"""Sentences for people, by the values that rows and answers contain."""

from typing import Final

REASONS: Final = {
    "paused": "the schedule was paused",
    "disabled": "the schedule is disabled",
    "overlap": "an earlier run was still open",
    "catchup": "it was found too late to be caught up",
    "superseded": "a newer one was started in its place",
    "filtered": "the schedule does not watch this file",
    "before_first_seen": "it is from before the app first saw the schedule",
    "before_start": "it is before the schedule's start_time",
    "gone": "the file no longer existed",
    "content_unchanged": "the content has not changed",
    "copy_failed": "copying the file failed",
    "excluded": "the schedule excludes this day",
    "incomplete": "files of its set had not come by the deadline",
    "timeout": "it took longer than the schedule's timeout",
    "forgotten": "it is older than the records that the ledger keeps",
}
"""By the values of SkipReason, and TIMEOUT."""
