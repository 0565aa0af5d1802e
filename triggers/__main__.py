"""The command line: python -m triggers COMMAND. Exit codes: 0 done, 1 fault or refusal, 2 usage."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from .clock import SystemClock
from .commands import asking, backfilling, doctor, file, looking, occurrences
from .commands.levers import Refused
from .commands.terminal import shown_harmlessly
from .scheduling.instants import instant_of
from .scheduling.run import RunState
from .settings import Settings, from_environment
from .version import NAME, VERSION

_EXAMPLE_ETAG = "0x0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    # A command says itself what becomes of things; without a handler Python would print our warnings beside it.
    logging.getLogger("triggers").addHandler(logging.NullHandler())
    with shown_harmlessly():
        return _run(command_line().parse_args(arguments))


def _run(options: argparse.Namespace) -> int:
    folder = Path.cwd()
    settings = from_environment(folder)
    if getattr(options, "file", None):
        settings = replace(settings, schedules_file=options.file)
    command: Callable[[argparse.Namespace, Settings, Path], int] = options.command
    try:
        code = command(options, settings, folder)
        sys.stdout.flush()
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, head say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(getattr(options, "acts", False))  # what it had still to do is not done
    return code


def _moment(text: str) -> datetime:
    """A time of the command line; without offset it is UTC."""
    try:
        return instant_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def command_line() -> argparse.ArgumentParser:
    """The parser of every command; docs/cli-commands.md is made of it."""
    now = SystemClock().now()
    parser = argparse.ArgumentParser(prog="python -m triggers", description="Schedules that start Azure ML pipelines.")
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    validate = commands.add_parser("validate", help="report everything that is wrong with schedules.yaml")
    validate.add_argument(
        "--file", metavar="F", help="the file; default: the setting SCHEDULES_FILE, or schedules.yaml"
    )
    validate.add_argument(
        "--no-settings", action="store_true", help="check the file alone: missing app settings are not reported"
    )
    validate.set_defaults(command=file.validate)

    functions = commands.add_parser("functions", help="list the functions as the Functions host sees them")
    functions.add_argument("--json", action="store_true")
    functions.set_defaults(command=file.functions)

    following = commands.add_parser("next", help="list the next occurrences of a time-based schedule")
    following.add_argument("schedule", metavar="SCHEDULE")
    following.add_argument("--from", dest="start", metavar="ISO", type=_moment, default=now, help="default: now")
    following.add_argument("-n", dest="number", metavar="N", type=_positive, default=10, help="how many; default 10")
    following.add_argument("--json", action="store_true")
    following.set_defaults(command=occurrences.next_occurrences)

    request = commands.add_parser("request", help="show what would be POSTed, without sending it")
    request.add_argument("schedule", metavar="SCHEDULE")
    request.add_argument("--at", metavar="ISO", type=_moment, help="the nominal time; default: the next, or now")
    request.add_argument("--blob", metavar="PATH", help="the changed file's path below the container")
    request.add_argument("--etag", metavar="E", default=_EXAMPLE_ETAG, help="its version")
    request.add_argument("--json", action="store_true")
    request.set_defaults(command=occurrences.request)

    deployed = commands.add_parser("infra", help="print what Bicep needs to know about the schedules, as JSON")
    deployed.set_defaults(command=file.infra)

    _add_doctor(commands)
    _add_held(commands)
    _add_backfill(commands)
    _add_looking(commands)
    _add_asking(commands)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  argparse has no other name for it


def _add_doctor(commands: _Commands) -> None:
    looked = commands.add_parser(
        "doctor", help="check everything around the app with real calls, and say how to fix it"
    )
    switched = looked.add_mutually_exclusive_group()
    switched.add_argument(
        "--enable", metavar="PIPELINE", help="only set the pipeline of an entry of `pipelines` to Active"
    )
    switched.add_argument("--disable", metavar="PIPELINE", help="make it Disabled")
    switched.add_argument("--json", action="store_true")
    looked.set_defaults(command=doctor.doctor)


def _add_looking(commands: _Commands) -> None:
    listed = commands.add_parser("schedules", help="list the schedules with their next occurrence and last run")
    _add_where(listed, json=True)
    listed.set_defaults(command=looking.schedules)

    runs = commands.add_parser("runs", help="runs, newest first")
    _add_filter(runs)
    runs.add_argument("-n", dest="number", metavar="N", type=_positive, default=50, help="how many; default 50")
    _add_where(runs, json=True)
    runs.set_defaults(command=looking.runs)

    explain = commands.add_parser("explain", help="explain why an occurrence did or did not start")
    explain.add_argument("schedule", metavar="SCHEDULE")
    which = explain.add_mutually_exclusive_group(required=True)
    which.add_argument("--at", metavar="ISO", type=_moment, help="a nominal time")
    which.add_argument("--blob", metavar="PATH", help="a file's path below the container")
    which.add_argument("--upstream", metavar="KEY", help="a run that a chained schedule may follow")
    _add_where(explain, json=True)
    explain.set_defaults(command=looking.explain)


def _add_asking(commands: _Commands) -> None:
    trigger = commands.add_parser("trigger", help="start a run now")
    trigger.add_argument("schedule", metavar="SCHEDULE")
    _add_overrides(trigger)
    trigger.add_argument(
        "--blob", metavar="PATH", help="a file's path below the container; for a change-based schedule"
    )
    trigger.add_argument("--upstream", metavar="KEY", help="an ended run; for a chained schedule")
    trigger.add_argument("--at", metavar="ISO", type=_moment, help="the nominal time; default: now")
    trigger.add_argument("--request-id", metavar="ID", help="the same id is the same run, however often you repeat it")
    _add_person(trigger)
    _add_where(trigger, json=True)
    trigger.set_defaults(command=asking.trigger)

    replay = commands.add_parser("replay", help="start one more run for an occurrence, or for all runs in a state")
    replay.add_argument("key_of_run", metavar="KEY", nargs="?")
    _add_filter(replay)
    replay.add_argument("--force", action="store_true", help="also runs that have finished")
    _add_person(replay)
    _add_where(replay, json=True)
    replay.set_defaults(command=asking.replay)

    cancel = commands.add_parser("cancel", help="give up a run")
    cancel.add_argument("key_of_run", metavar="KEY")
    _add_person(cancel)
    _add_where(cancel, json=True)
    cancel.set_defaults(command=asking.cancel)


def _add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--parameter", dest="parameters", metavar="NAME=VALUE", type=_parameter, action="append", help="of the pipeline"
    )
    parser.add_argument("--experiment", metavar="NAME", help="in place of the schedule's")
    parser.add_argument("--description", metavar="TEXT", help="in place of the schedule's")
    parser.add_argument(
        "--tag", dest="tags", metavar="NAME=VALUE", type=_parameter, action="append", help="beside the schedule's tags"
    )
    parser.add_argument(
        "--datapath", dest="datapaths", metavar="NAME=DATASTORE/PATH", type=_parameter, action="append",
        help="in place of the schedule's",
    )  # fmt: skip
    parser.add_argument(
        "--dataset", dest="datasets", metavar="NAME=ID", type=_parameter, action="append",
        help="in place of the schedule's: an id, or NAME=DATASET:VERSION",
    )  # fmt: skip
    parser.add_argument("--parent-run-id", metavar="ID", help="the run below which this one is shown")
    parser.add_argument(
        "--continue-on-step-failure", choices=("true", "false"), help="go on after a failed step, or do not"
    )


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--schedule", metavar="S", help="of one schedule")
    parser.add_argument("--state", choices=[state.value for state in RunState], metavar="STATE", help="in one state")
    parser.add_argument("--since", metavar="ISO", type=_moment, help="created then or later")
    parser.add_argument("--until", metavar="ISO", type=_moment, help="created before then")


def _add_person(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--note", metavar="TEXT", help="why; kept in the ledger")
    parser.add_argument("--by", metavar="WHO", help="who; kept in the ledger")
    parser.set_defaults(acts=True)


def _add_where(parser: argparse.ArgumentParser, *, json: bool = False) -> None:
    parser.add_argument(
        "--url", metavar="URL", help="a deployed app; default: the ledger that the settings name, directly"
    )
    parser.add_argument("--key", metavar="KEY", help="the app's function key; better in the variable TRIGGERS_KEY")
    if json:
        parser.add_argument("--json", action="store_true")


def _add_held(commands: "_Commands") -> None:
    for name, command, summary in (
        ("pause", asking.pause, "let a schedule start nothing; what comes due is skipped, not saved up"),
        ("resume", asking.resume, "let a paused schedule start runs again"),
    ):
        held = commands.add_parser(name, help=summary)
        held.add_argument("schedule", metavar="SCHEDULE")
        _add_person(held)
        _add_where(held)
        held.set_defaults(command=command)


def _add_backfill(commands: "_Commands") -> None:
    filled = commands.add_parser("backfill", help="start what a schedule missed; --dry-run only lists it")
    filled.add_argument("schedule", metavar="SCHEDULE")
    filled.add_argument("--from", dest="first", metavar="ISO", type=_moment, required=True, help="inclusive")
    filled.add_argument("--to", dest="before", metavar="ISO", type=_moment, required=True, help="exclusive")
    filled.add_argument("--dry-run", action="store_true", help="start nothing")
    filled.add_argument(
        "--force", action="store_true", help="also start what is older than the ledger's rows and may have run"
    )
    _add_person(filled)
    _add_where(filled)
    filled.set_defaults(command=backfilling.backfill)


if __name__ == "__main__":
    sys.exit(main())
