"""Complete sets: batches that wait until every file they expect has come, or until their deadline."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from .batch import Arrival, BatchFacts, Member, group_of
from .change import BlobChange
from .gathering import Batch, Expect
from .globs import literal_ends, matches
from .instants import Instant, iso_utc
from .times.time_zones import instant, wall_clock

GRACE: Final = timedelta(minutes=5)
"""Time for the other files of a set if its first file comes after `expect_by`."""
LISTINGS: Final = 3
"""How many polling intervals an incomplete set waits at most for a sweep to end."""


class Closed(Struct, frozen=True, kw_only=True):
    """How a set was closed, so that every process that continues it assigns the same members."""

    until: Instant
    """On the ledger's clock; files added later are not in it."""
    newest: Instant
    """Files modified later are not in it either."""
    number: int | None
    """Number of members; None for all that there are."""
    lacking: int = 0
    """Number of expected files that had not come."""
    missing: tuple[str, ...] = ()
    """The globs of these files."""
    deadline: Instant | None = None
    """When it was closed incomplete; None if it was complete."""


class Decision(Struct, frozen=True, kw_only=True):
    """A set that has to be closed now."""

    group: str
    closed: Closed
    members: frozenset[Member]


class Seen(Struct, frozen=True, kw_only=True):
    """How far sweeps have found every file; an incomplete set waits until they have passed its deadline."""

    until: datetime | None
    """None if there are no sweeps, and so nothing to wait for."""
    interval: timedelta

    def has_come_to(self, deadline: datetime, now: datetime) -> bool:
        """True if every file from before the deadline has been found, or the wait for it has been long enough."""
        return self.until is None or self.until >= deadline or now >= deadline + LISTINGS * self.interval


def decision(
    batch: Batch,
    expect: Expect,
    below: str,
    arrivals: Sequence[Arrival],
    seen: Seen,
    now: datetime,
    *,
    is_listed: bool = False,
) -> Decision | None:
    """The set that these arrivals of one group make, if it has to be closed now; `below` is the group's folder.

    While a renamed directory that may contain more of its files is being listed (`is_listed`), it waits up to
    `max_wait` longer.
    """
    deadline = deadline_of(batch, expect, arrivals)
    present = [one for one in arrivals if one.changed_at <= deadline] or list(arrivals)
    newest = _newest_versions(present)
    missing = unmatched(expect.globs, [_below(below, path) for path in newest])
    lacking = len(missing) if expect.number is None else max(0, expect.number - len(newest))
    last = max(one.at for one in present)
    if lacking:
        is_due = now >= deadline and seen.has_come_to(deadline, now)
    else:
        is_due = now >= deadline or now - last >= batch.quiet
    since = deadline if lacking else last
    if not is_due or (is_listed and now < since + batch.max_wait):
        return None
    chosen = list(newest.values())[: expect.number]
    return Decision(
        group=chosen[0].member.group,
        closed=Closed(
            until=last,
            newest=max(one.changed_at for one in present),
            number=expect.number,
            lacking=lacking,
            missing=missing,
            deadline=deadline if lacking else None,
        ),
        members=frozenset(one.member for one in chosen),
    )


def deadline_of(batch: Batch, expect: Expect, arrivals: Iterable[Arrival]) -> datetime:
    """When an incomplete set is closed: when its first file has waited for `max_wait`, or at the next `expect_by`.

    The next `expect_by` is the one after the oldest modification. If that was before the first file came, the set gets
    some grace.
    """
    arrivals = list(arrivals)
    first = min(one.at for one in arrivals)
    if expect.by is None:
        return first + batch.max_wait
    due = reading_after(expect, min(one.changed_at for one in arrivals))
    return due if due >= first else first + GRACE


def reading_after(expect: Expect, after: datetime) -> datetime:
    """The next instant at which clocks in the zone show `expect_by`."""
    assert expect.by is not None
    day = wall_clock(after, expect.zone).date()
    while (reading := instant(datetime.combine(day, expect.by), expect.zone)) <= after:
        day += timedelta(days=1)
    return reading


def unmatched(globs: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """The globs that get no file if as many as possible get a different one each; earlier globs come first."""
    fitting = [_fitting(glob, paths) for glob in globs]
    taken: dict[str, int] = {}

    def finds(glob: int, tried: set[str]) -> bool:
        for path in fitting[glob]:
            if path in tried:
                continue
            tried.add(path)
            if path not in taken or finds(taken[path], tried):
                taken[path] = glob
                return True
        return False

    return tuple(glob for number, glob in enumerate(globs) if not finds(number, set()))


def _fitting(glob: str, paths: Sequence[str]) -> list[str]:
    first, last = literal_ends(glob)
    return [path for path in paths if path.startswith(first) and path.endswith(last) and matches(glob, path)]


def batch_of_one(batch: Batch, watched: str, change: BlobChange, manifest: str | None) -> BatchFacts:
    """The batch data of a run for a single file, if its schedule makes batches; `watched` is the schedule's folder."""
    group, missing = group_of(batch, change), None
    if batch.expect is not None:
        missing = unmatched(batch.expect.globs, [_below(group or watched, change.path)])
    return BatchFacts(group=group, count=1, manifest=manifest, missing=missing)


def next_members(closed: Closed, arrivals: Iterable[Arrival], assigned: Sequence[Member]) -> list[Member]:
    """The members still to be assigned to a closed set, oldest first."""
    paths = {one.change.path for one in assigned}
    newest = _newest_versions(one for one in arrivals if _is_in(closed, one))
    rest = [one.member for path, one in newest.items() if path not in paths]
    return rest if closed.number is None else rest[: max(0, closed.number - len(assigned))]


def outdated(closed: Closed, arrivals: Iterable[Arrival], assigned: Sequence[Member]) -> list[Arrival]:
    """The older versions of a closed set's files."""
    paths = {one.change.path for one in assigned}
    return [one for one in arrivals if _is_in(closed, one) and one.member.change.path in paths]


def _is_in(closed: Closed, one: Arrival) -> bool:
    return one.at <= closed.until and one.changed_at <= closed.newest


def waits_for(batch: Batch, below: str, arrivals: Sequence[Arrival]) -> str:
    """A sentence on what a group's batch waits for, given what has come so far, and until when."""
    paths = {one.member.change.path for one in arrivals}
    there = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
    if batch.expect is None:
        latest = min(one.at for one in arrivals) + batch.max_wait
        return f"{there} in it; it is closed after {batch.quiet} without new ones, or at {iso_utc(latest)}"
    missing = unmatched(batch.expect.globs, [_below(below, path) for path in sorted(paths)])
    wanted = f" of {batch.expect.number}" if batch.expect.number is not None else ""
    lacks = f"no file has come for {', '.join(missing)}" if missing else f"{len(paths)}{wanted} files have come"
    then = "starts with the files that have come" if batch.expect.starts_incomplete else "is skipped as incomplete"
    return f"{lacks}; at {iso_utc(deadline_of(batch, batch.expect, arrivals))} it {then}"


def incompleteness(closed: Closed, count: int) -> str:
    """A sentence on what an incomplete set lacks."""
    if closed.number is not None:
        return f"{count} of {closed.number} files had come by the deadline"
    return f"by the deadline, no file had come for {', '.join(closed.missing)}"


def _newest_versions(arrivals: Iterable[Arrival]) -> dict[str, Arrival]:
    """Path → its newest version; the one that changed first comes first."""
    newest = {one.member.change.path: one for one in sorted(arrivals, key=lambda one: (one.changed_at, one.at))}
    return dict(sorted(newest.items(), key=lambda named: (named[1].changed_at, named[0])))


def _below(folder: str, path: str) -> str:
    return path[len(folder) + 1 :] if folder else path
