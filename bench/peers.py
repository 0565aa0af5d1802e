"""The virtual environments of what this app is measured against; each is made when it is first needed.

python -m bench.peers MODULE [ARGUMENTS]     runs a module of bench beside the peers of bench/peers.txt
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_LOCAL: Final = ROOT / ".local"
_SDK_V1: Final = "azureml-pipeline-core==1.62.0"


def python() -> Path:
    """The interpreter of the environment with the app's own requirements and the peers'."""
    # One after the other: the first list has hashes, and pip would want them for the second too.
    return _made(_LOCAL / "peers", sys.executable, ["-r", "requirements.txt"], ["-r", "bench/peers.txt"])


def sdk_v1() -> Path | None:
    """The interpreter of an environment with SDK v1, or None where its Python, at most 3.10, is missing."""
    installed = [shutil.which("python3.10"), *map(str, Path.home().glob(".pyenv/versions/3.10.*/bin/python"))]
    usable = (one for one in installed if one and _runs(one))
    found = next(usable, None)
    if found is None:
        print("SDK v1 is left out: it needs a python3.10 on the path", file=sys.stderr)
        return None
    # pkg_resources, which it imports, left setuptools with version 81.
    return _made(_LOCAL / "peers-sdk-v1", found, [_SDK_V1, "azure-functions", "setuptools<81"])


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def _made(folder: Path, interpreter: str, *installed: list[str]) -> Path:
    """The interpreter of an environment, made anew when what belongs in it has changed."""
    found, mark = folder / "bin" / "python", folder / ".installed"
    lists = [ROOT / words[1] for words in installed if words[0] == "-r"]
    content = "\n".join([str(installed), *(one.read_text() for one in lists)])
    if mark.exists() and mark.read_text() == content:
        return found
    print(f"Installing into {folder.relative_to(ROOT)} …", file=sys.stderr)
    subprocess.run([interpreter, "-m", "venv", "--clear", str(folder)], check=True)
    install = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--compile"]
    for words in installed:
        subprocess.run([*install, *words], cwd=ROOT, check=True)
    mark.write_text(content)
    return found


if __name__ == "__main__":
    sys.exit(subprocess.run([str(python()), "-m", *sys.argv[1:]], cwd=ROOT, check=False).returncode)
