"""The commands next and request: when a schedule runs next, and what it would send."""

import argparse
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec import to_builtins

from ..app import App
from ..azureml.addresses import UnfitAddress
from ..azureml.service import call_of
from ..clock import SystemClock
from ..scheduling.batch import batch_key, group_of, manifest_path
from ..scheduling.change import BlobChange, change_digest, normal_etag, path_out_of_scope
from ..scheduling.complete_sets import batch_of_one
from ..scheduling.config import (
    ChangeSchedule,
    ChangeTrigger,
    DataPathKind,
    ManualSchedule,
    Schedule,
    TimeSchedule,
)
from ..scheduling.file.converted_times import converted_times
from ..scheduling.file.foresight import foreseen
from ..scheduling.gathering import Batch
from ..scheduling.instants import iso_utc
from ..scheduling.run import RunKind
from ..scheduling.run_keys import request_key
from ..scheduling.run_request import Submission, build_request
from ..scheduling.templates import MissingSetting
from ..scheduling.times.occurrences import excluded, next_after, rules_of
from ..scheduling.times.time_zones import ClockChange
from ..settings import Settings
from ..starting.occurrence import Occurrence, change_occurrence, time_occurrence
from ..steering.answers import NextAnswer
from ..steering.service import upcoming
from .levers import Refused, named_schedule

_CLOCK_CHANGES: Final = {
    ClockChange.GAP.value: "  (clock change: this time does not exist that day, so it runs when the gap ends)",
    ClockChange.FOLD.value: "  (clock change: this time occurs twice that day)",
}


def next_occurrences(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """List the next occurrences of a time-based schedule, with clock changes marked."""
    schedule = named_schedule(options.schedule, App(settings, folder))
    if isinstance(schedule, ChangeSchedule):
        raise Refused(f"{schedule.name} is change-based: it runs when a file changes, not at a time")
    if not isinstance(schedule, TimeSchedule):
        when = "only when it is triggered" if isinstance(schedule, ManualSchedule) else "after runs of other schedules"
        raise Refused(f"{schedule.name} is {schedule.kind_in_words}: it runs {when}, not at a time")
    for sentence in converted_times(schedule):
        print(sentence, file=sys.stderr)
    for key, sentence in foreseen(schedule, options.start, clock_changes=False):
        print(f"{key}: {sentence} (warning)", file=sys.stderr)
    found = upcoming(schedule, options.start, options.number)
    if len(found) < options.number:
        left = {0: "no occurrences", 1: "only 1 occurrence"}.get(len(found), f"only {len(found)} occurrences")
        print(f"{schedule.name} has {left} left", file=sys.stderr)
    if not schedule.enabled:
        print(f"{schedule.name} is disabled, so it skips them", file=sys.stderr)
    if options.json:
        print(json.dumps(to_builtins(found), indent=2))
        return 0
    lines = {one.nominal_time: _in_words(schedule, one) for one in found}
    last = datetime.fromisoformat(found[-1].nominal_time) if found else options.start
    for left_out in excluded(schedule.trigger, options.start, last):
        moved = f"; moved to {iso_utc(left_out.moved_to)}" if left_out.moved_to else ""
        lines[iso_utc(left_out.at)] = f"{_there(schedule, left_out.at)}  excluded: {left_out.because}{moved}"
    for nominal_time, words in sorted(lines.items()):
        print(f"{nominal_time}  {words}")
    return 0


def _in_words(schedule: TimeSchedule, one: NextAnswer) -> str:
    named_by = f"  {one.expression}" if len(rules_of(schedule.trigger)) > 1 else ""
    moved = f"  moved from {one.moved_from}" if one.moved_from else ""
    change = _CLOCK_CHANGES.get(one.clock_change or "", "")
    return f"{_there(schedule, datetime.fromisoformat(one.nominal_time))}{named_by}{moved}{change}"


def _there(schedule: TimeSchedule, moment: datetime) -> str:
    local = moment.astimezone(schedule.zone)
    return f"{local:%a} {local.isoformat()}"


def request(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Show what would be POSTed."""
    app = App(settings, folder)
    schedule = named_schedule(options.schedule, app)
    options.at = options.at or _next_or_now(schedule)
    one = _occurrence(schedule, options, app)
    submission = Submission(
        request=build_request(schedule, one),
        run_key=one.key,
        ledger_id="(the ledger's id)",
        attempt="(the claim's id)",
    )
    try:
        call = call_of(submission, app.config.settings)
    except (MissingSetting, UnfitAddress) as error:
        raise Refused(f"{schedule.name}: {error}") from error
    headers = {"Content-Type": "application/json", "Accept": "application/json", **call.headers}
    if options.json:
        print(json.dumps({"method": call.method, "url": call.url, "headers": headers, "body": call.body}, indent=2))
    else:
        print(f"{call.method} {call.url}")
        print(*(f"{name}: {value}" for name, value in headers.items()), sep="\n")
        print(f"\n{json.dumps(call.body, indent=2, ensure_ascii=False)}")
    return 0


def _next_or_now(schedule: Schedule) -> datetime:
    now = SystemClock().now().replace(microsecond=0)
    if not isinstance(schedule, TimeSchedule):
        return now
    return next(iter(next_after(schedule.trigger, now, 1)), now)


def _occurrence(schedule: Schedule, options: argparse.Namespace, app: App) -> Occurrence:
    """The requested occurrence; for a schedule with batches, a batch of the one blob."""
    if not isinstance(schedule, ChangeSchedule):
        if options.blob is not None:
            raise Refused(f"{schedule.name} is {schedule.kind_in_words}: give --at instead of --blob")
        if not isinstance(schedule, TimeSchedule):
            key = request_key(schedule.name, "(the request's id)")
            return Occurrence(key=key, kind=RunKind.REQUEST, nominal_time=options.at)
        if next_after(schedule.trigger, options.at - timedelta(seconds=1), 1) != [options.at]:
            print(f"{iso_utc(options.at)} is not an occurrence of {schedule.name}", file=sys.stderr)
        return time_occurrence(schedule, options.at)
    if options.blob is None:
        raise Refused(f"{schedule.name} is change-based: give a file with --blob PATH (below the container)")
    if because := path_out_of_scope(schedule.trigger, options.blob):
        print(
            f"{schedule.name} does not watch {options.blob!r} ({because}); if it did, it would send:", file=sys.stderr
        )
    change = BlobChange(
        host=_host(schedule.trigger, app),
        container=schedule.trigger.container,
        path=options.blob,
        etag=normal_etag(options.etag),
        size=0,
        last_modified=options.at,
    )
    if schedule.batch is None:
        return change_occurrence(schedule.name, change)
    return _batch_of_one(schedule, schedule.batch, change)


def _batch_of_one(schedule: ChangeSchedule, batch: Batch, change: BlobChange) -> Occurrence:
    group = group_of(batch, change)
    key = batch_key(schedule.name, group, change_digest(change))
    path = manifest_path(schedule.name, key) if schedule.trigger.data_path is DataPathKind.MANIFEST else None
    facts = batch_of_one(batch, schedule.trigger.folder, change, path)
    return Occurrence(key=key, kind=RunKind.BATCH, nominal_time=change.last_modified, batch=facts)


def _host(trigger: ChangeTrigger, app: App) -> str:
    from ..settings import UnusableConnection

    try:
        return app.blobs.host(trigger.connection)
    except UnusableConnection as error:
        print(f"{error}; therefore the run key shown is not the real one", file=sys.stderr)
        return ""
