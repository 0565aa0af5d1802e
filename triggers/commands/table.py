"""Every command of the command line: what it does, with an example, its group and its function."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from ..settings import Settings
from . import arguments, asking, backfilling, doctor, fetching, file, importing, looking, occurrences, waiting

Run: TypeAlias = Callable[[argparse.Namespace, Settings, Path], int]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command."""

    name: str
    group: str
    summary: str
    more: str
    """What to know before using it."""
    example: str
    """Example arguments."""
    run: Run
    add: Callable[[argparse.ArgumentParser], None]


_FILE = "check the file; needs no Azure"
_LOOK = "look"
_ACT = "act"
_MOVE = "migrate"
_DEPLOY = "deploy"

COMMANDS: Final = (
    Command(
        name="validate",
        group=_FILE,
        summary="report everything that is wrong with schedules.yaml",
        more="Exits 1 if there is an error. Warnings and notes are printed too, but do not change the exit code.",
        example="--no-settings",
        run=file.validate,
        add=arguments.validate_arguments,
    ),
    Command(
        name="functions",
        group=_FILE,
        summary="list the functions as the Functions host sees them",
        more="For timers, it shows how many wake-ups and occurrences there are in a year.",
        example="",
        run=file.functions,
        add=arguments.json_argument,
    ),
    Command(
        name="next",
        group=_FILE,
        summary="list the next occurrences of a time-based schedule",
        more="Clock changes, excluded days and moved occurrences are marked.",
        example="nightly-training -n 5",
        run=occurrences.next_occurrences,
        add=arguments.next_arguments,
    ),
    Command(
        name="request",
        group=_FILE,
        summary="show what would be POSTed, without sending it",
        more="Templates are filled for the time or the file that you name.",
        example="score-uploads --blob incoming/a.csv",
        run=occurrences.request,
        add=arguments.request_arguments,
    ),
    Command(
        name="schedules",
        group=_LOOK,
        summary="list the schedules with their next occurrence and last run",
        more="A paused schedule is shown with the note of its pause.",
        example="",
        run=looking.schedules,
        add=arguments.looking_arguments,
    ),
    Command(
        name="runs",
        group=_LOOK,
        summary="list runs, newest first",
        more="Each line shows what the run is for (a time, a file, a number of files) and who requested it.",
        example="--schedule nightly-training --state failed",
        run=looking.runs,
        add=arguments.runs_arguments,
    ),
    Command(
        name="run",
        group=_LOOK,
        summary="show one run: its history, what was sent, its links and replays",
        more="App settings are shown by their names, so no secret is printed.",
        example="nightly-training@2026-11-01T03:30:00Z",
        run=looking.run,
        add=arguments.run_arguments,
    ),
    Command(
        name="wait",
        group=_LOOK,
        summary="wait for the end of a run, and of the reruns that follow it",
        more="Exits 0 if it has finished, and 1 if it ended otherwise or the wait timed out.",
        example="nightly-training!42 --timeout 2h",
        run=waiting.wait,
        add=arguments.wait_arguments,
    ),
    Command(
        name="explain",
        group=_LOOK,
        summary="explain why an occurrence did or did not start",
        more="It reads the ledger first, then storage, where a file may have been overwritten or deleted.",
        example="score-uploads --blob incoming/a.csv",
        run=looking.explain,
        add=arguments.explain_arguments,
    ),
    Command(
        name="doctor",
        group=_LOOK,
        summary="check everything around the app with real calls, and show how to fix what is wrong",
        more="It changes nothing, except with --enable and --disable. Exits 1 if there is an error.",
        example="",
        run=doctor.doctor,
        add=arguments.doctor_arguments,
    ),
    Command(
        name="trigger",
        group=_ACT,
        summary="start a run now",
        more="A paused schedule can be triggered too. Exits 1 if the run has failed or will never be accepted.",
        example="nightly-training --parameter epochs=3 --note 'a try' --wait",
        run=asking.trigger,
        add=arguments.trigger_arguments,
    ),
    Command(
        name="replay",
        group=_ACT,
        summary="start another run for an occurrence, or for all runs in a state",
        more="The request is built from the current file.",
        example="--schedule nightly-training --state dead --note 'quota raised'",
        run=asking.replay,
        add=arguments.replay_arguments,
    ),
    Command(
        name="cancel",
        group=_ACT,
        summary="cancel a run",
        more="A submitted run is canceled in Azure ML; a run that was not sent yet is dropped.",
        example="nightly-training@2026-11-01T03:30:00Z --note 'wrong data'",
        run=asking.cancel,
        add=arguments.cancel_arguments,
    ),
    Command(
        name="pause",
        group=_ACT,
        summary="pause a schedule: its occurrences are skipped, not queued",
        more="You can still trigger it, and submitted runs continue.",
        example="nightly-training --note 'cluster moves'",
        run=asking.pause,
        add=arguments.hold_arguments,
    ),
    Command(
        name="resume",
        group=_ACT,
        summary="let a paused schedule start runs again",
        more="What was skipped during the pause stays skipped; backfill can start it.",
        example="nightly-training",
        run=asking.resume,
        add=arguments.hold_arguments,
    ),
    Command(
        name="backfill",
        group=_ACT,
        summary="start what a schedule missed; --dry-run only lists it",
        more="It starts a run for every occurrence or file that has none, or whose run was skipped, dead or rejected.",
        example="nightly-training --from 2026-11-01 --to 2026-11-08 --dry-run",
        run=backfilling.backfill,
        add=arguments.backfill_arguments,
    ),
    Command(
        name="import",
        group=_MOVE,
        summary="turn schedules of Logic Apps, Data Factory, SDK v1 and v2 into schedules.yaml",
        more="It prints the new file and how its behavior differs. Exits 3 if it does, 1 if nothing could be imported.",
        example="logic-app workflow.json --report report.md",
        run=importing.import_schedules,
        add=arguments.import_arguments,
    ),
    Command(
        name="fetch-schedules",
        group=_MOVE,
        summary="print SDK v1's schedules of a workspace, for `import sdk-v1`",
        more="It reads them with your own sign-in, and changes nothing.",
        example="--workspace ws1",
        run=fetching.fetch_schedules,
        add=arguments.fetch_arguments,
    ),
    Command(
        name="infra",
        group=_DEPLOY,
        summary="print what the Bicep templates need to know about the schedules, as JSON",
        more="It is the parameter `schedules` of infra/main.bicep. It reads the environment, not local.settings.json.",
        example="",
        run=file.infra,
        add=arguments.no_arguments,
    ),
)
