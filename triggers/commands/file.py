"""The commands validate, functions and infra, about the schedules file and what follows from it."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ..app import connection_faults, read_config, watched_connections
from ..clock import SystemClock
from ..deployment.parameters import Undeployable, parameters
from ..scheduling.config import Config, Schedule, TimeSchedule
from ..scheduling.faults import Fault
from ..scheduling.file.warnings import warnings_of
from ..scheduling.times.alarm import alarm_of, count_between
from ..settings import Settings, environment, read
from .levers import Refused
from .terminal import print_wrapped

_YEAR: Final = 365


def validate(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Print all errors and warnings; returns 1 if there is an error."""
    config = read_config(folder, settings)
    for warning in warnings_of(config, SystemClock().now()):
        print_wrapped(f"{warning} (warning)", 2)
    if options.no_settings:
        return _report(settings, config, [fault for fault in config.faults if fault.lacks is None])
    # If the resource id of an account is set, the deployment creates its connection settings.
    watched = {
        name: services
        for name, services in watched_connections(config).items()
        if not settings.values.get(f"{name}__accountId")
    }
    faults = [*config.faults, *settings.faults, *connection_faults(watched, settings)]
    # The file does not refer to the ledger, so missing ledger settings are only noted.
    reported = {fault.path for fault in faults}
    notes = [
        one for one in connection_faults({settings.ledger_connection: ("table",)}, settings) if one.path not in reported
    ]
    return _report(settings, config, faults, notes)


def _report(settings: Settings, config: Config, faults: Sequence[Fault], notes: Sequence[Fault] = ()) -> int:
    for fault in faults:
        print_wrapped(str(fault), 2)
    for note in notes:
        print_wrapped(f"{note} (note)", 2)
    print(f"{settings.schedules_file}: {_number(len(config.schedules), 'schedule')}, {_number(len(faults), 'error')}")
    if faults and config.left_out:
        print(f"not active until their errors are fixed: {', '.join(config.left_out)}")
    return 1 if faults else 0


def functions(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """List the functions as the Functions host sees them, and how often each timer wakes up."""
    sys.path.insert(0, str(folder))
    from function_app import app, objects

    table: list[dict[str, Any]] = [
        {"name": one.get_function_name(), "bindings": [json.loads(binding) for binding in one.get_raw_bindings()]}
        for one in app.get_functions()
    ]
    if options.json:
        print(json.dumps(table, indent=2))
    else:
        width = max(len(row["name"]) for row in table) + 2
        for row in table:
            cost = _cost(objects.config.schedules.get(row["name"]), objects.clock.now())
            print_wrapped(f"{row['name']:<{width}}{_binding_in_words(row['bindings'][0])}{cost}", width)
    for fault in objects.faults():
        print(fault, file=sys.stderr)
    return 0


def _number(of: int, thing: str) -> str:
    return f"{of or 'no'} {thing}{'' if of == 1 else 's'}"


def _binding_in_words(binding: dict[str, Any]) -> str:
    shown = ("schedule", "path", "connection", "source", "route", "authLevel")
    return " ".join([str(binding["type"]), *(f"{key}={binding[key]}" for key in shown if key in binding)])


def _cost(schedule: Schedule | None, now: datetime) -> str:
    """The timer's wake-ups a year: each is an execution, even if nothing is due."""
    if not isinstance(schedule, TimeSchedule):
        return ""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    occurrences = count_between(schedule.trigger, today, today + timedelta(days=_YEAR, seconds=-1))
    wake_ups = alarm_of(schedule.trigger).wake_ups(today.date(), _YEAR)
    return f" ({_number(wake_ups, 'wake-up')} a year for {_number(occurrences, 'occurrence')})"


def infra(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Print the parameter `schedules` of infra/main.bicep, from the environment without local.settings.json."""
    values = environment()
    settings_read = read(values)
    path = folder / settings_read.schedules_file
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{settings_read.schedules_file} cannot be read: {error}") from error
    try:
        found = parameters(text, settings_read.schedules_file, values)
    except Undeployable as error:
        raise Refused(f"{error}\nfix these errors before deploying") from error
    for warning in _about_deployment(read_config(folder, settings_read)):
        print(f"{warning} (warning)", file=sys.stderr)
    print(json.dumps(found, indent=2))
    return 0


def _about_deployment(config: Config) -> Iterator[Fault]:
    """The warnings that matter before a deployment: schedules that only events can start."""
    for warning in warnings_of(config, SystemClock().now()):
        if warning.path.endswith(".change.polling_interval"):
            yield warning
