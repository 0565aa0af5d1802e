"""The commands that read: schedules, runs, run and explain."""

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..scheduling.run import RunState
from ..scheduling.shown import RunAnswer
from ..settings import Settings
from ..steering.questions import ExplainQuery, RunsQuery
from .levers import Levers, levers, levers_of_schedule, refusals
from .showing import INDENT, as_json, is_for, lines_of, replays_of, why_not
from .terminal import clear_screen, one_line, print_table, print_wrapped

_A_PAGE = 200
_WATCHED_EVERY = 5.0
"""Seconds."""


def schedules(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Show every schedule: its next occurrence and its last run."""
    with refusals():
        found = levers(options, settings, folder).schedules().schedules
    if options.json:
        print(as_json(found))
        return 0
    rows = [("schedule", "kind", "status", "next", "last run")]
    for one in found:
        status = f"paused{f' ({one.pause_note})' if one.pause_note else ''}" if one.paused else one.status
        last = next((f"{run.state} {run.created_at}" for run in one.last_runs), "")
        rows.append((one.name, one.kind, status, one.next[0].nominal_time if one.next else "", last))
    print_table(rows)
    return 0


def runs(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Show runs, newest first."""
    with refusals():
        acting = levers(options, settings, folder)
    shown = None
    while True:
        with refusals():
            found = list(islice(every_run(acting, options, options.number), options.number))
        rows = [("key", "state", "created", "for", "by", "run id, or why not")]
        for run in found:
            by = run.requested_by or ""
            rows.append((run.key, run.state, run.created_at, is_for(run), by, run.run_id or why_not(run)))
        if rows != shown:
            shown = rows
            clear_screen(watched=options.watch)
            print(as_json(found)) if options.json else print_table(rows)
        if not options.watch:
            return 0
        time.sleep(_WATCHED_EVERY)


def run(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Show one run."""
    with refusals():
        acting = levers(options, settings, folder)
        found, _ = acting.run(options.key_of_run)
        if options.json:
            print(as_json(found))
            return 0
        replays = [one for one in replays_of(acting, found.replay_of or found.key) if one.key != found.key]
    for line in lines_of(found, replays):
        print_wrapped(line, INDENT + 1 if line.startswith(" ") else 2)
    return 0


def explain(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Explain why an occurrence did or did not start."""
    query = ExplainQuery(at=options.at and options.at.isoformat(), blob=options.blob, upstream=options.upstream)
    with refusals():
        told = levers_of_schedule(options, settings, folder).explain(options.schedule, query)
    if options.json:
        print(as_json(told))
        return 0
    for sentence in told.decisions:
        print_wrapped(one_line(sentence), 4)
    return 0


def every_run(acting: Levers, options: argparse.Namespace, number: int) -> Iterator[RunAnswer]:
    """The runs that match the options, page by page. Raises Declined for a schedule that never existed."""
    continuation, some = None, False
    while True:
        page = acting.runs(
            RunsQuery(
                schedule=options.schedule,
                state=RunState(options.state) if options.state else None,
                since=options.since.isoformat() if options.since else None,
                until=options.until.isoformat() if options.until else None,
                limit=min(number, _A_PAGE),
                continuation=continuation,
            )
        )
        yield from page.runs
        continuation, some = page.continuation, some or bool(page.runs)
        if continuation is None:
            break
    if options.schedule and not some and not acting.runs(RunsQuery(schedule=options.schedule, limit=1)).runs:
        acting.schedule(options.schedule)  # raises for one that is neither in the file nor in the ledger
