"""Starts runs of schedules that follow others: once for each ended run, whichever process recorded its end."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct, field

from ..clock import Clock
from ..ledger.chain_rows import ChainLedger, End
from ..ledger.ledger import Ledger
from ..scheduling.chain import followers_of, upstream_of
from ..scheduling.config import AfterSchedule, Config
from ..scheduling.pauses import Pause, is_left_out
from ..scheduling.run import SkipReason, is_repeated
from ..scheduling.run_keys import chain_key
from ..scheduling.upstream import Upstream, chain_problem
from ..starting.firing import Firing
from ..starting.lives import Lives
from ..starting.occurrence import chain_occurrence
from ..starting.pieces import Piece, Work, target_of

_KEPT: Final = timedelta(hours=1)
"""How long an end is kept after its run ended: a rollback may bring back a follower that needs it."""
_LOOKED_FOR_WITHIN: Final = timedelta(hours=1)
"""How long after its start a process looks for missed ends: older code or an older file may still run elsewhere."""
_LOOKED_FOR_EVERY: Final = timedelta(minutes=10)
_SETTLED: Final = timedelta(minutes=2)
"""Younger ends are not looked for: their rows exist or are about to be written."""
_PAGE: Final = 1000


class Chains(Struct, frozen=True, kw_only=True):
    """Starts runs of the schedules that follow other schedules."""

    config: Config
    ledger: Ledger
    rows: ChainLedger
    lives: Lives
    firing: Firing
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    tracking: timedelta
    """How long after its submission a run may end: RUN_TRACKING_DAYS."""
    _looked_at: dict[str, datetime] = field(default_factory=dict)

    def handle(self, upstream: str, pauses: Mapping[str, Sequence[Pause]]) -> Work:
        """Start the runs that follow the ended runs of `upstream`, a schedule."""
        followers = followers_of(upstream, self.config.schedules.values())
        if not followers:
            return
        ends = self.rows.ends(upstream)
        for end in ends:
            for one in self._not_served(end, followers):
                yield Piece(partial(self._serve, one, end, pauses.get(one.name, ())), to=target_of(one))
        yield None
        for end in ends:
            if self.clock.now() - end.upstream.ended_at > _KEPT and not list(self._not_served(end, followers)):
                yield Piece(partial(self.rows.drop, end))
        now = self.clock.now()
        last = self._looked_at.get(upstream)
        if now - self.started_at <= _LOOKED_FOR_WITHIN and (last is None or now - last >= _LOOKED_FOR_EVERY):
            for one in followers:
                yield Piece(partial(self._look_for_missed, one, upstream, pauses.get(one.name, ())), to=target_of(one))
            self._looked_at[upstream] = now

    def prune(self, schedule: str) -> None:
        """Delete the recorded ends of a schedule that no schedule follows any longer."""
        if followers_of(schedule, self.config.schedules.values()):
            return
        for end in self.rows.ends(schedule):
            if self.clock.now() - end.upstream.ended_at > _KEPT:
                self.rows.drop(end)

    def _not_served(self, end: End, followers: Sequence[AfterSchedule]) -> Iterator[AfterSchedule]:
        wanting = (one for one in followers if end.upstream.state in one.trigger.states)
        return (one for one in wanting if not end.is_done(one.name))

    def _serve(self, schedule: AfterSchedule, end: End, pauses: Sequence[Pause]) -> None:
        self._follow(schedule, end.upstream, pauses)
        self.rows.note_done(end, schedule.name)

    def _follow(self, schedule: AfterSchedule, upstream: Upstream, pauses: Sequence[Pause]) -> None:
        """Start the follower's run, or record why not; a repeat changes nothing. Ends before its life are ignored."""
        if upstream.ended_at < self.lives.of(schedule).first_seen:
            return
        occurrence = chain_occurrence(schedule.name, upstream)
        because = chain_problem(schedule.name, upstream)
        skip = None
        if because is not None:
            skip = SkipReason.FILTERED
        elif not schedule.enabled:
            skip = SkipReason.DISABLED
        elif is_left_out(pauses, upstream.ended_at, self.clock.now()):
            skip = SkipReason.PAUSED
        self.firing.fire(schedule, occurrence, skip, because)

    def _look_for_missed(self, schedule: AfterSchedule, upstream: str, pauses: Sequence[Pause]) -> None:
        """Find ends recorded by processes whose file lacks the follower or whose code does not know chains.

        Runs are listed by the time their row was created; they may end up to `tracking` later.
        """
        since = self.lives.of(schedule).first_seen
        chained = self.rows.chained(schedule.name)
        for key in self._ended(upstream, schedule.trigger.states, since - self.tracking):
            if chain_key(schedule.name, key) in chained:
                continue
            for run in self.ledger.runs([key]):
                end = upstream_of(run)
                if is_repeated(run):
                    continue  # the end of its rerun counts
                if since <= end.ended_at < self.clock.now() - _SETTLED and end.state in schedule.trigger.states:
                    self._follow(schedule, end, pauses)

    def _ended(self, schedule: str, states: frozenset[str], since: datetime) -> Iterator[str]:
        """The keys of a schedule's runs that were created at `since` or later and are in one of `states`."""
        place = None
        while True:
            page = self.ledger.listed(schedule, limit=_PAGE, since=since, after=place)
            yield from (one.key for one in page.runs if one.state.value in states)
            place = page.end
            if place is None:
                return
