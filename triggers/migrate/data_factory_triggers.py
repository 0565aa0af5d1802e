"""Reads the triggers of Data Factory: schedules, tumbling windows and blob events."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from .delays import carried_by
from .drafts import Draft, unread
from .recurrences import Given, given_in
from .recurring import put_recurrence, read_recurrence
from .spans import dotnet_span
from .texts import items, lowered, number_of, unwrapped
from .translating import Time, Value
from .watching import watch

_CREATED: Final = "microsoft.storage.blobcreated"
_WINDOWED: Final = (
    "frequency",
    "interval",
    "starttime",
    "endtime",
    "delay",
    "maxconcurrency",
    "retrypolicy",
    "dependson",
)


def read_trigger(draft: Draft, name: str, trigger: Mapping[str, Any]) -> Mapping[str, Value]:
    """Put a trigger into a draft; returns the values of its references."""
    kind = str(trigger.get("type", ""))
    place = f"trigger {name}"
    if str(trigger.get("runtimeState", "Started")) != "Started":
        draft.kept(f"{place}.runtimeState", f"the trigger is {trigger.get('runtimeState')}")
    properties = lowered(trigger.get("typeProperties"))
    if kind == "ScheduleTrigger":
        return _schedule(draft, properties, place)
    if kind == "TumblingWindowTrigger":
        return _window(draft, properties, place)
    if kind == "BlobEventsTrigger":
        return _blobs(draft, properties, place)
    draft.lost(place, f"a trigger of the type {kind!r} has no counterpart, so the schedule is manual")
    draft.trigger = {"manual": {}}
    return {}


def _schedule(draft: Draft, properties: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    if read_recurrence(draft, properties.get("recurrence"), f"{place}.recurrence") is None:
        return {}
    now = Time("scheduled_time")
    return {"trigger().scheduledtime": now, "trigger().starttime": now, "pipeline().triggertime": now}


def _window(draft: Draft, properties: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    """Read a tumbling window. A window [start, start + interval) is processed at its end, which is the occurrence."""
    unread(draft, place, properties, _WINDOWED)
    given = given_in(draft, properties, place)
    if given is None or given.start is None:
        draft.lost(f"{place}.startTime", "is missing; the windows would begin at this time")
        draft.trigger = {"manual": {}}
        return {}
    hours = {"Minute": timedelta(minutes=1), "Hour": timedelta(hours=1)}.get(given.frequency)
    first = given.start + hours * given.interval if hours else _months_later(given.start, given.interval)
    bounds = Given(frequency=given.frequency, interval=given.interval, zone=given.zone, start=first, end=given.end)
    put_recurrence(draft, bounds, place)
    given_delay = unwrapped(properties.get("delay"))
    delay = None if given_delay is None else dotnet_span(str(given_delay))
    carried = carried_by(draft, delay, given_delay, f"{place}.delay")
    draft.keys |= {"catchup": "all", "catchup_window": "30d"}
    draft.changed(
        f"{place}.startTime", "windows from before the deployment are not caught up; use backfill to start them"
    )
    if given.end is not None:
        draft.changed(
            f"{place}.endTime",
            "in the source, the last window ends by then; in this app, an occurrence at that time still runs",
        )
    if concurrency := number_of(properties.get("maxconcurrency")):
        draft.keys["max_concurrent_runs"] = concurrency
        draft.kept(f"{place}.maxConcurrency", f"max_concurrent_runs: {concurrency}")
    if properties.get("retrypolicy"):
        draft.lost(
            f"{place}.retryPolicy",
            "retries the whole pipeline in the source; in this app, the activity's own policy becomes `rerun`",
        )
    if properties.get("dependson"):
        draft.lost(
            f"{place}.dependsOn", "waits for windows of other triggers; in this app, `after` waits for the ends of runs"
        )
    begin, end = Time("previous_time", carried=carried), Time("scheduled_time", carried=carried)
    return {
        "trigger().outputs.windowstarttime": begin,
        "trigger().outputs.windowendtime": end,
        "trigger().scheduledtime": end,
        "trigger().starttime": end,
        "pipeline().triggertime": end,
    }


def _months_later(start: datetime, number: int) -> datetime:
    """The same day `number` months later, or the last day of a shorter month."""
    years, month = divmod(start.month - 1 + number, 12)
    year = start.year + years
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _blobs(draft: Draft, properties: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    unread(draft, place, properties, ("blobpathbeginswith", "blobpathendswith", "ignoreemptyblobs", "scope", "events"))
    begins = str(unwrapped(properties.get("blobpathbeginswith")) or "")
    ends = str(unwrapped(properties.get("blobpathendswith")) or "")
    account = str(properties.get("scope", "")).rpartition("/")[2]
    container = watch(draft, begins, ends, account, f"{place}.blobPathBeginsWith")
    change = draft.trigger["change"]
    if str(unwrapped(properties.get("ignoreemptyblobs"))).lower() == "true":
        del change["min_size"]
    events = [str(one).lower() for one in items(properties.get("events"))]
    if events and _CREATED not in events:
        draft.lost(f"{place}.events", f"{', '.join(events)} start nothing in this app, so the schedule is manual")
        draft.trigger = {"manual": {}}
    elif any(one != _CREATED for one in events):
        draft.lost(f"{place}.events", "deletions start nothing in this app")
    whole = f"{container}/{{blob.folder}}"
    return {
        "triggerbody().filename": "{blob.name}",
        "triggerbody().folderpath": whole,
        "trigger().outputs.body.filename": "{blob.name}",
        "trigger().outputs.body.folderpath": whole,
    }
