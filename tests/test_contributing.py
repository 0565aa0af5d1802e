"""CONTRIBUTING.md names only existing files, identifiers, tests and make targets, and stays short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {
    block.partition("\n")[0]: block
    for block in TEXT.partition("\n## Recipes\n")[2].partition("\n## ")[0].split("\n### ")[1:]
}
SUFFIXES = (".js", ".py", ".md", ".json", ".html", ".bicep", ".in", ".yml", "/")


def quoted(text: str) -> list[str]:
    """The texts in backticks, without code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def is_path(text: str) -> bool:
    return text.endswith(SUFFIXES) and " " not in text


def named_in_files() -> list[tuple[str, str]]:
    """Each identifier that a recipe quotes, with the file quoted before it."""
    found = []
    for recipe in RECIPES.values():
        for step in re.findall(r"^\d+\. .*$", recipe, re.MULTILINE):
            file = ""
            for one in quoted(step):
                file = one if is_path(one) else file
                if re.fullmatch(r"\w+", one):
                    found.append((file, one))
    return found


def test_there_is_a_recipe_for_each_common_addition() -> None:
    assert list(RECIPES) == [
        "A key of schedules.yaml",
        "A kind of target",
        "An HTTP route",
        "A command of the command line",
        "A check of doctor",
        "A state of a run",
    ]


@pytest.mark.parametrize("path", sorted({one for one in quoted(TEXT) if is_path(one)}))
def test_every_file_named_in_the_guide_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("file", "name"), sorted(set(named_in_files())))
def test_every_name_in_a_recipe_is_in_the_file_named_before_it(file: str, name: str) -> None:
    paths = [ROOT / file, *(ROOT / file).glob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())

    assert re.search(rf"\b{name}\b", text)


def test_every_make_target_named_in_the_guide_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", TEXT))

    assert {"unit", "check", "test", "proof"} <= named <= set(targets)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_names_the_test_that_fails_first(recipe: str) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    first = re.findall(r"`(test_\w+)`", RECIPES[recipe].partition("Fails first: ")[2].partition("\n")[0])

    assert first
    assert [name for name in first if f"\ndef {name}(" not in sources] == []


def test_the_guide_is_short() -> None:
    assert TEXT.count("\n") <= 150
