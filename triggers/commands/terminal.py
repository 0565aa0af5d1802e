"""Prints text from others (blob names, notes, service errors) so that it cannot control the terminal."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, Final, TextIO

_ACTS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # escape sequences, carriage returns and other controls, except tab and line feed
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # characters that change the direction of text, and other line ends
    "\ud800-\udfff]"  # lone surrogates, which no encoding can write
)


@contextmanager
def shown_harmlessly() -> Iterator[None]:
    """Print such characters as JSON's escapes, in everything written to stdout and stderr."""
    with redirect_stdout(_Harmless(sys.stdout)), redirect_stderr(_Harmless(sys.stderr)):
        yield


def one_line(text: str) -> str:
    """The text without line ends, so that no part of it looks like a line of ours."""
    return " ".join(text.splitlines())


def drawing(stream: TextIO) -> TextIO:
    """The underlying stream, for control sequences of our own."""
    return stream.beneath if isinstance(stream, _Harmless) else stream


def clear_screen(*, watched: bool) -> None:
    """Clear the terminal if `watched` is set and stdout is one."""
    if watched and sys.stdout.isatty():
        print("\x1b[H\x1b[2J", end="", file=drawing(sys.stdout), flush=True)


def print_wrapped(text: str, indent: int) -> None:
    """Print a text; on a terminal, what does not fit continues after `indent` spaces. No address or path is broken."""
    columns = _columns()
    if columns is not None and len(text) > columns:
        below = " " * indent
        text = textwrap.fill(text, columns, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)
    print(text, flush=True)


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows below their headings (the first row); on a narrow terminal, print each on several lines."""
    lines = [tuple(map(one_line, row)) for row in rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    columns = _columns()
    indent = sum(widths[:-1]) + len(_BETWEEN) * (len(widths) - 1)
    if columns is not None and indent + min(widths[-1], _NARROWEST) > columns:
        for row in lines:
            _print_stacked(row, columns)
    else:
        for row in lines:
            cells = _BETWEEN.join(cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True))
            last = [row[-1]] if columns is None else textwrap.wrap(row[-1], columns - indent) or [""]
            print(f"{cells}{_BETWEEN}{last[0]}".rstrip())
            print("".join(f"{'':<{indent}}{more}\n" for more in last[1:]), end="")
    if len(rows) == 1:
        print("none", file=sys.stderr)


def _columns() -> int | None:
    """The width of the terminal; None for a pipe or a file, whose lines have any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print_stacked(row: tuple[str, ...], columns: int) -> None:
    print(row[0])
    for text in (_BETWEEN.join(filter(None, row[1:-1])), row[-1]):
        print("".join(f"{_BETWEEN}{line}\n" for line in textwrap.wrap(text, columns - len(_BETWEEN))), end="")


_BETWEEN: Final = "  "
_NARROWEST: Final = 36
"""The smallest width of the last column, which may hold sentences: that of a run id."""


class _Harmless:
    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        return self.beneath.write(_ACTS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)
