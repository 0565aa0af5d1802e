"""Checks what chained schedules follow, once all schedules of the file are known."""

from collections.abc import Mapping, Sequence

from ..config import AfterSchedule, Schedule
from ..faults import FaultList, nearest
from .yaml_text import Tree


def without_broken_chains(
    schedules: dict[str, Schedule], sections: Mapping[str, Tree], faults: FaultList
) -> dict[str, Schedule]:
    """Remove the schedules, with an error each, that follow a missing schedule or one another in a circle.

    A schedule that is faulty itself counts as existing: its followers wait until it is fixed.
    """
    written = sections.get("schedules")
    known = list(written) if isinstance(written, dict) else []
    follows = {name: one.trigger.schedules for name, one in schedules.items() if isinstance(one, AfterSchedule)}
    broken = set()
    for name, upstreams in follows.items():
        path = f"schedules.{name}.after.schedule"
        for upstream in upstreams:
            if upstream not in known:
                others = [one for one in known if one != name]
                faults.add(path, upstream, f"no such schedule{nearest(upstream, others)}")
                broken.add(name)
        if way := _circle(follows, name):
            faults.add(path, None, f"these schedules would start one another forever: {' → '.join(reversed(way))}")
            broken.add(name)
    return {name: one for name, one in schedules.items() if name not in broken}


def _circle(follows: Mapping[str, Sequence[str]], start: str) -> list[str] | None:
    """The path from a schedule back to itself, through what each follows; None if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for upstream in follows.get(way[-1], ()):
            if upstream == start:
                return [*way, start]
            if upstream not in seen:
                seen.add(upstream)
                ways.append([*way, upstream])
    return None
