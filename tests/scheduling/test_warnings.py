"""Warnings of `validate` about a valid file: what its author may not expect, with the next date concerned."""

import pytest
from builders import config, file_of, utc

from triggers.scheduling.file.warnings import warnings_of


def warned(keys: str, now: str = "2026-11-21T12:00", pipeline: str = '{endpoint: "%ENDPOINT%"}') -> list[str]:
    loaded = config(file_of(keys, pipeline=pipeline))
    assert not loaded.faults, [str(fault) for fault in loaded.faults]
    return [f"{one.path}: {one.message}" for one in warnings_of(loaded, utc(now))]


def daily(at: str, zone: str, **other: str) -> str:
    more = "".join(f", {key}: {value}" for key, value in other.items())
    return f"recurrence: {{frequency: Day, interval: 1, time_of_day: '{at}', time_zone: {zone}{more}}}"


RIGA_GAP = "03:30 does not exist on 2027-03-28 (clock change in Europe/Riga): it runs when the gap ends, at 04:00"
RIGA_FOLD = "03:30 occurs twice on 2027-10-31 (clock change in Europe/Riga): it runs once, the first time"


@pytest.mark.parametrize(
    ("keys", "now", "expected"),
    [
        (daily("03:30", "Europe/Riga"), "2026-11-21T12:00", [RIGA_GAP, RIGA_FOLD]),
        (daily("03:30", "Europe/Riga"), "2027-05-01T12:00", [RIGA_FOLD, RIGA_GAP.replace("2027-03-28", "2028-03-26")]),
        (daily("03:30", "Europe/Riga", end_time="2027-06-01"), "2026-11-21T12:00", [RIGA_GAP]),
        (daily("04:00", "Europe/Riga"), "2026-11-21T12:00", []),
        (
            daily("03:30", "Europe/Riga", end_time="2026-01-01"),
            "2026-11-21T12:00",
            ["never runs again: its last occurrence is in the past"],
        ),
        # Tehran has kept one offset since 2022; Lord Howe moves by half an hour.
        (daily("00:30", "Asia/Tehran"), "2026-11-21T12:00", []),
        (
            daily("01:45", "Australia/Lord_Howe"),
            "2026-11-21T12:00",
            ["01:45 occurs twice on 2027-04-04 (clock change in Australia/Lord_Howe): it runs once, the first time"],
        ),
        # A weekly time meets the clock change only on its own day.
        ("cron: {expression: 30 2 * * mon-sat, time_zone: Europe/Berlin}", "2026-11-21T12:00", []),
        # An expression for every hour is not moved by clock changes.
        ("cron: {expression: 30 * * * *, time_zone: Europe/Berlin}", "2026-11-21T12:00", []),
        ("recurrence: {frequency: Hour, interval: 1, time_zone: Europe/Berlin}", "2026-11-21T12:00", []),
    ],
)  # fmt: skip
def test_a_time_that_falls_into_a_clock_change_is_a_warning_with_its_date(
    keys: str, now: str, expected: list[str]
) -> None:
    key = "cron.expression" if keys.startswith("cron") else "recurrence"

    assert warned(keys, now) == [f"schedules.s.{key}: {sentence}" for sentence in expected]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "recurrence: {frequency: Month, interval: 1, month_days: [29, 31]}",
            "recurrence: 2026-11 has no day 31: it is skipped; for the last day of every month, write last",
        ),
        (
            "recurrence: {frequency: Month, interval: 3, month_days: [30], start_time: 2026-11-01T04:00:00}",
            "recurrence: 2027-02 has no day 30: it is skipped; for the last day of every month, write last",
        ),
        (
            "recurrence: {frequency: Month, interval: 2, start_time: 2026-12-31T04:00:00}",
            "recurrence: 2027-02 has no day 31: it runs on the month's last day, since the day comes from start_time",
        ),
        (
            "cron: {expression: 0 4 1-7 * 0}",
            "cron.expression: runs 124 times a year: on days that match 1-7 or 0; "
            "for days that match both, write '0 4 * * sun#1'",
        ),
        (
            "cron: {expression: 0 0 15 * fri, start_time: 2028-01-01}",
            "cron.expression: runs 62 times a year: on days that match 15 or fri; five fields cannot require both",
        ),
        ("cron: {expression: '0 0 */2 * fri'}", None),
        (
            "cron: {expression: 0 4 30 * *}",
            "cron.expression: 2027-02 has no day 30: it is skipped; for the last day of every month, write L",
        ),
        ("recurrence: {frequency: Month, interval: 1, month_days: [31, last]}", None),
        ("recurrence: {frequency: Month, interval: 1, month_days: [28]}", None),
        (
            "recurrence: {frequency: Month, interval: 1, month_days: [31], end_time: 2026-11-01T00:00:00}",
            "recurrence: never runs again: its last occurrence is in the past",
        ),
        ("cron: {expression: 0 4 31 1 *}", None),
        ("cron: {expression: 0 4 1-31 * *}", None),
        ("cron: {expression: 0 4 L * *}", None),
    ],
)
def test_a_day_that_some_months_lack_is_a_warning_with_the_next_such_month(keys: str, expected: str | None) -> None:
    assert warned(keys) == ([f"schedules.s.{expected}"] if expected else [])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/45 * * * *", "*/45 starts over every hour: after 2026-11-21 12:45 comes 2026-11-21 13:00"),
        ("7/25 * * * *", "7/25 starts over every hour: after 2026-11-21 12:57 comes 2026-11-21 13:07"),
        ("0 */5 * * *", "*/5 starts over every day: after 2026-11-21 20:00 comes 2026-11-22 00:00"),
        ("0 4 */2 * *", "*/2 starts over every month: after 2026-12-31 04:00 comes 2027-01-01 04:00"),
        ("0 4 1 */5 *", "*/5 starts over every year: after 2027-11-01 04:00 comes 2028-01-01 04:00"),
        ("0 4 * * */2", "*/2 starts over every week: after 2026-11-21 04:00 comes 2026-11-22 04:00"),
        ("*/90 * * * *", "*/90 runs once every hour: a step counts only within its field"),
        ("0 */36 * * *", "*/36 runs once every day: a step counts only within its field"),
        ("*/15 */6 * */3 *", None),
        ("5/20 * * * *", None),
        ("*/1 */1 */1 */1 */1", None),
        ("0-30/7 * * * *", None),
    ],
)
def test_a_step_that_does_not_divide_evenly_is_a_warning_with_an_example(expression: str, expected: str | None) -> None:
    key = "schedules.s.cron.expression"

    assert warned(f"cron: {{expression: '{expression}'}}") == ([f"{key}: {expected}"] if expected else [])


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ("path_on_datastore: '*.csv'", "path_on_datastore: is a plain folder path"),
        ("polling_interval: 0", "polling_interval: 0: sweeps are off, so an upload whose event is lost starts nothing"),
        ("include: ['*.{csv,txt}']", "include: '*.{csv,txt}': braces are plain characters here"),
        ("include: [/a.csv]", "include: '/a.csv': globs are matched against the path below path_on_datastore"),
        ("include: [a/*.csv]", "include: 'a/*.csv' matches files in subfolders, but recursive is false"),
    ],
)
def test_change_keys_that_are_probably_mistakes_are_a_warning(keys: str, key: str) -> None:
    [sentence] = warned(f"change: {{datastore: d, container: ccc, {keys}}}")

    assert sentence.startswith(f"schedules.s.change.{key}")


def test_an_endpoint_with_an_unusual_url_is_a_warning() -> None:
    [sentence] = warned("cron: {expression: 0 4 * * *}", pipeline="{endpoint: 'https://x.api.azureml.ms/pipelines'}")

    assert sentence.startswith("schedules.s.pipeline: its endpoint does not look like …/PipelineRuns/PipelineSubmit/ID")


def test_a_warning_has_its_line_and_is_no_error() -> None:
    loaded = config(file_of("cron: {expression: '*/45 * * * *'}"))

    [warning] = warnings_of(loaded, utc("2026-11-21T12:00"))
    assert str(warning).startswith("schedules.yaml:7: schedules.s.cron.expression: ")
    assert loaded.faults == ()


def test_limits_without_effect_are_a_warning() -> None:
    both = warned("overlap: skip\nmax_concurrent_runs: 2\ncron: {expression: 0 4 * * *}")
    batch = "{batch_endpoint: 'https://x.inference.ml.azure.com/jobs'}"
    text = file_of("overlap: cancel_other\ncron: {expression: 0 4 * * *}", pipeline=batch)
    unreachable = [str(warning) for warning in warnings_of(config(text), utc("2026-11-21T12:00"))]

    assert both == ["schedules.s.max_concurrent_runs: has no effect: overlap skip allows only one open run"]
    assert [sentence.partition(" schedules.s.")[2] for sentence in unreachable] == [
        "overlap: runs of a batch endpoint can be canceled only with the key `workspace`, which is missing: "
        "new runs wait"
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("cron: {expression: 0 0 31 * *}", ["2026-11 has no day 31"]),
        ("cron: {expression: 0 0 29 2 *}", ["2027-02 has no day 29"]),
        ("recurrence: {frequency: Month, interval: 1, month_days: [30], start_time: 2028-02-15}", ["2028-02 has no"]),
        ("cron: {expression: '0 0 23,31 * *', end_time: 2026-11-24}", []),
        # Steps that never reach the next hour, day or year never restart early.
        ("cron: {expression: '*/7 9 * * *'}", []),
        ("cron: {expression: '0 */5 1 * *'}", []),
        ("cron: {expression: '*/45 9,17 * * *'}", []),
    ],
)
def test_warnings_name_only_dates_that_really_occur(keys: str, expected: list[str]) -> None:
    said = warned(keys)

    assert len(said) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, said, strict=True))


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("taxi_2026-11", None),
        ("{scheduled_time:%Y-%m}-%ENDPOINT%", None),
        ("my exp/2026?", "' '"),
        ("nightly.train", "'.'"),
        ("{scheduled_time:%Y}/a", "'/'"),
    ],
)
def test_an_experiment_that_the_sdk_would_refuse_is_named(name: str, odd: str | None) -> None:
    said = [
        one.partition(": Azure ML's")[0]
        for one in warned(f"cron: {{expression: 0 4 * * *}}\nexperiment_name: '{name}'")
    ]

    assert said == ([f"schedules.s.experiment_name: contains {odd}"] if odd else [])
