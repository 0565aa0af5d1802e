"""Which app settings never leave the app: connections, keys and what the platform gives to the identity.

A text of the file may end up in a request or a webhook, so `%NAME%` in it must not name one of these, and what it names
must not look like one. `public` takes them out of the settings that stored texts are filled from: what an older file
let into the ledger is not filled either.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ..faults import FaultList
from ..templates import Setting, tokens

if TYPE_CHECKING:
    from .structure import RequestTextAt

_PREFIXES: Final = ("azurewebjobs", "identity_", "msi_", "applicationinsights_", "appinsights_", "website_")
_NAMES: Final = frozenset(
    {"azure_client_secret", "azure_client_certificate_password", "azure_password", "triggers_key"}
)
_HARMLESS: Final = frozenset({"website_site_name", "website_hostname"})
_SECRET: Final = re.compile(
    r"UseDevelopmentStorage\s*=\s*true|AccountKey\s*=|SharedAccessSignature\s*=|SharedAccessKey\s*=|\bsig\s*=",
    re.IGNORECASE,
)


def private_problem(text: str, settings: Mapping[str, str], connections: Collection[str]) -> str | None:
    """Why a text must not be filled: it names a setting that must not leave the app, whose value is not shown."""
    for token in tokens(text):
        if not isinstance(token, Setting):
            continue
        if _is_private(token.name, connections):
            return f"the app setting {token.name} belongs to the app itself and is not sent to anyone; take it out"
        if _SECRET.search(settings.get(token.name, "")):
            holds = "holds a connection string or a signature"
            return f"the app setting {token.name} {holds} and is not sent to anyone; take it out"
    return None


def check_private(
    texts: "Iterable[RequestTextAt]", settings: Mapping[str, str], connections: Collection[str], faults: FaultList
) -> bool:
    """Note every text of a request that names such a setting; whether there is one."""
    before = len(faults)
    for place in texts:
        if problem := private_problem(place.text, settings, connections):
            faults.add(place.path, place.text, problem)
    return len(faults) > before


def public(settings: Mapping[str, str], connections: Collection[str]) -> dict[str, str]:
    """The settings that a text which leaves the app may name."""
    return {
        name: value
        for name, value in settings.items()
        if not _is_private(name, connections) and not _SECRET.search(value)
    }


def _is_private(name: str, connections: Collection[str]) -> bool:
    """Whether it is one of the platform's or of a connection's; Azure compares names without regard to case."""
    folded = name.lower()
    if folded in _HARMLESS:
        return False
    own = (one.lower() for one in connections)
    return (
        folded in _NAMES
        or folded.startswith(_PREFIXES)
        or any(folded == one or folded.startswith(f"{one}__") for one in own)
    )
