"""The intermediate form of all sources: schedules, what each starts, and what differs from the source."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[[datetime, int], list[datetime]]
"""The next instants, so many, after a given one at which the source would fire."""


class Unimportable(Exception):
    """A source cannot be read or has nothing to import; the message says where and why."""


class Verdict(Enum):
    """What happens to a field of the source."""

    KEPT = "kept"
    CHANGED = "changed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A field of the source, and what happens to it."""

    place: str
    """Its keys in the source."""
    verdict: Verdict
    sentence: str


@dataclass(kw_only=True)
class Draft:
    """One schedule. Texts are in the file's syntax: literals escaped, with templates and `%SETTING%`."""

    name: str
    """The name in the source."""
    source: str
    """The source file, and the place in it."""
    pipeline: dict[str, Any] = field(default_factory=dict)
    """The entry of `pipelines`: one target, and its workspace."""
    trigger: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """App settings to create, with their meaning or value."""
    decide: list[str] = field(default_factory=list)
    """Decisions for the user, as comments in the file."""
    before: list[str] = field(default_factory=list)
    """What to do before enabling the schedule."""
    stop: str = ""
    """How to stop the old trigger."""
    rule: Rule | None = None
    failure: str = ""
    """Why it is not imported; empty if it is."""
    activity: str = ""
    """The activity that it runs, whichever trigger starts it; if empty, `name` counts."""
    upstream: str | None = None
    """The activity that it follows."""

    def kept(self, place: str, sentence: str) -> None:
        """Note a field that means the same here."""
        self.differences.append(Difference(place=place, verdict=Verdict.KEPT, sentence=sentence))

    def changed(self, place: str, sentence: str) -> None:
        """Note a field that means something else here."""
        self.differences.append(Difference(place=place, verdict=Verdict.CHANGED, sentence=sentence))

    def lost(self, place: str, sentence: str) -> None:
        """Note a field without a counterpart."""
        self.differences.append(Difference(place=place, verdict=Verdict.LOST, sentence=sentence))

    def setting(self, name: str, holds: str) -> str:
        """A text `%NAME%` for a value that the source lacks; the app setting is noted."""
        self.settings[name] = holds
        return f"%{name}%"

    @property
    def clock(self) -> Mapping[str, Any] | None:
        """The keys of a time-based trigger; None for other triggers."""
        found: Mapping[str, Any] | None = self.trigger.get("recurrence", self.trigger.get("cron"))
        return found

    @property
    def zone(self) -> str:
        """The time zone in which its templates show times."""
        return str((self.clock or {}).get("time_zone", "UTC"))

    @property
    def lost_or_changed(self) -> list[Difference]:
        """The differences that a reader must know."""
        return [one for one in self.differences if one.verdict is not Verdict.KEPT]

    @property
    def differs(self) -> bool:
        """True if anything differs from the source."""
        return bool(self.decide or self.lost_or_changed)


def unread(draft: Draft, place: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Note the keys of an object that the import ignores."""
    for key in sorted(set(given) - set(known)):
        draft.lost(f"{place}.{key}", "has no counterpart")
