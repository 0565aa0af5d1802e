"""One bounded pass over what is open in the ledger; safe on several instances at once: every write is conditional."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from ..clock import Clock
from ..ledger.change_ledger import ChangeLedger
from ..ledger.ledger import Ledger
from ..ledger.records import Registration
from ..scheduling.config import ChangeSchedule, Config, TimeSchedule
from ..scheduling.pauses import Pause
from ..starting.batching import Batching
from ..starting.due_occurrences import REGISTERED_WITHIN, DueOccurrences, first_sight
from ..starting.sweeping import Sweeping
from .gate import Pass
from .open_runs import OpenRuns, each_with_its_fault

PASS_LIMIT: Final = timedelta(minutes=4)
"""A pass stops here, well before functionTimeout; the next one goes on."""

_LEFT_TO_TIMERS: Final = timedelta(seconds=90)
"""An occurrence younger than this is the timer's; older ones no timer has delivered."""

_PRUNED_A_PASS: Final = 480
_CHANGES_PRUNED_A_PASS: Final = 5000


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a pass works with; `retention` is the setting of that name."""

    config: Config
    ledger: Ledger
    change_ledger: ChangeLedger
    due_occurrences: DueOccurrences
    open_runs: OpenRuns
    sweeping: Sweeping
    batching: Batching
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    retention: timedelta

    def run_pass(self) -> None:
        """Register the schedules of the file, then see to what is open of every schedule that was ever registered.

        The schedules take turns, a run each, so that a long queue of one does not keep the others waiting. The fault of
        a run or a schedule stops no other; they are raised together at the end.
        """
        until = self.clock.monotonic() + PASS_LIMIT.total_seconds()
        registered = self._registered()
        server_now = _ServerClock(self.ledger.now(), self.clock)
        during = Pass(server_now=server_now, holds=self.ledger.holds())
        pauses = {name: self.ledger.copied_pauses(name, one) for name, one in self.ledger.all_pauses().items()}
        turns = deque(self._work(one, self._held(one, pauses), during) for one in registered)
        faults: list[Exception] = []
        while turns and self.clock.monotonic() < until:
            turn = turns.popleft()
            try:
                fault = next(turn)
            except StopIteration:
                continue
            except Exception as error:  # noqa: BLE001  raised again below, with the others'
                faults.append(error)
                continue
            if fault is not None:
                faults.append(fault)
            turns.append(turn)
        self.ledger.note_pass(self.clock.now())
        during.log(len(faults))
        if faults:
            raise ExceptionGroup("the reconciler could not see to every schedule", faults)

    def _registered(self) -> list[Registration]:
        """Every schedule ever seen, those of the file registered now where they were not."""
        now = self.clock.now()
        known = {one.schedule: one for one in self.ledger.registrations()}
        for name, schedule in self.config.schedules.items():
            if name not in known:
                watches = isinstance(schedule, ChangeSchedule)
                # Blobs are told apart by the second, so those from before the start are not ours.
                blobs_from = max(self.started_at, now - REGISTERED_WITHIN)
                first_seen = blobs_from if watches else first_sight(self.started_at, now)
                known[name] = self.ledger.register(name, first_seen)
        return list(known.values())

    def _work(self, registration: Registration, pauses: Sequence[Pause], during: Pass) -> Iterator[Exception | None]:
        """Everything one schedule needs, a piece at a time; a run that cannot be seen to yields its fault."""
        name, server_now = registration.schedule, during.server_now
        schedule = self.config.schedules.get(name)
        if schedule is not None and isinstance(schedule, ChangeSchedule):
            yield from each_with_its_fault(self.sweeping.see_to(schedule, registration.first_seen, server_now))
            yield from each_with_its_fault(self.batching.see_to(schedule, server_now, pauses))
        elif schedule is not None:
            yield from each_with_its_fault(self._undelivered(schedule))
        is_unreadable = bool(self.config.faults) and not self.config.schedules
        is_faulty = name in self.config.left_out or is_unreadable
        yield from self.open_runs.see_to(name, schedule, pauses, during, is_faulty=is_faulty)
        if _is_pruned_now(name, server_now()):
            self.ledger.prune(name, server_now() - self.retention, _PRUNED_A_PASS)
            self.change_ledger.prune(name, server_now() - self.retention, _CHANGES_PRUNED_A_PASS)

    def _held(self, registration: Registration, pauses: dict[str, tuple[Pause, ...]]) -> Sequence[Pause]:
        """A schedule's pauses; one that has left the file cannot be resumed, so its open runs are finished."""
        name = registration.schedule
        stays = name in self.config.schedules or name in self.config.left_out
        return pauses.get(name, ()) if stays or not self.config.schedules else ()

    def _undelivered(self, schedule: TimeSchedule) -> Iterator[None]:
        self.due_occurrences.fire(schedule, min_age=_LEFT_TO_TIMERS)
        yield


class _ServerClock:
    """The ledger's clock within a pass: asked once, moved on by the monotonic clock."""

    def __init__(self, at: datetime, clock: Clock) -> None:
        self._at, self._clock, self._asked = at, clock, clock.monotonic()

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=self._clock.monotonic() - self._asked)


def _is_pruned_now(schedule: str, server_now: datetime) -> bool:
    """Once an hour a schedule, at a minute of its own."""
    return crc32(schedule.encode()) % 60 == server_now.minute
