"""Translates .NET time formats to strftime's."""

import re
from typing import Final

_PARTS: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\\.|(y+|M+|d+|H+|h+|m+|s+|f+|F+|g+|t+|z+|K)|.", re.DOTALL)
_MEANINGS: Final = {
    "yyyy": "%Y",
    "yy": "%y",
    "MM": "%m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "ddd": "%a",
    "dddd": "%A",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "tt": "%p",
    "ffffff": "%f",
}
_STANDARD: Final = {"d": "%m/%d/%Y", "s": "%Y-%m-%dT%H:%M:%S", "u": "%Y-%m-%d %H:%M:%SZ"}


def strftime_of(text: str) -> str:
    """The strftime format for a .NET format; raises ValueError for a part that strftime lacks."""
    if len(text) < 2:
        if text not in _STANDARD:
            raise ValueError(f"the standard format {text!r} has no counterpart")
        return _STANDARD[text]
    found = []
    for match in _PARTS.finditer(text):
        part = match[0]
        if part in _MEANINGS:
            found.append(_MEANINGS[part])
        elif match[1]:
            raise ValueError(f"{part!r} in the format {text!r} has no counterpart")
        else:
            plain = part[1:-1] if part.startswith(("'", '"')) else part.removeprefix("\\")
            found.append(plain.replace("%", "%%"))
    shown = "".join(found)
    if set(shown) & set("{}"):
        raise ValueError(f"the format {text!r} contains a brace")
    return shown
