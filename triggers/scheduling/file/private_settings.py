"""The app settings that never leave the app: connections, keys, and what the platform gives to the identity.

A text of the file may end up in a request or a webhook, so `%NAME%` in it must not name such a setting, nor one whose
value looks like a secret. `public` removes them from the settings that stored texts are filled from, so that a text
that an older file put into the ledger is not filled either.
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
    """The reason why a text must not be filled: it names a private setting. The setting's value is not shown."""
    for token in tokens(text):
        if not isinstance(token, Setting):
            continue
        if _is_private(token.name, connections):
            return f"the app setting {token.name} belongs to the app itself and must not be sent; remove it"
        if _SECRET.search(settings.get(token.name, "")):
            holds = "contains a connection string or a signature"
            return f"the app setting {token.name} {holds} and must not be sent; remove it"
    return None


def check_private(
    texts: "Iterable[RequestTextAt]", settings: Mapping[str, str], connections: Collection[str], faults: FaultList
) -> bool:
    """Add an error for every text of a request that names a private setting; True if there is one."""
    before = len(faults)
    for place in texts:
        if problem := private_problem(place.text, settings, connections):
            faults.add(place.path, place.text, problem)
    return len(faults) > before


def public(settings: Mapping[str, str], connections: Collection[str]) -> dict[str, str]:
    """The settings that may be named by a text that leaves the app."""
    return {
        name: value
        for name, value in settings.items()
        if not _is_private(name, connections) and not _SECRET.search(value)
    }


def _is_private(name: str, connections: Collection[str]) -> bool:
    """True if the setting belongs to the platform or to a connection; Azure ignores case in names."""
    folded = name.lower()
    if folded in _HARMLESS:
        return False
    own = (one.lower() for one in connections)
    return (
        folded in _NAMES
        or folded.startswith(_PREFIXES)
        or any(folded == one or folded.startswith(f"{one}__") for one in own)
    )
