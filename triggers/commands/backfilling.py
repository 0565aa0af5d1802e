"""Backfill, straight on the ledger."""

import argparse
from pathlib import Path

from ..app import App
from ..blob_storage import BlobUnavailable
from ..connections import UnusableConnection
from ..ledger.ports import LedgerUnavailable
from ..occurrence import Asked
from ..scheduling.not_yet import refusal
from ..settings import Settings
from .named import Refused, named_schedule


def backfill(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Start what a schedule did not, or show what that would be."""
    app = App(settings, folder)
    schedule = named_schedule(options.schedule, app)
    if refused := refusal(schedule):
        raise Refused(f"{schedule.name}: {refused[1]}")
    if options.before <= options.first:
        raise Refused("--to lies at or before --from: nothing is between them")
    asked = Asked(by=options.by, note=options.note)
    verb, starts, already = ("would start" if options.dry_run else "start"), 0, 0
    try:
        for item in app.backfilling.backfill(schedule, options.first, options.before, asked, dry_run=options.dry_run):
            starts, already = starts + item.starts, already + (not item.starts)
            print(f"{verb if item.starts else 'already':<12} {item.what}  {item.key}  {item.why}")
    except (LedgerUnavailable, BlobUnavailable, UnusableConnection) as error:
        raise Refused(f"{error}; what is shown above is done, and the same command goes on") from error
    print(f"{starts} {verb}, {already} already")
    return 0
