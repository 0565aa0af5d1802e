"""The Azure CLI, which is signed in already: asked by its commands, answered in JSON."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any


class AzureRefused(Exception):
    """A command of the Azure CLI failed; the message is its own."""


def az(*arguments: str, extra_environment: Mapping[str, str] | None = None) -> Any:
    """Run `az` and return what it printed, None for nothing; raises AzureRefused.

    Secrets go through `extra_environment`: other processes of the machine can read a command line.
    """
    done = subprocess.run(
        [_program(), *arguments, "--output", "json", "--only-show-errors"],
        env={**os.environ, **(extra_environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AzureRefused(done.stderr.strip() or f"az {' '.join(arguments[:3])} failed with code {done.returncode}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def show(*arguments: str) -> None:
    """Run `az` for its reader, who sees what it prints; raises AzureRefused."""
    if subprocess.run([_program(), *arguments], stdin=subprocess.DEVNULL, check=False).returncode:
        raise AzureRefused(f"az {' '.join(arguments[:3])} failed, see above")


def _program() -> str:
    program = shutil.which("az")
    if program is None:
        raise AzureRefused("the Azure CLI, az, is not installed")
    return program
