"""What every source becomes before it is written: schedules, what each starts, and what differs from the source."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[[datetime, int], list[datetime]]
"""The next so many instants after one at which the source would fire, by its own rule."""


class Unimportable(Exception):
    """A source that cannot be read, or holds nothing to import; says where and why."""


class Verdict(Enum):
    """What became of a field of the source."""

    KEPT = "kept"
    CHANGED = "changed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A field of the source, and what became of it."""

    place: str
    """In the source, by its keys."""
    verdict: Verdict
    sentence: str


@dataclass(kw_only=True)
class Draft:
    """One schedule. Texts are those of the file: literals escaped, templates and `%SETTING%` as such."""

    name: str
    """As the source has it."""
    source: str
    """The file, and the place in it."""
    pipeline: dict[str, Any] = field(default_factory=dict)
    """The entry of `pipelines`: one target, and its workspace."""
    trigger: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """App settings to create, with what they hold."""
    decide: list[str] = field(default_factory=list)
    """What a person has to decide, for a comment in the file."""
    before: list[str] = field(default_factory=list)
    """What has to be done before the schedule is enabled."""
    stop: str = ""
    """How the old trigger is stopped."""
    rule: Rule | None = None
    failure: str = ""
    """Why it is not imported at all."""
    activity: str = ""
    """What it stands for, whichever trigger starts it; as long as it is not said, its name."""
    upstream: str | None = None
    """The activity after whose runs this one starts."""

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
        """A text that an app setting holds, because the source does not."""
        self.settings[name] = holds
        return f"%{name}%"

    @property
    def clock(self) -> Mapping[str, Any] | None:
        """The keys of a trigger by time; None for another one."""
        found: Mapping[str, Any] | None = self.trigger.get("recurrence", self.trigger.get("cron"))
        return found

    @property
    def zone(self) -> str:
        """In which its templates show times."""
        return str((self.clock or {}).get("time_zone", "UTC"))

    @property
    def lost_or_changed(self) -> list[Difference]:
        """The differences that a reader has to know of."""
        return [one for one in self.differences if one.verdict is not Verdict.KEPT]

    @property
    def differs(self) -> bool:
        """Whether anything is not as it was."""
        return bool(self.decide or self.lost_or_changed)


def unread(draft: Draft, place: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Note the keys of an object that nothing here reads."""
    for key in sorted(set(given) - set(known)):
        draft.lost(f"{place}.{key}", "has no counterpart")
