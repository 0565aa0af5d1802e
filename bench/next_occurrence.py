"""The next occurrence: how long it takes, and whether it is right, beside cronsim, croniter, APScheduler and dateutil.

    python -m bench.peers bench.next_occurrence [rounds]

The bar: at most 100 µs. Rounds are interleaved; what is shown are medians with their ranges, of CPU time. "Right" are
the next five firings before, in and after each clock change of 2026, counted against a walk along the zone's clocks
minute by minute (a time in a gap fires when the gap ends, one that comes twice fires the first time).
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim
from dateutil.rrule import DAILY, HOURLY, rrule

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from time_oracle import moved_by_clock_changes

from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.times.occurrences import next_after

CALLS = 300
ZONE = ZoneInfo("Europe/Berlin")
RULES: Mapping[str, tuple[str, Callable[[datetime], bool]]] = {
    "every day at 02:30": ("30 2 * * *", lambda at: (at.hour, at.minute) == (2, 30)),
    "every day at 03:00": ("0 3 * * *", lambda at: (at.hour, at.minute) == (3, 0)),
}
CHANGES = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC))


def ours(expression: str) -> Callable[[datetime, int], list[datetime]]:
    rule = f"cron: {{expression: '{expression}', time_zone: Europe/Berlin}}"
    text = f"pipelines: {{p: {{endpoint: 'https://x.api.azureml.ms/y'}}}}\nschedules: {{s: {{pipeline: p, {rule}}}}}"
    found = load(text, "bench", {}).schedules["s"]
    assert isinstance(found, TimeSchedule)
    trigger = found.trigger
    return lambda after, number: list(next_after(trigger, after, number))


def by_cronsim(expression: str) -> Callable[[datetime, int], list[datetime]]:
    def found(after: datetime, number: int) -> list[datetime]:
        times = CronSim(expression, after.astimezone(ZONE))
        return [next(times).astimezone(UTC) for _ in range(number)]

    return found


def by_croniter(expression: str) -> Callable[[datetime, int], list[datetime]]:
    def found(after: datetime, number: int) -> list[datetime]:
        times = croniter(expression, after.astimezone(ZONE))
        return [times.get_next(datetime).astimezone(UTC) for _ in range(number)]

    return found


def by_apscheduler(expression: str) -> Callable[[datetime, int], list[datetime]]:
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


def by_dateutil(expression: str) -> Callable[[datetime, int], list[datetime]]:
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
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    made = {name: [way(expression) for expression, _ in RULES.values()] for name, way in WAYS.items()}
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=29 * number) for number in range(CALLS)]
    spent: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(rounds):
        for name, rules in made.items():
            started = time.process_time()
            for moment in moments:
                for rule in rules:
                    rule(moment, 1)
            spent[name].append((time.process_time() - started) / (CALLS * len(rules)) * 1e6)
    print("| | µs, median | range | right at clock changes |")
    print("| --- | ---: | ---: | ---: |")
    for name, rules in made.items():
        right, asked = correctness(rules)
        low, high = min(spent[name]), max(spent[name])
        print(f"| {name} | {statistics.median(spent[name]):.0f} | {low:.0f} to {high:.0f} | {right} of {asked} |")


def correctness(rules: list[Callable[[datetime, int], list[datetime]]]) -> tuple[int, int]:
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
