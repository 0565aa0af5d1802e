"""Applies the delay of a window: the schedule runs later, and templates subtract the delay from both times."""

from datetime import datetime, timedelta

from .drafts import Draft
from .recurrences import duration_text, moved
from .source_rules import later

_MINUTE = timedelta(minutes=1)


def carried_by(draft: Draft, delay: timedelta | None, given: object, place: str) -> str:
    """Apply the delay; returns the offset for templates, like `-15m`; empty without a delay or a counterpart for it."""
    if given is None or delay == timedelta(0):
        return ""
    keys = draft.trigger.get("recurrence")
    if delay is None or keys is None or keys["frequency"] not in ("Minute", "Hour"):
        draft.lost(place, f"the delay {given} has no counterpart: in this app, a window starts its run when it ends")
        draft.decide.append(f"{place} was {given}: decide how long windows should wait")
        return ""
    whole = -(-delay // _MINUTE) * _MINUTE
    if whole != delay:
        draft.changed(place, f"the delay {given} becomes {duration_text(whole)}, because this app runs at full minutes")
    moved(draft.trigger, whole)
    if "end_time" in keys:
        keys["end_time"] = f"{datetime.fromisoformat(keys['end_time']) + whole:%Y-%m-%dT%H:%M:%S}"
    draft.rule = draft.rule and later(draft.rule, whole)
    draft.kept(
        place, f"the schedule runs {duration_text(whole)} later, and both times of the window are moved back by that"
    )
    return f"-{whole // _MINUTE}m"
