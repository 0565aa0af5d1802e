"""Reads the triggers of Logic Apps: recurrences, sliding windows, and blob changes."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from .delays import carried_by
from .drafts import Draft, unread
from .literals import literal, setting_name
from .recurrences import given_in
from .recurring import read_recurrence
from .sentences import ONE_EACH, polled_there
from .spans import iso_span
from .texts import items, lowered, unwrapped
from .translating import Time, Value
from .watching import connection_of, watch

_UPDATED: Final = re.compile(r"/triggers/batch/onupdatedfile", re.IGNORECASE)
_EVENT_GRID: Final = re.compile(r"/eventSubscriptions|/providers/.*/resource/event", re.IGNORECASE)
_BLOBS: Final = "/blobservices/default/containers/"
_FILE: Final[Mapping[str, Value]] = {
    "name": "{blob.name}",
    "displayname": "{blob.name}",
    "size": "{blob.size}",
    "etag": "{blob.etag}",
    "lastmodified": Time("blob.last_modified"),
}
_BODIES: Final = ("triggerbody()", "triggeroutputs().body", "trigger().outputs.body", "item()")


def read_trigger(draft: Draft, name: str, trigger: Any, *, in_a_loop: bool) -> Mapping[str, Value]:
    """Put a trigger into a draft; returns the values of its references. Unsupported kinds become `manual`.

    `in_a_loop` is True if the call is made for each file that a poll finds.
    """
    place = f"triggers.{name}"
    found = lowered(trigger)
    kind = str(found.get("type", "")).lower()
    if kind in ("recurrence", "slidingwindow"):
        return _recurring(draft, found, place, is_window=kind == "slidingwindow")
    inputs = lowered(found.get("inputs"))
    path = str(inputs.get("path", ""))
    if _UPDATED.search(path):
        return _updated_blob(draft, found, inputs, place, in_a_loop=in_a_loop)
    if kind in ("apiconnectionwebhook", "apiconnection") and _EVENT_GRID.search(path):
        return _event(draft, inputs, place)
    draft.lost(place, f"a trigger of the type {found.get('type')!r} has no counterpart, so the schedule is manual")
    draft.trigger = {"manual": {}}
    return {}


def _recurring(draft: Draft, found: Mapping[str, Any], place: str, *, is_window: bool) -> Mapping[str, Value]:
    if read_recurrence(draft, found.get("recurrence"), f"{place}.recurrence") is None:
        return {}
    _note_concurrency(draft, found, place)
    unread(
        draft,
        place,
        found,
        ("type", "recurrence", "inputs", "conditions", "runtimeconfiguration", "description", "evaluatedrecurrence"),
    )
    if found.get("conditions"):
        draft.lost(f"{place}.conditions", "has no counterpart for a time")
    now = Time("scheduled_time")
    known: dict[str, Value] = {"trigger().scheduledtime": now, "trigger().starttime": now}
    if is_window:
        known |= _window(draft, lowered(found.get("inputs")), place)
    return known


def _window(draft: Draft, inputs: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    draft.keys["catchup"], draft.keys["catchup_window"] = "all", "30d"
    draft.kept(f"{place}.type", "missed windows are caught up (catchup: all) for at most 30 days")
    given = inputs.get("delay")
    carried = carried_by(draft, None if given is None else iso_span(str(given)), given, f"{place}.inputs.delay")
    begin, end = Time("previous_time", carried=carried), Time("scheduled_time", carried=carried)
    return {
        "trigger().outputs.windowstarttime": begin,
        "trigger().outputs.windowendtime": end,
        "triggeroutputs().windowstarttime": begin,
        "triggeroutputs().windowendtime": end,
    }


def _updated_blob(
    draft: Draft, found: Mapping[str, Any], inputs: Mapping[str, Any], place: str, *, in_a_loop: bool
) -> Mapping[str, Value]:
    queries = lowered(inputs.get("queries"))
    container, below = _place(draft, queries, lowered(found.get("metadata")), place)
    connection = _connection(draft, inputs)
    _watch(draft, container, below, connection, recursive=False)
    if "spliton" not in found and not in_a_loop:
        draft.changed(
            f"{place}.splitOn",
            "has no splitOn: the source starts one run for all files of a poll; this app starts one for each file",
        )
    if queries.get("maxfilecount"):
        draft.changed(
            f"{place}.inputs.queries.maxFileCount",
            f"{queries['maxfilecount']} files per poll in the source; this app has no limit",
        )
    _polling(draft, lowered(found.get("recurrence")), f"{place}.recurrence")
    _note_concurrency(draft, found, place)
    unread(
        draft,
        place,
        found,
        (
            "type",
            "inputs",
            "recurrence",
            "evaluatedrecurrence",
            "spliton",
            "metadata",
            "conditions",
            "runtimeconfiguration",
            "description",
        ),
    )
    known: dict[str, Value] = {f"{body}.{key}": value for body in _BODIES for key, value in _FILE.items()}
    whole = f"/{container}/{{blob.path}}"
    return known | {f"{body}.path": whole for body in _BODIES}


def _place(draft: Draft, queries: Mapping[str, Any], metadata: Mapping[str, Any], place: str) -> tuple[str, str]:
    """The container and the folder below it; an app setting if the folder cannot be read."""
    folder = _folder(queries.get("folderid"), metadata)
    if folder is None:
        draft.lost(f"{place}.inputs.queries.folderId", "names no folder that can be determined")
        return draft.setting(setting_name(draft.name, "container"), "the name of the watched container"), ""
    draft.kept(f"{place}.inputs.queries.folderId", ONE_EACH)
    container, _, below = folder.strip("/").partition("/")
    return literal(container), literal(below.strip("/"))


def _folder(value: Any, metadata: Mapping[str, Any]) -> str | None:
    """The path in a folder id: base64 of a percent-encoded path, or the path itself, or as the designer noted it."""
    if not isinstance(value, str) or value.startswith("@"):
        return None
    noted = metadata.get(value.lower())
    if isinstance(noted, str):
        return noted
    if "/" in (plain := unquote(unquote(value))):
        return plain
    try:
        found = unquote(unquote(base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()))
    except ValueError:
        found = ""
    return found if found.startswith("/") else value


def _connection(draft: Draft, inputs: Mapping[str, Any]) -> str:
    """The prefix of the account's settings. The path of the V1 connector does not contain the account."""
    named = re.search(r"encodeURIComponent\('([a-z0-9]{3,24})'\)", str(inputs.get("path", "")))
    return connection_of(draft, named[1] if named else "")


def _watch(draft: Draft, container: str, folder: str, connection: str, *, recursive: bool) -> None:
    change: dict[str, Any] = {"connection": connection, "container": container, "min_size": 0}
    if folder:
        change["path_on_datastore"] = folder
    if recursive:
        change["recursive"] = True
    draft.trigger = {"change": change}


def _polling(draft: Draft, recurrence: Mapping[str, Any], place: str) -> None:
    given = given_in(draft, recurrence, place) if recurrence else None
    minutes = {"Minute": 1, "Hour": 60, "Day": 1440}
    if given is not None and given.frequency in minutes:
        interval = given.interval * minutes[given.frequency]
        draft.changed(place, polled_there(interval))
        draft.trigger["change"]["polling_interval"] = interval


def _event(draft: Draft, inputs: Mapping[str, Any], place: str) -> Mapping[str, Value]:
    """Read the built-in Event Grid trigger, for files of an account. For events of a workspace there is `after`."""
    properties = lowered(lowered(inputs.get("body")).get("properties"))
    wanted = lowered(properties.get("filter"))
    types = [str(one).lower() for one in items(wanted.get("includedeventtypes"))]
    begins = str(wanted.get("subjectbeginswith", wanted.get("prefixfilter", "")))
    if types and not any("blobcreated" in one for one in types):
        draft.lost(place, f"the events {', '.join(types)} start nothing in this app; to follow a run, use `after`")
        draft.trigger = {"manual": {}}
        return {}
    rest = begins[len(_BLOBS) :] if begins.lower().startswith(_BLOBS) else ""
    ends = str(wanted.get("subjectendswith", wanted.get("suffixfilter", "")))
    account = str(properties.get("topic", "")).rpartition("/")[2]
    container = watch(draft, rest, ends, account, f"{place}.inputs.body.properties.filter")
    for key in set(wanted) - {
        "includedeventtypes",
        "subjectbeginswith",
        "subjectendswith",
        "prefixfilter",
        "suffixfilter",
    }:
        draft.lost(f"{place}.inputs.body.properties.filter.{key}", "has no counterpart")
    if any("blobcreated" not in one for one in types):
        draft.lost(
            f"{place}.inputs.body.properties.filter.includedEventTypes",
            "events other than BlobCreated start nothing in this app",
        )
    subject: dict[str, Value] = {}
    for body in _BODIES:
        subject |= {f"{body}.data.contentlength": "{blob.size}", f"{body}.data.etag": "{blob.etag}"}
        subject[f"{body}.subject"] = f"/blobServices/default/containers/{container}/blobs/{{blob.path}}"
    return subject


def _note_concurrency(draft: Draft, found: Mapping[str, Any], place: str) -> None:
    runs = lowered(lowered(unwrapped(found.get("runtimeconfiguration"))).get("concurrency")).get("runs")
    if runs:
        draft.lost(
            f"{place}.runtimeConfiguration",
            f"{runs} workflows at a time; in this app, max_concurrent_runs limits pipeline runs",
        )
