"""Digests that the ledger compares or uses as keys, made from canonical JSON that includes a version.

A digest of the code itself (a repr, the names of fields) would change with every refactoring. Every schedule would then
count as edited, and its missed occurrences would be dropped. So each part is named here, and the tests contain the
literals.

Version 0.1.0 used reprs. The functions whose names end in 0_1 still produce them, so that each version understands the
other's rows, and a rollback drops nothing either.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .config import ChangeTrigger, Target
from .replacing import replace
from .times.cron import Cron
from .times.cron_list import CronList
from .times.excluding import Excluding
from .times.occurrences import TimeTrigger
from .times.rules import Rules

_VERSION: Final = 1
"""Raise it when the meaning of a part changes, not when a part is added: absent parts are left out."""


def canonical_digest(of: str, parts: Mapping[str, Any]) -> str:
    """64 hexadecimal digits for JSON values; None counts as absent."""
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
    """A short name of a target for use in row keys; 32 hexadecimal digits."""
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
    """Digest of what a sweep lists; when it changes, the listing starts over. 16 hexadecimal digits."""
    parts = {
        "connection": trigger.connection,
        "container": trigger.container,
        "folder": trigger.folder,
        "recursive": trigger.recursive,
    }
    return canonical_digest("watched", parts)[:16]


def life_of_times() -> str:
    """The life of a time-based schedule: a short name for use in row keys."""
    return canonical_digest("life", {"kind": "time"})[:16]


def life_of_people() -> str:
    """The life of a manual schedule."""
    return canonical_digest("life", {"kind": "manual"})[:16]


def life_of_chains() -> str:
    """The life of a chained schedule; the schedules that it follows are not part of it."""
    return canonical_digest("life", {"kind": "after"})[:16]


def life_of_changes(trigger: ChangeTrigger, host: str) -> str:
    """The life of a change-based schedule, by what it watches; 16 hexadecimal digits. `host` is the account's."""
    parts = {"kind": "change", "host": host, "container": trigger.container, "folder": trigger.folder}
    return canonical_digest("life", parts)[:16]


def trigger_digest_0_1(trigger: TimeTrigger) -> str:
    """The digest of a trigger in the rows of version 0.1.0."""
    if isinstance(trigger, Excluding):  # unknown to 0.1.0
        return trigger_digest(trigger)
    bounds = f"zone=zoneinfo.ZoneInfo(key={trigger.zone.key!r}), start={trigger.start!r}, end={trigger.end!r}"
    if isinstance(trigger, Cron):
        return _sha256(f"Cron(expression={trigger.expression!r}, {bounds})")[:16]
    if isinstance(trigger, CronList):
        return _sha256(f"Cron(expression={_expressions(trigger)!r}, {bounds})")[:16]  # unknown to 0.1.0
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
    """The values of a sweep's `of`, in version 0.1.0 and for a while after it, that mean the same folder."""
    watched = (replace(trigger, recursive=recursive) for recursive in (True, False))
    return frozenset(name for one in watched for name in (listed_0_1(one), watched_digest(one)))


def listed_0_1(trigger: ChangeTrigger) -> str:
    """The value of a sweep's `of` in rows of version 0.1.0."""
    return f"({trigger.connection!r}, {trigger.container!r}, {trigger.folder!r}, {trigger.recursive!r})"


def _expressions(trigger: CronList) -> list[str]:
    """Sorted, so that their order in the file does not matter."""
    return sorted({line.expression for line in trigger.lines})


def _shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
