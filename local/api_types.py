"""Generates JSDoc types for the dashboard's modules from the types of the HTTP API.

python -m local.api_types > triggers/web/dashboard/api_types.js
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from triggers.steering.questions import NoBody
from triggers.web.routes import DESCRIBED

_HEAD: Final = """\
// What the HTTP API takes and answers. Generated from the app's own types by local/api_types.py: do not edit.
"""
_NARROWER: Final = {
    ("RunAnswer", "state"): "RunState",
    ("EventAnswer", "state"): "RunState | null",
    ("ScheduleAnswer", "trigger"): 'import("./trigger_words.js").Trigger',
}
"""Fields with a narrower type than in the API's description."""
_OF_PROGRAMS: Final = frozenset({"api_submit"})
"""Functions that the page never calls."""
_NOT_NAMED: Final = frozenset({"NoQuery", "RunQuery", "SchedulesQuery", "ExplainQuery"})
"""Queries that the page builds itself."""
_TYPES: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def api_types() -> str:
    """One typedef per type, in order of their names."""
    shown = [route for route in DESCRIBED if route.function not in _OF_PROGRAMS]
    types = {one for route in shown for one in (route.answer, route.body, route.query) if one is not NoBody}
    types = {one for one in types if one.__name__ not in _NOT_NAMED}
    _, schemas = msgspec.json.schema_components(types, ref_template="{name}")
    return "\n".join([_HEAD, *(_typedef(name, schemas[name]) for name in sorted(schemas))])


def _typedef(name: str, schema: Mapping[str, Any]) -> str:
    lines = ["/**", *(f" * {line}" for line in schema["description"].splitlines())]
    if "enum" in schema:
        lines.append(f" * @typedef {{{_type(schema)}}} {name}")
    else:
        lines += [f" * @typedef {{object}} {name}", *_properties(name, schema)]
    return "\n".join([*lines, " */", ""])


def _properties(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    for field, one in schema["properties"].items():
        shown = field if field in schema["required"] else f"[{field}]"
        yield f" * @property {{{_NARROWER.get((name, field)) or _type(one)}}} {shown}"


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON schema as a JSDoc type."""
    if "$ref" in schema:
        return str(schema["$ref"])
    if "enum" in schema:
        return " | ".join(f'"{one}"' for one in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema["type"] == "array":
        return f"{_type(schema['items'])}[]"
    if schema["type"] == "object":
        return f"Record<string, {_type(schema['additionalProperties'])}>"
    return _TYPES[schema["type"]]


if __name__ == "__main__":
    print(api_types(), end="")
