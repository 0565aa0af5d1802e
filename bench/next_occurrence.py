"""The next occurrence: how long it takes, and whether it is right, beside cronsim, croniter, APScheduler and dateutil.

    python -m bench.peers bench.next_occurrence [rounds]

"Right" are the next five firings before, in and after each clock change of 2026, counted against a walk along the
zone's clocks minute by minute (a time in a gap fires when the gap ends, one that comes twice fires the first time).
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim
from dateutil.rrule import DAILY, HOURLY, rrule

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from time_oracle import moved_by_clock_changes

from bench.measuring import LIMIT, Range, Report, Spent, argument, in_turn, ratio, spent
from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.times.occurrences import next_after

CALLS = 300
ZONE = ZoneInfo("Europe/Berlin")
RULES: Mapping[str, tuple[str, Callable[[datetime], bool]]] = {
    "every day at 02:30": ("30 2 * * *", lambda at: (at.hour, at.minute) == (2, 30)),
    "every day at 03:00": ("0 3 * * *", lambda at: (at.hour, at.minute) == (3, 0)),
}
Rule: TypeAlias = Callable[[datetime, int], list[datetime]]
CHANGES = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC))


def ours(expression: str) -> Rule:
    rule = f"cron: {{expression: '{expression}', time_zone: Europe/Berlin}}"
    text = f"pipelines: {{p: {{endpoint: 'https://x.api.azureml.ms/y'}}}}\nschedules: {{s: {{pipeline: p, {rule}}}}}"
    found = load(text, "bench", {}).schedules["s"]
    assert isinstance(found, TimeSchedule)
    trigger = found.trigger
    return lambda after, number: list(next_after(trigger, after, number))


def by_cronsim(expression: str) -> Rule:
    def found(after: datetime, number: int) -> list[datetime]:
        times = CronSim(expression, after.astimezone(ZONE))
        return [next(times).astimezone(UTC) for _ in range(number)]

    return found


def by_croniter(expression: str) -> Rule:
    def found(after: datetime, number: int) -> list[datetime]:
        times = croniter(expression, after.astimezone(ZONE))
        return [times.get_next(datetime).astimezone(UTC) for _ in range(number)]

    return found


def by_apscheduler(expression: str) -> Rule:
    trigger = CronTrigger.from_crontab(expression, timezone=ZONE)

    def found(after: datetime, number: int) -> list[datetime]:
        times: list[datetime] = []
        before = after.astimezone(ZONE)
        for _ in range(number):
            fired = trigger.get_next_fire_time(before, before + timedelta(microseconds=1))
            assert fired is not None
            times.append(fired.astimezone(UTC))
            before = fired
        return times

    return found


def by_dateutil(expression: str) -> Rule:
    minute, hour = expression.split()[:2]
    frequency = HOURLY if hour == "*" else DAILY
    hours = {} if hour == "*" else {"byhour": int(hour)}

    def found(after: datetime, number: int) -> list[datetime]:
        start = after.astimezone(ZONE)
        rule = rrule(frequency, dtstart=start, byminute=int(minute), bysecond=0, **hours)
        times: list[datetime] = []
        moment = start
        for _ in range(number):
            moment = rule.after(moment)
            times.append(moment.astimezone(UTC))
        return times

    return found


WAYS = {
    "this app": ours,
    "cronsim": by_cronsim,
    "croniter": by_croniter,
    "APScheduler": by_apscheduler,
    "dateutil": by_dateutil,
}


def main() -> None:
    rounds = argument(1, 9)
    report = Report("next_occurrence", rounds, through="bench.peers ")
    made = {name: [way(expression) for expression, _ in RULES.values()] for name, way in WAYS.items()}
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=29 * number) for number in range(CALLS)]

    def asked(rules: list[Rule]) -> Spent:
        return spent(lambda: [rule(moment, 1) for moment in moments for rule in rules])

    found = in_turn({name: partial(asked, rules) for name, rules in made.items()}, rounds)
    cpus = {name: [one.cpu / (CALLS * len(RULES)) * 1e6 for one in each] for name, each in found.items()}
    rows = []
    for name, rules in made.items():
        right, of = correctness(rules)
        rows.append([name, Range.of(cpus[name]), f"{right} of {of}"])
    report.figure("The next occurrence, in µs", LIMIT, Range.of(cpus["this app"]), 100)
    report.table("occurrences", ["", "CPU, µs", "right at clock changes"], rows)
    for name in ("croniter", "cronsim"):
        report.figure("The next occurrence", name, ratio(cpus["this app"], cpus[name]))
    report.close()


def correctness(rules: list[Rule]) -> tuple[int, int]:
    """How many of the answers around clock changes are right."""
    right = asked = 0
    for rule, (_, names) in zip(rules, RULES.values(), strict=True):
        for after in around_changes():
            wanted = moved_by_clock_changes(names, ZONE, after + timedelta(minutes=1), after + timedelta(days=6))[:5]
            asked += 1
            right += rule(after, 5) == wanted
    return right, asked


def around_changes() -> Iterator[datetime]:
    for change in CHANGES:
        yield from (change + timedelta(hours=hours) for hours in (-30, -6, 0, 1, 2, 6))


if __name__ == "__main__":
    main()
