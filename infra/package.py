"""The package that is deployed: every tracked file that .funcignore leaves."""

import subprocess
import sys
import zipfile
from pathlib import Path

from .environment import ROOT, CannotDeploy


def packaged(root: Path = ROOT) -> list[str]:
    """Names of the files; raises CannotDeploy. git reads .funcignore, whose rules are those of .gitignore."""

    def listed(*more: str) -> set[str]:
        command = ["git", "ls-files", "-z", "--cached", *more]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotDeploy(f"what is deployed is what git tracks: {done.stderr.strip()}")
        return set(done.stdout.split("\0"))

    return sorted((listed() - listed("--ignored", "--exclude-from=.funcignore")) - {""})


def write(target: Path, root: Path = ROOT) -> None:
    """Write them into a zip whose bytes depend on nothing else."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in packaged(root):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (root / name).read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
