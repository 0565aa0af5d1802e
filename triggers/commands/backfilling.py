"""The command backfill, on the ledger or through the HTTP API."""

import argparse
import sys
from pathlib import Path

from ..app import App
from ..scheduling.replacing import replace
from ..settings import Settings, StoreUnavailable
from ..starting.occurrence import Requested
from ..steering.answers import ItemAnswer
from ..steering.backfilling import Item
from ..steering.declined import Declined
from ..steering.questions import BackfillBody
from .levers import Refused, checked, levers, named_schedule, refusals
from .terminal import drawing, one_line


def backfill(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Start what a schedule missed, or list it."""
    if options.before <= options.first:
        raise Refused("--to must be later than --from")
    if options.url:
        return _remote(options, settings, folder)
    app = App(settings, folder)
    schedule = named_schedule(options.schedule, app)
    asked = Requested(by=options.by, note=options.note)
    verb, starts, already = ("would start" if options.dry_run else "started"), 0, 0
    progress = Progress(None)
    try:
        for item in app.engine.backfilling.backfill(
            schedule, options.first, options.before, asked, dry_run=options.dry_run, force=options.force
        ):
            starts, already = starts + item.starts, already + (not item.starts)
            progress.say(_line(verb if item.starts else "already", item))
            progress.step()
    except Declined as error:
        raise Refused(str(error)) from error
    except StoreUnavailable as error:
        raise Refused(f"{error}{_GOES_ON if starts or already else ''}") from error
    finally:
        progress.end()
    print(f"{starts} {verb}, {already} not needed")
    return 0


def _remote(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Backfill through the HTTP API, with as many requests as needed."""
    verb, starts = ("would start" if options.dry_run else "started"), 0
    already: list[str] = []
    body = checked(
        BackfillBody,
        **{"from": options.first.isoformat(), "to": options.before.isoformat()},
        dry_run=options.dry_run,
        force=options.force,
        note=options.note,
        by=options.by,
    )
    with refusals():
        acting = levers(options, settings, folder)
    while True:
        with refusals(_GOES_ON if starts or already else ""):
            answer = acting.backfill(options.schedule, body)
        for item in answer.started:
            print(_line(verb, item))
        starts += answer.started_count
        already += [_line("already", item) for item in answer.already]
        if answer.complete:
            break
        if answer.continue_from is not None:
            body = replace(body, first=answer.continue_from)
        elif not answer.started_count or options.dry_run:
            raise Refused("there is more than fits into one answer; use shorter spans, or leave --url out")
    if already:
        print("\n".join(already))
    print(f"{starts} {verb}, {len(already)} not needed")
    return 0


_GOES_ON = "; the runs shown above are started, and the same command continues from there"


def _line(verb: str, item: Item | ItemAnswer) -> str:
    return one_line(f"{verb:<12} {item.what}  {item.key}  {item.why}")


_WIDTH = 30


class Progress:
    """A progress bar on stderr, shown only on a terminal."""

    def __init__(self, total: int | None) -> None:
        """`total` is None if it is unknown."""
        self._total, self._done, self._shown = total, 0, sys.stderr.isatty()

    def step(self) -> None:
        """Count one more finished item."""
        self._done += 1
        if not self._shown:
            return
        if self._total:
            filled = _WIDTH * self._done // self._total
            bar = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done}/{self._total}"
        else:
            bar = f"{self._done} …"
        print(f"\r{bar}", end="", file=drawing(sys.stderr), flush=True)

    def say(self, line: str) -> None:
        """Print a line of output after clearing the bar."""
        self.end()
        print(line)

    def end(self) -> None:
        """Clear the bar."""
        if self._shown and self._done:
            print("\r" + " " * (_WIDTH + 20) + "\r", end="", file=drawing(sys.stderr), flush=True)
