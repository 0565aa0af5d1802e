"""Puts a recurrence of a source into a draft: its trigger, and the source's own rule for comparison."""

from typing import Any

from .drafts import Draft
from .recurrences import Given, given_in, trigger_of
from .source_rules import rule_of


def read_recurrence(draft: Draft, value: Any, place: str) -> Given | None:
    """Put a recurrence into a draft; one without a counterpart becomes `manual`."""
    return put_recurrence(draft, given_in(draft, value, place), place)


def put_recurrence(draft: Draft, given: Given | None, place: str) -> Given | None:
    """Like `read_recurrence`, for a recurrence that was already read."""
    trigger = None if given is None else trigger_of(draft, given, place)
    if given is None or trigger is None:
        draft.trigger = {"manual": {}}
        return None
    draft.trigger, draft.rule = trigger, rule_of(given)
    return given
