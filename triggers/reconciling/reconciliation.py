"""One bounded pass over what is open in the ledger; safe on several instances at once: every write is conditional."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zlib import crc32

from msgspec import Struct, field

from ..clock import Clock
from ..ledger.change_ledger import ChangeLedger
from ..ledger.ledger import Ledger
from ..ledger.lives import Life
from ..scheduling.config import ChangeSchedule, Config, Schedule, TimeSchedule
from ..scheduling.identities import life_of_times
from ..scheduling.pauses import Pause
from ..scheduling.silence import expects_changes
from ..settings import StoreUnavailable
from ..starting.batching import Batching
from ..starting.due_occurrences import DueOccurrences
from ..starting.lives import Lives, standing
from ..starting.pieces import Piece, Work, guarded, target_of
from ..starting.renames import Renames
from ..starting.sweeping import Sweeping
from ..storage.blobs import BlobUnavailable
from .chains import Chains
from .cursor import Cursor
from .gate import Pass
from .open_runs import OpenRuns
from .overdue import Overdue
from .sharing import Pool, Sharing, Threads

PASS_LIMIT: Final = timedelta(minutes=4)
"""A pass stops after this time, well before functionTimeout; the next one continues."""

ONE_THREAD: Final = Pool(1)

_LEFT_TO_TIMERS: Final = timedelta(seconds=90)
"""Younger occurrences are left to the timer function; older ones are those that it missed."""

_PRUNED_EVERY: Final = 3600
_PRUNED_AT_FIRST_WITHIN: Final = 600
"""Seconds."""
_PRUNED_A_PASS: Final = 480
_CHANGES_PRUNED_A_PASS: Final = 5000


class Reconciliation(Struct, frozen=True, kw_only=True):
    """Runs the passes; `retention` is LEDGER_RETENTION_DAYS."""

    config: Config
    ledger: Ledger
    change_ledger: ChangeLedger
    lives: Lives
    due_occurrences: DueOccurrences
    open_runs: OpenRuns
    chains: Chains
    overdue: Overdue
    renames: Renames
    sweeping: Sweeping
    batching: Batching
    clock: Clock
    retention: timedelta
    _prune_at: dict[str, float] = field(default_factory=dict)
    """Schedule → when this process prunes it, by its monotonic clock."""

    def run_pass(self, threads: Threads = ONE_THREAD) -> None:
        """Register the schedules of the file, then process what is open for every schedule ever registered.

        The schedules take turns, one run each, so that one schedule's long queue does not delay the others. A pass
        begins after the schedule that had the last turn. An error in one run or schedule does not stop the others;
        all errors are raised together at the end.
        """
        until = self.clock.monotonic() + PASS_LIMIT.total_seconds()
        server_now = _ServerClock(self.ledger.now(), self.clock)
        lives = self.ledger.lives()
        self.lives.renew(self.config.schedules.values(), lives, server_now())
        names = {one.schedule for one in self.ledger.registrations()} | set(self.config.schedules)
        before = {name: one for name, one in self.ledger.open_summary().items() if name in names}
        pauses = {name: self.ledger.copied_pauses(name, one) for name, one in self.ledger.all_pauses().items()}
        during = Pass(server_now=server_now, holds=self.ledger.holds(), pauses=pauses, before=before)
        cursor = Cursor(self.ledger, self.clock)
        sharing = Sharing(
            threads,
            is_over=lambda: self.clock.monotonic() >= until,
            has_turn=cursor.note,
            answers=self.open_runs.firing.answers,
            faults=during.faults,
        )
        sharing.work_off(
            (one, self._work(one, lives, self._held(one, pauses), during)) for one in cursor.in_turn(sorted(names))
        )
        cursor.write()
        self.ledger.set_open_summary(during.summary())
        self.ledger.note_pass(self.clock.now())
        during.log()
        if during.faults:
            raise ExceptionGroup("the reconciler could not handle every schedule", during.faults)

    def _work(self, name: str, lives: Sequence[Life], pauses: Sequence[Pause], during: Pass) -> Work:
        """Everything to do for one schedule."""
        server_now = during.server_now
        schedule = self.config.schedules.get(name)
        own = [one for one in lives if one.schedule == name]
        if schedule is not None:
            yield from self._started(schedule, own, pauses, during)
        elif self._has_left(name) and any(one.id != life_of_times() for one in own):
            released = self.batching.release_outdated(name, None, standing(None, own, server_now()), server_now())
            yield from guarded(released, during.faults)
        is_unreadable = bool(self.config.faults) and not self.config.schedules
        is_faulty = name in self.config.left_out or is_unreadable
        yield from self.open_runs.handle(name, schedule, pauses, during, is_faulty=is_faulty)
        yield from guarded(self.chains.handle(name, during.pauses), during.faults)
        now = self.clock.monotonic()
        if now >= self._prune_at.setdefault(name, now + crc32(name.encode()) % _PRUNED_AT_FIRST_WITHIN):
            yield Piece(partial(self._prune, name, server_now() - self.retention))

    def _prune(self, name: str, created_before: datetime) -> None:
        """Delete a limited number of old rows. The next pass continues; once none are left, wait an hour."""
        runs = self.ledger.prune(name, created_before, _PRUNED_A_PASS)
        changes = self.change_ledger.prune(name, created_before, _CHANGES_PRUNED_A_PASS)
        self.chains.prune(name)
        if runs < _PRUNED_A_PASS and changes.is_all:
            self._prune_at[name] = self.clock.monotonic() + _PRUNED_EVERY

    def _started(self, schedule: Schedule, lives: Sequence[Life], pauses: Sequence[Pause], during: Pass) -> Work:
        """Start what is due for a schedule."""
        try:
            life = self.lives.of(schedule)
        except StoreUnavailable as error:
            if isinstance(error, BlobUnavailable):
                during.unreachable[schedule.name] = str(error)
            during.faults.append(error)
            return
        stands = standing(life, lives, during.server_now())
        if isinstance(schedule, ChangeSchedule):
            yield from guarded(self._found(schedule, life, during), during.faults)
            yield from guarded(self.batching.handle(schedule, stands, during.server_now, pauses), during.faults)
            if expects_changes(schedule):
                yield Piece(partial(self.overdue.handle, schedule, life, pauses, during))
                yield None
            return
        if isinstance(schedule, TimeSchedule):
            yield Piece(partial(self.due_occurrences.fire, schedule, min_age=_LEFT_TO_TIMERS), to=target_of(schedule))
            yield None
        if any(one.id != life.id for one in lives):
            yield from guarded(
                self.batching.release_outdated(schedule.name, schedule, stands, during.server_now()), during.faults
            )

    def _found(self, schedule: ChangeSchedule, life: Life, during: Pass) -> Work:
        try:
            yield from self.renames.handle(schedule)
            yield from self.sweeping.handle(schedule, life, during.server_now)
        except BlobUnavailable as error:
            during.unreachable[schedule.name] = str(error)
            raise

    def _has_left(self, name: str) -> bool:
        """True if a schedule is no longer in the file; False if it has errors or nothing in the file is usable."""
        return name not in self.config.schedules and name not in self.config.left_out and bool(self.config.schedules)

    def _held(self, name: str, pauses: dict[str, tuple[Pause, ...]]) -> Sequence[Pause]:
        """A schedule's pauses; empty if it has left the file: it cannot be resumed, so its open runs are finished."""
        return () if self._has_left(name) else pauses.get(name, ())


class _ServerClock:
    """The ledger's clock within a pass: read once, then advanced by the monotonic clock."""

    def __init__(self, at: datetime, clock: Clock) -> None:
        self._at, self._clock, self._asked = at, clock, clock.monotonic()

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=self._clock.monotonic() - self._asked)
