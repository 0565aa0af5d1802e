"""Several cron expressions as one trigger, which has the occurrences of each."""

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from zoneinfo import ZoneInfo

from msgspec import Struct

from .cron import Cron


class CronList(Struct, frozen=True):
    """At least two lines of one schedule, with the same zone, start and end."""

    lines: tuple[Cron, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The zone of all lines."""
        return self.lines[0].zone

    @property
    def start(self) -> datetime | None:
        """The first instant that counts."""
        return self.lines[0].start

    @property
    def end(self) -> datetime | None:
        """The last instant that counts."""
        return self.lines[0].end

    def occurrences(self, after: datetime) -> Iterator[datetime]:
        """Instants after the given one, ascending, ignoring start and end; an instant of several lines is repeated."""
        return merge(*(line.occurrences(after) for line in self.lines))
