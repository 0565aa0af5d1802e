"""The settings of `make run` for a shell: source .local/env. `make run` writes the file, and deletes it when it ends.

With these settings, every command works on the ledger of `make run`, from any folder.
"""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .azurite import CHECKOUT
from .machine import Machine

ENV: Final = CHECKOUT / ".local" / "env"


@contextmanager
def sourced(machine: Machine, file: Path = ENV) -> Iterator[None]:
    """Keep the file while the machine is up."""
    write_env(machine, file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def write_env(machine: Machine, file: Path = ENV) -> None:
    """Write the file that a second terminal sources."""
    settings = dict(machine.app_settings)
    settings["SCHEDULES_FILE"] = str(CHECKOUT / settings["SCHEDULES_FILE"])
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    path = shlex.quote(str(Path(sys.executable).parent))
    file.write_text("".join([*lines, f"export PATH={path}:$PATH\n"]))
    file.chmod(0o600)
