"""Escapes texts of a source for the file, where they might look like templates or settings."""

import re
from itertools import pairwise
from typing import Final

from ..scheduling.templates import Field, Setting, tokens

_LOOKS_LIKE_A_TEMPLATE: Final = re.compile(
    r"\{?\{[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?:[+-][0-9][0-9A-Za-z]*)*(?::[^{}]*)?\}\}?"
)
_SETTING_NAME: Final = re.compile(r"[^A-Z0-9]+")


def literal(text: str) -> str:
    """Text of the file that means exactly `text`. Raises ValueError for text that the file cannot contain."""
    if any("\ud800" <= one <= "\udfff" for one in text):
        raise ValueError("an incomplete character cannot be written")
    ends = [0, *(at for match in _LOOKS_LIKE_A_TEMPLATE.finditer(text) for at in match.span()), len(text)]
    pieces = [text[first:last] for first, last in pairwise(ends)]
    escaped = "".join("{" + one + "}" if number % 2 else one.replace("%", "%%") for number, one in enumerate(pieces))
    found = list(tokens(escaped))
    if any(isinstance(one, Field | Setting) for one in found) or "".join(map(str, found)) != text:
        raise ValueError(f"{text!r} cannot be written as text")
    return escaped


def setting_name(*parts: str) -> str:
    """An app setting's name built from words."""
    return _SETTING_NAME.sub("_", "_".join(parts).upper()).strip("_") or "SETTING"


def one_line(text: str) -> str:
    """A text as one line of printable characters, for a comment or a report."""
    shown = " ".join(text.split())
    return shown_harmlessly(shown)


def shown_harmlessly(text: str) -> str:
    """A text with unprintable characters escaped, in the form that JSON and YAML read."""
    return "".join(one if one.isprintable() else _escape(ord(one)) for one in text)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
