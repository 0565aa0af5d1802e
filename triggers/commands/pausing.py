"""Pause and resume, straight on the ledger."""

import argparse
from pathlib import Path

from ..app import App
from ..ledger.ports import LedgerUnavailable
from ..pausing import pause as pause_schedule
from ..pausing import resume as resume_schedule
from ..settings import Settings
from .named import Refused, named_schedule


def pause(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Let a schedule start nothing until it is resumed."""
    app = App(settings, folder)
    name = named_schedule(options.schedule, app).name
    try:
        changed = pause_schedule(app.ledger, name, app.clock.now(), options.note, options.by)
    except LedgerUnavailable as error:
        raise Refused(str(error)) from error
    print(f"{name} is paused: what comes due is skipped" if changed else f"{name} was paused already")
    return 0


def resume(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Let a schedule start runs again."""
    app = App(settings, folder)
    name = named_schedule(options.schedule, app).name
    try:
        changed = resume_schedule(app.ledger, name, app.clock.now(), options.note, options.by)
    except LedgerUnavailable as error:
        raise Refused(str(error)) from error
    print(f"{name} runs again; what passed in the pause stays skipped" if changed else f"{name} was not paused")
    return 0
