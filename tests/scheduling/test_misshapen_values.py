"""A value instead of a mapping, an extra dash, keys with wrong indentation: the error shows the corrected line."""

import re

import pytest
from builders import CHANGE, TIME, config, file_of, schedule, sentences
from hypothesis import given
from hypothesis import strategies as st

PIPELINES = "pipelines:\n  p: {endpoint: '%ENDPOINT%'}\n"


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('cron: "30 4 * * *"', 'cron: expected a mapping of keys to values; write cron: {expression: "30 4 * * *"}'),
        ('cron: "every day"', "cron: expected a mapping of keys to values; write cron: {expression: …}; "
            "expected five fields (minute hour day-of-month month day-of-week), found 2"),
        ('cron: "0 0 4 1-7 * 0"', "cron: expected a mapping of keys to values; write cron: {expression: …}; "
            "this is NCRONTAB; write '0 4 * * sun#1'"),
        ("cron:\n- expression: 0 4 * * *", "cron: expected a mapping of keys to values; "
            'leave out the dash: cron: {expression: "0 4 * * *"}'),
        ("recurrence: Day", "recurrence: expected a mapping of keys to values; "
            "write recurrence: {frequency: Day, interval: 1}"),
        ("recurrence: daily", "recurrence: expected a mapping of keys to values; "
            "write recurrence: {frequency: …, interval: 1}"),
        ("change: incoming/", "change: expected a mapping of keys to values; "
            "write change: {datastore: …, container: …}"),
        (f"{TIME}\nretry: 3", "retry: expected a mapping of keys to values; write retry: {max_attempts: 3}"),
        (f"{TIME}\nretry: 1h", "retry: expected a mapping of keys to values"),
        (f"{CHANGE}\nbatch: true", "batch: expected a mapping of keys to values; write batch: {}"),
        (f"{CHANGE}\nbatch: 5m", 'batch: expected a mapping of keys to values; write batch: {quiet: "5m"}'),
        (f"{CHANGE}\nbatch: false", "batch: expected a mapping of keys to values; leave the key out"),
        (f"{TIME}\ndatasets: {{a: taxi}}", "datasets.a: expected a mapping of keys to values; write a: {name: taxi}"),
        (f"{TIME}\ndatapaths: {{a: in/x}}", "datapaths.a: expected a mapping of keys to values; "
            "write a: {path: in/x, datastore: …}"),
        (f"{TIME}\ntags:\n- team: ml", "tags: expected a mapping of names to values; leave out the dashes: team: ml"),
        (f"{TIME}\ntags:\n- name: a\n  value: 3", "tags: expected a mapping of names to values; "
            "a name is a key here: write a: {value: 3}, without the dash"),
        ("recurrence: {frequency: Day, interval: 1, hours: 4}", "recurrence.hours: expected a list; write hours: [4]"),
        ("recurrence: {frequency: Week, interval: 1, week_days: 'Monday, Friday'}",
            "recurrence.week_days: expected a list; write week_days: [Monday, Friday]"),
        ("recurrence: {frequency: Day, interval: '1'}",
            "recurrence.interval: expected a whole number from 1 to 1000000; without quotes: 1"),
        (f"{TIME}\ncontinue_on_step_failure: yes",
            "continue_on_step_failure: expected true or false; write true"),
        (f"{TIME}\nstatus: true", "status: expected one of Enabled, Disabled"),
        (f"{TIME}\nexperiment_name: true", "experiment_name: expected text; put it in quotes: 'true'"),
        ("cron:\nexpression: 0 4 * * *\ntime_zone: UTC",
            "cron: is empty, and expression, time_zone are at the same indentation; indent them by two more spaces"),
        (f"{TIME}\ntags:\nteam: ml",
            "tags: is empty, and team is at the same indentation; indent it by two more spaces"),
    ],
)  # fmt: skip
def test_the_error_shows_the_corrected_line(keys: str, fault: str) -> None:
    assert f"schedules.s.{fault}" in sentences(file_of(keys))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (f"{PIPELINES}schedules:\n  nightly:\n  pipeline: p\n  cron: {{expression: 0 4 * * *}}\n  status: Enabled\n",
            ["schedules.yaml:4: schedules.nightly: is empty, and pipeline, cron, status are at the same "
             "indentation; indent them by two more spaces"]),
        ("pipelines:\np: {endpoint: '%ENDPOINT%'}\nschedules:\nnightly: {pipeline: p}\n",
            ["schedules.yaml:1: pipelines: is empty, and p is at the same indentation; indent it by two more spaces",
             "schedules.yaml:3: schedules: is empty, and nightly is at the same indentation; "
             "indent it by two more spaces"]),
        ("pipelines:\n  p:\n  endpoint: '%ENDPOINT%'\nschedules: {}\n",
            ["schedules.yaml:2: pipelines.p: is empty, and endpoint is at the same indentation; "
             "indent it by two more spaces"]),
        ("workspace:\nname: w\napi: a\npipelines: {}\nschedules: {}\n",
            ["schedules.yaml:1: workspace: is empty, and name, api are at the same indentation; "
             "indent them by two more spaces"]),
        (f"{PIPELINES}schedules:\n- name: nightly\n  pipeline: p\n",
            ['schedules.yaml:3: schedules: [{"name": "nightly", "pipeline": "p"}]: expected a mapping of names to '
             "values; a name is a key here: write nightly: {pipeline: p}, without the dash"]),
        ("pipelines:\n  p: '%ENDPOINT%'\nschedules: {}\n",
            ["schedules.yaml:2: pipelines.p: '%ENDPOINT%': expected a mapping of keys to values; "
             'write p: {endpoint: "%ENDPOINT%"}']),
        ("pipelines:\n  p: true\nschedules: {}\n",
            ["schedules.yaml:2: pipelines.p: true: expected a mapping of keys to values; write p: {endpoint: …}"]),
    ],
)  # fmt: skip
def test_a_structural_mistake_is_reported_once_with_its_line(text: str, faults: list[str]) -> None:
    assert [str(fault) for fault in config(text).faults] == faults


@pytest.mark.parametrize("status", ["Disabled", "disabled"])
def test_a_status_may_be_written_in_lower_case(status: str) -> None:
    assert not schedule(f"{TIME}\nstatus: {status}").enabled


VALUES = st.recursive(
    st.sampled_from([True, False, None, 3, 2.5, "x", "30 4 * * *", "Day", "5m", "%A%", "yes"]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=4,
)


def yaml_text(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml_text, value)) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    return {True: "true", False: "false", None: "null"}[value] if value in (True, False, None) else f"{value}"


@given(
    st.sampled_from(["cron", "recurrence", "change", "batch", "retry", "tags", "datasets", "datapaths", "status",
                     "jitter", "overlap", "pipeline", "webhook", "max_concurrent_runs", "continue_on_step_failure"]),
    VALUES,
)  # fmt: skip
def test_errors_show_no_python_values_and_their_advice_is_valid(key: str, value: object) -> None:
    faults = config(file_of(f"{key}: {yaml_text(value)}")).faults

    for fault in faults:
        assert not re.search(r"\bTrue\b|\bFalse\b|\bNone\b|object at|\['|<class", str(fault)), fault
        advised = re.search(rf"write ({key}: [^…]+)\Z", fault.message)
        if advised:
            path = f"schedules.s.{key}"
            others = TIME if key not in {"cron", "recurrence", "change"} else "description: x"
            assert path not in [one.path for one in config(file_of(f"{advised[1]}\n{others}")).faults if one.value]
