"""The package contains bytecode for the deployed Python version, which is not used for edited files."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.bytecode import CODE, DEPLOYED, compile_code
from infra.package import packaged, write

ROOT = Path(__file__).parent.parent
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def suffix(version: str) -> str:
    return f".cpython-{version.replace('.', '')}.pyc"


def test_the_bytecode_is_for_the_deployed_python_version() -> None:
    template = (ROOT / "infra/app/function-app.bicep").read_text()

    assert re.findall(r"name: 'python'\s+version: '([\d.]+)'", template) == [DEPLOYED]
    assert f"!*{suffix(DEPLOYED)}" in (ROOT / ".funcignore").read_text().splitlines()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package") / "app.zip"
    write(target, python=THIS)
    return target


@pytest.mark.machine
def test_every_module_of_the_package_has_bytecode(package: Path) -> None:
    names = zipfile.ZipFile(package).namelist()

    sources = [Path(name) for name in packaged() if name.endswith(".py")]
    expected = {str(one.parent / "__pycache__" / f"{one.stem}{suffix(THIS)}") for one in sources}
    assert {name for name in names if name.endswith(".pyc")} == expected
    assert set(names) - expected == set(packaged())


@pytest.mark.machine
def test_python_uses_the_bytecode_unless_the_source_was_edited(package: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(package).extractall(tmp_path)
    code = "import sys; sys.dont_write_bytecode = True; import triggers.clock"

    def compiled() -> bool:
        done = subprocess.run(
            [sys.executable, "-v", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return re.search(r"code object from \S*/triggers/clock\.py", done.stderr) is not None

    as_packaged = compiled()
    with (tmp_path / "triggers/clock.py").open("a") as file:
        file.write("\n")

    assert (as_packaged, compiled()) == (False, True)


@pytest.mark.machine
def test_without_the_deployed_python_version_the_missing_bytecode_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stub = tmp_path / "python3.4"
    stub.write_text("#!/bin/sh\nexit 127\n")
    stub.chmod(0o755)

    for version in ("3.3", "3.4"):
        compile_code(tmp_path, version)

        assert f"Python {version} is not on this machine" in capsys.readouterr().out


@pytest.mark.machine
def test_code_that_does_not_compile_is_not_packaged(tmp_path: Path) -> None:
    for name in ("infra", *CODE):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / "triggers/version.py").write_text("VERSION = (\n")
    with (tmp_path / "infra/bytecode.py").open() as file:
        ours = file.read().replace(f'"{DEPLOYED}"', f'"{THIS}"')
    (tmp_path / "infra/bytecode.py").write_text(ours)

    done = subprocess.run(
        [sys.executable, "-m", "infra.bytecode"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("the code does not compile: ")
    assert "version.py" in done.stderr
