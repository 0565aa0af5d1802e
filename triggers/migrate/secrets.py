"""Finds secrets in a source: they are never copied, but their places are reported."""

import re
from collections.abc import Iterator
from typing import Any, Final

from .drafts import Difference, Verdict
from .literals import one_line

LONGEST_SHOWN: Final = 120

_KEYS: Final = re.compile(
    r"password|passwd|pwd|secret|accountkey|accesskey|sharedaccess|connectionstring|authorization|apikey|functionskey|"
    r"accesstoken|sastoken|sasuri|serviceprincipalkey|encryptedcredential|^(token|sas|pfx|code|sig)$",
    re.IGNORECASE,
)
"""Matches keys, without the signs between their words."""
_ENDS_AS_ONE: Final = re.compile(r"(key|token|pass|jwt|pat|credentials?)\Z", re.IGNORECASE)
_LOOKS_RANDOM: Final = re.compile(r"(?=.*[0-9=])\S{8,}|\S{20,}")
_SPEAKS_OF_ONE: Final = re.compile(
    r"token|secret|passw|pwd|credential|api.?key|access.?key|authorization", re.IGNORECASE
)
_VALUES: Final = re.compile(
    r"AccountKey\s*=|SharedAccessSignature\s*=|SharedAccessKey\s*=|Password\s*=|Pwd\s*=|;\s*Secret\s*=|[?&;](sig|code)=|"
    r"://[^/\s:@]*:[^/\s@]+@|\beyJ[\w-]{5,}\.[\w-]+\.|\bgh[opsur]_\w{16,}|\bdapi[0-9a-f]{16,}|"
    r"--?(password|token|secret|key)[ =]\S|"
    r"^Bearer \S{8,}|^Basic [A-Za-z0-9+/=]{8,}\Z",
    re.IGNORECASE,
)
_NO_VALUES: Final = ("runAfter", "dependsOn", "metadata")
_REFERENCE: Final = re.compile(r"^\s*@|^\[(parameters|variables|reference|listKeys)\(", re.IGNORECASE)


def is_secret(key: str, value: object) -> bool:
    """True if a value of a source may be a secret, judging by its key or the value itself."""
    text = value if isinstance(value, str) else "" if value is None or isinstance(value, bool) else str(value)
    if _VALUES.search(text):
        return True
    if not text or _REFERENCE.match(text):
        return False
    ends_as_one = _ENDS_AS_ONE.search(re.sub(r"[^A-Za-z]", "", key)) and _LOOKS_RANDOM.fullmatch(text)
    return names_a_secret(key) or bool(ends_as_one)


def shown(text: str) -> str:
    """The beginning of a piece of a source, in one line, for a message; not shown if it may contain a secret."""
    line = one_line(text)
    return "of a secret" if _SPEAKS_OF_ONE.search(line) or is_secret("", line) else line[:LONGEST_SHOWN]


def names_a_secret(key: str) -> bool:
    """True if a key names a secret."""
    return bool(_KEYS.search(re.sub(r"[^A-Za-z]", "", key)))


def secrets_in(value: Any, place: str) -> Iterator[Difference]:
    """The places of secrets in a part of a source, without their values."""
    for at, key, text in _texts(value, place, ""):
        if is_secret(key, text):
            sentence = "looks like a secret, so it is not copied; renew it if this file was shared"
            yield Difference(place=at, verdict=Verdict.LOST, sentence=sentence)


def _texts(value: Any, place: str, key: str) -> Iterator[tuple[str, str, object]]:
    if isinstance(value, str | int | float):
        yield place, key, value
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in _NO_VALUES:
                continue
            at = f"{place}{'' if place.endswith(' ') else '.'}{name}"
            yield from _texts(one, at, key if str(name).lower() == "value" else str(name))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, f"{place}[{number}]", key)
