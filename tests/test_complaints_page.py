"""docs/complaints.md: each complaint has its source and the tests that show what happens here, and the tests exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/complaints.md").read_text()
COMPLAINTS = {
    part.partition("\n")[0]: part.partition("\n")[2] for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
}
SOURCE = re.compile(r"\]\(https://(github\.com/(Azure|MicrosoftDocs)/[\w-]+/issues/\d+|learn\.microsoft\.com/[^)]+)\)")


def parts(complaint: str) -> dict[str, str]:
    """A complaint's list, by its first words."""
    return dict(re.findall(r"^- \*\*(\w+):\*\* (.+)$", COMPLAINTS[complaint], re.MULTILINE))


def named() -> list[tuple[str, str]]:
    """Every file of tests that the page links, with a test that it names there."""
    found = []
    for complaint in COMPLAINTS:
        for path, names in re.findall(r"\]\(\.\./(tests/[\w/]+\.py)\)((?: `test_\w+`)+)", parts(complaint)["Tests"]):
            found += [(path, name) for name in re.findall(r"`(\w+)`", names)]
    return sorted(set(found))


def test_there_are_complaints() -> None:
    assert len(COMPLAINTS) == 21


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_complaint_has_its_source_what_is_done_about_it_and_tests(complaint: str) -> None:
    found = parts(complaint)

    assert list(found) == ["Azure", "Here", "You", "Tests"]
    assert SOURCE.search(found["Azure"])
    without_tests = re.sub(r"\[(test_\w+\.py)\]\(\.\./tests/(?:\w+/)?\1\)(?: `test_\w+`)+(?:, )?", "", found["Tests"])
    assert found["Tests"]
    assert without_tests == "" or without_tests.startswith("none: ")


@pytest.mark.parametrize(("path", "name"), named())
def test_every_test_that_the_page_names_is_in_its_file(path: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_every_test_that_was_written_for_the_page_is_named_there() -> None:
    written = re.findall(r"^def (test_\w+)\(", (ROOT / "tests/test_complaints.py").read_text(), re.MULTILINE)

    assert [name for name in written if ("tests/test_complaints.py", name) not in named()] == []
