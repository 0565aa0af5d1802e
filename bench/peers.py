"""The virtual environment of the libraries that this app is measured against; it is made when it is first needed.

python -m bench.peers MODULE [ARGUMENTS]     runs a module of bench in it
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local" / "peers"
_LIST = ROOT / "bench" / "peers.txt"


def python() -> Path:
    """The interpreter of the environment, with the app's own requirements and the peers'."""
    found, mark = FOLDER / "bin" / "python", FOLDER / ".installed"
    wanted = _LIST.read_text()
    if mark.exists() and mark.read_text() == wanted:
        return found
    print("Installing the peers into .local/peers …", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
    install = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(ROOT / "requirements.txt")], check=True)
    subprocess.run([*install, "-r", str(_LIST)], check=True)
    mark.write_text(wanted)
    return found


if __name__ == "__main__":
    sys.exit(subprocess.run([str(python()), "-m", *sys.argv[1:]], cwd=ROOT, check=False).returncode)
