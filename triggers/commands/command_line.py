"""The parser of the command line, built from the table of commands; docs/cli-commands.md is built from it."""

import argparse
import shutil
import sys
import textwrap
from itertools import groupby
from pathlib import Path

from ..version import NAME, VERSION
from .table import COMMANDS, Command

_AS_MODULE = "python -m triggers"
_WIDTH = max(len(one.name) for one in COMMANDS)


def command_line() -> argparse.ArgumentParser:
    """The parser of every command."""
    program = "triggers" if Path(sys.argv[0]).name == "triggers" else _AS_MODULE
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} [-h] [--version] COMMAND …",
        description="Schedules that start Azure ML pipelines.",
        epilog=f"{_grouped()}\n\n{program} COMMAND --help shows its arguments, with an example.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}", help="show the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog=program)
    for one in COMMANDS:
        _add(commands.add_parser(one.name, **_texts(one, program)), one)  # type: ignore[arg-type]  # texts alone
    return parser


def _texts(one: Command, program: str) -> dict[str, object]:
    example = f"{program} {one.name} {one.example}".rstrip()
    return {
        "description": textwrap.fill(f"{one.summary[:1].upper()}{one.summary[1:]}. {one.more}", _columns() - 2),
        "epilog": f"example:\n  {example}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _add(parser: argparse.ArgumentParser, one: Command) -> None:
    one.add(parser)
    parser.set_defaults(command=one.run)


def _grouped() -> str:
    """The commands by group."""
    return "\n\n".join(
        "\n".join([f"{group}:", *map(_in_the_list, commands)])
        for group, commands in groupby(COMMANDS, lambda one: one.group)
    )


def _in_the_list(one: Command) -> str:
    start = f"  {one.name:<{_WIDTH}}  "
    below = " " * len(start)
    return textwrap.fill(f"{start}{one.summary}", _columns() - 2, subsequent_indent=below, break_on_hyphens=False)
