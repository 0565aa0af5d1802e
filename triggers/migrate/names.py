"""Turns names of a source into valid, unique names of the file."""

import re
import unicodedata
from collections.abc import Container
from typing import Final

_RESERVED: Final = frozenset({"host", "reconcile", "registry", "run_status_changed", "storage_renamed"})
_LONGEST: Final = 90
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")


def valid_name(text: str) -> str:
    """A valid schedule name; letters of other alphabets are left out."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = _ODD.sub("-", plain).strip("-_")[:_LONGEST].strip("-_") or "schedule"
    is_taken = name.lower() in _RESERVED or name.lower().startswith("api_")
    return name if name[0].isalpha() and not is_taken else f"s-{name}"


def unique_name(text: str, taken: Container[str]) -> str:
    """A valid name that is not taken; `taken` holds names in lower case."""
    name, number = valid_name(text), 1
    while (found := name if number == 1 else f"{name}-{number}").lower() in taken:
        number += 1
    return found
