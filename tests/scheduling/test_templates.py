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
def test_templates_are_filled_in(template: str, meant: str) -> None:
    assert text(template) == meant


def test_a_blob_name_that_looks_like_a_setting_or_template_is_not_expanded() -> None:
    assert text("{blob.path}") == "in/%KEY%/{run_key}.csv"


def test_the_value_of_a_setting_is_not_expanded_again() -> None:
    assert text("%BRACES% %PERCENT%") == "{run_key} %KEY%"


def test_settings_are_not_filled_in_before_the_request_is_stored() -> None:
    assert fill("%KEY%/{blob.size}/100%", VALUES) == "%KEY%/7/100%%"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(MissingSetting, match="the app setting NOPE does not exist"):
        expand("%NOPE%", SETTINGS)


@given(st.text())
def test_expanding_escaped_text_gives_the_text_back(anything: str) -> None:
    assert expand(escaped(anything), {}) == anything


@given(st.text(alphabet="%{}AB.:x", max_size=30))
def test_a_value_stays_unchanged_by_filling_and_expanding(value: str) -> None:
    assert expand(fill("<{run_key}>", {"run_key": value}), {"AB": "no"}) == f"<{value}>"


@pytest.mark.parametrize("character", ["\\0", "\\x1b", "\\x9b", "\\n"])
def test_a_time_format_with_an_invisible_character_is_an_error(character: str) -> None:
    """strftime would silently cut the text off after a NUL."""
    found = sentences(file_of(f'pipeline_parameters: {{n: "{{scheduled_time:%Y{character}%m}}"}}\n{TIME}'))

    assert [one for one in found if "has an invisible character" in one] == found
    assert len(found) == 1
