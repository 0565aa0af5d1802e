"""Cron lines of other systems, and the line of five fields that means the same.

NCRONTAB (Azure Functions): seconds first; both day fields have to match; 0 is Sunday.
Quartz: seconds first, sometimes a year last; `?` is any day; 1 is Sunday.
EventBridge: a year last; `?` is any day; 1 is Sunday.

Sources: NCrontab's README, Quartz's CronExpression, "Cron-based schedules" of EventBridge Scheduler, systemd.time(7).
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEK: Final = 7
_FIVE: Final = 5
_NAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_CALENDAR_NAMES: Final = {
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "monthly": "0 0 1 * *",
    "weekly": "0 0 * * mon",
    "daily": "0 0 * * *",
    "hourly": "0 * * * *",
    "minutely": "* * * * *",
}
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.+)\Z", re.IGNORECASE)
_WRAPPED: Final = re.compile(r"cron\((.+)\)\Z", re.IGNORECASE)
_RATE: Final = re.compile(r"(?:rate\(|@every\s+)(\d+)\s*(m|h|d)[a-z]*\)?\Z", re.IGNORECASE | re.ASCII)
_CALENDAR: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}[a-z.,]*)\s+)?(?:\*-\*-(?P<day>\*|\d{1,2})\s+)?"
    r"(?P<hour>\*|\d{1,2}):(?P<minute>\d{1,2}(?:/\d{1,2})?)(?::00?)?\Z",
    re.IGNORECASE | re.ASCII,
)
_YEAR: Final = re.compile(r"[\d,\-/]*(19|20)\d\d[\d,\-/]*\Z", re.ASCII)
_SEVERAL: Final = re.compile(r"\*\Z|[\d*]+[/,-][\d/,-]+\Z", re.ASCII)
_NUMBER: Final = re.compile(r"[0-5]?\d\Z", re.ASCII)
_DAY_OF_QUARTZ: Final = re.compile(
    r"(?P<first>\*|[a-z]{3}|\d)(?:-(?P<last>[a-z]{3}|\d))?(?:/(?P<step>\d))?(?P<nth>L|#[1-5])?\Z",
    re.IGNORECASE | re.ASCII,
)
_FREQUENCIES: Final = {"m": "Minute", "h": "Hour", "d": "Day"}


class Advice(NamedTuple):
    """The line to write instead."""

    dialect: str
    line: str | None
    """None if five fields cannot express it."""
    remark: str = ""


def advice_for(expression: str) -> Advice | None:
    """The equivalent here of another system's line; None for five fields, and for what no known system reads."""
    text = " ".join(expression.split())
    if zoned := _ZONE.match(text):
        inner = advice_for(zoned[2]) or Advice("", zoned[2])
        remark = f" with time_zone: {zoned[1]}{inner.remark}"
        return Advice("a line with its time zone in front", inner.line, remark)
    if wrapped := _WRAPPED.match(text):
        return advice_for(wrapped[1]) or Advice("EventBridge's cron()", wrapped[1])
    if rate := _RATE.match(text):
        unit = _FREQUENCIES[rate[2].lower()]
        return Advice("a rate", None, f"; write recurrence: {{frequency: {unit}, interval: {rate[1]}}}")
    if text.startswith("@"):
        return Advice(f"the name {text}", _NAMES.get(text.lower()))
    if line := _CALENDAR_NAMES.get(text.lower()):
        return Advice("systemd's calendar", line)
    if calendar := _CALENDAR.match(text):
        return Advice("systemd's calendar", _of_calendar(calendar))
    return _of_fields(text.split())


def both_days(fields: Sequence[str]) -> str | None:
    """Five fields for days that match both day fields, such as the first Sunday; None if that is not possible."""
    day_of_month, day_of_week = fields[2], fields[4]
    if day_of_month.startswith("*") or day_of_week.startswith("*"):
        return " ".join(fields)
    week = re.fullmatch(r"(\d{1,2})-(\d{1,2})", day_of_month, re.ASCII)
    day = _index_of(day_of_week)
    if week is None or day is None:
        return None
    first, last = int(week[1]), int(week[2])
    if last != first + _WEEK - 1 or first % _WEEK != 1 or last > 4 * _WEEK:
        return None
    return " ".join([*fields[:2], "*", fields[3], f"{_DAYS[day]}#{last // _WEEK}"])


def _of_fields(fields: list[str]) -> Advice | None:
    any_day = [position for position, field in enumerate(fields) if field == "?"]
    if len(fields) == _FIVE and any_day in ([2], [4]):
        return Advice("Quartz or EventBridge", _of_quartz(fields))
    if len(fields) == 6 and (any_day in ([2], [4]) or (not any_day and _YEAR.match(fields[5]))):
        return Advice("EventBridge", _of_quartz(fields[:5]), _about_year(fields[5]))
    if len(fields) in {6, 7} and any_day in ([], [3], [5]):
        return _with_seconds(fields, is_quartz=bool(any_day) or len(fields) == 7)
    return None


def _with_seconds(fields: list[str], *, is_quartz: bool) -> Advice | None:
    """The line without the seconds, which come first."""
    dialect, seconds = "Quartz" if is_quartz else "NCRONTAB", fields[0]
    if _SEVERAL.match(seconds):
        return Advice(dialect, None, f": its seconds {seconds!r} would run it more often than once a minute")
    if not _NUMBER.match(seconds):
        return None
    line = _of_quartz(fields[1:6]) if is_quartz else _of_ncrontab(fields[1:])
    if line is None and not is_quartz:
        return Advice(dialect, None, ": its day-of-month and its day-of-week both have to match")
    remark = f"; it then runs at second 0 instead of {int(seconds)}" if int(seconds) else ""
    return Advice(dialect, line, remark + _about_year(*fields[6:]))


def _of_ncrontab(fields: Sequence[str]) -> str | None:
    """Fields of which both day fields must match, as our five; a step of a single value is spelled out."""
    singles = [re.sub(r"(?<![\w/-])(\w+)/1\b", r"\1", field) for field in fields]
    # In our cron, a step from a day on goes to 7, which is Sunday too.
    singles[4] = re.sub(r"(?<![\w/-])6/\d", "6", singles[4])
    singles[4] = re.sub(r"(?<![\w/-])([0-5])/(\d)", r"\1-6/\2", singles[4])
    return both_days(singles)


def _of_quartz(fields: Sequence[str]) -> str | None:
    """Fields with `?` for any day and 1 for Sunday, as our five."""
    day_of_month = "*" if fields[2] == "?" else fields[2]
    day_of_week = "*" if fields[4] in {"?", "*"} else _week_days_of_quartz(fields[4])
    if day_of_week is None or re.search(r"\dW|L-", day_of_month, re.IGNORECASE):
        return None
    if "*" not in (day_of_month, day_of_week):
        return None
    return " ".join([*fields[:2], day_of_month, fields[3], day_of_week])


def _week_days_of_quartz(field: str) -> str | None:
    """A day-of-week field with 1 for Sunday, in names; None if ours cannot express it."""
    parts = []
    for part in field.split(","):
        found = _DAY_OF_QUARTZ.match("sat" if part.upper() == "L" else part)
        days = found and _days_of_quartz(found)
        if found is None or not days:
            return None
        if nth := found["nth"]:
            parts.append(f"{days[0]}L" if nth.upper() == "L" else f"{_DAYS[days[0]]}{nth}")
        elif days == list(range(days[0], days[-1] + 1)) and len(days) > 2:
            parts.append(f"{_DAYS[days[0]]}-{_DAYS[days[-1]]}")
        else:
            parts += [_DAYS[day] for day in days]
    return ",".join(parts)


def _days_of_quartz(found: re.Match[str]) -> list[int]:
    """0 for Sunday to 6, from the first on; empty if it is not a day. In Quartz, ranges may go past the week's end."""
    is_every = found["first"] == "*"
    first = 0 if is_every else _index_of(found["first"], sunday=1)
    last = _index_of(found["last"], sunday=1) if found["last"] else first
    if first is None or last is None:
        return []
    if is_every or (found["step"] and not found["last"]):
        last = _WEEK - 1
    if last < first:
        last += _WEEK
    return [day % _WEEK for day in range(first, last + 1, max(int(found["step"] or 1), 1))]


def _index_of(day: str, *, sunday: int = 0) -> int | None:
    """0 for Sunday to 6, for a number or a name; None for anything else."""
    if re.fullmatch(r"\d", day, re.ASCII):
        index = int(day) - sunday
        return index % _WEEK if 0 <= index <= _WEEK - sunday else None
    return _DAYS.index(day.lower()) if day.lower() in _DAYS else None


def _about_year(year: str = "*") -> str:
    return "" if year == "*" else f"; its year {year} belongs in start_time and end_time"


def _of_calendar(found: re.Match[str]) -> str | None:
    days = []
    for piece in found["days"].split(",") if found["days"] else ():
        indexes = [_index_of(one[:3]) for one in piece.split("..")]
        if None in indexes:
            return None
        days.append("-".join(_DAYS[index] for index in indexes if index is not None))
    minute, _, step = found["minute"].partition("/")
    minutes = f"{int(minute)}/{step}" if step else f"{int(minute)}"
    hour = found["hour"] if found["hour"] == "*" else f"{int(found['hour'])}"
    day = found["day"] or "*"
    return both_days([minutes, hour, day if day == "*" else f"{int(day)}", "*", ",".join(days) or "*"])
