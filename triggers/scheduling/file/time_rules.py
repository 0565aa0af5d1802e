"""Makes time triggers from recurrence and cron keys, and checks what their values mean together."""

from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from ..faults import FaultList
from ..times.cron import Cron
from ..times.cron_list import CronList
from ..times.excluding import Excluding
from ..times.exclusion import WEEK_DAYS, Exclusion, Move
from ..times.occurrences import TimeTrigger, next_after
from ..times.recurrence import DEFAULT_ANCHOR, ELAPSED, LAST_DAY, Frequency, Recurrence
from ..times.rules import Rule, Rules
from ..times.time_zones import FORESEEN_FROM, zone
from .keys import CronKeys, ExcludeKeys, RecurrenceKeys
from .leaf_checks import reading, reading_instant, time_of_day

_LONG_AGO: Final = datetime(1900, 1, 1, tzinfo=UTC)


def checked_cron(keys: CronKeys, path: str, faults: FaultList) -> Cron | CronList | None:
    """The cron trigger; None, with errors, if it is not valid."""
    in_zone = _zone(keys.time_zone)
    start, end = _bounds(keys, in_zone)
    expressions = [keys.expression] if isinstance(keys.expression, str) else keys.expression
    if not expressions:
        faults.add(f"{path}.expression", expressions, "an empty list never runs; write at least one line")
        return None
    lines = [Cron(expression=" ".join(one.split()), zone=in_zone, start=start, end=end) for one in expressions]
    for number, line in enumerate(lines):
        where = path if isinstance(keys.expression, str) else f"{path}.expression[{number}]"
        if not _ever_runs(line, keys, path, faults, where):
            return None
    return lines[0] if len(lines) == 1 else CronList(tuple(lines))


def checked_recurrence(keys: RecurrenceKeys, path: str, faults: FaultList) -> Recurrence | None:
    """The recurrence; None, with errors, if it is not valid. Stricter than the SDK's ScheduleRecurrence.validate."""
    frequency = Frequency(keys.frequency)
    if not _fits(keys, frequency, path, faults):
        return None
    in_zone = _zone(keys.time_zone)
    start, end = _bounds(keys, in_zone)
    trigger = Recurrence(
        frequency=frequency,
        interval=keys.interval,
        times=_times(keys),
        week_days=tuple(sorted({WEEK_DAYS.index(day) for day in keys.week_days or []})),
        month_days=tuple(sorted({day if isinstance(day, int) else LAST_DAY for day in keys.month_days or []})),
        anchor=DEFAULT_ANCHOR if keys.start_time is None else reading(keys.start_time, in_zone),
        zone=in_zone,
        start=start,
        end=end,
    )
    return trigger if _ever_runs(trigger, keys, path, faults, path) else None


def with_exclusion(rules: Rules, keys: ExcludeKeys | None, path: str, faults: FaultList) -> TimeTrigger | None:
    """The trigger without the days that `exclude` names; None, with errors, if it is not valid.

    Holidays are not looked up, because that would slow down cold starts.
    """
    if keys is None:
        return rules
    exclusion = Exclusion(
        dates=frozenset(map(date.fromisoformat, keys.dates)),
        week_days=frozenset(map(WEEK_DAYS.index, keys.week_days)),
        holidays=keys.holidays,
        move=Move(keys.move),
    )
    if not (exclusion.dates or exclusion.week_days or exclusion.holidays):
        faults.add(path, None, "excludes nothing; write dates, week_days or holidays, or leave the key out")
        return None
    if len(exclusion.week_days) == len(WEEK_DAYS):
        faults.add(f"{path}.week_days", keys.week_days, "excludes every day, so the schedule never runs")
        return None
    trigger = Excluding(rules, exclusion)
    if exclusion.holidays is None and not next_after(trigger, max(FORESEEN_FROM, rules.start or FORESEEN_FROM), 1):
        faults.add(path, None, "the schedule never runs: all of its occurrences are on excluded days")
        return None
    return trigger


def _fits(keys: RecurrenceKeys, frequency: Frequency, path: str, faults: FaultList) -> bool:
    """True if the keys fit the frequency; an empty list counts as given, as in the SDK."""
    before = len(faults)
    for key in ("hours", "minutes", "time_of_day"):
        value = getattr(keys, key)
        if value is not None and frequency in ELAPSED:
            faults.add(
                f"{path}.{key}", value, f"is valid only with Day, Week and Month; {frequency.value} counts elapsed time"
            )
        elif value is not None and key != "time_of_day" and keys.time_of_day is not None:
            faults.add(f"{path}.{key}", value, "sets the same as time_of_day; keep one of them")
    if keys.week_days is not None and frequency is not Frequency.WEEK:
        faults.add(f"{path}.week_days", keys.week_days, "is valid only with frequency Week")
    if keys.month_days is not None and frequency is not Frequency.MONTH:
        faults.add(f"{path}.month_days", keys.month_days, "is valid only with frequency Month")
    return len(faults) == before


def _times(keys: RecurrenceKeys) -> tuple[time, ...]:
    """The clock times: all combinations of hours and minutes; empty if the file names none."""
    if keys.time_of_day is not None:
        return (time_of_day(keys.time_of_day),)
    if not keys.hours and not keys.minutes:
        return ()
    return tuple(sorted({time(hour, minute) for hour in keys.hours or [0] for minute in keys.minutes or [0]}))


def _zone(name: str) -> ZoneInfo:
    found = zone(name)
    assert found, "the name was checked"
    return found


def _bounds(keys: CronKeys | RecurrenceKeys, in_zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Start and end as inclusive instants; in a fold, a start is the first of the two, an end the second."""
    return (
        None if keys.start_time is None else reading_instant(keys.start_time, in_zone),
        None if keys.end_time is None else reading_instant(keys.end_time, in_zone, second_in_fold=True),
    )


def _ever_runs(rule: Rule, keys: CronKeys | RecurrenceKeys, path: str, faults: FaultList, rule_path: str) -> bool:
    if rule.start and rule.end and rule.end < rule.start:
        faults.add(f"{path}.end_time", keys.end_time, f"is before start_time ({keys.start_time})")
        return False
    if not next_after(rule, _LONG_AGO, 1):
        faults.add(rule_path, None, "never runs: no occurrence is between start_time and end_time")
        return False
    return True
