"""The triggers of Data Factory: schedules, tumbling windows and events of blobs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from .drafts import Draft, unread
from .literals import literal, setting_name
from .recurrences import Given, duration_text, given_in, moved, trigger_of
from .source_rules import later, rule_of
from .spans import dotnet_span
from .texts import items, lowered, unwrapped
from .translating import Time, Value

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
    """Put a trigger into a draft; returns what its references stand for."""
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
    draft.lost(place, f"a trigger of the type {kind!r} has no counterpart: people and programs start it")
    draft.trigger = {"manual": {}}
    return {}


def _schedule(draft: Draft, properties: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    given = given_in(draft, properties.get("recurrence"), f"{place}.recurrence")
    trigger = None if given is None else trigger_of(draft, given, f"{place}.recurrence")
    if given is None or trigger is None:
        draft.trigger = {"manual": {}}
        return {}
    draft.trigger, draft.rule = trigger, rule_of(given)
    now = Time("scheduled_time")
    return {"trigger().scheduledtime": now, "trigger().starttime": now, "pipeline().triggertime": now}


def _window(draft: Draft, properties: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    """A window [start, start + interval) is handled when it ends: that is the occurrence here."""
    unread(draft, place, properties, _WINDOWED)
    given = given_in(draft, properties, place)
    if given is None or given.start is None:
        draft.lost(f"{place}.startTime", "is missing: windows begin there")
        draft.trigger = {"manual": {}}
        return {}
    hours = {"Minute": timedelta(minutes=1), "Hour": timedelta(hours=1)}.get(given.frequency)
    first = given.start + hours * given.interval if hours else given.start
    delay = dotnet_span(str(unwrapped(properties.get("delay")) or "0:00:00")) or timedelta(0)
    bounds = Given(frequency=given.frequency, interval=given.interval, zone=given.zone, start=first, end=given.end)
    draft.trigger = trigger_of(draft, bounds, place) or {"manual": {}}
    draft.rule = rule_of(bounds)
    carried = ""
    if delay and duration_text(delay) and hours:
        moved(draft.trigger, delay)
        draft.rule = draft.rule and later(draft.rule, delay)
        carried = f"-{int(delay.total_seconds() // 60)}m"
        draft.kept(f"{place}.delay", f"the rule runs {duration_text(delay)} later, and both times are carried back")
    draft.keys |= {"catchup": "all", "catchup_window": "30d"}
    draft.changed(f"{place}.startTime", "windows from before the deployment are not made up for: backfill starts them")
    if given.end is not None:
        draft.changed(f"{place}.endTime", "the last window ends by then; here an occurrence at that time still runs")
    concurrency = unwrapped(properties.get("maxconcurrency"))
    if isinstance(concurrency, int) and concurrency > 0:
        draft.keys["max_concurrent_runs"] = concurrency
        draft.kept(f"{place}.maxConcurrency", f"max_concurrent_runs: {concurrency}")
    if properties.get("retrypolicy"):
        draft.lost(
            f"{place}.retryPolicy", "retries the whole pipeline there; here an activity's own policy becomes `rerun`"
        )
    if properties.get("dependson"):
        draft.lost(f"{place}.dependsOn", "waits for windows of other triggers; `after` follows the ends of runs")
    begin, end = Time("previous_time", carried=carried), Time("scheduled_time", carried=carried)
    return {
        "trigger().outputs.windowstarttime": begin,
        "trigger().outputs.windowendtime": end,
        "trigger().scheduledtime": end,
        "trigger().starttime": end,
        "pipeline().triggertime": end,
    }


def _blobs(draft: Draft, properties: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    unread(draft, place, properties, ("blobpathbeginswith", "blobpathendswith", "ignoreemptyblobs", "scope", "events"))
    begins = str(unwrapped(properties.get("blobpathbeginswith")) or "").strip("/")
    container, _, rest = begins.partition("/")
    rest = rest.removeprefix("blobs").removeprefix("/")
    if not container:
        container = draft.setting(setting_name(draft.name, "container"), "the container that is watched")
        draft.lost(f"{place}.blobPathBeginsWith", "names no container: events of all containers start it there")
    folder, _, prefix = (
        rest.rpartition("/") if not str(properties.get("blobpathbeginswith", "")).endswith("/") else (rest, "", "")
    )
    account = str(properties.get("scope", "")).rpartition("/")[2]
    connection = f"Storage{account}" if account.isalnum() and account else "DataStorage"
    draft.settings[f"{connection}__blobServiceUri"] = f"https://{account or 'ACCOUNT'}.blob.core.windows.net"
    draft.before.append(
        f"give the function app's identity the role Storage Blob Data Owner on the account of {connection}"
    )
    change: dict[str, Any] = {"connection": connection, "container": literal(container), "recursive": True}
    if folder:
        change["path_on_datastore"] = literal(folder)
    ends = str(unwrapped(properties.get("blobpathendswith")) or "")
    if prefix or ends:
        change["include"] = [literal(f"{_plain(prefix)}**{_plain(ends)}")]
    if unwrapped(properties.get("ignoreemptyblobs")) is False:
        change["min_size"] = 0
    events = [str(one).lower() for one in items(properties.get("events"))]
    draft.trigger = {"change": change}
    if events and _CREATED not in events:
        draft.lost(f"{place}.events", f"{', '.join(events)} start nothing here: people and programs start it")
        draft.trigger = {"manual": {}}
    elif any(one != _CREATED for one in events):
        draft.lost(f"{place}.events", "deletions start nothing here")
    whole = f"{container}/{{blob.folder}}"
    return {
        "triggerbody().filename": "{blob.name}",
        "triggerbody().folderpath": whole,
        "trigger().outputs.body.filename": "{blob.name}",
        "trigger().outputs.body.folderpath": whole,
    }


def _plain(text: str) -> str:
    """Text for which a glob stands that has no wildcards."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in text)
