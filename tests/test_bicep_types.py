"""Every value that a parameters file or a template passes on has a type that the receiver accepts."""

from pathlib import Path

import pytest
from bicep_types import of_modules, of_parameter_file

INFRA = Path(__file__).parent.parent / "infra"
FILES = sorted(INFRA.rglob("*.bicepparam"))
TEMPLATE = """
@description('a size')
@allowed([512, 2048, 4096])
param size int = 512
@allowed(['Allow', 'Deny'])
param action string = 'Allow'
@minValue(1)
param threads int = 1
param on bool = false
param mode 'a' | 'b' = 'a'
param names string[] = []
param name string
"""
NAME = "param name = 'n'\n"
READ = "readEnvironmentVariable('X', '{}')"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_parameters_file_fits_its_template(path: Path) -> None:
    assert of_parameter_file(path.read_text(), path.with_suffix(".bicep").read_text()) == []


@pytest.mark.parametrize("path", sorted(INFRA.rglob("*.bicep")), ids=lambda path: path.name)
def test_a_template_gives_its_modules_parameters_of_the_right_types(path: Path) -> None:
    assert of_modules(path) == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (f"param size = int({READ.format(512)})", "size takes 2048 | 4096 | 512 and is given int"),
        ("param size = 1024", "size takes 2048 | 4096 | 512 and is given 1024"),
        ("param size = '512'", "size takes 2048 | 4096 | 512 and is given '512'"),
        (f"param size = {READ.format(512)}", "size takes 2048 | 4096 | 512 and is given literal"),
        ("param size = 1 == 1 ? 512 : 100", "size takes 2048 | 4096 | 512 and is given 100 | 512"),
        ("var s = int('512')\nparam size = s", "size takes 2048 | 4096 | 512 and is given int"),
        (f"param action = string({READ.format('Deny')})", "action takes 'Allow' | 'Deny' and is given string"),
        ("param action = 'deny'", "action takes 'Allow' | 'Deny' and is given 'deny'"),
        ("param action = '${'De'}ny'", "action takes 'Allow' | 'Deny' and is given string"),
        (f"param mode = string({READ.format('a')})", "mode takes 'a' | 'b' and is given string"),
        (f"param threads = {READ.format(1)}", "threads takes int and is given literal"),
        ("param threads = bool('true')", "threads takes int and is given bool"),
        (f"param on = {READ.format('true')}", "on takes bool and is given literal"),
        ("param on = int('1')", "on takes bool and is given int"),
        ("param on = null ?? 1", "on takes bool and is given 1"),
        ("param names = {}", "names takes array and is given object"),
        ("param nmae = 'x'", "nmae is no parameter"),
    ],
)
def test_a_value_of_the_wrong_type_is_detected(line: str, sentence: str) -> None:
    assert of_parameter_file(f"using 'x.bicep'\n{NAME}{line}\n", TEMPLATE) == [sentence]


def test_a_missing_parameter_without_default_is_detected() -> None:
    assert of_parameter_file("using 'x.bicep'\n", TEMPLATE) == ["name is missing"]


@pytest.mark.parametrize(
    "line",
    [
        "param size = 2048",
        f"var read = {READ.format(512)}\nparam size = read == '4096' ? 4096 : 512",
        f"param action = {READ.format('Allow')}",
        "param action = 'Deny'",
        "param action = any('Deny')",
        f"param mode = {READ.format('b')}",
        f"param threads = int({READ.format(16)})",
        f"param on = bool({READ.format('true')})",
        "param on = null ?? true",
        "param names = ['a', 'b']",
        "param names = filter(loadJsonContent('a.json').names, one => one != 'x')",
    ],
)
def test_a_value_of_the_right_type_passes(line: str) -> None:
    assert of_parameter_file(f"using 'x.bicep'\n{NAME}{line}\n", TEMPLATE) == []


def test_the_parameters_of_modules_are_also_checked(tmp_path: Path) -> None:
    (tmp_path / "inner.bicep").write_text(TEMPLATE)
    outer = "param plain int\n@allowed([512, 2048])\nparam narrow int\n"
    module = "module m 'inner.bicep' = {{\n  name: 'm'\n  params: {{\n    name: 'n'\n    size: {}\n  }}\n}}\n"

    (tmp_path / "wrong.bicep").write_text(outer + module.format("plain"))
    (tmp_path / "right.bicep").write_text(outer + module.format("narrow"))

    assert of_modules(tmp_path / "wrong.bicep") == ["size takes 2048 | 4096 | 512 and is given int"]
    assert of_modules(tmp_path / "right.bicep") == []
