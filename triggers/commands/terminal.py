"""Keeps what others wrote (blob names, notes, errors of a service) from acting on the terminal that shows it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, Final, TextIO

_ACTS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # escape sequences, carriage returns and other controls; tab and line feed may stay
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # what turns the direction of text, and other line ends
    "\ud800-\udfff]"  # halves of characters, which no terminal's encoding can write
)


@contextmanager
def shown_harmlessly() -> Iterator[None]:
    """Show such characters in all that is printed as the escapes that JSON has for them."""
    with redirect_stdout(_Harmless(sys.stdout)), redirect_stderr(_Harmless(sys.stderr)):
        yield


def one_line(text: str) -> str:
    """The text without line ends, so that it cannot pass for a line of our own."""
    return " ".join(text.splitlines())


def drawing(stream: TextIO) -> TextIO:
    """The stream beneath, for what we draw ourselves."""
    return stream.beneath if isinstance(stream, _Harmless) else stream


class _Harmless:
    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        return self.beneath.write(_ACTS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)
