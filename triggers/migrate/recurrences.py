"""Translates recurrences by frequency and interval, of Logic Apps, Data Factory and both SDKs, to the file's keys."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, datetime, timedelta
from typing import Any, Final, TypeVar

from ..scheduling.times.time_zones import zone
from .drafts import Draft, unread
from .literals import one_line
from .texts import items, lowered, number_of, unwrapped

_FREQUENCIES: Final = {"minute": "Minute", "hour": "Hour", "day": "Day", "week": "Week", "month": "Month"}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KNOWN: Final = (
    *("frequency", "interval", "starttime", "endtime", "timezone", "schedule"),
    *("delay", "maxconcurrency", "retrypolicy", "dependson"),  # for tumbling windows
    *("type", "triggertype", "expression"),  # for v2
)
_KNOWN_IN_SCHEDULE: Final = ("hours", "minutes", "weekdays", "monthdays", "monthlyoccurrences")
_MOST: Final = 1_000_000
_ENUM: Final = {number: day.lower() for number, day in enumerate((_DAYS[-1], *_DAYS[:-1]))}
"""Day number → its name; the services count from 0, Sunday."""
_FIRST_YEAR: Final = 1900
_ELAPSED: Final = ("Minute", "Hour")
Member = TypeVar("Member")


@dataclass(kw_only=True)
class Given:
    """A checked recurrence of a source; its times are local times in its zone."""

    frequency: str
    interval: int
    zone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    hours: list[int] = field(default_factory=list)
    minutes: list[int] = field(default_factory=list)
    week_days: list[str] = field(default_factory=list)
    month_days: list[int | str] = field(default_factory=list)
    occurrences: list[tuple[str, int]] = field(default_factory=list)
    """Monthly occurrences: the day of the week, and its number in the month; -1 is the last."""


def given_in(draft: Draft, value: Any, place: str) -> Given | None:
    """Read a recurrence; None, with a note, if it has no counterpart."""
    found = lowered(unwrapped(value))
    unread(draft, place, found, _KNOWN)
    unread(draft, f"{place}.schedule", lowered(unwrapped(found.get("schedule"))), _KNOWN_IN_SCHEDULE)
    frequency = str(unwrapped(found.get("frequency", ""))).lower()
    interval = number_of(found.get("interval", 1))
    if interval is None or not 1 <= interval <= _MOST:
        given = unwrapped(found.get("interval")) if interval is None else interval
        draft.lost(f"{place}.interval", f"{given!r} is not a whole number from 1 to {_MOST}")
        return None
    if frequency == "second":
        interval, frequency = max(1, -(-interval // 60)), "minute"
        draft.changed(f"{place}.frequency", f"this app runs at most once a minute: every {interval}m")
    if frequency == "year":
        interval, frequency = interval * 12, "month"
    if frequency not in _FREQUENCIES:
        draft.lost(f"{place}.frequency", f"{found.get('frequency')!r} is not a frequency of this app")
        return None
    of_zone = str(unwrapped(found.get("timezone")) or "UTC")
    if zone(of_zone) is None:
        draft.lost(f"{place}.timeZone", f"{of_zone!r} is not a known time zone; UTC is used")
        draft.decide.append(f"{place}.timeZone was {of_zone}: write the time zone")
        of_zone = "UTC"
    listed = _Lists(draft=draft, of=lowered(unwrapped(found.get("schedule"))), place=f"{place}.schedule")
    return Given(
        frequency=_FREQUENCIES[frequency],
        interval=interval,
        zone=of_zone,
        start=_reading(draft, unwrapped(found.get("starttime")), of_zone, f"{place}.startTime"),
        end=_reading(draft, unwrapped(found.get("endtime")), of_zone, f"{place}.endTime"),
        hours=listed.read("hours", lambda value: _numbers(value, range(24))),
        minutes=listed.read("minutes", lambda value: _numbers(value, range(60))),
        week_days=listed.read("weekDays", _days),
        month_days=listed.read("monthDays", _month_days),
        occurrences=listed.read("monthlyOccurrences", _occurrences),
    )


def _reading(draft: Draft, value: Any, of_zone: str, place: str) -> datetime | None:
    if value in (None, ""):
        return None
    text = str(value).strip()
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        draft.lost(place, f"{text!r} is not a time")
        draft.decide.append(f"{place} was {text}: write a time")
        return None
    if not _FIRST_YEAR < moment.year < MAXYEAR:
        draft.changed(place, f"{text} is out of range and was left out")
        return None
    if moment.tzinfo is not None:
        there = zone(of_zone)
        moment = moment.astimezone(there).replace(tzinfo=None)
    if moment.second or moment.microsecond:
        draft.changed(place, f"{text}: this app runs at full minutes")
        moment = moment.replace(second=0, microsecond=0)
    return moment


@dataclass(frozen=True, kw_only=True)
class _Lists:
    """The lists in a recurrence's schedule; unreadable members are noted."""

    draft: Draft
    of: Mapping[str, Any]
    place: str

    def read(self, key: str, reader: Callable[[Any], list[Member]]) -> list[Member]:
        value = self.of.get(key.lower())
        found, given = reader(value), unwrapped(value)
        listed = given if isinstance(given, list) else [] if given is None else [given]
        if len({json.dumps(one, sort_keys=True, default=str).lower() for one in listed}) > len(found):
            shown = one_line(json.dumps(given))
            self.draft.lost(f"{self.place}.{key}", f"{shown} contains something that has no counterpart")
            self.draft.decide.append(f"{self.place}.{key} was {shown}: write what was meant")
        return found


def _numbers(value: Any, within: range) -> list[int]:
    given = unwrapped(value)
    listed = given if isinstance(given, Sequence) and not isinstance(given, str) else [] if given is None else [given]
    found = []
    for one in listed:
        try:
            number = int(str(one))
        except ValueError:
            continue
        if number in within:
            found.append(number)
    return sorted(set(found))


def _days(value: Any) -> list[str]:
    given = unwrapped(value)
    listed = [given] if isinstance(given, str) else items(given)
    wanted = {_ENUM[one] if isinstance(one, int) and one in _ENUM else str(one).strip().lower() for one in listed}
    return [day for day in _DAYS if {day.lower(), day[:3].lower()} & wanted]


def _month_days(value: Any) -> list[int | str]:
    found: list[int | str] = list(_numbers(value, range(1, 32)))
    return [*found, "last"] if -1 in _numbers(value, range(-1, 0)) else found


def _occurrences(value: Any) -> list[tuple[str, int]]:
    given = unwrapped(value)
    found = []
    for one in given if isinstance(given, list) else []:
        keys = lowered(one)
        days, number = _days(keys.get("day")), keys.get("occurrence")
        number = int(number) if isinstance(number, str) and number.lstrip("-").isdigit() else number
        if days and isinstance(number, int):
            found.append((days[0], number))
    return found


def trigger_of(draft: Draft, given: Given, place: str) -> dict[str, Any] | None:
    """The equivalent `recurrence` or `cron`; differences are noted."""
    if given.start is None:
        _note_no_start(draft, given, place)
    if given.occurrences:
        return _cron_of_occurrences(draft, given, place)
    keys: dict[str, Any] = {"frequency": given.frequency, "interval": given.interval}
    if given.frequency in _ELAPSED:
        if given.hours or given.minutes or given.week_days or given.month_days:
            return _cron_of_elapsed(draft, given, place)
    else:
        keys |= _clock_times(draft, given, place)
        if given.week_days and given.frequency == "Day":
            if given.interval > 1:
                draft.changed(f"{place}.schedule.weekDays", "the interval of days is dropped: each of these weekdays")
            keys["frequency"], keys["interval"] = "Week", 1
        if given.week_days:
            keys["week_days"] = given.week_days
        if given.month_days:
            keys["month_days"] = given.month_days
    return {"recurrence": keys | bounds_of(given)}


def bounds_of(given: Given) -> dict[str, str]:
    """The zone, the start and the end, in the file's keys."""
    bounds = {"start_time": given.start, "end_time": given.end}
    shown = {key: f"{at:%Y-%m-%dT%H:%M:%S}" for key, at in bounds.items() if at is not None}
    return shown if given.zone == "UTC" else {"time_zone": given.zone, **shown}


def _note_no_start(draft: Draft, given: Given, place: str) -> None:
    clock = bool(given.hours)
    is_defined = {
        "Minute": True,
        "Hour": bool(given.minutes),
        "Day": clock,
        "Week": clock and bool(given.week_days),
        "Month": clock and bool(given.month_days or given.occurrences),
    }
    if given.interval == 1 and is_defined[given.frequency]:
        return
    unit = f"{given.interval} {given.frequency.lower()}{'s' if given.interval > 1 else ''}"
    draft.changed(
        f"{place}.startTime",
        f"is not set: the source counts every {unit} from when the trigger was saved or last ran; this app counts from "
        "2024-01-01T00:00:00. To keep its rhythm, set start_time to the time of a run of the old trigger",
    )
    draft.decide.append(f"{place} has no start: set start_time to the time of one of its runs")


def _clock_times(draft: Draft, given: Given, place: str) -> dict[str, Any]:
    """The times of day; missing hours or minutes are those of the start."""
    hours, minutes, start = given.hours, given.minutes, given.start
    if not hours and not minutes:
        return {} if start is None else {"time_of_day": f"{start:%H:%M}"}
    if not minutes:
        minutes = [start.minute if start else 0]
        _note_missing(draft, f"{place}.schedule.minutes", "minute", minutes[0], start)
    if not hours:
        hours = [start.hour if start else 0]
        _note_missing(draft, f"{place}.schedule.hours", "hour", hours[0], start)
    if len(hours) == len(minutes) == 1:
        return {"time_of_day": f"{hours[0]:02}:{minutes[0]:02}"}
    return {"hours": hours, "minutes": minutes}


def _note_missing(draft: Draft, place: str, what: str, value: int, start: datetime | None) -> None:
    if start:
        draft.kept(place, f"are not set: the {what} of the start time is used, {value}")
    else:
        draft.changed(
            place, f"are not set: this app uses {what} 0; the source uses the {what} at which the trigger was saved"
        )


def _cron_of_occurrences(draft: Draft, given: Given, place: str) -> dict[str, Any] | None:
    if given.interval > 1 or given.month_days:
        draft.lost(
            f"{place}.schedule.monthlyOccurrences", "has no counterpart together with an interval or days of the month"
        )
        return None
    start = given.start
    hours = given.hours or [start.hour if start else 0]
    minutes = given.minutes or [start.minute if start else 0]
    clock = f"{','.join(map(str, minutes))} {','.join(map(str, hours))}"
    lines = []
    for day, number in given.occurrences:
        cron_day = (_DAYS.index(day) + 1) % 7
        if number == -1:
            lines.append(f"{clock} * * {cron_day}L")
        elif 1 <= number <= 5:
            lines.append(f"{clock} * * {cron_day}#{number}")
        else:
            draft.lost(f"{place}.schedule.monthlyOccurrences", f"occurrence {number} of {day} has no counterpart")
    if not lines:
        return None
    return {"cron": {"expression": lines[0] if len(lines) == 1 else lines} | bounds_of(given)}


def _cron_of_elapsed(draft: Draft, given: Given, place: str) -> dict[str, Any] | None:
    """The cron for a frequency of Minute or Hour restricted to minutes, hours or days; None if there is none."""
    start, step = given.start or datetime(2024, 1, 1), given.interval
    whole = 60 if given.frequency == "Minute" else 24
    if whole % step:
        draft.lost(f"{place}.schedule", f"restricts every {step} {given.frequency.lower()}s, as no cron line can")
        draft.decide.append(f"{place}.schedule: write the times that you mean")
        return None
    minutes, hours = given.minutes, given.hours
    if given.frequency == "Minute" and not minutes:
        minutes = list(range(start.minute % step, 60, step))
    if given.frequency == "Hour" and not hours and step > 1:
        hours = list(range(start.hour % step, 24, step))
    week_days = ",".join(str((_DAYS.index(day) + 1) % 7) for day in given.week_days) or "*"
    days = ",".join("L" if day == "last" else str(day) for day in given.month_days) or "*"
    line = f"{','.join(map(str, minutes or [start.minute]))} {','.join(map(str, hours)) or '*'} {days} * {week_days}"
    return {"cron": {"expression": line} | bounds_of(given)}


def moved(trigger: dict[str, Any], by: timedelta) -> None:
    """Move a recurrence later by moving its start."""
    keys = trigger["recurrence"]
    start = datetime.fromisoformat(keys.get("start_time", "2024-01-01T00:00:00"))
    keys["start_time"] = f"{start + by:%Y-%m-%dT%H:%M:%S}"


def duration_text(span: timedelta) -> str | None:
    """A span as the file writes durations, in whole seconds; None if it is less than a second."""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return None
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
