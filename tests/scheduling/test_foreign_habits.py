"""Habits from other services: placeholders, globs, folders, time zones and incomplete clock times."""

import re

import pytest
from builders import CHANGE, TIME, config, file_of, schedule, sentences, utc
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.config import Dataset
from triggers.scheduling.file.warnings import warnings_of
from triggers.scheduling.globs import matches, sample

WORKSPACE = "workspace: {subscription_id: s, resource_group: g, name: w, api: 'https://westeurope.api.azureml.ms'}"


def warned(keys: str) -> list[str]:
    loaded = config(file_of(keys))
    assert not loaded.faults, [str(fault) for fault in loaded.faults]
    return [f"{one.path}: {one.message}" for one in warnings_of(loaded, utc("2026-11-21T12:00"))]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{scheduled_time:yyyy-MM-dd}", "contains no strftime directive; write {scheduled_time:%Y-%m-%d}"),
        ("{scheduled_time:yyyy/MM/dd/HH-mm-ss}", "write {scheduled_time:%Y/%m/%d/%H-%M-%S}"),
        ("{scheduled_time:ISO}", "write {scheduled_time:%Y-%m-%d}"),
        ("{ scheduled_time }", "{ scheduled_time } is plain text; write {scheduled_time}"),
        ("in/{ run_key}", "{ run_key} is plain text; write {run_key}"),
        ("{scheduled-time:%Y}", "{scheduled-time:%Y} is plain text; write {scheduled_time:%Y}"),
    ],
)
def test_a_misspelled_placeholder_of_ours_is_an_error(text: str, sentence: str) -> None:
    [fault] = sentences(file_of(f"{TIME}\ntags: {{a: '{text}'}}"))

    assert fault.startswith("schedules.s.tags.a: ")
    assert sentence in fault


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("@{formatDateTime(utcNow(), yyyy)}", "is sent as text: expressions of Data Factory and Logic Apps are not"),
        ("@utcNow()", "@utcNow() is sent as text: expressions of Data Factory and Logic Apps are not supported"),
        ("${{parent.inputs.x}}", "${{parent.inputs.x}} is sent as text: expressions of Azure ML jobs and of Azure Pip"),
        ("{{ ds }}", "{{ ds }} is sent as text: expressions in double braces are not supported"),
        ("{{scheduled_time}}", "{{scheduled_time}} is sent as the text {scheduled_time}; for its value, write {sch"),
        (
            "$(Build.BuildId)",
            "$(Build.BuildId) is sent as text: variables are not supported; for an app setting, write %N",
        ),
        ("raw/%Y/%m/%d", "%Y/%m/%d is sent as text: put time formats into braces, {scheduled_time:%Y/%m/%d}"),
    ],
)
@pytest.mark.parametrize("key", ["tags: {{a: '{}'}}", "datapaths: {{a: {{datastore: d, path: '{}'}}}}"])
def test_a_placeholder_of_another_system_is_a_warning(key: str, text: str, sentence: str) -> None:
    [warning] = warned(f"{TIME}\n{key.format(text)}")

    assert sentence in warning


@pytest.mark.parametrize(
    "text",
    ["100%", "50%% of all", "me@example.org", "{{name}}", "{a b}", "%%Y", "%ENDPOINT%", "{scheduled_time:%Y}", "$5"],
)
def test_plain_text_gives_no_warning(text: str) -> None:
    assert warned(f"{TIME}\ntags: {{a: '{text}'}}") == []


@pytest.mark.parametrize(
    ("include", "sentence"),
    [
        (".csv", "'.csv' matches only a file of exactly this name; for all files with this ending, write '*.csv'"),
        ("csv", "'csv' matches only a file of exactly this name; for all files with this ending, write '*.csv'"),
        ("./a.csv", ": . and .. have no meaning here; remove them"),
        ("../*.csv", ": . and .. have no meaning here"),
        ("a//b.csv", ": two slashes in a row; write one"),
        (" *.csv", " begins or ends with a space; remove it"),
        ("a /*.csv", ": a folder begins or ends with a space; remove it"),
        ("in/", ": no file name ends with /; for all files in the folder, add **"),
        ("**/", ": no file name ends with /"),
        ("incoming/*.csv", " is matched below path_on_datastore, which is already 'incoming'; write '*.csv'"),
        ("incoming", " is matched below path_on_datastore, which is already 'incoming'; write '**'"),
        ("a\\*.csv", ": folders are separated by /"),
    ],
)
@pytest.mark.parametrize("key", ["include", "exclude"])
def test_a_glob_that_matches_no_blob_is_a_warning(key: str, include: str, sentence: str) -> None:
    warnings = warned(f"{CHANGE[:-1]}, recursive: true, {key}: ['{include}']}}")

    assert any(f"schedules.s.change.{key}: " in one and sentence in one for one in warnings), warnings


def test_an_exclude_that_leaves_nothing_is_a_warning() -> None:
    change = CHANGE[:-1]

    assert warned(f"{change}, include: ['*.csv'], exclude: ['*.tmp', '*.csv']}}") == [
        "schedules.s.change.exclude: excludes everything that include matches"
    ]
    assert warned(f"{change}, include: ['*.csv', '*.txt'], exclude: ['*.csv']}}") == []


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("./in", "'./in': . and .. have no meaning here; remove them"),
        ("in/../x", "'in/../x': . and .. have no meaning here; remove them"),
        ("in//x", "'in//x': two slashes in a row; write one"),
        (" in", "' in' begins or ends with a space; remove it"),
        (
            "data/in",
            "'data/in' begins with the container's name, but the path starts below the container; remove the name",
        ),
        ("/in/", None),
        ("in/x", None),
    ],
)
def test_an_impossible_folder_name_is_a_warning(folder: str, sentence: str | None) -> None:
    warnings = warned(f"change: {{datastore: d, container: data, path_on_datastore: '{folder}'}}")

    assert warnings == ([f"schedules.s.change.path_on_datastore: {sentence}"] if sentence else [])


PARTS = st.sampled_from(
    [
        "*",
        "**",
        "**/",
        "?",
        "[a-c]",
        "[!a]",
        "[x/]",
        "/",
        "//",
        "./",
        "../",
        ".",
        " ",
        "csv",
        "data",
        "incoming",
        "_",
        "\\",
    ]
)


@given(st.lists(PARTS, min_size=1, max_size=6).map("".join))
def test_every_glob_without_a_warning_matches_some_name(glob: str) -> None:
    quoted = f"'{glob}'"
    loaded = config(file_of(f"{CHANGE[:-1]}, recursive: true, include: [{quoted}]}}"))
    if loaded.faults or warnings_of(loaded, utc("2026-11-21T12:00")):
        return
    name = sample(glob)

    assert matches(glob, name)
    assert all(part.strip() == part and part not in {"", ".", ".."} for part in name.split("/"))
    assert "\\" not in name


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ("GMT+1", "Etc/GMT-1 is 1 h ahead of UTC, Etc/GMT+1 is 1 h behind UTC"),
        ("UTC-05:00", "Etc/GMT+5 is 5 h behind UTC, Etc/GMT-5 is 5 h ahead of UTC"),
        ("+02:00", "Etc/GMT-2 is 2 h ahead of UTC, Etc/GMT+2 is 2 h behind UTC"),
    ],
)
def test_the_error_for_an_offset_as_time_zone_shows_both_readings(zone: str, sentence: str) -> None:
    [fault] = sentences(file_of(f"cron: {{expression: 0 4 * * *, time_zone: '{zone}'}}"))

    assert "did you mean" not in fault
    assert "expected a city such as Europe/Berlin, which has daylight saving time" in fault
    assert fault.endswith(sentence)


@pytest.mark.parametrize(
    ("zone", "offset"), [("Etc/GMT+5", "UTC-05:00"), ("Etc/GMT-3", "UTC+03:00"), ("EST", "UTC-05:00"), ("UTC", None)]
)
def test_the_warning_for_a_zone_with_a_fixed_offset_shows_the_offset(zone: str, offset: str | None) -> None:
    warnings = warned(f"cron: {{expression: 0 4 * * *, time_zone: {zone}}}")

    assert [re.search(r"is (UTC\S+) all year", one)[1] for one in warnings] == ([offset] if offset else [])  # type: ignore[index]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("hours: [0, 12], start_time: 2026-01-01T12:25:00", "has no minutes, so it runs at minute 0 (Data Factory, "
            "Logic Apps and Azure ML's v2 schedules take the minute of start_time); write minutes: [25]"),
        ("minutes: [30], start_time: 2026-01-01T12:25:00", "has no hours, so it runs only in hour 0 (Data Factory, "
            "Logic Apps and Azure ML's v2 schedules take the hour of start_time); write hours: [12], or list "
            "all hours"),
        ("minutes: [30]", "has no hours, so it runs only in hour 0; write hours: [0], or list all hours"),
        ("hours: [4], start_time: 2026-01-01T12:00:00", None),
        ("hours: [4]", None),
        ("hours: [4], minutes: [5], start_time: 2026-01-01T12:25:00", None),
        ("start_time: 2026-01-01T12:25:00", None),
    ],
)  # fmt: skip
def test_hours_without_minutes_are_a_warning(keys: str, sentence: str | None) -> None:
    warnings = warned(f"recurrence: {{frequency: Day, interval: 1, {keys}}}")

    assert warnings == ([f"schedules.s.recurrence: {sentence}"] if sentence else [])


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("0 4 25-31 * *", None),
        ("0 4 25-31,30 * *", "2027-02 has no day 30: it is skipped; for the last day of every month, write L"),
        ("0 4 29-31 * *", "2026-11 has no day 31: it is skipped; for the last day of every month, write L"),
        ("48 14 31,1 jun *", "no month of 'jun' has a day 31, so it never runs"),
    ],
)
def test_a_short_month_is_a_warning_only_if_it_lacks_a_listed_day(expression: str, sentence: str | None) -> None:
    warnings = warned(f"cron: {{expression: '{expression}'}}")

    assert warnings == ([f"schedules.s.cron.expression: {sentence}"] if sentence else [])


def test_versions_may_be_whole_numbers_and_names_may_contain_spaces() -> None:
    found = schedule(f"{TIME}\ndatasets: {{a: {{name: taxi, version: 3}}}}", top=WORKSPACE,
        pipeline="{pipeline_endpoint: My Endpoint, version: 2}")  # fmt: skip

    assert (found.target.name, found.target.version) == ("My Endpoint", "2")
    assert found.request.datasets["a"] == Dataset(id=None, name="taxi", version="3")


@pytest.mark.parametrize("version", ["1.10", "true"])
def test_a_version_that_yaml_would_change_must_be_quoted(version: str) -> None:
    faults = sentences(file_of(TIME, top=WORKSPACE, pipeline=f"{{pipeline_endpoint: e, version: {version}}}"))

    assert faults == ["pipelines.p.version: expected text or a whole number; put it in quotes"]
