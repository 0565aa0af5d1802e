"""Prints runs, for people and as JSON."""

import json as json_module
from collections.abc import Iterator, Mapping
from itertools import count

import msgspec

from ..scheduling.run_keys import replay_key
from ..scheduling.shown import RequestAnswer, RunAnswer
from ..steering.declined import NotKnown
from .levers import Levers
from .terminal import one_line

INDENT = 14


def print_run(run: RunAnswer, *, json: bool, before: str = "") -> None:
    """Print one run in one line, or as JSON."""
    if json:
        print(as_json(run))
        return
    why = one_line(why_not(run))
    print(f"{before}{run.key}: {run.state}{f', run {run.run_id}' if run.run_id else ''}{f' ({why})' if why else ''}")


def why_not(run: RunAnswer) -> str:
    """Why a run was not started or did not end as expected; empty if all is well."""
    return ": ".join(part for part in (run.reason, run.error) if part)


def is_for(run: RunAnswer) -> str:
    """What a run is for: a file, a number of files, a time, or another run."""
    if run.batch is not None:
        files = "1 file" if run.batch.count == 1 else f"{run.batch.count} files"
        return f"{files} in {run.batch.group}" if run.batch.group else files
    if run.blob is not None:
        return run.blob.path
    if run.upstream is not None:
        return f"after {run.upstream.key}"
    return run.nominal_time or ""


def as_json(found: object) -> str:
    """JSON for programs."""
    return json_module.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False)


def replays_of(acting: Levers, root: str) -> list[RunAnswer]:
    """The replays of an occurrence, oldest first. Raises Declined and StoreUnavailable."""
    found: list[RunAnswer] = []
    for number in count(1):
        try:
            found.append(acting.run(replay_key(root, number))[0])
        except NotKnown:
            return found
    raise AssertionError("there is always a replay that does not exist")


def lines_of(run: RunAnswer, replays: list[RunAnswer]) -> Iterator[str]:
    """Everything about one run, line by line."""
    yield run.key
    facts = {
        "state": f"{run.state}{f' ({why_not(run)})' if why_not(run) else ''}",
        "for": is_for(run),
        "pipeline": run.pipeline,
        "run": run.run_id,
        "studio": run.studio_url,
        "attempts": str(run.attempts),
        "next attempt": run.next_attempt_at,
        "created": run.created_at,
        "submitted": run.submitted_at,
        "ended": run.ended_at,
        "requested by": run.requested_by,
        "note": run.note,
        "replay of": run.replay_of,
        "after": run.upstream and run.upstream.key,
    }
    yield from _facts({name: text for name, text in facts.items() if text})
    yield from _listed("replays", [f"{one.key}: {one.state}" for one in replays])
    yield from _listed("followed by", run.downstream)
    yield from _listed(
        "history", [_event(*one) for one in ((each.at, each.state, each.reason) for each in run.history)]
    )
    if run.request is not None:
        yield "what was sent"
        yield from _request(run.request)


def _request(request: RequestAnswer) -> Iterator[str]:
    yield from _facts({"experiment": request.experiment_name})
    yield from _facts(
        {
            name: text
            for name, text in (("description", request.description), ("parent run", request.parent_run_id))
            if text
        }
    )
    for title, values in (
        ("parameter", request.pipeline_parameters),
        ("data path", {name: f"{one['datastore']}/{one['path']}" for name, one in request.datapaths.items()}),
        ("dataset", {name: ":".join(one.values()) for name, one in request.datasets.items()}),
        ("tag", request.tags),
    ):
        yield from (one_line(f"  {title:<{INDENT - 2}} {name} = {value}") for name, value in values.items())


def _event(at: str | None, state: str | None, reason: str | None) -> str:
    said = ": ".join(part for part in (state, reason) if part)
    return f"{at}  {said}" if at else f"… {said}"


def _facts(facts: Mapping[str, str | None]) -> Iterator[str]:
    yield from (one_line(f"  {name:<{INDENT - 2}} {text}") for name, text in facts.items())


def _listed(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (one_line(f"  {line}") for line in lines)
