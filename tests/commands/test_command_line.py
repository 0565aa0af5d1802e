import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ADDRESS, API
from command_line import ROOT, Done, run_command

from local.azurite import Azurite
from triggers.commands.command_line import command_line
from triggers.commands.table import COMMANDS, Command

FILE = """
pipelines:
  p: {endpoint: "%ENDPOINT%"}
schedules:
  nightly: {pipeline: p, recurrence: {frequency: Day, interval: 1, time_of_day: "02:30", time_zone: Europe/Berlin}}
  uploads: {pipeline: p, change: {datastore: blobs, container: data, data_path_parameter_name: input}}
  later: {pipeline: b, cron: {expression: "0 4 * * *"}}
"""
BATCH = FILE.replace("pipelines:", 'pipelines:\n  b: {batch_endpoint: "https://x.inference.ml.azure.com/jobs"}')
SETTINGS = {
    "ENDPOINT": ADDRESS,
    "AzureWebJobsStorage": "AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.windows.net",
}


@pytest.fixture
def run(tmp_path: Path) -> "Run":
    return Run(tmp_path)


class Run:
    """Runs a command with its own schedules file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "my.yaml"
        self.file.write_text(BATCH)

    def __call__(self, *arguments: str, **settings: str) -> Done:
        return run_command(*arguments, settings={"SCHEDULES_FILE": str(self.file), **SETTINGS, **settings})

    def process(self, *arguments: str) -> Done:
        """Run the command in a separate process."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "triggers", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "SCHEDULES_FILE": str(self.file), **SETTINGS},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


def test_validate_of_a_valid_file_prints_its_warnings_and_a_summary(run: Run) -> None:
    code, out, err = run("validate")

    assert (code, err) == (0, "")
    warnings = {re.sub(r" on \d{4}-\d\d-\d\d ", " ", line) for line in out.splitlines()[:-1]}
    assert warnings == {
        f"{run.file}:6: schedules.nightly.recurrence: 02:30 does not exist (clock change in Europe/Berlin): it runs "
        "when the gap ends, at 03:00 (warning)",
        f"{run.file}:6: schedules.nightly.recurrence: 02:30 occurs twice (clock change in Europe/Berlin): it runs "
        "once, the first time (warning)",
    }
    assert out.splitlines()[-1] == f"{run.file}: 3 schedules, no errors"


def test_validate_prints_every_error_with_its_line(run: Run) -> None:
    run.file.write_text(FILE.replace("02:30", "25:30").replace("container: data", "container: D"))

    code, out, err = run("validate", "--file", str(run.file))

    assert code == 1
    assert out.splitlines() == [
        f"{run.file}:5: schedules.nightly.recurrence.time_of_day: '25:30': expected hh:mm from 00:00 to 23:59",
        f"{run.file}:6: schedules.uploads.change.container: 'D': "
        "a container's name consists of 3 to 63 lower-case letters, digits and single hyphens",
        f"{run.file}:7: schedules.later.pipeline: 'b': no such entry in pipelines",
        f"{run.file}: no schedules, 3 errors",
        "not active until their errors are fixed: nightly, uploads, later",
    ]
    assert err == ""


def test_validate_with_no_settings_reports_no_missing_settings(run: Run) -> None:
    only = {"SCHEDULES_FILE": str(run.file)}
    code, out, _ = run_command("validate", "--no-settings", settings=only)
    run.file.write_text(BATCH.replace("container: data", "container: D"))
    wrong, faults, _ = run_command("validate", "--no-settings", settings=only)

    assert (code, out.splitlines()[-1]) == (0, f"{run.file}: 3 schedules, no errors")
    assert wrong == 1
    assert faults.splitlines()[-2:] == [
        f"{run.file}: 2 schedules, 1 error",
        "not active until their errors are fixed: uploads",
    ]
    assert "does not exist;" not in out + faults


@pytest.mark.parametrize("word", ["SUBSCRIPTION", "PIPELINE_ID", "<region>"])
def test_validate_finds_placeholders_left_over_from_an_example(run: Run, word: str) -> None:
    address = f"https://westeurope.api.azureml.ms/pipelines/v1.0/subscriptions/s/PipelineRuns/PipelineSubmit/{word}"

    code, out, _ = run("validate", ENDPOINT=address)

    assert code == 1
    assert f"{word} is a placeholder; replace it with your own value; check the app setting ENDPOINT" in out


def test_validate_of_a_missing_file_shows_where_it_was_expected(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("validate", "--file", str(tmp_path / "none.yaml"))

    assert code == 1
    path = tmp_path / "none.yaml"
    assert out.splitlines()[0] == f"{path}: the file does not exist; it should be at {path}"


@pytest.mark.machine
def test_functions_lists_the_functions_that_the_host_indexes(run: Run) -> None:
    code, out, _ = run.process("functions", "--json")

    table = json.loads(out)
    assert code == 0
    assert [row["name"] for row in table] == [
        "nightly",
        "later",
        "uploads",
        "reconcile",
        "storage_renamed",
        "run_status_changed",
        *API,
    ]
    assert table[0]["bindings"] == [
        {"direction": "IN", "type": "timerTrigger", "name": "timer", "schedule": "0 0,30 0-1 * * *"}
    ]


@pytest.mark.machine
def test_functions_without_json_prints_a_table(run: Run) -> None:
    code, out, _ = run.process("functions")

    assert code == 0
    assert out.splitlines()[1].split(maxsplit=2)[2] == (
        "schedule=0 0 4 * * * (365 wake-ups a year for 365 occurrences)"
    )
    assert out.splitlines()[2].split() == [
        "uploads", "blobTrigger", "path=data/{name}", "connection=AzureWebJobsStorage", "source=EventGrid",
    ]  # fmt: skip


def test_next_marks_clock_changes(run: Run) -> None:
    code, out, _ = run("next", "nightly", "--from", "2026-03-28T12:00:00+01:00", "-n", "2", "--json")

    assert code == 0
    assert json.loads(out) == [
        {
            "nominal_time": "2026-03-29T01:00:00Z",
            "local_time": "2026-03-29T03:00:00+02:00",
            "clock_change": "gap",
            "expression": None,
            "moved_from": None,
        },
        {
            "nominal_time": "2026-03-30T00:30:00Z",
            "local_time": "2026-03-30T02:30:00+02:00",
            "clock_change": None,
            "expression": None,
            "moved_from": None,
        },
    ]


def test_next_starts_strictly_after_from_and_reads_a_time_without_offset_as_utc(run: Run) -> None:
    _, out, _ = run("next", "nightly", "--from", "2026-10-25T00:30:00", "-n", "1", "--json")
    _, fold, _ = run("next", "nightly", "--from", "2026-10-25T00:29:59", "-n", "1")

    assert json.loads(out)[0]["nominal_time"] == "2026-10-26T01:30:00Z"
    assert (
        fold == "2026-10-25T00:30:00Z  Sun 2026-10-25T02:30:00+02:00  (clock change: this time occurs twice that day)\n"
    )


def test_next_shows_which_expression_of_a_list_gives_each_occurrence(run: Run) -> None:
    run.file.write_text(BATCH.replace('"0 4 * * *"', '["0 4 * * 1-5", "0 10 31 * 6"]'))

    code, out, err = run("next", "later", "--from", "2026-11-20T03:00:00", "-n", "2")
    _, as_json, _ = run("next", "later", "--from", "2026-11-20T03:00:00", "-n", "1", "--json")

    assert code == 0
    assert out == (
        "2026-11-20T04:00:00Z  Fri 2026-11-20T04:00:00+00:00  0 4 * * 1-5\n"
        "2026-11-21T10:00:00Z  Sat 2026-11-21T10:00:00+00:00  0 10 31 * 6\n"
    )
    assert "cron.expression[1]: runs 58 times a year" in err
    assert json.loads(as_json)[0]["expression"] == "0 4 * * 1-5"


def test_next_lists_excluded_occurrences_and_marks_moved_ones(run: Run) -> None:
    keys = 'cron: {expression: "0 4 * * 5,6"}, exclude: {week_days: [Saturday], dates: [2026-12-04], move: after}'
    run.file.write_text(BATCH.replace('cron: {expression: "0 4 * * *"}', keys))

    code, out, _ = run("next", "later", "--from", "2026-11-27", "-n", "3")
    _, as_json, _ = run("next", "later", "--from", "2026-11-27", "-n", "3", "--json")

    assert code == 0
    assert out.splitlines() == [
        "2026-11-27T04:00:00Z  Fri 2026-11-27T04:00:00+00:00",
        "2026-11-28T04:00:00Z  Sat 2026-11-28T04:00:00+00:00  excluded: Saturday is excluded; "
        "moved to 2026-11-29T04:00:00Z",
        "2026-11-29T04:00:00Z  Sun 2026-11-29T04:00:00+00:00  moved from 2026-11-28T04:00:00Z",
        "2026-12-04T04:00:00Z  Fri 2026-12-04T04:00:00+00:00  excluded: 2026-12-04 is excluded; "
        "moved to 2026-12-06T04:00:00Z",
        "2026-12-05T04:00:00Z  Sat 2026-12-05T04:00:00+00:00  excluded: Saturday is excluded; "
        "moved to 2026-12-06T04:00:00Z",
        "2026-12-06T04:00:00Z  Sun 2026-12-06T04:00:00+00:00  moved from 2026-12-05T04:00:00Z",
    ]
    assert [one["moved_from"] for one in json.loads(as_json)] == [None, "2026-11-28T04:00:00Z", "2026-12-05T04:00:00Z"]


def test_next_refuses_a_manual_schedule_and_request_shows_its_request(run: Run) -> None:
    run.file.write_text(BATCH.replace('cron: {expression: "0 4 * * *"}', "manual: {}"))

    code, out, err = run("next", "later")
    assert (code, out, err) == (1, "", "later is manual: it runs only when it is triggered, not at a time\n")
    assert run("request", "later")[0] == 0
    assert "later " not in run("functions")[1]


def test_next_prints_the_warnings_of_validate(run: Run) -> None:
    run.file.write_text(BATCH.replace("0 4 * * *", "0 4 1-7 * 0"))

    code, out, err = run("next", "later", "--from", "2026-11-21", "-n", "1")

    assert (code, out) == (0, "2026-11-22T04:00:00Z  Sun 2026-11-22T04:00:00+00:00\n")
    assert err == (
        "cron.expression: runs 124 times a year: on days that match 1-7 or 0; "
        "for days that match both, write '0 4 * * sun#1' (warning)\n"
    )


def test_next_refuses_a_change_based_schedule(run: Run) -> None:
    code, out, err = run("next", "uploads")

    assert (code, out) == (1, "")
    assert err == "uploads is change-based: it runs when a file changes, not at a time\n"


def test_request_shows_the_post_for_an_occurrence(run: Run) -> None:
    code, out, _ = run("request", "nightly", "--at", "2026-11-01T01:30:00Z", "--json")

    shown = json.loads(out)
    assert code == 0
    assert (shown["method"], shown["url"]) == ("POST", ADDRESS)
    assert shown["headers"] == {"Content-Type": "application/json", "Accept": "application/json"}
    assert shown["body"]["tags"]["trigger_run_key"] == "nightly@2026-11-01T01:30:00Z"


def test_request_shows_the_post_for_a_blob_version_with_its_run_key(run: Run) -> None:
    quoted = run("request", "uploads", "--blob", "a b%20.csv", "--etag", '"0x1"', "--json")
    plain = run("request", "uploads", "--blob", "a b%20.csv", "--etag", "0x1", "--json")

    assert quoted == plain
    body = json.loads(plain[1])["body"]
    assert body["DataPathAssignments"] == {"input": {"DataStoreName": "blobs", "RelativePath": "a b%20.csv"}}
    # sha256 of ["acct.blob.core.windows.net","data","a b%20.csv","0x1"], computed independently of the code
    assert body["tags"]["trigger_run_key"] == "uploads~b977aec6a634d0c22a450333dcdbf793"


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (["next", "nightli"], {}, "no schedule 'nightli'; did you mean 'nightly'? There are: nightly, uploads, later"),
        (["request", "uploads"], {}, "uploads is change-based: give a file with --blob PATH (below the container)"),
        (["request", "nightly", "--blob", "x"], {}, "nightly is time-based: give --at instead of --blob"),
        (
            ["request", "nightly"],
            {"ENDPOINT": "http://x.example/y"},
            "nightly: the address of endpoint %ENDPOINT%: a token is never sent over plain http; expected https://",
        ),
    ],
)
def test_a_refused_command_prints_one_error_message(
    run: Run, arguments: list[str], settings: dict[str, str], sentence: str
) -> None:
    code, out, err = run(*arguments, **settings)

    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == sentence


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["next"], ["next", "nightly", "-n", "0"], ["next", "nightly", "--from", "soon"]]
)
def test_wrong_usage_is_exit_code_two(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert "usage: python -m triggers" in err


def test_request_for_a_batched_schedule_shows_a_batch_of_that_one_blob(run: Run) -> None:
    run.file.write_text(
        FILE.replace(
            "data_path_parameter_name: input}",
            "data_path_parameter_name: input, data_path: folder},"
            " batch: {group_by: folder}, tags: {n: '{batch.count} of {blob.folder}'}",
        ).replace("pipeline: b", "pipeline: p")
    )
    code, out, _ = run("request", "uploads", "--blob", "in/a.csv", "--json")

    body = json.loads(out)["body"]
    assert code == 0
    assert body["DataPathAssignments"]["input"]["RelativePath"] == "in"
    assert body["tags"]["n"] == "1 of in"
    assert body["tags"]["trigger_run_key"].startswith("uploads~batch~")


def test_pause_and_resume_write_to_the_ledger(run: Run, azurite: Azurite) -> None:
    storage = {"AzureWebJobsStorage": azurite.connection_string}

    said = [
        run(*arguments, **storage)
        for arguments in (
            ("pause", "nightly", "--note", "stock-taking", "--by", "ann"),
            ("pause", "nightly"),
            ("resume", "nightly"),
            ("resume", "nightly"),
        )
    ]

    assert said == [
        (0, "nightly is paused: occurrences are skipped until you resume it; you can still trigger it\n", ""),
        (0, "nightly was already paused; you can still trigger it\n", ""),
        (0, "nightly runs again; what was skipped during the pause stays skipped\n", ""),
        (0, "nightly was not paused\n", ""),
    ]


def test_pause_reports_an_unreachable_ledger(run: Run) -> None:
    away = "AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/a;BlobEndpoint=http://127.0.0.1:9/a"
    code, out, err = run("pause", "nightly", AzureWebJobsStorage=away)

    assert (code, out) == (1, "")
    assert err.startswith("the ledger (table pipelinetriggers) cannot be reached: ")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-05:00", "9000-01-01"])
def test_a_time_outside_1901_to_8998_is_a_usage_error(run: Run, moment: str) -> None:
    for arguments in (("next", "nightly", "--from", moment), ("request", "nightly", "--at", moment)):
        code, _, err = run(*arguments)

        assert code == 2
        assert "the year is not between 1901 and 8998" in err


def test_next_shows_the_local_time_of_a_start_time_with_offset_and_validate_does_not(run: Run) -> None:
    run.file.write_text(
        BATCH.replace("time_zone: Europe/Berlin", "time_zone: Europe/Berlin, start_time: 2030-01-01T00:00:00Z")
    )

    validated = run("validate")
    code, out, err = run("next", "nightly", "-n", "1")

    assert (validated.code, "start_time" in validated.out) == (0, False)
    assert (code, out.split()[0]) == (0, "2030-01-01T01:30:00Z")
    assert err == "start_time 2030-01-01T00:00:00Z is 2030-01-01T01:00:00 in Europe/Berlin\n"


def test_validate_checks_the_connections_in_the_file_and_notes_a_missing_ledger_connection(run: Run) -> None:
    named = run("validate", AzureWebJobsStorage="", LEDGER_CONNECTION="LedgerStorage")
    run.file.write_text(BATCH.replace("uploads: {pipeline: p, change:", "#"))
    unnamed = run("validate", AzureWebJobsStorage="")

    assert named.code == 1
    assert [line.partition(": the")[0] for line in named.out.splitlines() if line.startswith("app settings")] == [
        "app settings: AzureWebJobsStorage",
        "app settings: LedgerStorage",
    ]
    assert unnamed.code == 0
    [note] = [line for line in unnamed.out.splitlines() if line.startswith("app settings")]
    assert note.startswith("app settings: AzureWebJobsStorage: the app setting AzureWebJobsStorage")
    assert note.endswith("(note)")


@pytest.mark.machine
def test_a_command_in_its_own_process_gives_the_same_exit_code_and_output(run: Run) -> None:
    following = ("next", "nightly", "--from", "2026-11-01", "-n", "2")
    refused = ("request", "uploads")

    assert run.process(*following) == run(*following)
    assert run.process(*refused) == run(*refused)
    assert (run(*following).code, run(*refused).code) == (0, 1)


@pytest.mark.machine
def test_the_installed_command_runs_from_anywhere(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    done = subprocess.run(
        [Path(sys.executable).parent / "triggers", "next", "nightly-training", "-n", "1"],
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"], **SETTINGS},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"20\d\d-", done.stdout)


def test_help_lists_the_commands_in_groups_and_each_command_has_an_example(run: Run) -> None:
    shown = run("--help").out

    assert [line for line in shown.splitlines() if line.endswith(":")][-5:] == [
        "check the file; needs no Azure:",
        "look:",
        "act:",
        "migrate:",
        "deploy:",
    ]
    for one in COMMANDS:
        told = run(one.name, "--help")
        assert told.code == 0
        assert one.more.split()[0] in told.out
        assert f"example:\n  python -m triggers {one.name}" in told.out
        assert f"  {one.name} " in shown


@pytest.mark.parametrize("one", COMMANDS, ids=lambda one: one.name)
def test_every_example_can_be_parsed_and_every_argument_has_help(one: Command) -> None:
    parser = command_line()

    assert parser.parse_args([one.name, *shlex.split(one.example)]).command is one.run
    own = argparse.ArgumentParser()
    one.add(own)
    assert [action.dest for action in own._actions if not action.help] == []
