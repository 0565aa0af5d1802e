"""Runs `python -m triggers` in this process: the same function, with other settings and captured output."""

import os
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from triggers.__main__ import main

ROOT = Path(__file__).parent.parent


class Done(NamedTuple):
    """The result of a command."""

    code: int
    out: str
    err: str


def run_command(*arguments: str, settings: Mapping[str, str], folder: Path = ROOT) -> Done:
    """Run a command in a folder, with only these settings, PATH and HOME in its environment."""
    out, err = StringIO(), StringIO()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (
        patch.dict(os.environ, {**kept, **settings}, clear=True),
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code = main(arguments)
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())
