"""The arguments of the commands, and the functions that convert them."""

import argparse
from datetime import datetime, timedelta
from typing import TypeAlias

from ..clock import SystemClock
from ..migrate.documents import KINDS
from ..scheduling.file.leaf_checks import duration, duration_problem
from ..scheduling.instants import instant_of
from ..scheduling.run import RunState

Parser: TypeAlias = argparse.ArgumentParser
_EXAMPLE_ETAG = "0x0"


def moment(text: str) -> datetime:
    """Convert a time; without an offset it is UTC."""
    try:
        return instant_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """Convert a number of rows, 1 to 10,000."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)


def span(text: str) -> timedelta:
    """Convert a duration, as in the schedules file or in seconds."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= 31_536_000:
        return timedelta(seconds=int(text))
    if duration_problem(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 30m or 2h")
    return duration(text)


def named_value(text: str) -> tuple[str, str]:
    """Convert NAME=VALUE to a pair."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def schedule_argument(parser: Parser) -> None:
    """Add the schedule that a command is about."""
    parser.add_argument("schedule", metavar="SCHEDULE", help="its name in schedules.yaml")


def key_argument(parser: Parser) -> None:
    """Add the run that a command is about."""
    parser.add_argument("key_of_run", metavar="KEY", help="the run's key, as `runs` shows it")


def json_argument(parser: Parser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def where_arguments(parser: Parser) -> None:
    """Add the arguments that choose an app."""
    parser.add_argument(
        "--url",
        metavar="URL",
        help="a deployed app, or its dashboard's address; default: the ledger that the settings name, directly",
    )
    parser.add_argument("--key", metavar="KEY", help="the app's function key; better in the variable TRIGGERS_KEY")


def looking_arguments(parser: Parser) -> None:
    """Add the arguments of commands that only read."""
    where_arguments(parser)
    json_argument(parser)


def person_arguments(parser: Parser) -> None:
    """Add the arguments of commands that start, pause or cancel something."""
    parser.add_argument("--note", metavar="TEXT", help="why; stored in the ledger")
    parser.add_argument("--by", metavar="WHO", help="who; stored in the ledger")
    where_arguments(parser)
    parser.set_defaults(acts=True)


def filter_arguments(parser: Parser) -> None:
    """Add the arguments that select runs."""
    parser.add_argument("--schedule", metavar="S", help="only runs of this schedule")
    parser.add_argument(
        "--state", choices=[state.value for state in RunState], metavar="STATE", help="only runs in this state"
    )
    parser.add_argument("--since", metavar="ISO", type=moment, help="only runs created at this time or later")
    parser.add_argument("--until", metavar="ISO", type=moment, help="only runs created before this time")


def no_arguments(parser: Parser) -> None:
    """Add nothing, for commands without arguments."""


def validate_arguments(parser: Parser) -> None:
    """Add the arguments of `validate`."""
    parser.add_argument("--file", metavar="F", help="the file; default: the setting SCHEDULES_FILE, or schedules.yaml")
    parser.add_argument(
        "--no-settings", action="store_true", help="check only the file; missing app settings are not reported"
    )


def next_arguments(parser: Parser) -> None:
    """Add the arguments of `next`."""
    schedule_argument(parser)
    now = SystemClock().now()
    parser.add_argument("--from", dest="start", metavar="ISO", type=moment, default=now, help="default: now")
    parser.add_argument("-n", dest="number", metavar="N", type=positive, default=10, help="how many; default 10")
    json_argument(parser)


def request_arguments(parser: Parser) -> None:
    """Add the arguments of `request`."""
    schedule_argument(parser)
    parser.add_argument("--at", metavar="ISO", type=moment, help="the nominal time; default: the next, or now")
    parser.add_argument("--blob", metavar="PATH", help="the changed file's path below the container")
    parser.add_argument(
        "--etag", metavar="E", default=_EXAMPLE_ETAG, help="the ETag of its version; default: a made-up one"
    )
    json_argument(parser)


def doctor_arguments(parser: Parser) -> None:
    """Add the arguments of `doctor`."""
    switched = parser.add_mutually_exclusive_group()
    switched.add_argument(
        "--enable", metavar="PIPELINE", help="only set the pipeline of an entry of `pipelines` to Active"
    )
    switched.add_argument("--disable", metavar="PIPELINE", help="only set it to Disabled")
    json_argument(switched)  # type: ignore[arg-type]  # a group takes arguments like a parser


def import_arguments(parser: Parser) -> None:
    """Add the arguments of `import`."""
    kinds = ", ".join(KINDS)
    parser.add_argument(
        "sources", metavar="KIND FILE", nargs="+", help=f"a kind ({kinds}) and its files; can be repeated"
    )
    parser.add_argument("--into", metavar="FILE", help="add them to this schedules.yaml instead of printing a new one")
    parser.add_argument("--report", metavar="FILE", help="write the whole report there, as Markdown")
    json_argument(parser)


def fetch_arguments(parser: Parser) -> None:
    """Add the arguments of `fetch-schedules`."""
    parser.add_argument("--subscription-id", metavar="ID", help="default: AZUREML_SUBSCRIPTION_ID")
    parser.add_argument("--resource-group", metavar="NAME", help="default: AZUREML_RESOURCE_GROUP")
    parser.add_argument("--workspace", metavar="NAME", help="default: AZUREML_WORKSPACE_NAME")
    parser.add_argument(
        "--api", metavar="URL", help="the region's address, https://REGION.api.azureml.ms; default: AZUREML_API"
    )


def runs_arguments(parser: Parser) -> None:
    """Add the arguments of `runs`."""
    filter_arguments(parser)
    parser.add_argument("-n", dest="number", metavar="N", type=positive, default=50, help="how many; default 50")
    parser.add_argument("--watch", action="store_true", help="refresh every five seconds, until Ctrl+C")
    looking_arguments(parser)


def run_arguments(parser: Parser) -> None:
    """Add the arguments of `run`."""
    key_argument(parser)
    looking_arguments(parser)


def wait_arguments(parser: Parser) -> None:
    """Add the arguments of `wait`."""
    key_argument(parser)
    _timeout_argument(parser)
    looking_arguments(parser)


def explain_arguments(parser: Parser) -> None:
    """Add the arguments of `explain`."""
    schedule_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--at", metavar="ISO", type=moment, help="a nominal time")
    which.add_argument("--blob", metavar="PATH", help="a file's path below the container")
    which.add_argument("--upstream", metavar="KEY", help="a run that a chained schedule may follow")
    looking_arguments(parser)


def trigger_arguments(parser: Parser) -> None:
    """Add the arguments of `trigger`."""
    schedule_argument(parser)
    _override_arguments(parser)
    parser.add_argument("--blob", metavar="PATH", help="a file's path below the container; for a change-based schedule")
    parser.add_argument("--upstream", metavar="KEY", help="an ended run; for a chained schedule")
    parser.add_argument("--at", metavar="ISO", type=moment, help="the nominal time; default: now")
    parser.add_argument(
        "--request-id", metavar="ID", help="repeating a request with the same id does not start another run"
    )
    parser.add_argument("--wait", action="store_true", help="wait for the end of the run and of its reruns")
    _timeout_argument(parser)
    person_arguments(parser)
    json_argument(parser)


def _timeout_argument(parser: Parser) -> None:
    parser.add_argument(
        "--timeout", metavar="SPAN", type=span, help="how long to wait, such as 90s or 2h; default: until the end"
    )


def _override_arguments(parser: Parser) -> None:
    def several(flag: str, dest: str, metavar: str, text: str) -> None:
        parser.add_argument(flag, dest=dest, metavar=metavar, type=named_value, action="append", help=text)

    several("--parameter", "parameters", "NAME=VALUE", "a pipeline parameter")
    parser.add_argument("--experiment", metavar="NAME", help="in place of the schedule's")
    parser.add_argument("--description", metavar="TEXT", help="in place of the schedule's")
    several("--tag", "tags", "NAME=VALUE", "in addition to the schedule's")
    several("--datapath", "datapaths", "NAME=DATASTORE/PATH", "in place of the schedule's")
    several("--dataset", "datasets", "NAME=ID", "in place of the schedule's: an id, or NAME=DATASET:VERSION")
    parser.add_argument("--parent-run-id", metavar="ID", help="the parent run, under which the studio shows this one")
    parser.add_argument(
        "--continue-on-step-failure", choices=("true", "false"), help="whether to continue after a failed step"
    )


def replay_arguments(parser: Parser) -> None:
    """Add the arguments of `replay`."""
    parser.add_argument("key_of_run", metavar="KEY", nargs="?", help="one run; for many, use --schedule and --state")
    filter_arguments(parser)
    parser.add_argument("--force", action="store_true", help="also replay runs that have finished")
    person_arguments(parser)
    json_argument(parser)


def cancel_arguments(parser: Parser) -> None:
    """Add the arguments of `cancel`."""
    key_argument(parser)
    person_arguments(parser)
    json_argument(parser)


def hold_arguments(parser: Parser) -> None:
    """Add the arguments of `pause` and `resume`."""
    schedule_argument(parser)
    person_arguments(parser)


def backfill_arguments(parser: Parser) -> None:
    """Add the arguments of `backfill`."""
    schedule_argument(parser)
    parser.add_argument("--from", dest="first", metavar="ISO", type=moment, required=True, help="inclusive")
    parser.add_argument("--to", dest="before", metavar="ISO", type=moment, required=True, help="exclusive")
    parser.add_argument("--dry-run", action="store_true", help="only list what would start")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also start what is older than the ledger's retention, so it may have run before",
    )
    person_arguments(parser)
