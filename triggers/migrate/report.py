"""The report of an import: what is kept, changed and lost, what fires when, and what to do."""

from collections.abc import Iterator
from typing import Any

from ..scheduling.instants import iso_utc
from .importing import FIRINGS, ORDER, Firings, Imported, Result
from .literals import one_line


def plain(result: Result) -> Iterator[str]:
    """Lines for a terminal: what differs, and what to do."""
    number = len(result.schedules)
    yield f"{number} schedule{'' if number == 1 else 's'} imported, disabled"
    for one in result.schedules:
        yield f"{one.name} (from {one_line(one.draft.source)})"
        yield from (
            f"  {each.verdict.value}: {one_line(f'{each.place}: {each.sentence}')}"
            for each in one.draft.lost_or_changed
        )
        yield from (f"  {line}" for line in _firing_lines(one.firings))
        yield from (f"  to decide: {one_line(what)}" for what in one.draft.decide)
        yield from (f"  before: {one_line(what)}" for what in _once(one.draft.before))
        if one.draft.stop:
            yield f"  stop: {one_line(one.draft.stop)}"
    yield from (f"secret: {one_line(f'{one.place} {one.sentence}')}" for one in result.secrets)
    yield from (f"setting: {name}: {one_line(holds)}" for name, holds in sorted(result.settings.items()))
    yield from (f"not imported: {one_line(what)}" for what in result.failures)
    if result.schedules:
        yield "How to switch over:"
        yield from (f"  {number}. {step}" for number, step in enumerate(ORDER, 1))


def markdown(result: Result) -> str:
    """The whole report, including what is kept."""
    return "\n".join(_markdown(result)) + "\n"


def _markdown(result: Result) -> Iterator[str]:
    yield from ("# Imported schedules", "")
    yield from ("## How to switch over", "", *(f"{number}. {step}" for number, step in enumerate(ORDER, 1)), "")
    if result.settings:
        yield from ("## App settings to create", "", "| setting | holds |", "| --- | --- |")
        yield from (f"| `{name}` | {_cell(holds)} |" for name, holds in sorted(result.settings.items()))
        yield ""
    for one in result.schedules:
        yield from _markdown_schedule(one)
    if result.secrets:
        yield from (
            "## Secrets in the source",
            "",
            *(f"- {_cell(f'{one.place} {one.sentence}')}" for one in result.secrets),
            "",
        )
    if result.failures:
        yield from ("## Not imported", "", *(f"- {_cell(what)}" for what in result.failures), "")


def _markdown_schedule(one: Imported) -> Iterator[str]:
    draft = one.draft
    yield from (f"## {one.name}", "", f"From {_cell(draft.source)}; starts the pipeline `{one.pipeline}`.", "")
    if draft.differences:
        yield from ("| field of the source | | |", "| --- | --- | --- |")
        yield from (
            f"| {_cell(each.place)} | {each.verdict.value} | {_cell(each.sentence)} |" for each in draft.differences
        )
        yield ""
    yield from (f"- {line}" for line in _firing_lines(one.firings))
    yield from (f"- [ ] decide: {_cell(what)}" for what in draft.decide)
    yield from (f"- [ ] {_cell(what)}" for what in _once(draft.before))
    if draft.stop:
        yield f"- [ ] stop the old trigger: {_cell(draft.stop)}"
    yield ""


def as_json(result: Result) -> dict[str, Any]:
    """The file and the report for programs."""
    return {
        "file": result.text,
        "schedules": [_json_schedule(one) for one in result.schedules],
        "settings": dict(sorted(result.settings.items())),
        "secrets": [{"place": one.place, "sentence": one.sentence} for one in result.secrets],
        "not_imported": result.failures,
        "order": list(ORDER),
    }


def _json_schedule(one: Imported) -> dict[str, Any]:
    draft, firings = one.draft, one.firings
    return {
        "name": one.name,
        "source": draft.source,
        "pipeline": one.pipeline,
        "fields": [
            {"place": each.place, "verdict": each.verdict.value, "sentence": each.sentence}
            for each in draft.differences
        ],
        "firings": None
        if firings is None
        else {
            "after": iso_utc(firings.after),
            "only_there": [iso_utc(at) for at in firings.only_there],
            "only_here": [iso_utc(at) for at in firings.only_here],
        },
        "decide": draft.decide,
        "before": _once(draft.before),
        "stop": draft.stop,
    }


def _firing_lines(firings: Firings | None) -> Iterator[str]:
    if firings is None:
        return
    for title, found in (("only in the source", firings.only_there), ("only in this app", firings.only_here)):
        if found:
            shown = ", ".join(map(iso_utc, found))
            yield f"of the next {FIRINGS} firings after {iso_utc(firings.after)}, {title}: {shown}"


def _once(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _cell(text: str) -> str:
    shown = one_line(text).replace("|", "\\|")
    return shown.replace("<", "&lt;")
