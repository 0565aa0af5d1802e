"""Reads source files, JSON or YAML, and recognizes their kind."""

import codecs
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..scheduling.file.yaml_text import parse
from .drafts import Unimportable
from .texts import is_declared_secret, items, members

LARGEST: Final = 64 * 1024 * 1024
DEEPEST: Final = 100
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_YAML: Final = (".yaml", ".yml")

KINDS: Final = ("logic-app", "data-factory", "sdk-v1", "job-schedule")


def document(path: Path) -> Any:
    """The parsed contents of a file. Raises Unimportable."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unimportable(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > LARGEST:
        raise Unimportable(f"{path}: {len(content)} bytes; at most {LARGEST} are allowed")
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unimportable(f"{path}: is not text in {encoding}: byte {error.start}") from error
    return _resolved(_yaml(text, path) if path.suffix.lower() in _YAML else _json(text, path))


def _json(text: str, path: Path) -> Any:
    if not text.strip():
        raise Unimportable(f"{path}: the file is empty")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise Unimportable(f"{path}: nested deeper than {DEEPEST} levels") from error
    except ValueError as error:
        where = (
            f"line {error.lineno}, column {error.colno}: {error.msg}"
            if isinstance(error, json.JSONDecodeError)
            else str(error)
        )
        cut = isinstance(error, json.JSONDecodeError) and not text[error.pos :].strip()
        hint = "; it ends too early, so it may not be complete" if cut else ""
        raise Unimportable(f"{path}: this is not JSON: {where}{hint}") from error
    if _depth(found) > DEEPEST:
        raise Unimportable(f"{path}: nested deeper than {DEEPEST} levels")
    return found


_PARAMETER: Final = re.compile(r"\[parameters\('([^']+)'\)\]\Z")


def _resolved(found: Any) -> Any:
    """Replace parameters of ARM templates by their default values, except secure ones."""
    if isinstance(found, list):
        return [_resolved(one) for one in found]
    if not isinstance(found, dict) or not isinstance(found.get("resources"), list):
        return found
    declared = members(found.get("parameters"))
    values = {
        name: one["defaultValue"]
        for name, one in declared.items()
        if isinstance(one, dict) and "defaultValue" in one and not is_declared_secret(one)
    }
    return {**found, "resources": _with_values(found["resources"], values)}


def _with_values(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _with_values(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_values(one, values) for one in value]
    if not isinstance(value, str) or not value.startswith("["):
        return value
    if value.startswith("[["):
        return value[1:]
    match = _PARAMETER.match(value)
    return values.get(match[1], value) if match else value


def _yaml(text: str, path: Path) -> Any:
    tree, faults = parse(text, str(path))
    if faults.faults:
        raise Unimportable(str(faults.faults[0]))
    return tree


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            one
            for each in level
            if isinstance(each, dict | list)
            for one in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def kind_of(found: Any) -> str | None:
    """Guess a document's kind, one of KINDS, from its shape, for error messages; None if unclear."""
    if isinstance(found, list):
        return next(filter(None, map(kind_of, found)), None)
    if not isinstance(found, dict):
        return None
    properties = members(found.get("properties"))
    types = {str(one.get("type", "")).lower() for one in _resources(found)}
    if any(one.startswith("microsoft.logic/workflows") for one in types) or isinstance(
        properties.get("definition", found.get("definition")), dict
    ):
        return "logic-app"
    if (
        any("factories" in one or "microsoft.synapse" in one for one in types)
        or isinstance(properties.get("activities"), list)
        or str(properties.get("type", "")).endswith("Trigger")
    ):
        return "data-factory"
    if isinstance(found.get("triggers"), dict) and isinstance(found.get("actions"), dict):
        return "logic-app"
    if "PipelineSubmissionInfo" in found or "ScheduleType" in found or "recurrence" in found:
        return "sdk-v1"
    if isinstance(found.get("trigger"), dict) or "action" in properties or "create_job" in found:
        return "job-schedule"
    return "data-factory" if isinstance(properties.get("pipelines"), list) else None


def _resources(found: dict[str, Any]) -> list[dict[str, Any]]:
    return (
        [one for one in items(found.get("resources")) if isinstance(one, dict)]
        if isinstance(found.get("resources"), list)
        else []
    )
