"""Compiles bytecode for the Python version of the deployed app; without it, every cold start compiles the app.

The deployed folder is read-only. Python checks bytecode against a hash of its source, so bytecode of an older source
never runs.

python -m infra.bytecode    writes it next to the sources, for the package that azd builds
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .environment import ROOT, CannotDeploy, end

DEPLOYED: Final = "3.12"
"""The Python version in infra/app/function-app.bicep."""
CODE: Final = ("function_app.py", "triggers")


def compile_code(folder: Path, version: str = DEPLOYED) -> None:
    """Compile the app in a folder; if this machine lacks that Python version, only print a note."""
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
    # A version manager may put a stub on the path that only says how to install the version.
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if works else None


if __name__ == "__main__":
    end(lambda: compile_code(ROOT), __doc__)
