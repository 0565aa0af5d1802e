"""Follows submitted runs to their end by polling Azure ML: often at first, less often the longer a run takes."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zlib import crc32

from msgspec import Struct, field

from ..clock import Clock, LeftAlone
from ..ledger.ledger import Ledger
from ..log_lines import logger
from ..scheduling.identities import target_id
from ..scheduling.outcome import Seen
from ..scheduling.overlap import OpenRun
from ..scheduling.replacing import replace
from ..scheduling.run import TIMEOUT, Run, RunState
from ..scheduling.run_keys import schedule_of
from ..scheduling.run_request import RunRequest
from ..starting.settling import beyond_reach, log_run
from .reruns import Ends
from .time_limits import TimeLimits

log = logger(__name__)

PATIENCE: Final = timedelta(seconds=20)
"""How long to wait for one answer."""
_DENIED_FOR: Final = timedelta(hours=1)
_REST: Final = timedelta(seconds=45)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_EVERY: Final = (
    (timedelta(hours=1), timedelta(0)),
    (timedelta(hours=6), timedelta(minutes=2)),
    (timedelta(days=1), timedelta(minutes=5)),
    (timedelta.max, timedelta(minutes=10)),
)
"""Age since the submission → how often a run up to that age is polled; zero means in every pass."""


class Statuses(Protocol):
    """Queries the status of runs."""

    def of(self, run: Run) -> Seen:
        """What Azure ML reports about a submitted run; never raises, whatever the service answers."""

    def still_running(self, request: RunRequest, ledger_id: str, run_ids: Collection[str]) -> Collection[str]:
        """The ids among `run_ids`, all of one experiment, that are known to be ours and still running; never raises."""


class RunEnds(Struct, frozen=True, kw_only=True):
    """Follows submitted runs to their end."""

    ledger: Ledger
    service: Statuses
    clock: Clock
    tracking: timedelta
    """How long to wait for an end: RUN_TRACKING_DAYS."""
    limits: TimeLimits
    ends: Ends
    left_alone: LeftAlone
    """Targets that did not answer this process; they are skipped for a while, so that they do not hold up a pass."""
    _polled: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """Schedule → open run → when this process last polled it."""

    def is_due(self, one: OpenRun, now: datetime) -> bool:
        """True if a submitted run should be polled in this pass."""
        submitted = one.submitted_at
        polled = self._polled_at(one.key)
        if submitted is None or polled is None or self.limits.is_over(schedule_of(one.key), one):
            return True
        every = next(every for age, every in _EVERY if now - submitted <= age)
        # Spread runs that were submitted together over several passes.
        return now - polled >= every * (1 + crc32(one.key.encode()) % 100 / 1000)

    def last_polled(self, one: OpenRun) -> datetime:
        """When a run was last polled; the run polled longest ago goes first, so that every run gets its turn."""
        return self._polled_at(one.key) or _NEVER

    def _polled_at(self, key: str) -> datetime | None:
        return self._polled.get(schedule_of(key), {}).get(key)

    def forget_others(self, schedule: str, submitted: Iterable[OpenRun]) -> None:
        """Forget the schedule's runs that others have ended; the submitted ones keep their turn."""
        polled = dict(self._polled.get(schedule, {}))
        self._polled[schedule] = {one.key: polled[one.key] for one in submitted if one.key in polled}

    def sift(self, schedule: str, due: Sequence[OpenRun], rest: list[OpenRun]) -> None:
        """Query all these runs at once, and put those that need a query of their own into `rest`.

        The bulk answer can only confirm that a run is still running. Runs that it shows as ended or does not list, that
        were denied before, or that have been tracked for too long, are queried one by one.
        """
        now = self.clock.now()
        plain = {one.key: one.run_id for one in due if one.run_id and not one.is_denied and not self._is_over(one, now)}
        first = next(self.ledger.open_runs(list(plain)[:1]), None)
        running: Collection[str] = ()
        if first is not None and first.request is not None and not self.left_alone.still(_target_of(first)):
            running = self.service.still_running(first.request, self.ledger.ledger_id(), set(plain.values()))
        for one in due:
            if plain.get(one.key) in running and not self.limits.is_over(schedule, one):
                self._polled.setdefault(schedule, {})[one.key] = now
            else:
                rest.append(one)

    def _is_over(self, one: OpenRun, now: datetime) -> bool:
        return one.submitted_at is None or now - one.submitted_at >= self.tracking

    def follow(self, run: Run, server_now: datetime) -> Run:
        """Poll a submitted run and write what changed; returns the run as it is now."""
        target = _target_of(run)
        if self.left_alone.still(target):
            return run
        # Even if there is no answer, so that the next pass polls another run first.
        self._polled.setdefault(run.schedule, {})[run.key] = self.clock.now()
        seen = self.service.of(run)
        if seen.status is None and not seen.is_denied and not seen.is_beyond_reach:
            log.warning(
                "%s: its status cannot be read: %s", run.key, seen.sentence, extra={"action": "status_not_told"}
            )
        self.left_alone.note(target, _REST, has_answered=not seen.is_away)
        after = self._after(run, seen, server_now)
        if after.state is not RunState.SUBMITTED:
            self._polled.get(run.schedule, {}).pop(run.key, None)
        if after == run or _differs_in_words_only(after, run):
            return self._given_up(run)
        if after.state is RunState.SUBMITTED:
            return self.ledger.update(run, after) or run
        written = self.ends.written(run, after)
        if written is None:
            return run
        log_run(written)
        return written

    def _after(self, run: Run, seen: Seen, server_now: datetime) -> Run:
        now = self.clock.now()
        if seen.is_beyond_reach:
            return beyond_reach(run, now)
        if seen.end is not None:
            sentence = None if seen.end is RunState.FINISHED else seen.sentence
            is_timeout = seen.end is RunState.CANCELED and run.cancel_requested_at is not None
            ended = replace(run, azureml_status=seen.status, denied_since=None, error=sentence, ended_at=now)
            return ended.to(seen.end, now, reason=TIMEOUT if is_timeout else None)
        if seen.status is not None:
            running = replace(run, azureml_status=seen.status, denied_since=None, error=None)
            return self.limits.kept(running, is_running=True, server_now=server_now)
        if not seen.is_denied:
            # Only consecutive denials count. The run records why its status is unknown.
            unknown = replace(run, denied_since=None, error=seen.sentence)
            return self.limits.kept(unknown, is_running=False, server_now=server_now)
        if run.denied_since is None:
            return replace(run, denied_since=server_now)
        if server_now - run.denied_since < _DENIED_FOR:
            return run
        sentence = "for an hour, Azure ML has answered that there is no such run; whether it ran is unknown"
        return run.to(RunState.UNTRACKED, now, error=sentence, ended_at=now)

    def _given_up(self, run: Run) -> Run:
        """The run, untracked if its end is still unknown after `tracking`."""
        if run.submitted_at is None or self.clock.now() - run.submitted_at < self.tracking:
            return run
        now = self.clock.now()
        sentence = f"its end is still unknown after {self.tracking.days} days (RUN_TRACKING_DAYS)"
        untracked = run.to(RunState.UNTRACKED, now, error=sentence, ended_at=now)
        written = self.ledger.update(run, untracked)
        if written is None:
            return run
        log_run(written)
        return written


def _target_of(run: Run) -> str:
    assert run.request is not None, "a submitted run has its request"
    return target_id(run.request.target)


def _differs_in_words_only(after: Run, before: Run) -> bool:
    """True if only the text of the error differs; many answers contain a request id."""
    return after.error is not None and before.error is not None and replace(after, error=before.error) == before
