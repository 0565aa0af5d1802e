"""Checks the event subscription that reports renamed files and directories of a watched account.

It is created by infra/app/event-subscriptions.bicep. If its events are lost, no sweep finds the renames.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..deployment.parameters import subject
from ..scheduling.renames import DIRECTORY_RENAMED, FILE_RENAMED
from .events import FIX, Wiring, destination_of
from .findings import Findings, fault, ok, warning

_FUNCTION: Final = "/functions/storage_renamed"


def check(connection: str, containers: Sequence[str], wired: Wiring) -> Findings:
    """Check that one subscription reports every rename in the watched containers; silent if no topic is visible."""
    about = f"renames {connection}"
    if not wired.has_topic:
        return
    mine = [one for one in wired.functions if _calls(one).endswith(_FUNCTION)]
    if not mine:
        yield warning(
            about,
            "no event subscription reports renamed files and directories to storage_renamed: in a hierarchical "
            "namespace, they start nothing, and the sweep does not find them either",
            FIX,
        )
        return
    problems = [list(_problems(one, containers)) for one in mine]
    best = min(problems, key=len)
    name = mine[problems.index(best)].get("name")
    for problem in best:
        yield fault(about, f"the event subscription {name} {problem}; the sweep does not find renamed files", FIX)
    if not best:
        yield ok(
            about,
            f"the event subscription {name} calls storage_renamed; if it misses a rename, the sweep does not find it "
            "either",
        )


def _calls(one: Mapping[str, Any]) -> str:
    """The function that a subscription calls, as a resource id in lower case; empty for other destinations."""
    destination = destination_of(one)
    return str((destination.get("properties") or {}).get("resourceId") or "").lower().rstrip("/")


def _problems(one: Mapping[str, Any], containers: Sequence[str]) -> Iterator[str]:
    properties = one.get("properties") or {}
    state, filters = properties.get("provisioningState"), properties.get("filter") or {}
    if state != "Succeeded":
        yield f"is in the state {state or 'unknown'}"
    types = filters.get("includedEventTypes") or []
    for wanted in (FILE_RENAMED, DIRECTORY_RENAMED):
        if types and wanted not in types and "All" not in types:
            yield f"filters out {wanted}"
    begins = [str(filters.get("subjectBeginsWith") or "")]
    for advanced in filters.get("advancedFilters") or []:
        if isinstance(advanced, dict) and advanced.get("operatorType") == "StringBeginsWith":
            begins = [str(value) for value in advanced.get("values") or []]
    left_out = [name for name in containers if not any(subject(name, "").startswith(begin) for begin in begins)]
    if left_out:
        yield f"filters out the container {', '.join(left_out)}"
