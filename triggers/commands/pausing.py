"""Pause and resume, straight on the ledger."""

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from .. import pausing
from ..app import App
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable
from ..settings import Settings
from ..steering.questions import HeldBody
from .levers import checked, levers, refusals
from .named import Refused, named_schedule

_Change: TypeAlias = Callable[[Ledger, str, datetime, str | None, str | None], bool]


def pause(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Let a schedule start nothing until it is resumed."""
    if options.url:
        with refusals():
            held = levers(options, settings, folder).pause(options.schedule, _body(options))
        print(f"{held.name} is paused{f' ({held.pause_note})' if held.pause_note else ''}: what comes due is skipped")
        return 0
    said = "is paused: what comes due is skipped", "was paused already"
    return _changed(App(settings, folder), options, pausing.pause, said)


def resume(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Let a schedule start runs again."""
    if options.url:
        with refusals():
            freed = levers(options, settings, folder).resume(options.schedule, _body(options))
        print(f"{freed.name} runs again; what passed in the pause stays skipped")
        return 0
    said = "runs again; what passed in the pause stays skipped", "was not paused"
    return _changed(App(settings, folder), options, pausing.resume, said)


def _body(options: argparse.Namespace) -> HeldBody:
    return checked(HeldBody, note=options.note, by=options.by)


def _changed(app: App, options: argparse.Namespace, change: _Change, said: tuple[str, str]) -> int:
    """Change the pauses, and say the first when that changed something."""
    name = named_schedule(options.schedule, app).name
    try:
        changed = change(app.ledger, name, app.clock.now(), options.note, options.by)
    except LedgerUnavailable as error:
        raise Refused(str(error)) from error
    print(f"{name} {said[0] if changed else said[1]}")
    return 0
