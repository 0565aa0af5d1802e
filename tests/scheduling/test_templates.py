from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from builders import TIME, file_of, sentences
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.templates import MissingSetting, Value, escaped, expand, fill

NOMINAL = datetime(2026, 11, 1, 4, 30, tzinfo=ZoneInfo("Europe/Berlin"))
VALUES: dict[str, Value] = {
    "scheduled_time": NOMINAL,
    "run_key": "s@x",
    "blob.path": "in/%KEY%/{run_key}.csv",
    "blob.size": 7,
}
SETTINGS = {"KEY": "secret", "BRACES": "{run_key}", "PERCENT": "%KEY%"}


def text(template: str) -> str:
    return expand(fill(template, VALUES), SETTINGS)


@pytest.mark.parametrize(
    ("template", "meant"),
    [
        ("{scheduled_time:%Y-%m-%d}", "2026-11-01"),
        ("{scheduled_time}", "2026-11-01T04:30:00+01:00"),
        ("{scheduled_time:%H%M%S}", "043000"),
        ("daily/{scheduled_time:%Y/%m/%d}/x", "daily/2026/11/01/x"),
        ("{run_key}", "s@x"),
        ("{{run_key}}", "{run_key}"),
        ("{{scheduled_time:%Y}}", "{scheduled_time:%Y}"),
        ('{"a": {"b": [1, {}]}}', '{"a": {"b": [1, {}]}}'),
        ("{}", "{}"),
        ("%KEY%", "secret"),
        ("%%KEY%%", "%KEY%"),
        ("100%", "100%"),
        ("100%%", "100%"),
        ("50% of {blob.size}%", "50% of 7%"),
        ("%KEY%{blob.size}%KEY%", "secret7secret"),
        ("%K%", "%K%"),
    ],
)
def test_texts_mean(template: str, meant: str) -> None:
    assert text(template) == meant


def test_a_blob_may_be_called_like_a_setting_or_a_template() -> None:
    assert text("{blob.path}") == "in/%KEY%/{run_key}.csv"


def test_what_a_setting_holds_is_not_read_again() -> None:
    assert text("%BRACES% %PERCENT%") == "{run_key} %KEY%"


def test_what_the_ledger_keeps_holds_no_setting() -> None:
    assert fill("%KEY%/{blob.size}/100%", VALUES) == "%KEY%/7/100%%"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(MissingSetting, match="the app setting NOPE does not exist"):
        expand("%NOPE%", SETTINGS)


@given(st.text())
def test_escaping_and_expanding_is_the_identity(anything: str) -> None:
    assert expand(escaped(anything), {}) == anything


@given(st.text(alphabet="%{}AB.:x", max_size=30))
def test_a_value_comes_through_filling_and_expanding_verbatim(value: str) -> None:
    assert expand(fill("<{run_key}>", {"run_key": value}), {"AB": "no"}) == f"<{value}>"


@pytest.mark.parametrize("character", ["\\0", "\\x1b", "\\x9b", "\\n"])
def test_a_format_with_a_character_that_cannot_be_seen_is_a_fault(character: str) -> None:
    """strftime would cut the text off behind a NUL, without a word."""
    found = sentences(file_of(f'pipeline_parameters: {{n: "{{scheduled_time:%Y{character}%m}}"}}\n{TIME}'))

    assert [one for one in found if "cannot be seen" in one] == found
    assert len(found) == 1
