"""Parses the services' time spans: 7.00:00:00 and PT15M."""

import re
from datetime import timedelta
from typing import Final

_DOTNET: Final = re.compile(r"(?:(?P<d>\d+)\.)?(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?:\.\d+)?)?\Z")
_ISO: Final = re.compile(r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?\Z", re.IGNORECASE)


def dotnet_span(text: str) -> timedelta | None:
    """Parse `d.hh:mm:ss`; None if it is not one."""
    return _span(_DOTNET.match(text))


def iso_span(text: str) -> timedelta | None:
    """Parse `P1DT2H3M4S`; None if it is not one."""
    return _span(_ISO.match(text)) if len(text) > 1 else None


def _span(match: re.Match[str] | None) -> timedelta | None:
    if match is None:
        return None
    days, hours, minutes, seconds = (int(match[name] or 0) for name in "dhms")
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
