"""Time zones by IANA or Windows name, and the one function that turns a wall-clock reading into an instant."""

import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

# Zone rules come only from the pinned tzdata package: with the machine's own files, two instances could disagree.
zoneinfo.reset_tzpath(to=())

UTC_ZONE = ZoneInfo("UTC")

FORESEEN_FROM = datetime(2026, 1, 1, tzinfo=UTC)
FORESEEN_UNTIL = datetime(2051, 1, 1, tzinfo=UTC)
"""Occurrences are computed in advance up to here."""

_SECOND = timedelta(seconds=1)

LAST_YEAR = 9990
"""Nothing is searched from here on, because a zone's offset could leave the calendar."""

_PROBE = timedelta(days=6)

# Two names of the SDK's TimeZone enum that tzlocal's table lacks. The table follows windowsZones.xml of the Unicode
# CLDR, which leaves out what Windows itself calls old; these are the zones in older versions of that file.
_OLDER_WINDOWS_NAMES = {
    "Kamchatka Standard Time": "Asia/Kamchatka",
    "Mid-Atlantic Standard Time": "Etc/GMT+2",
}


class ClockChange(Enum):
    """What a clock change does to a reading."""

    GAP = "gap"
    """The reading does not exist that day; it means the end of the gap."""
    FOLD = "fold"
    """The reading exists twice that day."""


@cache
def zone(name: str) -> ZoneInfo | None:
    """The zone of an IANA name (`Europe/Berlin`) or a Windows name (`W. Europe Standard Time`); None if unknown."""
    if name in zoneinfo.available_timezones():
        return ZoneInfo(name)
    folded = name.casefold()
    found = _folded_names().get(folded)
    return ZoneInfo(found) if found else None


def zone_names() -> list[str]:
    """All names that `zone` knows."""
    windows = [name for name in _windows_zones() if zone(name)]
    return sorted(zoneinfo.available_timezones()) + windows


def instant(reading: datetime, in_zone: ZoneInfo, *, second_in_fold: bool = False) -> datetime:
    """The instant, in UTC, of a naive wall-clock reading: in a gap, its end; in a fold, the first of two by default."""
    moment = reading.replace(tzinfo=in_zone, fold=int(second_in_fold)).astimezone(UTC)
    if wall_clock(moment, in_zone) == reading:
        return moment
    before = reading.replace(tzinfo=in_zone, fold=1).astimezone(UTC)
    after = reading.replace(tzinfo=in_zone, fold=0).astimezone(UTC)
    return next_transition(before, after, in_zone)


def wall_clock(moment: datetime, in_zone: ZoneInfo) -> datetime:
    """The naive reading of the zone's clocks at an instant."""
    return moment.astimezone(in_zone).replace(tzinfo=None, fold=0)


def clock_change(reading: datetime, in_zone: ZoneInfo) -> ClockChange | None:
    """GAP or FOLD if the naive reading is in one of the zone's; None if it is in neither."""
    first, second = (reading.replace(tzinfo=in_zone, fold=fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    if first == second:
        return None
    return ClockChange.FOLD if first > second else ClockChange.GAP


def next_transition(before: datetime, after: datetime, in_zone: ZoneInfo) -> datetime:
    """A change of the zone's offset in (before, after], to the second; the two instants' offsets must differ."""
    return _first_other(before, after, lambda moment: offset_at(moment, in_zone))


def _first_other(before: datetime, after: datetime, offset_of: Callable[[datetime], timedelta]) -> datetime:
    """The first whole second in (before, after] with another offset than `before`; that of `after` must be another.

    Either end may be between two seconds; offsets change at whole ones.
    """
    before = before.replace(microsecond=0)
    offset = offset_of(before)
    while after - before > _SECOND:
        middle = before + max((after - before) // 2 // _SECOND, 1) * _SECOND
        before, after = (middle, after) if offset_of(middle) == offset else (before, middle)
    return after


class Stretch(NamedTuple):
    """A period in which a zone keeps one offset: [start, end), instants in UTC."""

    start: datetime
    end: datetime
    offset: timedelta


@cache
def stretches(in_zone: ZoneInfo) -> tuple[Stretch, ...]:
    """The zone's offsets from FORESEEN_FROM to FORESEEN_UNTIL, oldest first, without holes.

    Probed every six days: the shortest stretch of these years, in Gaza and Hebron in October 2040, is an hour short of
    a week (tzdata 2026). Every cold start does this, so it probes readings: their offsets are the cheapest to get.
    """
    found: list[Stretch] = []
    start, last = FORESEEN_FROM, FORESEEN_UNTIL.astimezone(in_zone)
    before = start.astimezone(in_zone)
    offset = _offset(before)
    while before < last:
        after = min(before + _PROBE, last)
        if (following := _offset(after)) != offset:
            after = _first_other(before, after, _offset)
            # For readings in a gap or a fold, the first offset is reported until its end.
            moment = after.replace(tzinfo=UTC) - max(offset, following)
            found.append(Stretch(start, moment, offset))
            start, offset = moment, following
        before = after
    return (*found, Stretch(start, FORESEEN_UNTIL, offset))


def _offset(reading: datetime) -> timedelta:
    offset = reading.utcoffset()
    assert offset is not None
    return offset


def offset_at(moment: datetime, in_zone: ZoneInfo) -> timedelta:
    """How far the zone's clocks are ahead of UTC at an instant."""
    return _offset(moment.astimezone(in_zone))


@cache
def _windows_zones() -> dict[str, str]:
    from tzlocal.windows_tz import win_tz  # imported only if a Windows name is used

    return {**win_tz, **_OLDER_WINDOWS_NAMES}


@cache
def _folded_names() -> dict[str, str]:
    """All names in lower case, each with its IANA name."""
    known = zoneinfo.available_timezones()
    windows = {name.casefold(): iana for name, iana in _windows_zones().items() if iana in known}
    return {**windows, **{name.casefold(): name for name in known}}
