"""The commands that act: trigger, replay, cancel, pause and resume."""

import argparse
import sys
from itertools import islice
from pathlib import Path

from ..scheduling.replacing import replace
from ..scheduling.run import RunState
from ..scheduling.run_states import REFUSED_OR_CANCELED
from ..scheduling.shown import RunAnswer
from ..settings import Settings
from ..steering.questions import HeldBody, ReplayBody, TriggerBody
from .backfilling import Progress
from .levers import Misused, Refused, checked, levers, levers_of_schedule, refusals
from .looking import every_run
from .showing import print_run
from .terminal import one_line
from .waiting import code_of, until_its_end

_MOST_AT_ONCE = 10_000
_A_PAGE = 200


def trigger(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Start a run now."""
    body = checked(
        TriggerBody,
        request_id=options.request_id,
        pipeline_parameters=dict(options.parameters or []),
        experiment_name=options.experiment,
        description=options.description,
        tags=dict(options.tags or []),
        datapaths={name: _datapath(place) for name, place in options.datapaths or []},
        datasets={name: _dataset(text) for name, text in options.datasets or []},
        parent_run_id=options.parent_run_id,
        continue_on_step_failure=_truth(options.continue_on_step_failure),
        blob=options.blob,
        upstream=options.upstream,
        scheduled_time=options.at.isoformat() if options.at else None,
        note=options.note,
        by=options.by,
    )
    if options.timeout is not None and not options.wait:
        raise Misused("--timeout needs --wait")
    with refusals():
        acting = levers_of_schedule(options, settings, folder)
        run, is_new = acting.trigger(options.schedule, body)
        if options.wait:
            run = until_its_end(acting, run.key, options.timeout)
    print_run(run, json=options.json, before="" if is_new else "already requested: ")
    return code_of(run) if options.wait else _code(run)


def _datapath(place: str) -> dict[str, str]:
    datastore, slash, path = place.partition("/")
    if not datastore or not slash:
        raise Refused(f"--datapath: {place!r} is not of the form DATASTORE/PATH")
    return {"datastore": datastore, "path": path}


def _dataset(text: str) -> dict[str, str]:
    name, colon, version = text.rpartition(":")
    return {"name": name, "version": version} if colon else {"id": text}


def _truth(text: str | None) -> bool | None:
    return None if text is None else text == "true"


def replay(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Start one run again, or all runs of a schedule that are in a state."""
    body = checked(ReplayBody, note=options.note, by=options.by, force=options.force)
    with refusals():
        acting = levers(options, settings, folder)
        if options.key_of_run is not None:
            again = acting.replay(options.key_of_run, body)
            print_run(again, json=options.json)
            return _code(again)
        if not options.schedule or not options.state:
            raise Refused("give the KEY of a run, or --schedule and --state for all runs of a schedule in that state")
        # Runs come newest first, so of an occurrence's attempts in that state only the newest is replayed.
        newest: dict[str, str] = {}
        for run in islice(every_run(acting, options, _A_PAGE), _MOST_AT_ONCE):
            newest.setdefault(run.replay_of or run.key, run.key)
    body = replace(body, unless_replayed=True)
    keys = list(newest.values())
    refused, progress = [], Progress(len(keys))
    for key in reversed(keys):
        try:
            with refusals():
                again = acting.replay(key, body)
        except Refused as error:
            refused.append(str(error))
        else:
            progress.say(f"{key} -> {again.key}: {again.state}")
        progress.step()
    progress.end()
    print(f"{len(keys) - len(refused)} replayed, {len(refused)} not replayed")
    for sentence in refused:
        print(sentence, file=sys.stderr)
    return 1 if refused else 0


def cancel(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Cancel a run."""
    with refusals():
        body = checked(HeldBody, note=options.note, by=options.by)
        run = levers(options, settings, folder).cancel(options.key_of_run, body)
    print_run(run, json=options.json)
    return 0


_ENDED_BADLY = frozenset(state.value for state in REFUSED_OR_CANCELED | {RunState.FAILED})


def _code(run: RunAnswer) -> int:
    """The exit code: 1 for a run that ended badly, or was not accepted and will not be retried."""
    return int(run.state in _ENDED_BADLY)


def pause(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Pause a schedule, so that it starts nothing until it is resumed."""
    with refusals():
        acting = levers_of_schedule(options, settings, folder)
        was_paused = acting.schedule(options.schedule).paused
        held = acting.pause(options.schedule, _body(options))
    note = f" ({one_line(held.pause_note)})" if held.pause_note and options.url else ""
    what = "was already paused" if was_paused else f"is paused{note}: occurrences are skipped until you resume it"
    print(f"{held.name} {what}; you can still trigger it")
    return 0


def resume(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Let a schedule start runs again."""
    with refusals():
        acting = levers_of_schedule(options, settings, folder)
        was_paused = acting.schedule(options.schedule).paused
        freed = acting.resume(options.schedule, _body(options))
    what = "runs again; what was skipped during the pause stays skipped" if was_paused else "was not paused"
    print(f"{freed.name} {what}")
    return 0


def _body(options: argparse.Namespace) -> HeldBody:
    return checked(HeldBody, note=options.note, by=options.by)
