"""Adds imported schedules to a file that is there: its own lines stay as they are."""

import re
from typing import Final

from .drafts import Unimportable

_SECTION: Final = re.compile(r"(?P<name>[A-Za-z_]+):\s*(?P<rest>.*)\Z")


def added(present: str, imported: str) -> str:
    """The present file with the entries of an imported one behind its own. Raises Unimportable."""
    found = present
    for section in ("pipelines", "schedules"):
        found = _with(found, section, _entries(imported, section))
    return found


def _entries(text: str, section: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(f"{section}:") + 1 if f"{section}:" in lines else len(lines)
    end = next((at for at in range(start, len(lines)) if _SECTION.match(lines[at])), len(lines))
    return lines[start:end]


def _with(text: str, section: str, entries: list[str]) -> str:
    if not entries:
        return text
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith(f"{section}:")), None)
    if start is None:
        return "\n".join([*lines, f"{section}:", *entries]) + "\n"
    rest = re.sub(r"(^|\s)#.*", "", lines[start].partition(":")[2]).strip()
    if rest not in ("", "{}"):
        raise Unimportable(f"`{section}` stands in one line there: write it in lines of its own first")
    if rest == "{}":
        lines[start] = f"{section}:"
    end = next((at for at in range(start + 1, len(lines)) if _SECTION.match(lines[at])), len(lines))
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    indent = next((len(line) - len(line.lstrip()) for line in lines[start + 1 : end] if _is_entry(line)), 2)
    moved = [f"{' ' * indent}{line[2:]}" for line in entries]
    return "\n".join([*lines[:end], *moved, *lines[end:]]) + "\n"


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
