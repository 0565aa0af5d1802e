"""Compares the parameter names that schedules pass with those that their pipeline has.

A name that the pipeline lacks is easily overlooked: the service's behavior is undocumented, and the SDK does not check
it either. The run starts, with the pipeline's default value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..scheduling.config import ChangeSchedule, Schedule
from ..scheduling.faults import nearest
from ..scheduling.templates import Field, MissingSetting, expand, fill, tokens
from .findings import Findings, fault, not_checked, ok, warning

PARAMETERS: Final = "pipeline_parameters"
DATAPATHS: Final = "datapaths"
DATASETS: Final = "datasets"
_IN_WORDS: Final = {PARAMETERS: "a plain parameter", DATAPATHS: "a data path", DATASETS: "a dataset"}


@dataclass(frozen=True, kw_only=True)
class KnownNames:
    """The names that a pipeline accepts, by the key of the schedules file that sets them."""

    of: Mapping[str, frozenset[str]]
    missing: str | None = None
    """Why the names of the data paths could not be read; None if all names are known."""

    @property
    def all(self) -> list[str]:
        return sorted(set().union(*self.of.values()))


@dataclass(frozen=True)
class Used:
    """A name that a schedule passes: its place in the schedule, its kind (a key of the file) and the name itself."""

    place: str
    kind: str
    name: str


def used_names(schedule: Schedule, settings: Mapping[str, str]) -> Iterator[Used]:
    """Every name that the schedule's requests contain."""
    request = schedule.request
    for kind, names in (
        (PARAMETERS, request.pipeline_parameters),
        (DATAPATHS, request.datapaths),
        (DATASETS, request.datasets),
    ):
        yield from (Used(f"{kind}.{name}", kind, name) for name in names)
    if isinstance(schedule, ChangeSchedule) and schedule.trigger.data_path_parameter_name is not None:
        name = plain(schedule.trigger.data_path_parameter_name, settings)
        if name is not None:
            yield Used("change.data_path_parameter_name", DATAPATHS, name)


def plain(text: str, settings: Mapping[str, str]) -> str | None:
    """A text of the file with its settings inserted; None if it depends on the run or on a missing setting."""
    if any(isinstance(token, Field) for token in tokens(text)):
        return None
    try:
        return expand(fill(text, {}), settings)
    except MissingSetting:
        return None


def compared(schedule: Schedule, settings: Mapping[str, str], known: KnownNames, file: str) -> Findings:
    """A finding for each name that does not fit, or one for all if they fit; none for a schedule without names."""
    subject = f"schedule {schedule.name}"
    used = list(used_names(schedule, settings))
    wrong = [finding for one in used for finding in _compared(one, subject, schedule, known, file)]
    yield from wrong
    if used and not wrong:
        yield ok(subject, f"the pipeline has {', '.join(one.name for one in used)}")


def _compared(one: Used, subject: str, schedule: Schedule, known: KnownNames, file: str) -> Findings:
    place = f"schedules.{schedule.name}.{one.place} in {file}"
    if one.name in known.of[one.kind]:
        return
    other = next((kind for kind, names in known.of.items() if one.name in names), None)
    if other is not None:
        sentence = f"{one.name!r} is {_IN_WORDS[other]} of the pipeline, but is given as {_IN_WORDS[one.kind]}"
        yield warning(subject, sentence, f"{place}: give it under `{other}`")
    elif known.missing is not None and one.kind == DATAPATHS:
        sentence = f"cannot tell whether the pipeline has the data path {one.name!r}: {known.missing}"
        yield not_checked(subject, sentence, "check the pipeline's parameters in the studio")
    else:
        has = ", ".join(known.all) or "none"
        sentence = f"the pipeline has no parameter {one.name!r}{nearest(one.name, known.all)}"
        yield fault(subject, f"{sentence}{'' if sentence.endswith('?') else ';'} it has: {has}", f"correct {place}")
