"""Builds the package to deploy: every tracked file that .funcignore does not exclude, and bytecode for the code."""

import argparse
import subprocess
import tempfile
import zipfile
from pathlib import Path

from .bytecode import DEPLOYED, compile_code
from .environment import ROOT, CannotDeploy, end


def packaged(root: Path = ROOT) -> list[str]:
    """The names of the files; raises CannotDeploy. git evaluates .funcignore, which has the syntax of .gitignore."""

    def listed(*more: str) -> set[str]:
        command = ["git", "ls-files", "-z", "--cached", *more]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotDeploy(f"only files that git tracks are deployed: {done.stderr.strip()}")
        return set(done.stdout.split("\0"))

    return sorted((listed() - listed("--ignored", "--exclude-from=.funcignore")) - {""})


def write(target: Path, root: Path = ROOT, python: str = DEPLOYED) -> None:
    """Write the files to a reproducible zip archive; `python` is the version for the bytecode."""
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


def main() -> None:
    """Write the package to the file that the caller names."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=__doc__)
    parser.add_argument("target", metavar="FILE", type=Path, help="the zip file to write")
    write(parser.parse_args().target)


if __name__ == "__main__":
    end(main)
