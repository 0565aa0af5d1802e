from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.file.yaml_text import parse


def tree(text: str) -> Any:
    found, faults = parse(text, "f")
    assert [str(fault) for fault in faults] == []
    return found


def faults(text: str) -> list[str]:
    return [str(fault) for fault in parse(text, "f")[1]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("14:30", "14:30"),
        ("4:30", "4:30"),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01T00:00:00", "2026-11-01T00:00:00"),
        ("2026-13-45", "2026-13-45"),
        ("1e-10", 1e-10),
        ("1.0", 1.0),
        (".5", 0.5),
        ("-7", -7),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", float("inf")),
        ("1e", "1e"),
        ("'20'", "20"),
        ('"true"', "true"),
        ("0b1", "0b1"),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_core_says(written: str, meant: object) -> None:
    found = tree(f"a: {written}")

    assert found == {"a": meant}
    assert type(found["a"]) is type(meant)


def test_a_repeated_key_is_an_error_with_both_lines() -> None:
    assert faults("s:\n  a: 1\n  b: 2\n  a: 3\n") == ["f:4: s.a: the key is repeated (first in line 2); keep one"]


def test_aliases_and_tags_are_errors_and_do_not_hide_later_ones() -> None:
    found = faults("a: &x {b: 1}\nc: *x\nd: !!set {e: 1}\nf: !mine text\ng: 1\ng: 2\n")

    assert found == [
        "f:2: c: aliases (*x) are not allowed; write the value out",
        "f:3: d: tags (tag:yaml.org,2002:set) are not allowed; remove it",
        "f:4: f: tags (!mine) are not allowed; remove it",
        "f:6: g: the key is repeated (first in line 5); keep one",
    ]


def test_keys_that_are_not_plain_scalars_are_errors() -> None:
    assert faults("? [a, b]\n: 1\n? *x\n: 2\nc: 3\n")[:1] == [
        "f:1: a key must be plain text, without alias, tag or structure"
    ]
    assert tree("1: a\n2026-11-01: b\n") == {"1": "a", "2026-11-01": "b"}


def test_broken_syntax_is_one_error_with_its_line() -> None:
    (only,) = faults("a: [1, 2\nb: 3\n")

    assert only.startswith("f:2: this is not YAML: ")


def test_control_characters_are_an_error() -> None:
    (only,) = faults("a: \x01\n")

    assert only.startswith(("f: this is not YAML: ", "f:1: this is not YAML: "))


def test_a_second_document_is_an_error() -> None:
    assert faults("a: 1\n---\nb: 2\n") == ["f:2: the file holds more than one document; keep one"]


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    found = faults("a: " + "[" * 100 + "]" * 100)

    assert found == ["f:1: " + "a" + "[0]" * 32 + ": nested deeper than 32 levels"]
    assert faults("[{a: " * 16_000)[-1] == "f:1: nested deeper than 200 levels"


def test_brackets_in_quotes_and_comments_do_not_count_as_nesting() -> None:
    lines = [f"k{number}: 'runs in [00:00, 04:00) local' # [ {{ [" for number in range(500)]

    assert faults("\n".join(lines)) == []


@given(st.text(max_size=200))
def test_any_text_gives_a_tree_or_errors_and_never_raises(text: str) -> None:
    found, noted = parse(text, "f")

    assert len(noted) > 0 or not isinstance(found, BaseException)
