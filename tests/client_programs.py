"""Extracts the programs of docs/clients.md, builds them if necessary, and runs them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENT = "\n".join((ROOT / "docs" / name).read_text() for name in ("clients.md", "integrations.md"))
FOR_MONO = ROOT / "tests/data/mono.cs"
_FROM_OUTSIDE = ("PATH", "HOME", "LANG", "JAVA_HOME", "DOTNET_ROOT")


def block(language: str, title: str) -> str:
    """The first code block in a language below a title."""
    section = DOCUMENT.partition(f"\n{title}\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


@dataclass(frozen=True)
class Program:
    """One of the documented programs, and how to turn it into a command."""

    language: str
    title: str
    file: str
    tools: tuple[str, ...]
    """The tools it needs in addition to this Python."""
    command: Callable[[Path], list[str]]
    """Returns the command for its file; builds it first if necessary."""


def _c_sharp(path: Path) -> list[str]:
    return _with_mono(path) if shutil.which("mcs") else _with_dotnet(path)


def _with_mono(path: Path) -> list[str]:
    """Mono has HttpClient but not System.Text.Json, which a few lines of ours replace."""
    built = path.with_suffix(".exe")
    flags = ["-main:EntryPoint", "-nowarn:28", "-r:System.Net.Http.dll", f"-out:{built}"]
    subprocess.run(["mcs", *flags, str(path), str(FOR_MONO)], check=True)
    return ["mono", str(built)]


def _with_dotnet(path: Path) -> list[str]:
    version = subprocess.run(["dotnet", "--version"], capture_output=True, text=True, check=True).stdout
    (path.parent / "trigger.csproj").write_text(
        '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><UseAppHost>false</UseAppHost>'
        f"<TargetFramework>net{version.partition('.')[0]}.0</TargetFramework></PropertyGroup></Project>"
    )
    subprocess.run(["dotnet", "build", "--nologo", "-v", "quiet", "-o", "built"], cwd=path.parent, check=True)
    return ["dotnet", "built/trigger.dll"]


PROGRAMS = (
    Program("bash", "### curl", "trigger.sh", ("curl", "jq"), lambda path: ["bash", str(path)]),
    Program("python", "### Python", "trigger.py", (), lambda path: [sys.executable, "-W", "error", str(path)]),
    Program("java", "### Java", "Trigger.java", ("javac",), lambda path: ["java", str(path)]),
    Program("csharp", "### C#", "Program.cs", ("dotnet or mcs",), _c_sharp),
)


class Client:
    """A program that can be run; built only once, because building takes seconds."""

    def __init__(self, program: Program, folder: Path) -> None:
        folder.mkdir()
        path = folder / program.file
        path.write_text(block(program.language, program.title))
        self._folder = folder
        self._command = program.command(path)

    def __call__(self, url: str, *arguments: str, key: str | None = "the-key") -> tuple[int, list[str], str]:
        """Run the program; returns the exit code, the output lines and the errors."""
        outside = {name: os.environ[name] for name in _FROM_OUTSIDE if name in os.environ}
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=self._folder,
            env={**outside, "TRIGGERS_URL": url, "TRIGGERS_KEY": key or ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, [line.rstrip() for line in done.stdout.splitlines()], done.stderr


def missing(program: Program) -> str | None:
    """The tool that is missing to run a program here; None if it can run."""
    for needed in program.tools:
        if not any(shutil.which(one) for one in needed.split(" or ")):
            return needed
    return None


_BUILT: dict[str, Client] = {}


def client(program: Program, folders: pytest.TempPathFactory) -> Client:
    """A program, built. Skips the test if a tool is missing."""
    if (tool := missing(program)) is not None:
        pytest.skip(f"{tool} is not installed")
    if program.language not in _BUILT:
        _BUILT[program.language] = Client(program, folders.mktemp("client") / program.language)
    return _BUILT[program.language]
