"""The HTTP API's OpenAPI 3.1 description, built from the table of routes and its types."""

import re
from typing import Any

import msgspec

from ..steering.answers import ErrorAnswer
from ..steering.questions import NoBody
from ..version import VERSION
from .route import Described, Route
from .routes import DESCRIBED

_REFUSALS = {
    400: "The request is wrong",
    401: "The key is missing or wrong",
    403: "The schedule does not allow this change",
    404: "There is no such schedule, run or blob",
    409: "Not possible in this state",
    413: "The body is too large",
    500: "A row of the ledger cannot be read",
    503: "The ledger or the storage account cannot be reached",
}
_NAMES = {
    "schedule": "The name of a schedule",
    "key": "A run key, percent-encoded",
}


def document() -> dict[str, Any]:
    """The whole description."""
    types = {one for route in DESCRIBED for one in (route.answer, route.body, ErrorAnswer) if one is not NoBody}
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in DESCRIBED:
        paths.setdefault(f"/api/{route.path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Azure ML Pipeline Triggers",
            "version": VERSION,
            "description": (
                "What will run, what ran, what was skipped and why, what is stuck, and what you can do about it."
            ),
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
        },
    }


def _operation(route: Route[Any, Any, Any] | Described) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", route.path)
    answers = {str(status): _answer(text, route.answer) for status, text in route.statuses.items()}
    refusals = {400, 401, *route.refusals, *({500, 503} - set(route.statuses))}
    answers |= {str(status): _answer(_REFUSALS[status], ErrorAnswer) for status in sorted(refusals)}
    answers["401"] = {"description": f"{_REFUSALS[401]}; the host answers, without a body"}
    operation = {
        "operationId": route.function,
        "summary": route.summary,
        "parameters": [
            *(
                {
                    "name": one,
                    "in": "path",
                    "required": True,
                    "description": _NAMES[one],
                    "schema": {"type": "string", "minLength": 1},
                }
                for one in names
            ),
            *_query_parameters(route.query),
        ],
        "responses": answers,
    }
    if route.body is not NoBody:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{route.body.__name__}"}}}
        operation["requestBody"] = {"required": False, "content": content}
    return operation


def _answer(description: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _query_parameters(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """A query parameter for each field, all of them optional."""
    schema = msgspec.json.schema(kind)
    definitions = schema["$defs"]
    found = []
    for name, one in definitions[kind.__name__]["properties"].items():
        variants = [part for part in one.get("anyOf", [one]) if part.get("type") != "null"]
        shown = {key: value for key, value in variants[0].items() if key != "default"}
        if "$ref" in shown:
            shown = definitions[shown["$ref"].rpartition("/")[2]]
        found.append({"name": name, "in": "query", "required": False, "schema": shown})
    return found
