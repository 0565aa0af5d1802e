"""Finds which activities of a pipeline follow which, for `after` in the file."""

from collections.abc import Mapping
from typing import Any, Final

from .data_factory_files import activities_in
from .drafts import Draft
from .texts import items, lowered

_ENDS: Final = {"succeeded": "finished", "failed": "failed"}


def upstream_of(
    activity: Mapping[str, Any], others: list[Mapping[str, Any]], pipeline: Mapping[str, Any]
) -> tuple[str, list[str]] | None:
    """The imported activity that this one follows, directly or through others, and the ends that it follows."""
    every = list(activities_in(pipeline.get("activities")))
    named = {str(one.get("name")): one for one, _ in every}
    around = {str(one.get("name")): within for one, within in every}
    ends_with = {str(one.get("name")): str(one.get("name")) for one in others}
    for name in list(ends_with):  # a container ends when its last imported activity does
        above = around.get(name)
        while above is not None and ends_with.get(str(above.get("name"))) != name:
            ends_with[str(above.get("name"))] = name
            above = around.get(str(above.get("name")))
    waiting, seen = [activity], {str(activity.get("name"))}
    while waiting:
        following = waiting.pop(0)
        for one in map(lowered, items(following.get("dependsOn"))):
            name = str(one.get("activity"))
            if name in ends_with and name not in seen:
                return ends_with[name], [str(end).lower() for end in items(one.get("dependencyconditions"))]
            if name in named and name not in seen:
                seen.add(name)
                waiting.append(named[name])
        if (above := around.get(str(following.get("name")))) is not None and str(above.get("name")) not in seen:
            seen.add(str(above.get("name")))
            waiting.append(above)
    return None


def activity_name(pipeline: str, activity: object, others: list[Mapping[str, Any]]) -> str:
    """An activity's name as a schedule: the pipeline's name if it is the only imported activity."""
    return pipeline if len(others) == 1 else f"{pipeline}-{activity}"


def chain(draft: Draft, pipeline: str, before: tuple[str, list[str]], others: list[Mapping[str, Any]]) -> None:
    """Make a draft follow another one."""
    activity, ends = before
    states = ["finished", "failed", "canceled"] if "completed" in ends else [_ENDS[one] for one in ends if one in _ENDS]
    draft.upstream = activity_name(pipeline, activity, others)
    draft.trigger = {"after": {"schedule": draft.upstream, "states": states or ["finished"]}}
    if "skipped" in ends:
        draft.lost(
            "dependsOn",
            "the condition Skipped has no counterpart: what does not run has no result in this app",
        )
    draft.kept("dependsOn", f"after {activity}: {', '.join(states or ['finished'])}")


def note_dependencies(
    draft: Draft, activity: Mapping[str, Any], pipeline: str, others: list[Mapping[str, Any]]
) -> None:
    """Note the dependencies of an activity that are not imported."""
    for one in items(activity.get("dependsOn")):
        name = lowered(one).get("activity")
        if draft.upstream == activity_name(pipeline, name, others):
            continue
        if draft.upstream is None or name not in [one.get("name") for one in others]:
            draft.lost("dependsOn", f"the activity {name} is not imported, so the run does not wait for it")
        else:
            draft.lost("dependsOn", f"the run follows only {draft.upstream} and does not wait for {name}")
