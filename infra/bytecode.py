"""Bytecode for the Python that the app runs on; without it, every cold start compiles the app anew.

The deployed folder cannot be written to. Python compares the bytecode with a hash of its source, so an edited file
never runs as it was before.

python -m infra.bytecode    writes it beside the sources, for the package that azd makes
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .environment import ROOT, CannotDeploy, end

DEPLOYED: Final = "3.12"
"""As in infra/app/function-app.bicep."""
CODE: Final = ("function_app.py", "triggers")


def compile_code(folder: Path, version: str = DEPLOYED) -> None:
    """Compile the app in a folder; where no Python of that version is on this machine, only say so."""
    python = _interpreter(version)
    if python is None:
        print(
            f"The package has no bytecode, because Python {version} is not on this machine: "
            "the app works the same, and each cold start takes a little longer."
        )
        return
    command = [python, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *CODE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotDeploy(f"the code does not compile: {(done.stdout + done.stderr).strip()}")


def _interpreter(version: str) -> str | None:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # A version manager puts programs on the path that only say how to install the version.
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if works else None


if __name__ == "__main__":
    end(lambda: compile_code(ROOT))
