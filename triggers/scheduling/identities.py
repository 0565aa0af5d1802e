"""What the ledger compares, or keeps as a key: digests of canonical JSON with a version in it.

A digest made of the code itself (a repr, the names of fields) changes with every refactoring, and then every schedule
would count as edited and what it missed would be let go. Here each part is named; the tests hold the literals.

Version 0.1.0 took reprs. The functions whose names end in 0_1 still write these out, so that its rows are understood,
and ours by it: a rollback lets go of nothing either.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import structs

from .config import ChangeTrigger, Target
from .times.cron import Cron
from .times.cron_list import CronList
from .times.excluding import Excluding
from .times.occurrences import TimeTrigger
from .times.rules import Rules

_VERSION: Final = 1
"""To be raised when what a part means changes, never when only a part is added: absent parts are left out."""


def canonical_digest(of: str, parts: Mapping[str, Any]) -> str:
    """64 hexadecimal digits for values that JSON has; None counts as absent."""
    given = {name: value for name, value in parts.items() if value is not None}
    text = json.dumps(
        {"of": of, "version": _VERSION, **given}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return _sha256(text)


def trigger_digest(trigger: TimeTrigger) -> str:
    """Changes exactly when the trigger's meaning does; 16 hexadecimal digits."""
    if not isinstance(trigger, Excluding):
        return canonical_digest("trigger", _parts(trigger))[:16]
    days = trigger.exclusion
    excluded = {
        "dates": sorted(day.isoformat() for day in days.dates),
        "week_days": sorted(days.week_days),
        "holidays": days.holidays,
        "move": days.move.value,
    }
    return canonical_digest("trigger", {**_parts(trigger.rules), "exclude": excluded})[:16]


def _parts(trigger: Rules) -> dict[str, Any]:
    bounds = {"time_zone": trigger.zone.key, "start": _shown(trigger.start), "end": _shown(trigger.end)}
    if isinstance(trigger, Cron):
        return {"cron": trigger.expression, **bounds}
    if isinstance(trigger, CronList):
        return {"cron": _expressions(trigger), **bounds}
    rule = {
        "frequency": trigger.frequency.value,
        "interval": trigger.interval,
        "times": [one.isoformat() for one in trigger.times],
        "week_days": list(trigger.week_days),
        "month_days": list(trigger.month_days),
        "anchor": trigger.anchor.isoformat(),
    }
    return {**rule, **bounds}


def target_id(target: Target) -> str:
    """A target by a short name that can stand in a row key; 32 hexadecimal digits."""
    workspace = target.workspace
    where = (
        None
        if workspace is None
        else [workspace.subscription_id, workspace.resource_group, workspace.name, workspace.api]
    )
    parts = {
        "kind": target.kind.value,
        "name": target.name,
        "target_version": target.version,
        "deployment": target.deployment,
        "workspace": where,
    }
    return canonical_digest("target", parts)[:32]


def watched_digest(trigger: ChangeTrigger) -> str:
    """What a sweep lists: another digest begins the listing anew; 16 hexadecimal digits."""
    parts = {
        "connection": trigger.connection,
        "container": trigger.container,
        "folder": trigger.folder,
        "recursive": trigger.recursive,
    }
    return canonical_digest("watched", parts)[:16]


def life_of_times() -> str:
    """The life of a time-based schedule, by a short name that can stand in a row key."""
    return canonical_digest("life", {"kind": "time"})[:16]


def life_of_people() -> str:
    """The life of a schedule of which people and programs start the runs."""
    return canonical_digest("life", {"kind": "manual"})[:16]


def life_of_chains() -> str:
    """The life of a chained schedule; which schedules it follows is no part of it."""
    return canonical_digest("life", {"kind": "after"})[:16]


def life_of_changes(trigger: ChangeTrigger, host: str) -> str:
    """The life of a change-based schedule by what it watches; 16 hexadecimal digits. `host` is the account's."""
    parts = {"kind": "change", "host": host, "container": trigger.container, "folder": trigger.folder}
    return canonical_digest("life", parts)[:16]


def trigger_digest_0_1(trigger: TimeTrigger) -> str:
    """The digest of a trigger in the rows of version 0.1.0."""
    if isinstance(trigger, Excluding):  # it knew no calendars
        return trigger_digest(trigger)
    bounds = f"zone=zoneinfo.ZoneInfo(key={trigger.zone.key!r}), start={trigger.start!r}, end={trigger.end!r}"
    if isinstance(trigger, Cron):
        return _sha256(f"Cron(expression={trigger.expression!r}, {bounds})")[:16]
    if isinstance(trigger, CronList):
        return _sha256(f"Cron(expression={_expressions(trigger)!r}, {bounds})")[:16]  # it knew no lists
    return _sha256(
        f"Recurrence(frequency=<Frequency.{trigger.frequency.name}: {trigger.frequency.value!r}>, "
        f"interval={trigger.interval!r}, times={trigger.times!r}, week_days={trigger.week_days!r}, "
        f"month_days={trigger.month_days!r}, anchor={trigger.anchor!r}, {bounds})"
    )[:16]


def target_id_0_1(target: Target) -> str:
    """The name of a target in the rows of version 0.1.0."""
    where = target.workspace and (
        f"Workspace(subscription_id={target.workspace.subscription_id!r}, "
        f"resource_group={target.workspace.resource_group!r}, "
        f"name={target.workspace.name!r}, api={target.workspace.api!r})"
    )
    return _sha256(
        f"Target(kind=<PipelineKind.{target.kind.name}: {target.kind.value!r}>, name={target.name!r}, "
        f"version={target.version!r}, deployment={target.deployment!r}, workspace={where})"
    )[:32]


def watched_0_1(trigger: ChangeTrigger) -> frozenset[str]:
    """What the row of a sweep says in version 0.1.0, and for a while after it, where it watches what this one does."""
    watched = (structs.replace(trigger, recursive=recursive) for recursive in (True, False))
    return frozenset(name for one in watched for name in (listed_0_1(one), watched_digest(one)))


def listed_0_1(trigger: ChangeTrigger) -> str:
    """What a sweep lists, in the rows of version 0.1.0."""
    return f"({trigger.connection!r}, {trigger.container!r}, {trigger.folder!r}, {trigger.recursive!r})"


def _expressions(trigger: CronList) -> list[str]:
    """In an order that does not depend on the file's."""
    return sorted({line.expression for line in trigger.lines})


def _shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
