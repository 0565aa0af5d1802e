"""The errors of a schedules file, one sentence each; they are collected, not raised, so that all are shown at once."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from traceback import extract_tb
from typing import Final

from msgspec import Struct, field

_MOST_NAMES: Final = 20


class Fault(Struct, frozen=True, kw_only=True):
    """One error: where it is, the value there (settings not filled in), and what would be right."""

    file: str
    path: str
    value: str
    message: str
    line: int | None = None
    """Counted from 1; None if the error is that something is missing from the file altogether."""
    lacks: str | None = None
    """The app setting whose absence is the only thing wrong."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        shown = f": {self.value}" if self.value else ""
        return f"{place}: {self.path}{shown}: {self.message}" if self.path else f"{place}: {self.message}"


class FaultList(Struct):
    """Collects the errors of one file; `lines` maps a path to its line, so that later checks can show it."""

    file: str
    lines: Mapping[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def add(self, path: str, value: object, message: str, line: int | None = None, *, lacks: str | None = None) -> None:
        """Add an error; `value` is shown as written, shortened to 80 characters."""
        shown = "" if value is None else _shown(value)
        where = line if line is not None else self._line(path)
        self.faults.append(Fault(file=self.file, path=path, value=shown, message=message, line=where, lacks=lacks))

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults)

    def __len__(self) -> int:
        return len(self.faults)

    def _line(self, path: str) -> int | None:
        """The line of the path, or of the closest enclosing path that the file has."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path)


def no_such(what: str, name: str, names: list[str]) -> str:
    """A message that there is no such thing, with the nearest name and the others."""
    shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    hint = nearest(name, names)
    return f"no {what} {name!r}{hint}{' There' if hint else '; there'} are: {shown or 'none'}"


def nearest(word: str, candidates: list[str]) -> str:
    """A hint at the closest candidate; empty if none is close."""
    from difflib import get_close_matches  # a cold start needs it for faulty files alone

    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    found = get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f"; did you mean {by_folded[found[0]]!r}?" if found else ""


def place_of(error: Exception) -> str:
    """An internal error as text for a bug report: its type and place, without values of settings."""
    frames = extract_tb(error.__traceback__)
    where = f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=lambda _: "…")
    return text if len(text) <= 80 else text[:77] + "..."
