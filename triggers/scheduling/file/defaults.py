"""The file's `defaults`: checked once, then merged into each schedule as far as they fit its kind."""

from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from ..faults import FaultList
from ..templates import names_in
from .keys import CommonKeys
from .private_settings import check_private
from .structure import Converter, RequestTextAt
from .texts import ALL_NAMES, check_templates
from .yaml_text import INVALID, Tree

TIME_ONLY: Final = frozenset({"catchup_window", "catchup", "jitter", "exclude"})
"""Keys that have no meaning in a change-based schedule."""
CHANGE_ONLY: Final = frozenset({"batch"})
MERGED: Final = frozenset({"tags", "pipeline_parameters", "datapaths", "datasets", "retry"})
"""Mappings that are merged name by name; for other keys, the schedule's own value replaces the default."""
TRIGGERS: Final = ("recurrence", "cron", "change", "manual", "after")
"""A schedule has exactly one of these keys, `defaults` none."""


class Defaults(Struct, frozen=True):
    """The keys of `defaults`; a faulty one is INVALID, so that no schedule starts with half of it."""

    keys: dict[str, Tree]
    texts: tuple[RequestTextAt, ...]

    def under(
        self, own: dict[str, Tree], left_out: AbstractSet[str], names: AbstractSet[str]
    ) -> tuple[dict[str, Tree], set[str]]:
        """A schedule's keys merged over the defaults, and the keys (`tags.team`) that come from the defaults."""
        merged: dict[str, Tree] = dict(own)
        inherited = set()
        for key, default in self.keys.items():
            if key in left_out:
                continue
            mine = own.get(key)
            if key in MERGED and isinstance(default, dict) and isinstance(mine, dict | None):
                fitting = {name: value for name, value in default.items() if _fits(value, names)}
                merged[key] = {**fitting, **(mine or {})}
                inherited |= {f"{key}.{name}" for name in fitting if name not in (mine or {})}
            elif key not in own and _fits(default, names):
                merged[key] = default
                inherited.add(key)
        return merged, inherited


def checked_defaults(tree: Tree, converter: Converter) -> Defaults:
    """Convert each key separately, so that an error in one does not affect the others."""
    faults: FaultList = converter.faults
    if tree is None:
        return Defaults({}, ())
    if not isinstance(tree, dict):
        if tree is not INVALID:
            faults.add("defaults", tree, "expected a mapping of keys to values")
        return Defaults({}, ())
    keys: dict[str, Tree] = {}
    texts: list[RequestTextAt] = []
    for key, value in tree.items():
        if key in TRIGGERS:
            faults.add(f"defaults.{key}", None, "a trigger belongs to one schedule, not to defaults")
            continue
        before = len(faults)
        part = converter.fresh()
        converted = part.convert({key: value}, CommonKeys, "defaults")
        check_templates(part.texts, ALL_NAMES, faults)
        check_private(part.texts, converter.settings, converter.connections, faults)
        texts += part.texts
        if key in CommonKeys.__struct_fields__:
            keys[key] = value if converted is not None and len(faults) == before else INVALID
    return Defaults(keys, tuple(texts))


def _fits(value: Tree, names: AbstractSet[str]) -> bool:
    """True if this kind of schedule can fill every template in a default."""
    if isinstance(value, dict):
        return all(_fits(inner, names) for inner in value.values())
    return not isinstance(value, str) or names_in(value) <= names
