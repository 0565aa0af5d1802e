"""A recurrence of a source as the trigger of a draft, with the source's own rule beside it."""

from typing import Any

from .drafts import Draft
from .recurrences import Given, given_in, trigger_of
from .source_rules import rule_of


def read_recurrence(draft: Draft, value: Any, place: str) -> Given | None:
    """Put a recurrence into a draft; one that cannot be said here becomes `manual`."""
    return put_recurrence(draft, given_in(draft, value, place), place)


def put_recurrence(draft: Draft, given: Given | None, place: str) -> Given | None:
    """The same for one that has been read."""
    trigger = None if given is None else trigger_of(draft, given, place)
    if given is None or trigger is None:
        draft.trigger = {"manual": {}}
        return None
    draft.trigger, draft.rule = trigger, rule_of(given)
    return given
