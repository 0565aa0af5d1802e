"""The files for editors, GitHub and Dependabot are valid and agree with the rest of the repository."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local.demo import PORTS

ROOT = Path(__file__).parent.parent
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
DEPENDABOT = ROOT / ".github/dependabot.yml"


@pytest.mark.machine
@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.dependabot", DEPENDABOT),
        ("vendor.github-issue-config", ROOT / ".github/ISSUE_TEMPLATE/config.yml"),
        *(("vendor.github-issue-forms", path) for path in FORMS),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_files_read_by_github_match_their_schemas(schema: str, path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.machine
def test_every_text_file_has_the_line_ends_set_in_gitattributes() -> None:
    command = ["git", "ls-files", "--eol"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    kinds = {tuple(line.split()[:3]) for line in lines}

    assert {(index, attribute) for index, _, attribute in kinds} <= {
        ("i/lf", "attr/text=auto"),
        ("i/none", "attr/text=auto"),
        ("i/-text", "attr/-text"),
    }
    assert "w/crlf" not in {work for _, work, _ in kinds}


def test_dependabot_covers_everything_that_is_pinned() -> None:
    updates = yaml.safe_load(DEPENDABOT.read_text(encoding="utf-8"))["updates"]

    looked_at = {one["package-ecosystem"]: one.get("directories") or [one["directory"]] for one in updates}
    assert set(looked_at) == {"uv", "npm", "github-actions"}
    assert looked_at["uv"] == ["/"]
    assert looked_at["npm"] == sorted(
        f"/{path.parent.relative_to(ROOT)}" for path in ROOT.glob("local/**/package.json")
    )
    assert [one for one in updates if one["schedule"] != {"interval": "weekly"} or len(one["groups"]) != 1] == []


def test_the_makefile_pins_no_other_version_of_azurite() -> None:
    wanted = json.loads((ROOT / "local/package.json").read_text(encoding="utf-8"))["devDependencies"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.fullmatch(r"\d+\.\d+\.\d+", wanted["azurite"])
    assert set(re.findall(r"^AZURITE := ([\d.]+)$", makefile, re.MULTILINE)) <= {wanted["azurite"]}


def test_the_list_of_targets_fits_80_columns() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*## (.*)$", makefile, re.MULTILINE)

    assert len(targets) > 20
    assert [name for name, text in targets if len(f"make {name:<13} {text}") > 80] == []


def made(target: str, folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run a target as if nothing were installed, with only these shell scripts and a few programs on the path."""
    for name in ("make", "sh", "sed", "find", "touch"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    command = ["make", target, f"STORAGE={folder / 'azurite'}", f"APP={folder / 'app'}", f"VENV={folder / 'venv'}"]
    return subprocess.run(command, cwd=ROOT, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


@pytest.mark.machine
@pytest.mark.parametrize("programs", [{}, {"npm": "exit 0", "node": "exit 1"}], ids=["no Node.js", "an old Node.js"])
@pytest.mark.parametrize("target", ["demo", "run", "setup", "test"])
def test_without_node_a_target_says_so_before_it_installs_anything(
    tmp_path: Path, target: str, programs: dict[str, str]
) -> None:
    done = made(target, tmp_path, **programs)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Azurite needs Node.js 20 or newer, with npm: install it (https://nodejs.org).")


@pytest.mark.machine
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")
def test_with_node_azurite_is_installed_first(tmp_path: Path) -> None:
    done = made("demo", tmp_path, node=f'exec {shutil.which("node")} "$@"', npm="echo no network >&2; exit 1")

    assert done.stdout.startswith("Installing Azurite, the storage emulator, into .local (150 MB,")
    assert done.stderr.startswith("no network\n")


def test_the_dev_container_sets_up_what_make_run_needs() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))

    assert container["postCreateCommand"] == "make setup"
    assert container["forwardPorts"] == list(PORTS)
    assert set(container["portsAttributes"]) == {str(port) for port in PORTS}


def test_hooks_run_the_pinned_tools_of_the_project() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    pinned = (ROOT / "requirements-dev.in").read_text(encoding="utf-8")

    assert [one["repo"] for one in hooks] == ["local"]
    programs = [hook["entry"].split()[0] for hook in hooks[0]["hooks"]]
    assert [one for one in programs if f"\n{one.removeprefix('.venv/bin/')}==" not in pinned] == []


def test_hooks_are_part_of_make_check() -> None:
    [hooks] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    checks = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck: ")[2].partition("\n\n")[0]

    commands = [hook["entry"].removeprefix(".venv/bin/").replace(" --force-exclude", "") for hook in hooks["hooks"]]
    assert [one for one in commands if one not in checks] == []
