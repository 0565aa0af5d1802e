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
        raise AzureRefused(f"az {' '.join(arguments[:3])} printed something else than JSON") from None


def show(*arguments: str) -> None:
    """Run `az` for its reader, who sees what it prints; raises AzureRefused."""
    if subprocess.run([_program(), *_placed(arguments)], stdin=subprocess.DEVNULL, check=False).returncode:
        raise AzureRefused(f"az {' '.join(arguments[:3])} failed, see above")


def _placed(arguments: tuple[str, ...]) -> list[str]:
    """With the subscription that is deployed to, which need not be the one that `az` would take."""
    subscription = os.environ.get("AZURE_SUBSCRIPTION_ID")
    placed = arguments[:2] == ("account", "show") or "--ids" in arguments or not subscription
    return [*arguments] if placed else [*arguments, "--subscription", str(subscription)]


def _program() -> str:
    program = shutil.which("az")
    if program is None:
        raise AzureRefused("the Azure CLI, az, is not installed")
    return program


def flat(one: dict[str, Any]) -> dict[str, Any]:
    """An object as older Azure CLIs print it; newer ones leave what is in `properties` there, as the service does."""
    return {**one, **(one.get("properties") or {})}
