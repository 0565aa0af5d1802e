"""Secrets in a source: they are never copied, and their place is told."""

import re
from collections.abc import Iterator
from typing import Any, Final

from .drafts import Difference, Verdict

_KEYS: Final = re.compile(
    r"password|secret|accountkey|accesskey|sharedaccess|connectionstring|^sas(token|uri)?$|authorization|"
    r"x-functions-key|api-?key|^pfx$|^servicePrincipalKey$|encryptedCredential",
    re.IGNORECASE,
)
_VALUES: Final = re.compile(
    r"AccountKey\s*=|SharedAccessSignature\s*=|SharedAccessKey\s*=|[?&;](sig|code|sv)=|^Bearer |^Basic ", re.IGNORECASE
)
_NO_VALUES: Final = ("runAfter", "dependsOn", "metadata")
_REFERENCE: Final = re.compile(r"^\s*@|^\[(parameters|variables|reference|listKeys)\(", re.IGNORECASE)


def is_secret(key: str, value: str) -> bool:
    """Whether a text of a source may be a secret, by its key or by itself."""
    if _VALUES.search(value):
        return True
    return bool(_KEYS.search(key)) and bool(value) and not _REFERENCE.match(value)


def secrets_in(value: Any, place: str) -> Iterator[Difference]:
    """The places of secrets in a part of a source; what they are is not told."""
    for at, key, text in _texts(value, place, ""):
        if is_secret(key, text):
            sentence = "looks like a secret: it is not copied; renew it if this file was shared"
            yield Difference(place=at, verdict=Verdict.LOST, sentence=sentence)


def _texts(value: Any, place: str, key: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
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
