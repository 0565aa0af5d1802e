"""Reads YAML 1.2 core: PyYAML parses the syntax, and we decide what plain scalars mean.

PyYAML alone follows YAML 1.1, where `4:30` is 270, `no` is false, and the second of two equal keys silently wins.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

import yaml

from ..faults import FaultList


class Invalid:
    """Stands in for a faulty part of the text, so that one mistake is reported once."""


INVALID: Final = Invalid()

Tree: TypeAlias = str | int | float | bool | Invalid | list["Tree"] | dict[str, "Tree"] | None

_MAX_DEPTH: Final = 32
_DEEPEST: Final = 200
"""Reading stops at this depth. Beyond _MAX_DEPTH there is only an error, so that others in the file are shown too."""
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,400}\Z")
_RADIX = re.compile(r"0o[0-7]{1,400}\Z|0x[0-9a-fA-F]{1,400}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")


def parse(text: str, file: str) -> tuple[Tree, FaultList]:
    """The one document in the text, and the list of errors, which also has the line of each path."""
    faults = FaultList(file)
    lines: dict[str, int] = {}
    faults.lines = lines
    try:
        tree = _Builder(text, faults, lines).document()
    except _TooDeep as error:
        faults.add("", None, f"nested deeper than {_DEEPEST} levels", error.line)
        return INVALID, faults
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, f", column {mark.column + 1}") if mark else (None, "")
        said = f"{error.problem or error.context}{column}"
        faults.add("", None, f"this is not YAML: {said}{_syntax_hint(text, error)}", line)
        return INVALID, faults
    except yaml.YAMLError as error:
        faults.add("", None, f"this is not YAML: {' '.join(str(error).split())}")
        return INVALID, faults
    return tree, faults


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


def _events(text: str) -> Iterator[yaml.Event]:
    """The parser's events, up to a depth of nesting: parsing takes time that grows with the square of the depth."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _TooDeep(_line(event))
        yield event


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar in YAML 1.2 core; whatever has no other form, like dates and `14:30`, is text."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.match(text):
        return int(text)
    if _RADIX.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    if special := _SPECIAL.match(text):
        return float("nan") if special[3] else float(special[1] + "inf")
    return text


def _syntax_hint(text: str, error: yaml.MarkedYAMLError) -> str:
    """A hint at what people usually mean where YAML gives up."""
    problem = error.problem or ""
    if "mapping values are not allowed" in problem:
        return "; text with a colon in it goes in quotes, or the indentation above is off"
    if "alphabetic or numeric" in problem:
        return "; text that begins with * or & goes in quotes"
    lines = text.splitlines()
    mark = error.problem_mark
    if mark is None or mark.line >= len(lines) or "cannot start any token" not in problem:
        return ""
    character = lines[mark.line][mark.column : mark.column + 1]
    return (
        "; indent with spaces, not with tabs"
        if character == "\t"
        else f"; text that begins with {character} goes in quotes"
    )


class _Builder:
    """Builds plain data from parser events, which still show aliases, tags and repeated keys."""

    def __init__(self, text: str, faults: FaultList, lines: dict[str, int]) -> None:
        self._events = _events(text)
        self._faults = faults
        self._lines = lines

    def document(self) -> Tree:
        tree: Tree = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fault("", "the file holds more than one document; keep one", event)
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event, "", 0)
                tree = node if documents == 1 else tree
        return tree

    def _node(self, event: yaml.Event, path: str, depth: int) -> Tree:
        self._lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._fault(path, f"aliases (*{event.anchor}) are not allowed; write the value out", event)
            return INVALID
        faulty = False
        if tag := getattr(event, "tag", None):
            self._fault(path, f"tags ({tag}) are not allowed; remove it", event)
            faulty = True
        if depth > _MAX_DEPTH:
            self._fault(path, f"nested deeper than {_MAX_DEPTH} levels", event)
            faulty = True
        node = self._content(event, path, depth)
        return INVALID if faulty else node

    def _content(self, event: yaml.Event, path: str, depth: int) -> Tree:
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else plain_scalar(event.value)
        if depth > _MAX_DEPTH:
            return self._skip()
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: str, depth: int) -> Tree:
        items: list[Tree] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> Tree:
        items: dict[str, Tree] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            inner = f"{path}.{key}" if path else str(key)
            if key in items:
                first = self._lines[inner]
                self._fault(inner, f"the key is repeated (first in line {first}); keep one", event)
                items[key] = INVALID
                self._node(next(self._events), inner, depth + 1)
                continue
            if key is not None:
                self._lines[inner] = _line(event)
            value = self._node(next(self._events), inner, depth + 1)
            if key is not None:
                items[key] = value
        return items

    def _key(self, event: yaml.Event, path: str, depth: int) -> str | None:
        """The key's text; None, with an error, if it is anything but a plain name."""
        if isinstance(event, yaml.ScalarEvent) and not event.tag:
            return str(event.value)
        self._fault(path, "a key must be plain text, without alias, tag or structure", event)
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            self._content(event, path, depth + 1)
        return None

    def _skip(self) -> Tree:
        """Skip a whole collection without recursion."""
        depth = 1
        while depth:
            event = next(self._events)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
        return INVALID

    def _fault(self, path: str, message: str, event: yaml.Event) -> None:
        self._faults.add(path, None, message, _line(event))


def _line(event: yaml.Event) -> int:
    """Counted from 1."""
    assert event.start_mark is not None
    return event.start_mark.line + 1
