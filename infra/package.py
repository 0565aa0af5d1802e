"""The package that is deployed: every tracked file that .funcignore leaves, and bytecode of the code among them."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from .bytecode import DEPLOYED, compile_code
from .environment import ROOT, CannotDeploy


def packaged(root: Path = ROOT) -> list[str]:
    """Names of the files; raises CannotDeploy. git reads .funcignore, whose rules are those of .gitignore."""

    def listed(*more: str) -> set[str]:
        command = ["git", "ls-files", "-z", "--cached", *more]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotDeploy(f"only files that git tracks are deployed: {done.stderr.strip()}")
        return set(done.stdout.split("\0"))

    return sorted((listed() - listed("--ignored", "--exclude-from=.funcignore")) - {""})


def write(target: Path, root: Path = ROOT, python: str = DEPLOYED) -> None:
    """Write them into a zip whose bytes depend on nothing else; `python` is the version that bytecode is for."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        copy = Path(folder)
        for name in packaged(root):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((root / name).read_bytes())
        compile_code(copy, python)
        for file in sorted(one for one in copy.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(copy).as_posix())
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
