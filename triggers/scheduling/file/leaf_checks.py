"""Checks single values of the file: each check takes a value, with settings filled in, and returns what is wrong."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from ..faults import nearest
from ..instants import YEARS
from ..times.time_zones import UTC_ZONE, instant, zone, zone_names

_READING: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?P<offset>[Zz]|[+-]\d\d:?\d\d)?)?\Z", re.ASCII
)
_TIME_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})\Z", re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,6})([smhd])\Z", re.ASCII)
_CONTAINER: Final = re.compile(r"\$(root|web|logs)\Z|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Convert `90s`, `15m`, `2h` or `1d`, which must be checked before."""
    match = _DURATION.match(text)
    assert match
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def duration_problem(text: str) -> str | None:
    """None for a valid duration."""
    return (
        None
        if _DURATION.match(text)
        else "expected a duration: a number followed by s, m, h or d, such as 90s, 15m, 2h or 1d"
    )


def reading(text: str, in_zone: ZoneInfo) -> datetime:
    """The naive wall-clock reading in the zone; a text with an offset or Z is converted."""
    match = _READING.match(text)
    assert match
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    written = datetime(year, month, day, hour, minute, second)
    return (
        written
        if match["offset"] is None
        else _aware(written, match["offset"]).astimezone(in_zone).replace(tzinfo=None)
    )


def reading_instant(text: str, in_zone: ZoneInfo, *, second_in_fold: bool = False) -> datetime:
    """The instant in UTC. Without an offset, a fold's reading is the first of two, or the second (`second_in_fold`)."""
    match = _READING.match(text)
    assert match
    if match["offset"] is None:
        return instant(reading(text, in_zone), in_zone, second_in_fold=second_in_fold)
    return _aware(reading(text[: match.start("offset")], in_zone), match["offset"]).astimezone(UTC)


def has_offset(text: str) -> bool:
    """True if a reading has an offset or Z."""
    match = _READING.match(text)
    return match is not None and match["offset"] is not None


def reading_problem(text: str) -> str | None:
    """None for a wall-clock reading, with or without an offset; unlike the SDK, we reject `not a date`."""
    if not _READING.match(text):
        return "expected a date and time such as 2026-11-01T00:00:00"
    try:
        year = reading(text, UTC_ZONE).year
    except (ValueError, OverflowError) as error:
        return f"no such date or time: {error}"
    return None if year in YEARS else f"the year is not between {YEARS.start} and {YEARS.stop - 1}"


def _aware(written: datetime, offset: str) -> datetime:
    if offset in "Zz":
        return written.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"offset {offset} is not between -23:59 and +23:59")
    shift = timedelta(hours=hours, minutes=minutes)
    return written.replace(tzinfo=timezone(shift if offset[0] == "+" else -shift))


def date_problem(text: str) -> str | None:
    """None for a valid date."""
    try:
        date.fromisoformat(text)
    except ValueError as error:
        return f"expected a date such as 2026-12-25: {error}"
    is_plain = re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII)
    return None if is_plain else "expected a date such as 2026-12-25"


def time_of_day(text: str) -> time:
    """Convert `4:30` or `04:30`, which must be checked before."""
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def time_of_day_problem(text: str) -> str | None:
    """None for hh:mm, by the rule of the SDK's time_of_day."""
    match = _TIME_OF_DAY.match(text)
    right = match and int(match[1]) <= 23 and int(match[2]) <= 59
    return None if right else "expected hh:mm from 00:00 to 23:59"


def zone_problem(name: str) -> str | None:
    """None for a known time zone."""
    if zone(name):
        return None
    if shift := re.fullmatch(r"(?:UTC|GMT|Etc/UTC)?\s*([+-])(\d{1,2})(?::?00)?", name, re.IGNORECASE | re.ASCII):
        return _about_offset(shift[1], int(shift[2]))
    # Abbreviations are not suggested: three letters resemble others that mean another time.
    named = [one for one in zone_names() if "/" in one or " " in one]
    return f"no such time zone{nearest(name, named)}; expected a name such as America/New_York or UTC"


def _about_offset(sign: str, hours: int) -> str:
    """Explain both signs instead of guessing: `Etc/GMT+1` is not `UTC+1`."""
    one, other = ("ahead of", "behind") if sign == "+" else ("behind", "ahead of")
    turned = "-" if sign == "+" else "+"
    return (
        "no such time zone; expected a city such as Europe/Berlin, which has daylight saving time. Fixed offsets: "
        f"Etc/GMT{turned}{hours} is {hours} h {one} UTC, Etc/GMT{sign}{hours} is {hours} h {other} UTC"
    )


def version_problem(version: object) -> str | None:
    """None for text and whole numbers: as a number, 1.10 would be 1.1."""
    is_exact = isinstance(version, str) or (isinstance(version, int) and not isinstance(version, bool))
    return None if is_exact else "expected text or a whole number; put it in quotes"


def container_problem(name: str) -> str | None:
    """None for a container name that Azure Storage accepts."""
    rule = "a container's name consists of 3 to 63 lower-case letters, digits and single hyphens"
    return None if _CONTAINER.match(name) else rule


def connection_problem(name: str) -> str | None:
    """None for a name that app settings can start with."""
    return None if re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name, re.ASCII) else "expected the name of an app setting"


def month_day_problem(day: object) -> str | None:
    """None for 1 to 31 and `last`."""
    number = isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= 31
    return None if number or day == "last" else "expected a day from 1 to 31, or last"
