"""Writes the file of an import; the same drafts give the same bytes."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..scheduling.file.yaml_text import plain_scalar
from .literals import one_line, shown_harmlessly

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")
_WIDE: Final = 110


def yaml_lines(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    """The lines of a mapping in block style; short, flat values go on one line."""
    for key, one in value.items():
        yield from _entry(f"{' ' * indent}{scalar(key)}:", one, indent)


def _entry(head: str, value: Any, indent: int) -> Iterator[str]:
    inline = _inline(value)
    if not isinstance(value, dict) or (len(head) + len(inline) < _WIDE and _is_flat(value)) or not value:
        yield f"{head} {inline}"
        return
    yield head
    yield from yaml_lines(value, indent + 2)


def _is_flat(value: Mapping[str, Any]) -> bool:
    return all(not isinstance(one, dict) for one in value.values())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A value as a scalar that YAML 1.2 reads back as the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return json.dumps(value)
    text = str(value)
    if _PLAIN.match(text) and plain_scalar(text) == text:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return shown_harmlessly(quoted)


def comments(lines: Iterable[str], indent: int = 0) -> Iterator[str]:
    """Each line as a comment."""
    for line in lines:
        own = len(line) - len(line.lstrip(" "))
        yield f"{' ' * indent}# {' ' * own}{one_line(line)}"


def text_of(head: Iterable[str], pipelines: Mapping[str, Any], schedules: Iterable[tuple[str, list[str], Any]]) -> str:
    """The whole file, with comments above each schedule's keys."""
    lines = [*comments(head), "pipelines:", *yaml_lines(pipelines, 2), "schedules:"]
    for name, notes, keys in schedules:
        lines += [f"  {scalar(name)}:", *comments(notes, 4), *yaml_lines(keys, 4)]
    return "\n".join(lines) + "\n"
