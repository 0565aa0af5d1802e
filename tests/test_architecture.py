"""The shape of the code: who may import whom, and what the repository may not say."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("triggers", "infra", "local", "tests", "bench")
SOURCES = [ROOT / "function_app.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
PACKAGE = [path for path in SOURCES if path.is_relative_to(ROOT / "triggers")]

LAYERS = ["scheduling", "ledger and azureml", "firing", "adapters"]


def layer(module: str) -> int:
    """Where a module of triggers stands; 3 is the top."""
    if module.startswith("triggers.scheduling"):
        return 0
    if module.startswith(
        (
            "triggers.ledger",
            "triggers.azureml",
            "triggers.blob_storage",
            "triggers.connections",
            "triggers.clock",
            "triggers.log_lines",
            "triggers.version",
        )
    ):
        return 1
    if module.startswith(
        (
            "triggers.firing",
            "triggers.pausing",
            "triggers.changes",
            "triggers.occurrence",
            "triggers.batching",
            "triggers.backfilling",
            "triggers.sweeping",
            "triggers.due_occurrences",
            "triggers.reconciliation",
            "triggers.unknown_runs",
            "triggers.steering",
            "triggers.webhooks",
            "triggers.callbacks",
            "triggers.settling",
            "triggers.run_ends",
            "triggers.run_hints",
            "triggers.waiting_line",
            "triggers.open_runs",
            "triggers.gate",
        )
    ):
        return 2
    return 3


def imports(path: Path) -> set[str]:
    """The absolute names of everything that a module imports, wherever in it."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: -node.level] if node.level else []
            name = ".".join([*base, node.module or ""]).rstrip(".")
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", PACKAGE, ids=lambda path: path.relative_to(ROOT / "triggers").as_posix())
def test_imports_point_one_way(path: Path) -> None:
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    ours = {name for name in imports(path) if name.startswith("triggers.")}

    assert [name for name in sorted(ours) if layer(name) > layer(own)] == []


@pytest.mark.parametrize(
    "path",
    [path for path in PACKAGE if "scheduling" in path.parts],
    ids=lambda path: path.relative_to(ROOT / "triggers").as_posix(),
)
def test_the_core_knows_no_azure_no_http_and_no_clock(path: Path) -> None:
    outside = {name.partition(".")[0] for name in imports(path)}

    assert (
        outside & {"azure", "azurefunctions", "requests", "urllib3", "http", "socket", "time", "os", "random"} == set()
    )
    assert not re.search(r"datetime\.(now|utcnow|today)\(|date\.today\(", path.read_text())


def test_one_place_reads_the_environment() -> None:
    readers = [path.name for path in PACKAGE if re.search(r"os\.(environ|getenv)", path.read_text())]

    assert readers == ["settings.py"]


def test_what_is_deployed_needs_nothing_that_is_not() -> None:
    for path in [*PACKAGE, ROOT / "function_app.py"]:
        assert not {name.partition(".")[0] for name in imports(path)} & {"local", "tests", "bench", "pytest"}, path


@pytest.mark.parametrize("path", [path for path in SOURCES if "tests" not in path.parts], ids=lambda path: path.name)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    long = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 45
    ]

    assert text.count("\n") <= 300
    assert long == []


@pytest.mark.machine
def test_the_repository_speaks_of_the_project_alone() -> None:
    """No path of a machine, no registry's host, no tool of a workplace."""
    forbidden = re.compile(
        r"/(?:home|root|Users|opt|work)/|pypi\.org|registry\.npmjs|files\.pythonhosted", re.IGNORECASE
    )
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = []
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".yaml", ".yml", ".json", ".toml", ".txt", ".in", ""}
            and path.is_file()
            and path.name != Path(__file__).name
        ):
            found += [f"{name}: {line}" for line in path.read_text().splitlines() if forbidden.search(line)]

    assert found == []
