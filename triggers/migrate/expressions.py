"""Parses expressions of Logic Apps and Data Factory: `@{…}` within texts, and texts that are one expression."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_LONGEST: Final = 8192
_DEEPEST: Final = 40
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<sign>\?|[.,()\[\]]))"
)


class Unreadable(ValueError):
    """An expression that cannot be parsed."""


@dataclass(frozen=True)
class Literal:
    """A string, a number, true, false or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True)
class Call:
    """A function with its arguments."""

    name: str
    """In lower case: names of functions are case-insensitive."""
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Get:
    """Access to a member."""

    of: "Node"
    key: str


Node: TypeAlias = Literal | Call | Get


def pieces(text: str) -> Iterator[str | Node]:
    """Split a text into plain parts and expressions. Raises Unreadable."""
    if len(text) > _LONGEST and "@" in text:
        raise Unreadable(f"longer than {_LONGEST} characters")
    if text.startswith("@") and not text.startswith(("@@", "@{")):
        yield parsed(text[1:])
        return
    plain, at = "", 0
    while at < len(text):
        if text.startswith("@@", at):
            plain, at = plain + "@", at + 2
        elif text.startswith("@{", at):
            if plain:
                yield plain
            end = _end(text, at + 2)
            yield parsed(text[at + 2 : end])
            plain, at = "", end + 1
        else:
            plain, at = plain + text[at], at + 1
    if plain:
        yield plain


def is_expression(text: str) -> bool:
    """True if a text contains an expression."""
    return "@{" in text.replace("@@", "") or (text.startswith("@") and not text.startswith("@@"))


def parsed(text: str) -> Node:
    """Parse one expression. Raises Unreadable."""
    tokens = list(_tokens(text))
    node, rest = _node(tokens, 0, 0)
    if rest != len(tokens):
        raise Unreadable(f"{tokens[rest][1]!r} is not expected")
    return node


def _end(text: str, start: int) -> int:
    """The index of the brace that ends an expression; braces within strings do not count."""
    in_string, depth = False, 0
    for at in range(start, len(text)):
        if text[at] == "'":
            in_string = not in_string
        elif not in_string and text[at] == "{":
            depth += 1
        elif not in_string and text[at] == "}":
            if not depth:
                return at
            depth -= 1
    raise Unreadable("it has no end")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable(f"{text[at : at + 20]!r} is not expected")
        kind = str(match.lastgroup)
        yield kind, match[kind]
        at = match.end()


def _node(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[Node, int]:
    if depth > _DEEPEST:
        raise Unreadable(f"nested deeper than {_DEEPEST} levels")
    if at >= len(tokens):
        raise Unreadable("it ends too early")
    kind, text = tokens[at]
    node: Node
    if kind == "string":
        node, at = Literal(text[1:-1].replace("''", "'")), at + 1
    elif kind == "number":
        node, at = Literal(float(text) if "." in text else int(text)), at + 1
    elif kind == "name":
        node, at = _named(tokens, at, depth)
    else:
        raise Unreadable(f"{text!r} is not expected")
    return _members(node, tokens, at, depth)


_WORDS: Final = {"true": True, "false": False, "null": None}


def _named(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[Node, int]:
    name = tokens[at][1]
    if at + 1 >= len(tokens) or tokens[at + 1][1] != "(":
        if name.lower() in _WORDS:
            return Literal(_WORDS[name.lower()]), at + 1
        raise Unreadable(f"{name!r} is not expected")
    arguments: list[Node] = []
    at += 2
    while at < len(tokens) and tokens[at][1] != ")":
        argument, at = _node(tokens, at, depth + 1)
        arguments.append(argument)
        if at < len(tokens) and tokens[at][1] == ",":
            at += 1
    if at >= len(tokens):
        raise Unreadable(f"{name}( has no end")
    return Call(name.lower(), tuple(arguments)), at + 1


def _members(node: Node, tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[Node, int]:
    while at < len(tokens) and tokens[at][0] == "sign" and tokens[at][1] in "?.[":
        sign = tokens[at][1]
        if sign == "?":
            at += 1
        elif sign == "." and at + 1 < len(tokens) and tokens[at + 1][0] == "name":
            node, at = Get(node, tokens[at + 1][1]), at + 2
        elif sign == "[":
            key, at = _node(tokens, at + 1, depth + 1)
            if not isinstance(key, Literal) or at >= len(tokens) or tokens[at][1] != "]":
                raise Unreadable("an index must be text or a number")
            node, at = Get(node, str(key.value)), at + 1
        else:
            raise Unreadable(f"{sign!r} is not expected")
    return node, at


def canonical(node: Node) -> str:
    """An expression in canonical form: triggerbody().Name for triggerBody()?['Name']."""
    if isinstance(node, Literal):
        return repr(node.value)
    if isinstance(node, Get):
        return f"{canonical(node.of)}.{node.key}"
    return f"{node.name}({','.join(map(canonical, node.arguments))})"
