"""What schedules.yaml may contain, and the errors for what it may not."""

from datetime import timedelta

import pytest
from builders import CHANGE, SETTINGS, TIME, config, file_of, schedule, sentences

from triggers.scheduling.config import Catchup, ChangeTrigger, Datapath, DataPathKind, Dataset, PipelineKind

WORKSPACE = "workspace: {subscription_id: s, resource_group: g, name: w, api: 'https://westeurope.api.azureml.ms'}"


def test_a_schedule_with_only_a_trigger_has_the_defaults() -> None:
    found = schedule(TIME)

    assert found.request.experiment_name == "s"
    assert (found.enabled, found.catchup, found.catchup_window) == (True, Catchup.LATEST, timedelta(hours=1))
    assert (found.retry.max_age, found.retry.max_attempts) == (timedelta(hours=24), 185)
    assert (found.overlap.value, found.jitter, found.trigger_overrides.value) == ("allow", timedelta(0), "listed")


def test_a_change_based_schedule_has_the_defaults() -> None:
    trigger = schedule(CHANGE).trigger

    assert trigger == ChangeTrigger(
        datastore="blobs",
        connection="AzureWebJobsStorage",
        container="data",
        folder="incoming",
        recursive=False,
        include=("**",),
        exclude=(),
        min_size=1,
        data_path_parameter_name="input",
        data_path=DataPathKind.FILE,
        polling_interval=timedelta(minutes=5),
        start=None,
    )


def test_every_key_of_a_request_is_read() -> None:
    request = schedule(
        """experiment_name: nightly
description: Nightly training
tags: {cost-centre: "42"}
pipeline_parameters: {epochs: 20, fast: true, rate: 1.0, tiny: 1e-10, since: "{scheduled_time:%Y}"}
datapaths: {input_data: {datastore: blobs, path: "daily/{scheduled_time:%d}"}}
datasets: {a: {id: 0c5f}, b: {name: n, version: "2"}}
continue_on_step_failure: false
parent_run_id: 9999
""".replace("9999", '"9999"')
        + TIME
    ).request

    assert request.pipeline_parameters == {
        "epochs": "20",
        "fast": "True",
        "rate": "1.0",
        "tiny": "1e-10",
        "since": "{scheduled_time:%Y}",
    }
    assert request.datapaths == {"input_data": Datapath(datastore="blobs", path="daily/{scheduled_time:%d}")}
    assert request.datasets == {
        "a": Dataset(id="0c5f", name=None, version=None),
        "b": Dataset(id=None, name="n", version="2"),
    }
    assert (request.experiment_name, request.description) == ("nightly", "Nightly training")
    assert (request.continue_on_step_failure, request.parent_run_id) == (False, "9999")


@pytest.mark.parametrize(
    ("pipeline", "kind"),
    [
        ("{endpoint: 'https://x.api.azureml.ms/y'}", PipelineKind.ENDPOINT),
        ("{published_pipeline: 11111111-2222-3333-4444-555555555555}", PipelineKind.PUBLISHED_PIPELINE),
        ("{pipeline_endpoint: Train, version: '3'}", PipelineKind.PIPELINE_ENDPOINT),
        ("{batch_endpoint: 'https://x.inference.ml.azure.com/jobs', deployment: blue}", PipelineKind.BATCH_ENDPOINT),
        ("{component: 'azureml:taxi:1'}", PipelineKind.COMPONENT),
    ],
)
def test_every_kind_of_pipeline_is_read(pipeline: str, kind: PipelineKind) -> None:
    assert schedule(TIME, pipeline=pipeline, top=WORKSPACE).target.kind is kind


def test_defaults_are_merged_by_name_and_the_schedules_values_win() -> None:
    top = """defaults:
  tags: {team: ml, tier: gold}
  retry: {max_age: 2h, max_attempts: 3}
  description: from defaults
  status: Disabled"""
    found = schedule(f"tags: {{tier: iron}}\nretry: {{max_attempts: 9}}\nstatus: Enabled\n{TIME}", top=top)

    assert found.request.tags == {"team": "ml", "tier": "iron"}
    assert (found.retry.max_age, found.retry.max_attempts) == (timedelta(hours=2), 9)
    assert (found.request.description, found.enabled) == ("from defaults", True)


def test_a_default_that_does_not_fit_the_kind_of_schedule_is_ignored() -> None:
    top = "defaults: {catchup: all, batch: {quiet: 1m}, tags: {file: '{blob.name}', team: ml}}"

    assert schedule(TIME, top=top).request.tags == {"team": "ml"}
    assert schedule(TIME, top=top).catchup is Catchup.ALL
    assert schedule(CHANGE, top=top).request.tags == {"file": "{blob.name}", "team": "ml"}
    assert schedule(CHANGE, top=top).batch is None
    assert not hasattr(schedule(CHANGE, top=top), "catchup")


def test_a_key_that_does_not_fit_the_kind_of_schedule_is_an_error() -> None:
    assert sentences(file_of(f"batch: {{}}\n{TIME}")) == ["schedules.s.batch: is valid only in change-based schedules"]
    assert sentences(file_of(f"catchup: all\njitter: 5s\n{CHANGE}")) == [
        "schedules.s.catchup: is valid only in time-based schedules",
        "schedules.s.jitter: is valid only in time-based schedules",
    ]


def test_a_faulty_default_is_reported_once_and_stops_every_schedule() -> None:
    loaded = config(file_of(TIME, top="defaults: {retry: {max_age: 5x}, cron: {expression: '* * * * *'}}"))

    assert [(fault.path, fault.value) for fault in loaded.faults] == [
        ("defaults.retry.max_age", "'5x'"),
        ("defaults.cron", ""),
    ]
    assert loaded.schedules == {}


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("overlapp: skip", "schedules.s.overlapp: unknown key; did you mean 'overlap'?"),
        ("status: enable", "schedules.s.status: expected one of Enabled, Disabled; did you mean 'Enabled'?"),
        ("tags: {a: 1}", "schedules.s.tags.a: expected text; put it in quotes: '1'"),
        ("tags: [a]", "schedules.s.tags: expected a mapping of names to values"),
        (
            "pipeline_parameters: {a: [1]}",
            "schedules.s.pipeline_parameters.a: expected text, a number, true or false; JSON goes in quotes, as text",
        ),
        (
            "pipeline_parameters: {a: null}",
            "schedules.s.pipeline_parameters.a: expected text, a number, true or false; JSON goes in quotes, as text",
        ),
        ("continue_on_step_failure: yes", "schedules.s.continue_on_step_failure: expected true or false; write true"),
        ("max_concurrent_runs: 0", "schedules.s.max_concurrent_runs: expected a whole number, 1 or more"),
        ("max_concurrent_runs: 1.5", "schedules.s.max_concurrent_runs: expected a whole number, 1 or more"),
        ("max_concurrent_runs: true", "schedules.s.max_concurrent_runs: expected a whole number, 1 or more"),
        (
            "catchup_window: 1 hour",
            "schedules.s.catchup_window: expected a duration: a number followed by s, m, h or d, "
            "such as 90s, 15m, 2h or 1d",
        ),
        ("datapaths: {a: {datastore: b}}", "schedules.s.datapaths.a.path: the key is missing"),
        ("datasets: {a: {}}", "schedules.s.datasets.a: expected exactly one of id and name"),
        (
            "datasets: {a: {id: x, version: '1'}}",
            "schedules.s.datasets.a.version: is valid only with name; an id already names one version",
        ),
        (
            "pipeline_parameters: {a: 1}\n    datapaths: {a: {datastore: b, path: c}}",
            "schedules.s.pipeline_parameters.a: is also a data path or dataset; keep one of them",
        ),
        (
            "tags: {a: '{blob.path}'}",
            "schedules.s.tags.a: {blob.path} is not a template name in this kind of schedule; "
            "for literal braces, write {{blob.path}}",
        ),
        (
            "tags: {a: '{schedule_time}'}",
            "schedules.s.tags.a: {schedule_time} is not a template name; did you mean 'scheduled_time'?; "
            "for literal braces, write {{schedule_time}}",
        ),
        ("tags: {a: '{run_key:%Y}'}", "schedules.s.tags.a: {run_key} is not a time, so it takes no format"),
        ("tags: {a: '{scheduled_time:%Q}'}", "schedules.s.tags.a: %Q is not a strftime directive"),
        (
            "tags: {a: '{scheduled_time:}'}",
            "schedules.s.tags.a: {scheduled_time:} has an empty format; write, for example, {scheduled_time:%Y-%m-%d}",
        ),
        (
            "cron: {expression: '* * * * *'}\n    change: {datastore: b, container: ccc}",
            "schedules.s: expected exactly one of recurrence, cron, change, manual, after; found cron, change",
        ),
    ],
)
def test_an_invalid_key_is_one_error(keys: str, fault: str) -> None:
    trigger = "" if "cron" in keys else f"\n{TIME}"

    assert sentences(file_of(keys.replace("\n    ", "\n") + trigger)) == [fault]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            "container: Data",
            "container: a container's name consists of 3 to 63 lower-case letters, digits and single hyphens",
        ),
        ("container: ddd, min_size: -1", "min_size: expected a whole number, 0 or more"),
        ("container: ddd, include: []", "include: an empty list includes nothing; leave the key out"),
        ("container: ddd, include: '*.csv'", 'include: expected a list; write include: ["*.csv"]'),
        ("container: ddd, connection: 'a b'", "connection: expected the name of an app setting"),
        ("container: ddd, data_path: dir", "data_path: expected one of file, folder, manifest"),
        ("container: ddd, polling_interval: five", "polling_interval: expected a whole number from 0 to 525600"),
    ],
)
def test_an_invalid_value_in_change_is_one_error(change: str, fault: str) -> None:
    assert sentences(file_of(f"change: {{datastore: d, {change}}}")) == [f"schedules.s.change.{fault}"]


@pytest.mark.parametrize(
    ("change", "more", "fault"),
    [
        ("", "batch: {quiet: 5m}", "batch: needs change.data_path folder or manifest"),
        (
            ", data_path: folder",
            f"batch: {{expect: {[f'{number}.csv' for number in range(201)]}}}",
            "batch.expect: 201 globs, but at most 200 are allowed; write their number instead",
        ),
        (
            ", data_path_parameter_name: x",
            "datapaths: {x: {datastore: b, path: c}}",
            "datapaths.x: is already set by change.data_path_parameter_name; keep one of them",
        ),
    ],
)
def test_keys_that_contradict_the_change_are_one_error(change: str, more: str, fault: str) -> None:
    keys = f"change: {{datastore: d, container: ddd{change}}}\n{more}"

    assert sentences(file_of(keys)) == [f"schedules.s.{fault}"]


def test_a_schedule_without_a_pipeline_is_an_error() -> None:
    assert sentences(file_of(TIME).replace("pipeline: p\n", "status: Enabled\n")) == [
        "schedules.s.pipeline: the key is missing"
    ]


def test_defaults_that_are_no_mapping_are_an_error_and_every_schedule_is_read() -> None:
    loaded = config(file_of(TIME, top="defaults: [a]"))

    assert [str(fault) for fault in loaded.faults] == [
        'schedules.yaml:1: defaults: ["a"]: expected a mapping of keys to values'
    ]
    assert list(loaded.schedules) == ["s"]


@pytest.mark.parametrize(
    ("pipeline", "fault"),
    [
        ("{}", "pipelines.p: expected exactly one of endpoint, published_pipeline, pipeline_endpoint, "
               "batch_endpoint, component; found none"),
        ("{endpoint: 'https://x.aether.ms', component: y}",
                "pipelines.p: expected exactly one of endpoint, published_pipeline, "
               "pipeline_endpoint, batch_endpoint, component; found endpoint, component"),
        ("{endpoint: 'https://x.aether.ms', version: '1'}",
               "pipelines.p.version: is valid only with pipeline_endpoint"),
        ("{published_pipeline: 1-2}", "pipelines.p: a pipeline named by published_pipeline needs the key `workspace` "
               "at the top of the file"),
        ("{endpoint: 'http://example.org/x'}",
         "pipelines.p.endpoint: a token is never sent over plain http; expected https://"),
        ("{endpoint: 'ftp://example.org/x'}", "pipelines.p.endpoint: expected a URL that begins with https://"),
        ("{endpoint: 'https://u:p@example.org/x'}",
         "pipelines.p.endpoint: a user name or password in a URL is not sent; remove it"),
        ("{endpoint: '%NOPE%'}", "pipelines.p.endpoint: the app setting NOPE does not exist; add it"),
    ],
)  # fmt: skip
def test_an_invalid_pipeline_is_one_error(pipeline: str, fault: str) -> None:
    assert sentences(file_of(TIME, pipeline=pipeline)) == [fault]


def test_an_unknown_pipeline_is_an_error_with_the_nearest_name() -> None:
    text = file_of(TIME).replace("pipeline: p", "pipeline: pp")

    assert sentences(text) == ["schedules.s.pipeline: no such entry in pipelines; did you mean 'p'?"]


@pytest.mark.parametrize(
    "name", ["host", "Reconcile", "Registry", "run_status_changed", "storage_renamed", "api_x", "API_y"]
)
def test_the_names_of_the_apps_own_functions_are_reserved(name: str) -> None:
    fault = f"schedules.{name}: a function of the app already has this name; choose another"

    assert sentences(file_of(TIME, name=name)) == [fault]


@pytest.mark.parametrize("name", ["1a", "_a", "a.b", "a b", "ä", "a" * 101])
def test_invalid_function_names_are_errors(name: str) -> None:
    (only,) = sentences(file_of(TIME, name=name))

    assert only.endswith("a schedule's name starts with a letter, contains only letters, digits, - and _, "
                         "and has at most 100 characters")  # fmt: skip


def test_names_that_differ_only_in_case_are_an_error() -> None:
    text = file_of(TIME) + f"  S:\n    pipeline: p\n    {TIME}\n"

    assert sentences(text) == ["schedules.S: differs from 's' only in upper and lower case; choose another"]


def test_one_faulty_schedule_does_not_stop_the_others() -> None:
    text = file_of(TIME) + "  t: {pipeline: p}\n  u: 7\n"
    loaded = config(text)

    assert list(loaded.schedules) == ["s"]
    assert [fault.path for fault in loaded.faults] == ["schedules.t", "schedules.u"]


def test_a_missing_setting_in_the_request_is_an_error_but_keeps_the_schedule() -> None:
    """Without the function, an Event Grid delivery would be lost for good. With it, the run waits as `unsent`."""
    loaded = config(file_of(f"tags: {{a: '%NOPE%'}}\n{TIME}"))

    assert [fault.message for fault in loaded.faults] == ["the app setting NOPE does not exist; add it"]
    assert list(loaded.schedules) == ["s"]


def test_a_setting_in_the_trigger_is_filled_in_at_load_and_must_exist() -> None:
    text = file_of("cron: {expression: '%CRON%'}")

    assert sentences(text) == [
        "schedules.s.cron.expression: the app setting CRON does not exist; add it, or write the value here"
    ]
    assert sentences(text, {**SETTINGS, "CRON": "0 25 * * *"}) == [
        "schedules.s.cron.expression: hour '…': expected 0-23, or lists, ranges and steps of them"
    ]
    assert sentences(text, {**SETTINGS, "CRON": "0 5 * * *"}) == []


def test_an_error_shows_the_text_of_the_file_and_never_a_settings_value() -> None:
    loaded = config(file_of(TIME), {"ENDPOINT": "http://secret.example"})

    assert [(fault.path, fault.value) for fault in loaded.faults] == [("pipelines.p.endpoint", "'%ENDPOINT%'")]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ": the file is empty; it needs the keys pipelines and schedules"),
        ("- a", ": expected a mapping with the keys pipelines and schedules"),
        ("pipelines: {}", "schedules: the key is missing"),
        ("pipelines: []\nschedules: {}", "pipelines: expected a mapping of names to values"),
        ("pipelines: {}\nschedules: {}\nschedule: {}", "schedule: unknown key; did you mean 'schedules'?"),
    ],
)
def test_a_file_with_the_wrong_structure_is_one_error(text: str, fault: str) -> None:
    assert sentences(text) == [fault]


def test_all_errors_are_reported_at_once_in_the_order_of_the_file() -> None:
    text = """pipelines:
  a: {endpoint: "http://x.y/z"}
schedules:
  one: {pipeline: a, cron: {expression: "0 25 * * *", time_zone: Europe/Berln}, oops: 1}
  two: {pipeline: q, recurrence: {frequency: Dya, interval: true}}
  three: {pipeline: a, change: {container: X, datastore: d}, retry: {max_age: x}}
"""

    assert [(fault.line, fault.path) for fault in config(text).faults] == [
        (2, "pipelines.a.endpoint"),
        (4, "schedules.one.oops"),
        (4, "schedules.one.cron.expression"),
        (4, "schedules.one.cron.time_zone"),
        (5, "schedules.two.recurrence.frequency"),
        (5, "schedules.two.recurrence.interval"),
        (5, "schedules.two.pipeline"),
        (6, "schedules.three.retry.max_age"),
        (6, "schedules.three.change.container"),
    ]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("change: {datastore: d, container: ccc, polling_interval: 1000000}", "change.polling_interval: expected"),
        ("recurrence: {frequency: Minute, interval: 9999999999999}", "recurrence.interval: expected a whole number"),
        ("recurrence: {frequency: Month, interval: 100001}", None),
        ("cron: {expression: '* * \u00b2 * *'}", "cron.expression: day-of-month '\u00b2': expected"),
    ],
)
def test_an_absurdly_large_number_does_not_affect_other_schedules(keys: str, fault: str | None) -> None:
    loaded = config(file_of(keys) + f"  good: {{pipeline: p, {TIME}}}\n")

    assert "good" in loaded.schedules
    told = [f"{one.path}: {one.message}" for one in loaded.faults]
    assert len(told) == (fault is not None)
    assert fault is None or told[0].startswith(f"schedules.s.{fault}")


@pytest.mark.parametrize(
    ("webhook", "problem"),
    [
        ("nonsense", "expected a URL that begins with https://"),
        ("http://example.org/x", "the end of a run is never sent over plain http; expected https://"),
        ("https://example.org/x", None),
        ("http://127.0.0.1:9/x", None),
        ("%MISSING_URL%", None),
    ],
)
def test_a_webhook_must_be_a_url_that_can_be_called(webhook: str, problem: str | None) -> None:
    found = [one for one in sentences(file_of(f'webhook: "{webhook}"\n{TIME}')) if "setting" not in one]

    assert found == ([] if problem is None else [f"schedules.s.webhook: {problem}"])
