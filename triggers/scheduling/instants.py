"""Instants: how they are stored, read and shown, and which years they may be in."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A datetime that must have an offset to be decoded, because it could not be compared with others."""

YEARS: Final = range(1900, 9000)
"""Of times in the file: clock changes are known for them, and arithmetic does not overflow."""
ASKED_YEARS: Final = range(YEARS.start + 1, YEARS.stop - 1)
"""Of times in requests: what is just before or after them is still within YEARS."""

ISO_UTC: Final = "%Y-%m-%dT%H:%M:%SZ"


def iso_utc(at: datetime) -> str:
    """An instant as in run keys, answers and the command line: in UTC, to the second."""
    return f"{at.astimezone(UTC):{ISO_UTC}}"


def iso_utc_or_none(at: datetime | None) -> str | None:
    """Like `iso_utc`; None stays None."""
    return None if at is None else iso_utc(at)


def instant_of(text: str) -> datetime:
    """Parse a time that a person wrote, to the second; UTC if it has no offset. Raises ValueError with a sentence."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as 2026-11-01T04:30:00Z") from None
    if at.year in YEARS:  # other years may have no equivalent in UTC
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    if at.year not in ASKED_YEARS:
        raise ValueError(f"{text!r}: the year is not between {ASKED_YEARS.start} and {ASKED_YEARS.stop - 1}")
    return at.replace(microsecond=0)


def in_units(span: timedelta) -> str:
    """A span in the notation of the file, in its two largest units: 2h 30m."""
    rest = max(0, int(span.total_seconds()))
    found: list[str] = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, rest = divmod(rest, seconds)
        if number or found:
            found.append(f"{number}{unit}" if number else "")
    return " ".join(filter(None, found[:2])) or "0s"
