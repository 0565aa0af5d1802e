"""Reads the files of a factory: pipelines, triggers and linked services, and which trigger starts what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .texts import items, lowered, members

_DEEPEST: Final = 5
"""How many levels of pipelines that execute one another are followed."""


@dataclass(kw_only=True)
class Factory:
    """The contents of the files, by name."""

    pipelines: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    triggers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    services: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Linked services of the type AzureMLService: their type properties, with keys in lower case."""
    files: dict[str, str] = field(default_factory=dict)
    is_synapse: bool = False


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a pipeline is started: by a trigger, directly or through a pipeline that executes it."""

    trigger: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    above: "Start | None" = None
    """How the parent pipeline, which executes it, is started."""
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    """The parent pipeline."""
    name: str = ""


def collect(factory: Factory, document: Any, file: str) -> None:
    """Add a document's contents to the factory."""
    if isinstance(document, list):
        for one in document:
            collect(factory, one, file)
        return
    if not isinstance(document, dict):
        return
    resources = document.get("resources")
    if isinstance(resources, list):
        for one in resources:
            if isinstance(one, dict):
                _collect_resource(factory, one, file)
        return
    _collect_resource(factory, document, file)


def _collect_resource(factory: Factory, resource: Mapping[str, Any], file: str) -> None:
    properties = resource.get("properties")
    if not isinstance(properties, dict):
        return
    name = _name(str(resource.get("name", "")))
    factory.is_synapse |= "microsoft.synapse/" in str(resource.get("type", "")).lower()
    kind, own = str(resource.get("type", "")).lower(), str(properties.get("type", ""))
    if isinstance(properties.get("activities"), list):
        factory.pipelines[name] = properties
        factory.files[f"pipeline {name}"] = file
    elif kind.endswith("/triggers") or own.endswith("Trigger"):
        factory.triggers[name] = properties if own else {**properties, "type": str(resource.get("type", ""))}
        factory.files[f"trigger {name}"] = file
    elif own == "AzureMLService":
        factory.services[name] = lowered(properties.get("typeProperties"))


def _name(text: str) -> str:
    """The last part of a name, which a template may build: [concat(parameters('f'), '/p')]."""
    if not text.startswith("["):
        return text.rpartition("/")[2]
    return text.rstrip(")]'\" ").rpartition("/")[2].rpartition("'")[2] or text


def activities_in(
    activities: Any, within: Mapping[str, Any] | None = None
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """Every activity, including nested ones, each with the activity that contains it."""
    for one in activities if isinstance(activities, list) else []:
        if not isinstance(one, dict):
            continue
        yield one, within
        inner = lowered(one.get("typeProperties"))
        for key in ("activities", "iftrueactivities", "iffalseactivities", "defaultactivities"):
            yield from activities_in(inner.get(key), one)
        for case in items(inner.get("cases")):
            yield from activities_in(lowered(case).get("activities"), one)


def starts_of(factory: Factory, pipeline: str, below: tuple[str, ...] = ()) -> Iterator[Start]:
    """The ways in which a pipeline is started, by its own triggers and by those of its ancestors; skips cycles."""
    for name, trigger in factory.triggers.items():
        given = trigger.get("pipelines", trigger.get("pipeline"))
        for one in given if isinstance(given, list) else [given]:
            reference = lowered(lowered(one).get("pipelinereference"))
            if reference.get("referencename", reference.get("name")) == pipeline:
                parameters = lowered(one).get("parameters", trigger.get("parameters"))
                yield Start(trigger=name, parameters=members(parameters))
    line = (*below, pipeline)
    if len(line) > _DEEPEST:
        return
    for parent, properties in factory.pipelines.items():
        for activity, _ in activities_in(properties.get("activities")):
            given = lowered(activity.get("typeProperties"))
            if lowered(given.get("pipeline")).get("referencename") != pipeline or parent in line:
                continue
            for start in starts_of(factory, parent, line):
                yield Start(
                    trigger=start.trigger,
                    parameters=members(given.get("parameters")),
                    above=start,
                    pipeline=properties,
                    name=parent,
                )
