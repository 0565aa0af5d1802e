"""Looking: the schedules, the runs, and why one did or did not start."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from ..scheduling.run import RunState
from ..scheduling.shown import RunAnswer
from ..settings import Settings
from ..steering.questions import ExplainQuery, RunsQuery
from .levers import Levers, levers, levers_of_schedule, refusals
from .terminal import one_line

_A_PAGE = 200


def schedules(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Show every schedule: its next occurrence and its last run."""
    with refusals():
        found = levers(options, settings, folder).schedules().schedules
    if options.json:
        print(_json(found))
        return 0
    rows = [("schedule", "kind", "status", "next", "last run")]
    for one in found:
        status = f"paused{f' ({one.pause_note})' if one.pause_note else ''}" if one.paused else one.status
        last = next((f"{run.state} {run.created_at}" for run in one.last_runs), "")
        rows.append((one.name, one.kind, status, one.next[0].nominal_time if one.next else "", last))
    _print_table(rows)
    return 0


def runs(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Show runs, newest first."""
    with refusals():
        found = list(islice(every_run(levers(options, settings, folder), options, options.number), options.number))
    if options.json:
        print(_json(found))
        return 0
    rows = [("key", "state", "created", "run id, or why not")]
    for run in found:
        why = run.run_id or ": ".join(part for part in (run.reason, run.error) if part)
        rows.append((run.key, run.state, run.created_at, why))
    _print_table(rows)
    return 0


def explain(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Explain why an occurrence did or did not start."""
    query = ExplainQuery(at=options.at and options.at.isoformat(), blob=options.blob, upstream=options.upstream)
    with refusals():
        told = levers_of_schedule(options, settings, folder).explain(options.schedule, query)
    if options.json:
        print(_json(told))
        return 0
    for sentence in told.decisions:
        print(one_line(sentence))
    return 0


def every_run(acting: Levers, options: argparse.Namespace, number: int) -> Iterator[RunAnswer]:
    """The runs that are asked for, page after page."""
    continuation = None
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
        continuation = page.continuation
        if continuation is None:
            return


def _json(found: object) -> str:
    return json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False)


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    lines = [tuple(map(one_line, row)) for row in rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    for row in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if len(rows) == 1:
        print("none", file=sys.stderr)
