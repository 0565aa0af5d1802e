"""The environment of a deployment: the variables in infra/parameters, and the outputs of Bicep."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .azure_cli import AzureRefused

ROOT: Final = Path(__file__).parent.parent
SCHEDULES: Final = ROOT / "infra" / "schedules.json"
"""The output of `python -m triggers infra` for the environment."""
_LINE: Final = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*)="""
    r"""(?:(?P<quote>["'])(?P<quoted>[^"']*)(?P=quote)|(?P<value>[^"'\s#][^"'#]*)?)(?:\s*#.*)?"""
)


class CannotDeploy(Exception):
    """The deployment stops here; the message says why, and what to do."""


def load(name: str) -> None:
    """Add the lines NAME=VALUE of infra/parameters/<name>.env to the environment, without overriding it."""
    file = ROOT / "infra" / "parameters" / f"{name}.env"
    if not file.is_file():
        there = ", ".join(sorted(one.stem for one in file.parent.glob("*.env")))
        raise CannotDeploy(f"there is no environment {name!r} in infra/parameters; there are: {there}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotDeploy(f"{file.name} is not UTF-8: byte {error.start} is invalid") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise CannotDeploy(f"{file.name}, line {number}: {line!r} is not NAME=VALUE")
        if not os.environ.get(found["name"]):
            os.environ[found["name"]] = found["quoted"] or (found["value"] or "").strip()


def value(name: str) -> str:
    """The value of a required variable; raises CannotDeploy."""
    found = os.environ.get(name)
    if not found:
        raise CannotDeploy(f"the environment variable {name} is not set")
    return found


def schedules() -> dict[str, Any]:
    """The parameter `schedules`, as passed to Bicep."""
    if not SCHEDULES.is_file():
        raise CannotDeploy("infra/schedules.json does not exist; python -m infra.preflight writes it")
    found: dict[str, Any] = json.loads(SCHEDULES.read_text(encoding="utf-8"))
    return found


def looks() -> range:
    """How often to poll something slow before giving up: for ten minutes, including the pauses."""
    return range(int(os.environ.get("LOOKS", "60")))


def pause_seconds() -> float:
    """Seconds between two polls of something slow."""
    return float(os.environ.get("PAUSE_SECONDS", "10"))


def end(main: Callable[[], None], about: str | None = None) -> None:
    """Run a program; AzureRefused and CannotDeploy are printed to stderr, with exit code 1.

    `about` is the help of a program that takes no arguments: it refuses them before it does anything.
    """
    if about is not None:
        program = f"python -m infra.{Path(sys.argv[0]).stem}"
        raw = argparse.RawDescriptionHelpFormatter
        argparse.ArgumentParser(prog=program, description=about, formatter_class=raw).parse_args()
    try:
        main()
    except (AzureRefused, CannotDeploy) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
