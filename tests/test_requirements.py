"""The imports of the code, the lists in requirements*.in, and the locks agree."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
OWN = {"triggers", "infra", "local", "tests", "bench", "function_app", "proof"}
OWN |= {path.stem for path in (ROOT / "tests").rglob("*.py")}
NEVER_IMPORTED = {"tzdata"}  # zoneinfo reads it
PROGRAMS = {"check-jsonschema", "mypy", "ruff", "schemathesis", "setuptools", "uv", "zizmor"}
PEERS = {
    "apscheduler": "apscheduler",
    "croniter": "croniter",
    "dateutil": "python-dateutil",
    "matplotlib": "matplotlib",
}  # only for bench
IN_MEASURED_PROCESSES = {"azure-ai-ml"}
SDK_V1 = {"azureml"}  # bench/peers.py installs it for a Python of its own
PROGRAMS |= {"pytest-cov", "pytest-randomly", "pytest-xdist"}


def pinned(file: str) -> dict[str, set[str]]:
    """The requirements that a file pins itself, with their versions."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / file).read_text().splitlines():
        if match := re.match(r"([A-Za-z][\w.-]*)==([\w.]+)", line):
            found.setdefault(canonical(match[1]), set()).add(match[2])
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(*folders: str) -> set[str]:
    """The third-party modules imported by the sources in these folders or files."""
    paths = [path for folder in folders for path in ([ROOT / folder, *(ROOT / folder).rglob("*.py")])]
    found = {name for path in paths if path.is_file() for name in imports_of(ast.parse(path.read_text()))}
    return {name for name in found if name.partition(".")[0] not in OWN | sys.stdlib_module_names}


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@cache
def owners() -> dict[str, str]:
    """Installed file → its distribution."""
    found: dict[str, str] = {}
    for one in distributions():
        folder, name = Path(str(one.locate_file(""))).resolve(), canonical(one.metadata["Name"])
        files = (str(file) for file in one.files or ())
        found |= {str(folder / file): name for file in files if file.endswith((".py", ".so", ".pyd"))}
    return found


def distribution_of(module: str) -> str:
    """The distribution of a module; only `azure` is shared by several."""
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return owners()[str(Path(spec.origin).resolve())]


def test_the_requirements_of_the_app_match_its_imports() -> None:
    used = {distribution_of(module) for module in imported("function_app.py", "triggers")}

    assert used | NEVER_IMPORTED == set(pinned("requirements.in"))


def test_the_deployment_imports_only_requirements_of_the_app() -> None:
    assert {distribution_of(module) for module in imported("infra")} <= set(pinned("requirements.in"))


def test_the_demo_and_the_deployment_need_no_development_requirements() -> None:
    """Except for screenshots, which only people who change the dashboard take."""
    used = {distribution_of(module) for module in imported("local", "infra")} - {"playwright"}

    assert used <= {*pinned("requirements.in"), *pinned("requirements-local.in")}


def test_the_development_requirements_match_the_imports_of_tests_and_tools() -> None:
    found = {
        module for module in imported("local", "tests", "bench") if module.partition(".")[0] not in {*PEERS, *SDK_V1}
    }
    used = {distribution_of(module) for module in found}
    listed = {**pinned("requirements-local.in"), **pinned("requirements-dev.in")}
    programs = {name for name in listed if name in PROGRAMS or name.startswith("types-")}

    assert used <= set(pinned("requirements.in")) | set(listed)
    assert set(listed) - programs <= used


def test_the_peers_of_the_benchmarks_are_listed_in_bench() -> None:
    assert {*PEERS.values(), *IN_MEASURED_PROCESSES} == set(pinned("bench/peers.txt"))


@pytest.mark.parametrize("name", ["requirements", "requirements-local", "requirements-dev", "requirements-site"])
def test_each_lock_has_every_requirement_and_a_hash_for_every_package(name: str) -> None:
    locked = pinned(f"{name}.txt")
    blocks = re.split(r"\n(?=[A-Za-z])", (ROOT / f"{name}.txt").read_text())[1:]

    assert {one: versions for one, versions in pinned(f"{name}.in").items() if locked.get(one) != versions} == {}
    assert len(blocks) >= len(locked)
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_locks_agree() -> None:
    development = pinned("requirements-dev.txt")

    assert {name: one for name, one in pinned("requirements.txt").items() if development.get(name) != one} == {}


def test_every_requirement_of_the_app_is_justified() -> None:
    reasons = ARCHITECTURE.partition("## Dependencies")[2].partition("##")[0].lower()

    assert [name for name in pinned("requirements.in") if name not in reasons] == []
