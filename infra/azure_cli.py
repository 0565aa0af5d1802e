"""Runs commands of the Azure CLI, which must be signed in, and reads their JSON."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any


class AzureRefused(Exception):
    """A command of the Azure CLI failed; the message is the CLI's."""


def az(*arguments: str, extra_environment: Mapping[str, str] | None = None) -> Any:
    """Run `az` and return its parsed output, None if it is empty; raises AzureRefused.

    Secrets go through `extra_environment`: other processes of the machine can read a command line.
    """
    done = subprocess.run(
        [_program(), *_placed(arguments), "--output", "json", "--only-show-errors"],
        env={**os.environ, **(extra_environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AzureRefused(done.stderr.strip() or f"az {' '.join(arguments[:3])} failed with code {done.returncode}")
    try:
        return json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError:
        raise AzureRefused(f"az {' '.join(arguments[:3])} did not print JSON") from None


def show(*arguments: str) -> None:
    """Run `az` and let the user see its output; raises AzureRefused."""
    if subprocess.run([_program(), *_placed(arguments)], stdin=subprocess.DEVNULL, check=False).returncode:
        raise AzureRefused(f"az {' '.join(arguments[:3])} failed, see above")


def _placed(arguments: tuple[str, ...]) -> list[str]:
    """Add the target subscription, which may not be the CLI's default."""
    subscription = os.environ.get("AZURE_SUBSCRIPTION_ID")
    placed = arguments[:2] == ("account", "show") or "--ids" in arguments or not subscription
    return [*arguments] if placed else [*arguments, "--subscription", str(subscription)]


def _program() -> str:
    program = shutil.which("az")
    if program is None:
        raise AzureRefused("the Azure CLI, az, is not installed")
    return program


def flat(one: dict[str, Any]) -> dict[str, Any]:
    """Merge `properties` into the object, as older Azure CLIs do; newer ones print it as the service returns it."""
    return {**one, **(one.get("properties") or {})}
