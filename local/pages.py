"""Writes the generated pages of docs/: the command line and the HTTP API.

python -m local.pages
"""

import argparse
import ast
import inspect
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from triggers.commands.command_line import command_line
from triggers.scheduling import azure_devops, shown
from triggers.steering import answers, questions
from triggers.web.openapi import document
from triggers.web.routes import DESCRIBED

DOCS = Path(__file__).resolve().parent.parent / "docs"
_SHARED = ("url", "key", "note", "by", "json")
"""Arguments that are explained once, for all commands."""
_ANSWERS = "http-api-answers.md"
GENERATED = "<!-- Everything below is generated: make docs -->"


def main() -> None:
    """Rewrite the generated part of each page; the part above it is kept."""
    for name, lines in pages().items():
        path = DOCS / name
        path.write_text(page_with(path.read_text(), lines))


def pages() -> dict[str, list[str]]:
    """The generated lines of each page."""
    return {
        "cli-commands.md": list(cli()),
        "http-api.md": list(http_api()),
        "http-api-answers.md": list(http_api_answers()),
    }


def page_with(text: str, lines: list[str]) -> str:
    """The text of a page, with its generated lines replaced."""
    written, marker, _ = text.partition(GENERATED)
    assert marker, "the page says where its generated part begins"
    return "\n".join([f"{written}{GENERATED}", "", *lines]).rstrip() + "\n"


def cli() -> Iterator[str]:
    """A heading for each command, with its usage and its arguments."""
    (commands,) = (one for one in command_line()._actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001  argparse has no public way
    shared = {one.dest: _argument(one) for parser in commands.choices.values() for one in parser._actions}  # noqa: SLF001
    yield from ("Several commands share these:", "", "| argument | meaning |", "| --- | --- |")
    yield from (*(shared[dest] for dest in _SHARED), "")
    for name, parser in commands.choices.items():
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        example = str(parser.epilog).partition("\n")[2].strip()
        examples = [example] if example != f"python -m triggers {name}" else []
        yield from (f"## {name}", "", " ".join(str(parser.description).split()), "```text", usage, *examples, "```", "")
        rows = [_argument(one) for one in parser._actions if one.dest not in {"help", *_SHARED}]  # noqa: SLF001
        if rows:
            yield from ("| argument | meaning |", "| --- | --- |", *rows, "")


def _argument(one: argparse.Action) -> str:
    metavar = str(one.metavar or "")
    names = ", ".join(f"`{flag} {metavar}`".replace(" `", "`") for flag in one.option_strings) or f"`{metavar}`"
    meaning = _sentence(one.help or "")
    chosen = f" One of {', '.join(f'`{choice}`' for choice in one.choices)}." if one.choices else ""
    return f"| {names} | {meaning}{chosen}{' Required.' if one.required and one.option_strings else ''} |"


def http_api() -> Iterator[str]:
    """A heading for each route, with its query, its body and the names of its answers."""
    described = document()
    schemas: dict[str, Any] = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            refused = ", ".join(status for status, answer in one["responses"].items() if _shape(answer) is None)
            yield f"## {method.upper()} {path}"
            yield f"{_sentence(one['summary'])} Function `{one['operationId']}`; errors {refused}."
            yield ""
            yield from _fields("query", _query(one))
            body = one.get("requestBody")
            if body:
                yield from _fields("body", _properties(schemas, _named(body)))
            for status, answer in one["responses"].items():
                if (kind := _shape(answer)) is not None:
                    yield f"- {status}: {answer['description']} ([{kind}]({_ANSWERS}#{kind.lower()}))"
            yield ""


def http_api_answers() -> Iterator[str]:
    """A heading for each answer, with its fields."""
    schemas: dict[str, Any] = document()["components"]["schemas"]
    shapes = sorted(name for name in schemas if name.endswith("Answer") and name != "ErrorAnswer")
    for name in ["ErrorAnswer", *shapes, "AzureDevOps"]:
        text = " ".join(schemas[name].get("description", "").split())
        yield from (f"## {name}", text, "")
        fields = _properties(schemas, name)
        yield from (f"- `{field}`: {_type(kind)}{_described(said)}" for field, kind, said in fields if _described(said))
        if plain := [f"`{field}`: {_type(kind)}" for field, kind, said in fields if not _described(said)]:
            yield f"- {'; '.join(plain)}"
        yield ""


def _query(operation: dict[str, Any]) -> list[tuple[str, Any, str]]:
    kind = next(one.query.__name__ for one in DESCRIBED if one.function == operation["operationId"])
    said = _descriptions_of_fields().get(kind, {})
    return [
        (one["name"], one["schema"], said.get(one["name"], ""))
        for one in operation["parameters"]
        if one["in"] == "query"
    ]


def _shape(answer: dict[str, Any]) -> str | None:
    """The name of an answer's type; None for an error, which is always the same."""
    kind = _named(answer) if "content" in answer else "ErrorAnswer"
    return None if kind == "ErrorAnswer" else kind


def _named(part: dict[str, Any]) -> str:
    return str(part["content"]["application/json"]["schema"]["$ref"]).rpartition("/")[2]


def _properties(schemas: dict[str, Any], name: str) -> list[tuple[str, Any, str]]:
    said = _descriptions_of_fields().get(name, {})
    return [
        (field, schema, said.get(field) or schema.get("description", ""))
        for field, schema in schemas[name]["properties"].items()
    ]


def _descriptions_of_fields() -> dict[str, dict[str, str]]:
    """Class → field → the string below it in the source, for all questions and answers."""
    found: dict[str, dict[str, str]] = {}
    for module in (questions, answers, shown, azure_devops):
        for one in ast.parse(inspect.getsource(module)).body:
            if isinstance(one, ast.ClassDef):
                renamed = {"first": "from", "before": "to"} if one.name == "BackfillBody" else {}
                for field, text in pairwise(one.body):
                    if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                        name = ast.unparse(field.target)
                        found.setdefault(one.name, {})[renamed.get(name, name)] = ast.literal_eval(text.value)
    return found


def _fields(title: str, fields: list[tuple[str, Any, str]]) -> Iterator[str]:
    if not fields:
        return
    yield from (f"| {title} | type | meaning |", "| --- | --- | --- |")
    for name, schema, text in fields:
        shown = json.dumps(schema["default"]) if schema.get("default") not in (None, {}, []) else ""
        default = f" Default: `{shown}`." if shown else ""
        yield f"| `{name}` | {_type(schema)} | {_sentence(text)}{default} |"
    yield ""


def _described(text: str) -> str:
    return f". {_sentence(text)}" if text and text != "UTC, with Z" else ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name.endswith("Answer") else name
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    return " ".join([str(schema.get("format") or schema.get("type") or "any"), *limits])


def _sentence(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return f"{text[:1].upper()}{text[1:]}{'' if not text or text.endswith(('.', '?')) else '.'}".replace("|", "\\|")


if __name__ == "__main__":
    main()
