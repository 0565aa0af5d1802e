"""Time rules: what the next occurrence costs, and every zone around every transition from 1990 to 2050.

    python -m bench.time_rules next      the time of the next occurrence, warm
    python -m bench.time_rules alarm     the CPU of working out an alarm, as a cold start does
    python -m bench.time_rules zones     the sweep; some minutes

The bar: the next occurrence within 200 µs, however long ago the start. The sweep compares every quarter of an hour's
reading, two days before to two days after each transition, with an oracle that walks the clocks minute by minute.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from time_oracle import END, EPOCH, readings_to_instants, transitions

from triggers.scheduling.config import TimeSchedule
from triggers.scheduling.file.loading import load
from triggers.scheduling.times.alarm import alarm_of
from triggers.scheduling.times.occurrences import TimeTrigger, next_after
from triggers.scheduling.times.spans import zone_spans
from triggers.scheduling.times.time_zones import instant, stretches

RULES = (
    "recurrence: {frequency: Minute, interval: 7, start_time: 1990-01-01T00:00:00}",
    "recurrence: {frequency: Hour, interval: 5, start_time: 1990-01-01T00:00:00, time_zone: Europe/Riga}",
    "recurrence: {frequency: Day, interval: 3, hours: [2, 14], start_time: 1990-01-01, time_zone: Europe/Riga}",
    "recurrence: {frequency: Week, interval: 2, week_days: [Monday, Friday], start_time: 1990-01-01T00:00:00}",
    "recurrence: {frequency: Month, interval: 1, month_days: [31, last], time_zone: America/New_York}",
    "cron: {expression: '30 4 * * *', time_zone: Europe/Riga}",
    "cron: {expression: '*/15 2 * * mon-fri', time_zone: Australia/Lord_Howe}",
    "cron: {expression: '30 * * * *', time_zone: Europe/Riga}",
    "cron: {expression: '0 4 LW * *', time_zone: America/New_York}",
    "cron: {expression: '0 4 29 2 *'}",
)


def trigger(rule: str) -> TimeTrigger:
    text = f"pipelines: {{p: {{endpoint: 'https://x.api.azureml.ms/y'}}}}\nschedules: {{s: {{pipeline: p, {rule}}}}}"
    found = load(text, "bench", {}).schedules["s"]
    assert isinstance(found, TimeSchedule)
    return found.trigger


def time_the_next() -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(1000)]
    for rule in RULES:
        of = trigger(rule)
        times = []
        for moment in moments:
            started = time.perf_counter()
            next_after(of, moment, 1)
            times.append((time.perf_counter() - started) * 1e6)
        times.sort()
        print(f"{statistics.median(times):7.1f} µs, 99 of 100 within {times[989]:7.1f} µs: {rule}")


def time_the_alarm() -> None:
    for rule in RULES:
        of = trigger(rule)
        times = []
        for _ in range(20):
            stretches.cache_clear()
            zone_spans.cache_clear()
            started = time.process_time()
            alarm = alarm_of(of)
            times.append((time.process_time() - started) * 1e3)
        print(f"{statistics.median(times):6.2f} ms for {alarm!s:<28} {rule}")


def distinct_zones() -> Iterator[str]:
    """The zones of tzdata, of links to the same rules only one."""
    seen = set()
    for name in sorted(available_timezones()):
        rules = files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes()
        if rules not in seen:
            seen.add(rules)
            yield name


def sweep_the_zones() -> None:
    zones = readings = changes = 0
    for name in distinct_zones():
        zone = ZoneInfo(name)
        zones += 1
        for moment in transitions(zone, EPOCH, END, timedelta(days=1)):
            changes += 1
            meant = readings_to_instants(zone, moment - timedelta(days=3), moment + timedelta(days=3))
            here = moment.astimezone(zone).replace(tzinfo=None)
            last = None
            for reading in sorted(
                one for one in meant if abs(one - here) <= timedelta(days=2) and one.minute % 15 == 0
            ):
                readings += 1
                found = instant(reading, zone)
                if found != meant[reading] or (last and found < last):
                    raise SystemExit(f"{name}: {reading} means {found}, expected {meant[reading]}")
                last = found
    print(f"{zones} zones, {changes} transitions, {readings} readings: all agree")


def main() -> None:
    parts = {"next": time_the_next, "alarm": time_the_alarm, "zones": sweep_the_zones}
    for part in sys.argv[1:] or parts:
        parts[part]()


if __name__ == "__main__":
    main()
