"""The command line: python -m triggers COMMAND. Exit codes: 0 done, 1 fault or refusal, 2 usage."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .app import App, read_config
from .azureml.addresses import UnfitAddress
from .azureml.published_pipeline import post_of
from .clock import SystemClock
from .scheduling.change import BlobChange, normal_etag, path_out_of_scope
from .scheduling.config import ChangeTrigger, Schedule
from .scheduling.faults import nearest
from .scheduling.not_yet import refusal
from .scheduling.occurrences import change_at, next_after
from .scheduling.run import change_key, time_key
from .scheduling.run_request import Submission, build_request
from .scheduling.templates import MissingSetting
from .scheduling.time_zones import ClockChange
from .settings import Settings, from_environment

_EXAMPLE_ETAG = "0x0"


class Refused(Exception):
    """What was asked cannot be done; the message goes to stderr and the exit code is 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    folder = Path.cwd()
    settings = from_environment(folder)
    if getattr(options, "file", None):
        settings = replace(settings, schedules_file=options.file)
    command: Callable[[argparse.Namespace, Settings, Path], int] = options.command
    try:
        return command(options, settings, folder)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1


def _validate(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    config = read_config(folder / settings.schedules_file, settings)
    for warning in config.warnings:
        print(f"{warning} (warning)")
    faults = [*config.faults, *settings.faults]
    for fault in faults:
        print(fault)
    print(f"{settings.schedules_file}: {_number(len(config.schedules), 'schedule')}, {_number(len(faults), 'fault')}")
    if config.left_out:
        print(f"left out until they are right: {', '.join(config.left_out)}")
    return 1 if faults else 0


def _functions(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    sys.path.insert(0, str(folder))
    from function_app import app, objects

    table: list[dict[str, Any]] = [
        {"name": one.get_function_name(), "bindings": [json.loads(binding) for binding in one.get_raw_bindings()]}
        for one in app.get_functions()
    ]
    if options.json:
        print(json.dumps(table, indent=2))
    else:
        for row in table:
            print(f"{row['name']:<40} {_binding_in_words(row['bindings'][0])}")
    for fault in objects.faults():
        print(fault, file=sys.stderr)
    return 0


def _next(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    schedule = _schedule(options.schedule, App(settings, folder))
    trigger = schedule.trigger
    if isinstance(trigger, ChangeTrigger):
        raise Refused(f"{schedule.name} is change-based: it runs when a blob changes, at no time of its own")
    rows = []
    found = next_after(trigger, options.start, options.number)
    if len(found) < options.number:
        print(f"{schedule.name} has no more occurrences than these {len(found)}", file=sys.stderr)
    if not schedule.enabled:
        print(f"{schedule.name} is disabled: it skips them", file=sys.stderr)
    for moment in found:
        change = change_at(trigger, moment)
        rows.append((moment, moment.astimezone(trigger.zone), change))
    if options.json:
        table = [
            {
                "nominal_time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                "local_time": local.isoformat(),
                "clock_change": change and change.value,
            }
            for moment, local, change in rows
        ]
        print(json.dumps(table, indent=2))
        return 0
    for moment, local, change in rows:
        print(f"{moment:%Y-%m-%dT%H:%M:%SZ}  {local:%a} {local.isoformat()}{_clock_change_in_words(change)}")
    return 0


def _request(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    app = App(settings, folder)
    schedule = _schedule(options.schedule, app)
    if refused := refusal(schedule):
        raise Refused(f"{schedule.name}: {refused[1]}")
    options.at = options.at or _next_or_now(schedule)
    key, blob = _occurrence(schedule, options, app)
    submission = Submission(
        request=build_request(schedule, key, options.at, blob),
        run_key=key,
        ledger_id="(the ledger's id)",
        attempt="(the claim's id)",
    )
    try:
        post = post_of(submission, app.config.settings)
    except (MissingSetting, UnfitAddress) as error:
        raise Refused(f"{schedule.name}: {error}") from error
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if options.json:
        print(json.dumps({"method": "POST", "url": post.url, "headers": headers, "body": post.body}, indent=2))
    else:
        print(f"POST {post.url}")
        print(*(f"{name}: {value}" for name, value in headers.items()), sep="\n")
        print(f"\n{json.dumps(post.body, indent=2, ensure_ascii=False)}")
    return 0


def _next_or_now(schedule: Schedule) -> datetime:
    now = SystemClock().now().replace(microsecond=0)
    if isinstance(schedule.trigger, ChangeTrigger):
        return now
    return next(iter(next_after(schedule.trigger, now, 1)), now)


def _occurrence(schedule: Schedule, options: argparse.Namespace, app: App) -> tuple[str, BlobChange | None]:
    """The run key, and the change for a change-based schedule."""
    trigger = schedule.trigger
    if not isinstance(trigger, ChangeTrigger):
        if options.blob is not None:
            raise Refused(f"{schedule.name} is time-based: it takes --at, not --blob")
        if next_after(trigger, options.at - timedelta(seconds=1), 1) != [options.at]:
            print(f"{options.at:%Y-%m-%dT%H:%M:%SZ} is no occurrence of {schedule.name}", file=sys.stderr)
        return time_key(schedule.name, options.at), None
    if options.blob is None:
        raise Refused(f"{schedule.name} is change-based: say which blob with --blob PATH (below the container)")
    if because := path_out_of_scope(trigger, options.blob):
        print(f"{schedule.name} does not watch {options.blob!r} ({because}); it would send this", file=sys.stderr)
    change = BlobChange(
        host=_host(trigger, app),
        container=trigger.container,
        path=options.blob,
        etag=normal_etag(options.etag),
        size=0,
        last_modified=options.at,
    )
    return change_key(schedule.name, change), change


def _host(trigger: ChangeTrigger, app: App) -> str:
    from .connections import UnusableConnection

    try:
        return app.blobs.host(trigger.connection)
    except UnusableConnection as error:
        print(f"{error}; the run key shown is therefore not the real one", file=sys.stderr)
        return ""


def _schedule(name: str, app: App) -> Schedule:
    schedule = app.config.schedules.get(name)
    if schedule is not None:
        return schedule
    if name in app.config.left_out:
        for fault in app.config.faults:
            print(fault, file=sys.stderr)
        raise Refused(f"{name} is left out for the faults above")
    known = ", ".join(app.config.schedules) or "none"
    raise Refused(f"no schedule {name!r}{nearest(name, list(app.config.schedules))}; there are: {known}")


def _number(of: int, thing: str) -> str:
    return f"{of or 'no'} {thing}{'' if of == 1 else 's'}"


def _binding_in_words(binding: dict[str, Any]) -> str:
    shown = ("schedule", "path", "connection", "source", "route", "authLevel")
    return " ".join([str(binding["type"]), *(f"{key}={binding[key]}" for key in shown if key in binding)])


def _clock_change_in_words(change: ClockChange | None) -> str:
    if change is ClockChange.GAP:
        return "  (clock change: its time does not exist that day, it runs when the gap ends)"
    if change is ClockChange.FOLD:
        return "  (clock change: this reading comes twice that day)"
    return ""


def _moment(text: str) -> datetime:
    """A time of the command line; without offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-01T04:30:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    now = SystemClock().now()
    parser = argparse.ArgumentParser(prog="python -m triggers", description="Schedules that start Azure ML pipelines.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    validate = commands.add_parser("validate", help="tell everything that is wrong with schedules.yaml")
    validate.add_argument(
        "--file", metavar="F", help="the file; default: the setting SCHEDULES_FILE, or schedules.yaml"
    )
    validate.set_defaults(command=_validate)

    functions = commands.add_parser("functions", help="what the Functions host will see")
    functions.add_argument("--json", action="store_true")
    functions.set_defaults(command=_functions)

    following = commands.add_parser("next", help="when a time-based schedule runs next")
    following.add_argument("schedule", metavar="SCHEDULE")
    following.add_argument("--from", dest="start", metavar="ISO", type=_moment, default=now, help="default: now")
    following.add_argument("-n", dest="number", metavar="N", type=_positive, default=10, help="how many; default 10")
    following.add_argument("--json", action="store_true")
    following.set_defaults(command=_next)

    request = commands.add_parser("request", help="what would be POSTed; nothing is sent")
    request.add_argument("schedule", metavar="SCHEDULE")
    request.add_argument("--at", metavar="ISO", type=_moment, help="the nominal time; default: the next, or now")
    request.add_argument("--blob", metavar="PATH", help="the changed blob, below the container")
    request.add_argument("--etag", metavar="E", default=_EXAMPLE_ETAG, help="its version")
    request.add_argument("--json", action="store_true")
    request.set_defaults(command=_request)
    return parser


if __name__ == "__main__":
    sys.exit(main())
