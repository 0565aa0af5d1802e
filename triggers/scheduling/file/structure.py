"""Turns the plain data of a file into its typed keys, and collects all errors instead of stopping at the first."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, field
from msgspec import inspect as types

from ..faults import FaultList, nearest
from ..templates import MissingSetting, expand
from .as_meant import as_list, as_mapping, as_names, yaml_of
from .private_settings import private_problem
from .yaml_text import INVALID, Invalid, Tree, plain_scalar

Struct = TypeVar("Struct", bound=msgspec.Struct)


class RequestTextAt(msgspec.Struct, frozen=True):
    """A text of the request, as written, and its place in the file."""

    path: str
    text: str


class Converter(msgspec.Struct):
    """Converts one part of the file; `texts` collects its request texts, for checks that need the schedule's kind."""

    faults: FaultList
    settings: Mapping[str, str]
    connections: frozenset[str] = frozenset()
    """App-setting prefixes of the storage accounts that the file and the settings name."""
    texts: list[RequestTextAt] = field(default_factory=list)

    def fresh(self) -> "Converter":
        """Another converter, for a part of the file whose texts are checked separately."""
        return Converter(self.faults, self.settings, self.connections)

    def convert(self, tree: Tree, cls: type[Struct], path: str) -> Struct | None:
        """Convert to an instance of the msgspec class; None, with errors added, if anything in it is wrong."""
        converted = self._struct(tree, _type_of(cls), path)
        return converted if isinstance(converted, cls) else None

    def parts(self, tree: dict[str, Tree], cls: type[msgspec.Struct], path: str) -> dict[str, Any]:
        """The values of the valid keys, so that they can be checked further even if other keys are faulty."""
        return self._values(tree, _type_of(cls), path)[0]

    def _any(self, tree: Tree, kind: types.Type, path: str, extra: Mapping[str, Any]) -> Any:
        if isinstance(tree, Invalid):
            return INVALID
        if isinstance(kind, types.Metadata):
            return self._any(tree, kind.type, path, {**extra, **(kind.extra or {})})
        if isinstance(kind, types.UnionType):
            return self._union(tree, kind, path, extra)
        if isinstance(kind, types.StructType):
            return self._struct(tree, kind, path)
        if isinstance(kind, types.DictType):
            return self._dict(tree, kind, path)
        if isinstance(kind, types.ListType):
            return self._list(tree, kind, path)
        return self._leaf(tree, kind, path, extra)

    def _union(self, tree: Tree, kind: types.UnionType, path: str, extra: Mapping[str, Any]) -> Any:
        others = [one for one in kind.types if not isinstance(one, types.NoneType)]
        if tree is None and len(others) < len(kind.types):
            return None
        if len(others) == 1:
            return self._any(tree, others[0], path, extra)
        lists = [one for one in others if isinstance(one, types.ListType)]
        if lists:
            [single] = [one for one in others if one not in lists]
            if isinstance(single, types.IntType) and not isinstance(tree, int | list):
                hint = f"; write [{yaml_of(tree)}]" if isinstance(tree, str) else ""
                return self._wrong(path, tree, f"expected a whole number or a list{hint}")
            return self._any(tree, lists[0] if isinstance(tree, list) else single, path, extra)
        if not isinstance(tree, str | int | float | bool):
            return self._wrong(path, tree, "expected text, a number, true or false; JSON goes in quotes, as text")
        if isinstance(tree, str):
            return self._text(tree, types.StrType(), path, extra)
        return self._checked(tree, path, extra, tree)

    def _struct(self, tree: Tree, kind: types.StructType, path: str) -> Any:
        if isinstance(tree, Invalid):
            return INVALID
        if not isinstance(tree, dict):
            return self._wrong(path, tree, f"expected a mapping of keys to values{as_mapping(path, tree, kind)}")
        values, whole = self._values(tree, kind, path)
        return kind.cls(**values) if whole else INVALID

    def _values(self, tree: dict[str, Tree], kind: types.StructType, path: str) -> tuple[dict[str, Any], bool]:
        """The valid values of a mapping, and whether all of it is valid."""
        known = {one.encode_name: one for one in kind.fields}
        values: dict[str, Any] = {}
        for key in [key for key in tree if key not in known]:
            self.faults.add(
                _inner(path, key), None, f"unknown key{nearest(key, list(known)) or _elsewhere(key, tree, known)}"
            )
        for name, one in known.items():
            if name in tree:
                values[name] = self._any(tree[name], one.type, _inner(path, name), {})
            elif one.default is NODEFAULT and one.default_factory is NODEFAULT:
                self.faults.add(_inner(path, name), None, "the key is missing")
                values[name] = INVALID
        right = {name: value for name, value in values.items() if value is not INVALID}
        return right, tree.keys() <= known.keys() and len(right) == len(values)

    def _dict(self, tree: Tree, kind: types.DictType, path: str) -> Any:
        if not isinstance(tree, dict):
            return self._wrong(path, tree, f"expected a mapping of names to values{as_names(tree)}")
        values = {key: self._any(value, kind.value_type, _inner(path, key), {}) for key, value in tree.items()}
        return INVALID if INVALID in values.values() else values

    def _list(self, tree: Tree, kind: types.ListType, path: str) -> Any:
        if not isinstance(tree, list):
            return self._wrong(path, tree, f"expected a list{as_list(path, tree)}")
        values = [self._any(value, kind.item_type, f"{path}[{n}]", {}) for n, value in enumerate(tree)]
        return INVALID if INVALID in values else values

    def _leaf(self, tree: Tree, kind: types.Type, path: str, extra: Mapping[str, Any]) -> Any:
        if isinstance(kind, types.StrType):
            return self._text(tree, kind, path, extra)
        if isinstance(kind, types.BoolType):
            return tree if isinstance(tree, bool) else self._wrong(path, tree, f"expected true or false{_truth(tree)}")
        assert isinstance(kind, types.IntType), f"no other kind of value is used: {kind}"
        if not isinstance(tree, int) or isinstance(tree, bool):
            hint = f"; without quotes: {tree}" if isinstance(tree, str) and isinstance(plain_scalar(tree), int) else ""
            return self._wrong(path, tree, f"expected a whole number{_range(kind)}{hint}")
        if (kind.ge is not None and tree < kind.ge) or (kind.le is not None and tree > kind.le):
            return self._wrong(path, tree, f"expected a whole number{_range(kind)}")
        return tree

    def _text(self, tree: Tree, kind: types.StrType, path: str, extra: Mapping[str, Any]) -> Any:
        if not isinstance(tree, str) and "words" in extra:
            return self._wrong(path, tree, f"expected one of {', '.join(extra['words'])}")
        if not isinstance(tree, str):
            hint = f"; put it in quotes: '{yaml_of(tree)}'" if isinstance(tree, int | float) else ""
            problem = extra["check"](str(tree)) if "check" in extra else None
            return self._wrong(path, tree, problem or f"expected text{hint}")
        if kind.min_length and not tree:
            return self._wrong(path, tree, "expected text that is not empty")
        if extra.get("request_text"):
            self.texts.append(RequestTextAt(path, tree))
            return tree
        if problem := private_problem(tree, self.settings, self.connections):
            return self._wrong(path, tree, problem)
        try:
            value = expand(tree, self.settings)
        except MissingSetting as error:
            self.faults.add(path, tree, f"{error}; add it, or write the value here", lacks=error.name)
            return INVALID
        if "words" in extra:
            return self._word(path, tree, value, extra)
        return self._checked(value, path, extra, tree)

    def _word(self, path: str, written: str, value: str, extra: Mapping[str, Any]) -> Any:
        words: tuple[str, ...] = extra["words"]
        for word in words:
            if value == word or (extra["either_case"] and value == word.lower()):
                return word
        return self._wrong(path, written, f"expected one of {', '.join(words)}{nearest(value, list(words))}")

    def _checked(self, value: Tree, path: str, extra: Mapping[str, Any], written: Tree) -> Any:
        """The value, unless the check of its key rejects it; an error shows it as written."""
        problem = extra["check"](value) if "check" in extra else None
        if problem and value != written:
            problem = _without(problem, str(value))
        return self._wrong(path, written, problem) if problem else value

    def _wrong(self, path: str, tree: Tree, message: str) -> Invalid:
        self.faults.add(path, tree, message)
        return INVALID


@cache
def _type_of(cls: type) -> types.StructType:
    kind = types.type_info(cls)
    assert isinstance(kind, types.StructType)
    return kind


def _without(problem: str, value: str) -> str:
    """Mask a value that comes from a setting in a sentence, because the contents of settings are not shown."""
    words = set(re.findall(r"\w+", value.lower()))
    return re.sub(r"\w{2,}", lambda word: "…" if word[0].lower() in words else word[0], problem)


def _truth(tree: Tree) -> str:
    """A hint at what a YAML 1.1 word, or a quoted one, was meant as."""
    word = tree.lower() if isinstance(tree, str) else ""
    meant = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}.get(word)
    return f"; write {meant}" if meant else ""


def _inner(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _range(kind: types.IntType) -> str:
    if kind.ge is None:
        return ""
    return f", {kind.ge} or more" if kind.le is None else f" from {kind.ge} to {kind.le}"


def _elsewhere(key: str, tree: Mapping[str, Tree], known: Mapping[str, types.Field]) -> str:
    """A hint at the keys below which an unknown key would be known; those that are present come first."""
    fitting = [name for name, one in known.items() if key in _keys_of(one.type)]
    present = [name for name in fitting if name in tree]
    return f"; it belongs in {' or '.join(present or fitting)}" if fitting else ""


def _keys_of(kind: types.Type) -> set[str]:
    if isinstance(kind, types.Metadata):
        return _keys_of(kind.type)
    if isinstance(kind, types.UnionType):
        return {key for one in kind.types for key in _keys_of(one)}
    return {one.encode_name for one in kind.fields} if isinstance(kind, types.StructType) else set()
