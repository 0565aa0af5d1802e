"""The types of values assigned in Bicep parameter files and modules, by the part of the compiler's rules they need.

From the compiler's sources (Bicep.Core: SystemNamespaceType, TypeValidator, ParameterDeclarationSyntax): int() and
bool() return an int or a bool for any argument, readEnvironmentVariable() returns the literal that it read, a
condition returns one of its two values, and `@allowed` restricts a parameter to its literals. Anything unknown has
the type "any", which fits everywhere.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

Type: TypeAlias = frozenset[str]
"""Alternatives: a type's name, a literal as written, or `literal` for text that is read at compile time."""
_RETURNED = {"int": "int", "bool": "bool", "string": "string", "filter": "array", "readEnvironmentVariable": "literal"}
_PARSER = Parser(Language(tree_sitter_bicep.language()))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a template: its type, and whether it is required."""

    type: Type
    is_required: bool


def parsed(text: str) -> Node:
    """Parse a file. The grammar has no parameter assignments, so they are parsed as variables."""
    return _PARSER.parse(re.sub(r"^param (\w+) = ", r"var \1 = ", text, flags=re.MULTILINE).encode()).root_node


def parameters(template: str) -> dict[str, Parameter]:
    """The parameters that a template declares."""
    found: dict[str, Parameter] = {}
    decorators: Node | None = None
    for node in parsed(template).named_children:
        if node.type == "parameter_declaration":
            allowed = next((types for types in map(_allowed, _calls(decorators))), None)
            name, kind, *default = node.named_children
            declared = _declared(kind)
            is_nullable = _text(kind).endswith("?")
            found[_text(name)] = Parameter(allowed or declared, is_required=not default and not is_nullable)
        decorators = node if node.type == "decorators" else None
    return found


def misfits(given: Mapping[str, Node], known: Mapping[str, Parameter], scope: Mapping[str, Type]) -> Iterator[str]:
    """One sentence for each assignment that the compiler would refuse."""
    for name, value in given.items():
        if name not in known:
            yield f"{name} is no parameter"
        elif not _fits(found := type_of(value, scope), known[name].type):
            yield f"{name} takes {_shown(known[name].type)} and is given {_shown(found)}"
    for name, one in known.items():
        if one.is_required and name not in given:
            yield f"{name} is missing"


def of_parameter_file(text: str, template: str) -> list[str]:
    """The assignments in a template's parameters file that the compiler would refuse."""
    written = set(re.findall(r"^param (\w+) =", text, re.MULTILINE))
    scope: dict[str, Type] = {}
    given: dict[str, Node] = {}
    for node in parsed(text).named_children:
        if node.type == "variable_declaration":
            name, value = _text(node.named_children[0]), node.named_children[-1]
            scope[name] = type_of(value, scope)
            if name in written:
                given[name] = value
    return list(misfits(given, parameters(template), scope))


def of_modules(path: Path) -> list[str]:
    """The module parameters in a template that the compiler would refuse."""
    text = path.read_text()
    scope = {name: one.type for name, one in parameters(text).items()}
    found: list[str] = []
    for module in (node for node in parsed(text).named_children if node.type == "module_declaration"):
        source = path.parent / _text(module.named_children[1]).strip("'")
        for block in _found(module, "object_property"):
            name, value = block.named_children[0], block.named_children[-1]
            if _text(name) == "params" and value.type == "object":
                given = {_text(one.named_children[0]): one.named_children[-1] for one in value.named_children}
                found += misfits(given, parameters(source.read_text()), scope)
    return found


def type_of(node: Node, scope: Mapping[str, Type]) -> Type:
    """The alternative types of an expression."""
    parts = node.named_children
    if node.type in {"number", "boolean", "null"}:
        return frozenset({_text(node)})
    if node.type == "string":
        return frozenset({"string" if any(one.type == "interpolation" for one in parts) else _text(node)})
    if node.type in {"array", "object"}:
        return frozenset({node.type})
    if node.type == "identifier":
        return scope.get(_text(node), frozenset({"any"}))
    if node.type == "ternary_expression":
        return type_of(parts[1], scope) | type_of(parts[2], scope)
    if node.type == "binary_expression" and "??" in _operator(node):
        return (type_of(parts[0], scope) - {"null"}) | type_of(parts[1], scope)
    if node.type == "call_expression":
        return frozenset({_RETURNED.get(_text(parts[0]), "any")})
    return frozenset({"any"})


def _fits(given: Type, wanted: Type) -> bool:
    return all(any(_is(one, other) for other in wanted) for one in given)


def _is(one: str, other: str) -> bool:
    """True if a value of one alternative also belongs to the other."""
    if "any" in {one, other} or one == other:
        return True
    is_text = one.startswith("'") or one == "literal"
    if is_text:  # a literal that is read at compile time is compared with the allowed ones at that time
        return other == "string" or (one == "literal" and other.startswith("'"))
    return (one.lstrip("-").isdigit() and other == "int") or (one in {"true", "false"} and other == "bool")


def _allowed(call: Node) -> Type | None:
    name, arguments = call.named_children
    if _text(name) != "allowed":
        return None
    return frozenset(_text(one) for one in arguments.named_children[0].named_children)


def _calls(decorators: Node | None) -> list[Node]:
    calls = [] if decorators is None else [one.named_children[0] for one in decorators.named_children]
    return [one for one in calls if one.type == "call_expression" and _text(one.named_children[0]) == "allowed"]


def _declared(kind: Node) -> Type:
    text = _text(kind).rstrip("?")
    if text.endswith("]"):
        return frozenset({"array"})
    if text in {"int", "string", "bool", "array", "object"}:
        return frozenset({text})
    literals = [one.strip() for one in text.split("|")]
    if all(re.fullmatch(r"'[^']*'|-?\d+|true|false", one) for one in literals):
        return frozenset(literals)
    return frozenset({"any" if len(literals) > 1 else "object", "any"})


def _found(node: Node, kind: str) -> Iterator[Node]:
    for one in node.named_children:
        if one.type == kind:
            yield one
        yield from _found(one, kind)


def _operator(node: Node) -> str:
    return "".join(_text(one) for one in node.children if not one.is_named)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _shown(types: Type) -> str:
    return " | ".join(sorted(types))
