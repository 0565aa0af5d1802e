"""Adds imported schedules to an existing file, whose own lines do not change."""

import re
from typing import Final

from .drafts import Unimportable

_SECTION: Final = re.compile(r"""["']?[A-Za-z_$]+["']?\s*:|\.\.\.|---""")
"""Matches a line that begins a section or ends the document."""


def added(present: str, imported: str) -> str:
    """The existing file with the entries of an imported one after its own. Raises Unimportable."""
    has_its_own = 0 < present.count("\r\n") == present.count("\n")
    ends = "\r\n" if has_its_own else "\n"
    found = present.replace("\r\n", "\n") if has_its_own else present
    for section in ("pipelines", "schedules"):
        found = _with(found, section, _entries(imported, section))
    return found.replace("\n", ends)


def _entries(text: str, section: str) -> list[str]:
    lines = text.rstrip("\n").split("\n")
    start = lines.index(f"{section}:") + 1 if f"{section}:" in lines else len(lines)
    end = next((at for at in range(start, len(lines)) if _SECTION.match(lines[at])), len(lines))
    return lines[start:end]


def _with(text: str, section: str, entries: list[str]) -> str:
    if not entries:
        return text
    lines = text.rstrip("\n").split("\n")
    begins = re.compile(rf"""(["']?){section}\1\s*:""")
    start = next((at for at, line in enumerate(lines) if begins.match(line)), None)
    if start is None:
        end = next((at for at, line in enumerate(lines) if line.startswith("...")), len(lines))
        return "\n".join([*lines[:end], f"{section}:", *entries, *lines[end:]]) + "\n"
    rest = re.sub(r"(^|\s)#.*", "", lines[start].partition(":")[2]).strip()
    if rest not in ("", "{}"):
        raise Unimportable(f"`{section}` is written in one line in the file; write it over several lines first")
    if rest == "{}":
        lines[start] = re.sub(r"\s*\{\}", "", lines[start], count=1)
    end = next((at for at in range(start + 1, len(lines)) if _SECTION.match(lines[at])), len(lines))
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    indent = next((len(line) - len(line.lstrip()) for line in lines[start + 1 : end] if _is_entry(line)), 2)
    moved = [f"{' ' * indent}{line[2:]}".rstrip() for line in entries]
    return "\n".join([*lines[:end], *moved, *lines[end:]]) + "\n"


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
