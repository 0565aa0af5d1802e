"""Suggests in error messages how a value of the file should be written in YAML."""

import json
import re
from typing import Final

import msgspec
from msgspec import inspect as types

from .yaml_text import Invalid, Tree, plain_scalar

_PLAIN: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*\Z", re.ASCII)
_LEFT_OUT: Final = "…"


def yaml_of(tree: Tree) -> str:
    """A value in one line of YAML."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{yaml_of(key)}: {yaml_of(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(yaml_of, tree)) + "]"
    if isinstance(tree, str):
        is_plain = _PLAIN.match(tree) and plain_scalar(tree) == tree
        return tree if is_plain or tree == _LEFT_OUT else json.dumps(tree, ensure_ascii=False)
    if isinstance(tree, Invalid):
        return _LEFT_OUT
    return "null" if tree is None else json.dumps(tree)


def as_mapping(path: str, tree: Tree, kind: types.StructType) -> str:
    """A hint for a single value where a mapping with these keys is expected; empty if it is unclear what was meant."""
    key = path.rpartition(".")[2]
    types_of = {one.encode_name: one.type for one in kind.fields}
    stands_for, may_be_empty = (getattr(kind.cls, name, None) for name in ("stands_for", "may_be_empty"))
    if isinstance(tree, list) and not (stands_for and _fits(types_of[stands_for], tree)):
        is_one = len(tree) == 1 and isinstance(tree[0], dict)
        return f"; leave out the dash: {key}: {yaml_of(tree[0])}" if is_one else ""
    if tree is False:
        return "; leave the key out"
    meant = {one.encode_name: _example(one.type) for one in kind.fields if one.default is one.default_factory}
    if stands_for and _fits(types_of[stands_for], tree):
        meant = {stands_for: tree, **{name: value for name, value in meant.items() if name != stands_for}}
    elif stands_for and not meant and getattr(kind.cls(), stands_for) is None and may_be_empty is False:
        meant = {stands_for: _LEFT_OUT}
    problem = _problem(types_of[stands_for], tree) if stands_for and isinstance(tree, str) else None
    return (f"; write {key}: {yaml_of(meant)}" if meant or tree is True else "") + (f"; {problem}" if problem else "")


def as_names(tree: Tree) -> str:
    """A hint for a list where a mapping of names to values is expected."""
    if not isinstance(tree, list) or not tree or not isinstance(tree[0], dict):
        return ""
    first = tree[0]
    if isinstance(name := first.get("name"), str):
        rest: Tree = {key: value for key, value in first.items() if key != "name"}
        return f"; a name is a key here: write {yaml_of(name)}: {yaml_of(rest)}, without the dash"
    return f"; leave out the dashes: {yaml_of(first)[1:-1]}"


def as_list(path: str, tree: Tree) -> str:
    """A hint for one value, or several with commas, where a list is expected."""
    if not isinstance(tree, str | int | float):
        return ", [a, b]"
    parts: list[Tree] = [plain_scalar(part.strip()) for part in tree.split(",")] if isinstance(tree, str) else [tree]
    return f"; write {path.rpartition('.')[2]}: {yaml_of(parts)}"


def _fits(kind: types.Type, tree: Tree) -> bool:
    """True if a value is valid for a key of this type."""
    if isinstance(kind, types.Metadata):
        extra = kind.extra or {}
        is_word = str(tree).capitalize() in extra["words"] if "words" in extra else True
        return _fits(kind.type, tree) and is_word and ("check" not in extra or extra["check"](tree) is None)
    if isinstance(kind, types.UnionType):
        return any(_fits(one, tree) for one in kind.types)
    if isinstance(kind, types.IntType):
        return isinstance(tree, int) and not isinstance(tree, bool) and (kind.ge or 0) <= tree <= (kind.le or tree)
    if isinstance(kind, types.ListType):
        return isinstance(tree, list) and bool(tree) and all(_fits(kind.item_type, one) for one in tree)
    return isinstance(kind, types.StrType) and isinstance(tree, str) and bool(tree)


def _problem(kind: types.Type, tree: str) -> str | None:
    """The error that a key's check finds in a text; None if there is none."""
    if isinstance(kind, types.UnionType):
        return next(filter(None, (_problem(one, tree) for one in kind.types)), None)
    if not isinstance(kind, types.Metadata) or "check" not in (kind.extra or {}):
        return None
    sentence: str | None = (kind.extra or {})["check"](tree)
    return sentence


def _example(kind: types.Type) -> Tree:
    while isinstance(kind, types.Metadata):
        kind = kind.type
    if isinstance(kind, types.IntType):
        return kind.ge
    return _LEFT_OUT


def keys_of(cls: type[msgspec.Struct]) -> frozenset[str]:
    """The keys that a mapping of the file may have."""
    return frozenset(cls.__struct_encode_fields__)
