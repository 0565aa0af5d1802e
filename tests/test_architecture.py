"""The structure of the code: which modules may import which, and what the repository must not mention."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("triggers", "infra", "local", "tests", "bench")
SOURCES = [ROOT / "function_app.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
PACKAGE = [path for path in SOURCES if path.is_relative_to(ROOT / "triggers")]

FLOORS = (
    ("scheduling",),
    ("settings", "clock", "log_lines", "version", "built_once", "pace", "collection"),
    ("ledger", "azureml", "storage"),
    ("starting",),
    ("reconciling",),
    ("steering",),
    ("outside",),
    ("starting_engine",),
    ("engine",),
    ("app",),
    ("deployment", "migrate"),
    ("diagnosis", "web"),
    ("commands",),
    ("timer_schedules", "blob_schedules", "reconciler", "run_events", "storage_events", "management_api", "__main__"),
)
"""From the bottom up. Imports lead down only; modules on one floor never import each other."""
ALONE = FLOORS[1] + FLOORS[-1]
"""Single modules, which may import each other."""


def room(module: str) -> str:
    """The folder or module directly below triggers."""
    return module.split(".")[1] if "." in module else ""


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def forbidden_imports(module: str, imported: set[str]) -> list[str]:
    """The imports of a module that lead up, or across to another folder on its floor."""
    own = room(module)
    others = {name: room(name) for name in imported if name.startswith("triggers.")}
    return [
        name
        for name, other in sorted(others.items())
        if other != own and (floor(other) >= floor(own) and not (other in ALONE and floor(other) == floor(own)))
    ]


def imports(path: Path) -> set[str]:
    """The absolute names of everything that a module imports, anywhere in it."""
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
def test_imports_lead_down_and_never_across_a_floor(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    assert forbidden_imports(module, imports(path)) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("triggers.ledger.rows", "triggers.azureml.wire"),
        ("triggers.deployment.parameters", "triggers.management_api"),
        ("triggers.starting.firing", "triggers.reconciling.gate"),
        ("triggers.scheduling.run", "triggers.settings"),
        ("triggers.web.routes", "triggers.diagnosis.findings"),
        ("triggers.clock", "triggers.ledger.calls"),
    ],
)
def test_an_import_that_leads_up_or_across_is_detected(module: str, imported: str) -> None:
    assert forbidden_imports(module, {imported}) == [imported]


def test_the_drawing_in_the_architecture_page_shows_the_floors() -> None:
    picture = (ROOT / "docs/architecture.md").read_text().partition("From the top:")[2].split("```")[1]

    drawn = [tuple(one.rstrip("/") for one in line.split()) for line in picture.strip().splitlines()]
    assert drawn == [tuple(rooms) for rooms in reversed(FLOORS)]


def test_every_folder_and_module_has_a_floor() -> None:
    there = {path.relative_to(ROOT / "triggers").parts[0].removesuffix(".py") for path in PACKAGE} - {"__init__"}

    assert there | {"engine"} == {room for rooms in FLOORS for room in rooms}


def test_within_scheduling_only_the_file_folder_imports_the_file_folder() -> None:
    core = [path for path in PACKAGE if "scheduling" in path.parts and "file" not in path.parts]

    assert [path.name for path in core if any(".scheduling.file" in name for name in imports(path))] == []


@pytest.mark.parametrize(
    "path",
    [path for path in PACKAGE if "scheduling" in path.parts],
    ids=lambda path: path.relative_to(ROOT / "triggers").as_posix(),
)
def test_scheduling_imports_no_azure_no_http_and_no_clock(path: Path) -> None:
    outside = {name.partition(".")[0] for name in imports(path)}

    assert (
        outside & {"azure", "azurefunctions", "requests", "urllib3", "http", "socket", "time", "os", "random"} == set()
    )
    assert not re.search(r"datetime\.(now|utcnow|today)\(|date\.today\(", path.read_text())


def test_only_settings_reads_the_environment() -> None:
    readers = [path.name for path in PACKAGE if re.search(r"os\.(environ|getenv)", path.read_text())]

    assert readers == ["settings.py"]


def test_only_what_the_command_line_imports_makes_dataclasses() -> None:
    """In the deployed app, each would add 0.5 ms to a cold start."""
    for_types = ROOT / "triggers/scheduling/replacing.py"
    makers = {
        path.relative_to(ROOT / "triggers").parts[0]
        for path in PACKAGE
        if "dataclasses" in imports(path) and path != for_types
    }

    assert makers <= {"commands", "deployment", "diagnosis", "migrate"}


def test_only_the_ledger_makes_rows() -> None:
    operations = {f"triggers.ledger.ports.{name}" for name in ("Create", "Replace", "Merge", "Delete")}
    makers = {path for path in PACKAGE if operations & imports(path)}

    assert {path.relative_to(ROOT / "triggers").parts[0] for path in makers} == {"ledger"}


def test_deployed_code_imports_nothing_that_is_not_deployed() -> None:
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
def test_the_repository_names_no_machine_path_and_no_registry_host() -> None:
    """No path of a machine and no host of a package registry."""
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
