"""Which addresses may receive our tokens: Azure's own, those that the setting TOKEN_HOSTS adds, and this machine.

A token allows everything that its identity may do, so only hosts on a list get one. The parts of a URL are read
strictly: a host that is not made of plain letters, digits, hyphens and dots is refused, whatever another parser makes
of it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from .web_address import is_loopback, url_problem

SETTING: Final = "TOKEN_HOSTS"
_AZURE: Final = (
    # Azure ML, batch endpoints, Azure ML's older hosts and Azure Resource Manager, in each cloud (azureml-core 1.61,
    # _project/_commands.py; azure-ai-ml 1.35, _azure_environments.py).
    *("*.api.azureml.ms", "*.inference.ml.azure.com", "*.aether.ms", "management.azure.com"),
    *("*.api.ml.azure.us", "*.inference.ml.azure.us", "management.usgovcloudapi.net"),
    *("*.api.ml.azure.cn", "*.inference.ml.azure.cn", "management.chinacloudapi.cn"),
)
_HTTPS: Final = 443
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z", re.ASCII)
_ENTRY: Final = re.compile(rf"(?:\*\.{_LABEL}(?:\.{_LABEL})+|{_LABEL}(?:\.{_LABEL})*)(?::[1-9]\d{{0,4}})?\Z", re.ASCII)


def token_problem(url: str, settings: Mapping[str, str]) -> str | None:
    """Why no token may be sent to this URL, or None. Shows neither URL nor host: a setting may contain them."""
    return _problem(url, settings.get(SETTING, ""))


@lru_cache(1024)  # the same few addresses, three times a submission
def _problem(url: str, listed: str) -> str | None:
    if problem := url_problem(url):
        return problem
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _HTTPS
    if is_loopback(host):
        return None
    if _HOST.match(host) and any(_admits(entry, host, port) for entry in (*_AZURE, *_entries(listed))):
        return None
    return (
        "no token is sent to this host or port, because it is not Azure's; "
        f"if you trust it, add it to the app setting {SETTING}"
    )


def entries_problem(value: str) -> str | None:
    """Why a value of TOKEN_HOSTS is not a list of hosts, or None."""
    if all(_ENTRY.match(entry) for entry in _listed(value)):
        return None
    return "expected hosts such as gateway.example.com, gateway.example.com:8443 or *.example.com, separated by commas"


def _entries(value: str) -> list[str]:
    return [entry for entry in _listed(value) if _ENTRY.match(entry)]


def _listed(value: str) -> list[str]:
    return [entry for entry in re.split(r"[,\s]+", value.lower()) if entry]


def _admits(entry: str, host: str, port: int) -> bool:
    """True if an entry matches the host; `*.suffix` matches every host below it, never the suffix itself."""
    name, _, given = entry.partition(":")
    right = host.endswith(name[1:]) if name.startswith("*.") else host == name
    return right and port == int(given or _HTTPS)
