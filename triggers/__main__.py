"""The command line: python -m triggers COMMAND. Exit codes: 0 done, 1 error or refusal, 2 usage, 130 Ctrl+C."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .commands.command_line import command_line
from .commands.levers import Refused
from .commands.table import Run
from .commands.terminal import shown_harmlessly
from .scheduling.replacing import replace
from .settings import environment, from_environment

_CHECKOUT: Final = Path(__file__).resolve().parent.parent
_OF_AN_APP: Final = ("host.json", "schedules.yaml", "local.settings.json")
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    # Commands print their own results. Without a handler, Python would also print the warnings of these logs.
    for name in ("triggers", "azure"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    with shown_harmlessly():
        return _run(command_line().parse_args(arguments))


def _run(options: argparse.Namespace) -> int:
    file = getattr(options, "file", None)
    folder = _folder(Path.cwd(), file)
    settings = from_environment(folder)
    if file:
        settings = replace(settings, schedules_file=file)
    command: Run = options.command
    try:
        code = command(options, settings, folder)
        sys.stdout.flush()
    except Refused as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader (for example, head) has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(getattr(options, "acts", False))  # a command that changes something may not have finished
    return code


def _folder(present: Path, file: str | None) -> Path:
    """The current directory if it holds an app or a schedules file is named; otherwise this module's checkout."""
    is_named = bool(file) or "SCHEDULES_FILE" in environment()
    return present if is_named or any((present / name).exists() for name in _OF_AN_APP) else _CHECKOUT


if __name__ == "__main__":
    sys.exit(main())
