"""One bounded pass over what is open in the ledger; safe on several instances at once: every write is conditional."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from .batching import Batching
from .clock import Clock
from .due_occurrences import REGISTERED_WITHIN, fire_due, first_sight
from .firing import Firing, log_run, target_id
from .ledger.ledger import Ledger
from .ledger.records import Notice, Registration
from .log_lines import logger
from .scheduling.config import ChangeTrigger, Config, Retry, Schedule
from .scheduling.pauses import Pause, pause_at, paused_within
from .scheduling.run import Run, RunState
from .sweeping import Sweeping
from .unknown_runs import UnknownRuns
from .webhooks import Webhooks

log = logger(__name__)

PASS_LIMIT: Final = timedelta(minutes=4)
"""A pass stops here, well before functionTimeout; the next one goes on."""

_LEFT_TO_TIMERS: Final = timedelta(seconds=90)
"""An occurrence younger than this is the timer's; older ones no timer has delivered."""

_PRUNED_A_PASS: Final = 480
_CHANGES_PRUNED_A_PASS: Final = 5000
_RETRY_OF_REMOVED: Final = Retry(max_age=timedelta(hours=24), max_attempts=185)
"""For the open runs of a schedule that has left the file."""


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a pass works with; `submit_deadline` and `retention` are the settings of these names."""

    config: Config
    ledger: Ledger
    firing: Firing
    unknown_runs: UnknownRuns
    sweeping: Sweeping
    batching: Batching
    webhooks: Webhooks
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    submit_deadline: timedelta
    retention: timedelta

    def run_pass(self) -> None:
        """Register the schedules of the file, then see to what is open of every schedule that was ever registered.

        The schedules take turns, a run each, so that a long queue of one does not keep the others waiting. The fault of
        a run or a schedule stops no other; they are raised together at the end.
        """
        until = self.clock.monotonic() + PASS_LIMIT.total_seconds()
        registered = self._registered()
        server_now = _ServerClock(self.ledger.now(), self.clock)
        holds, pauses = self.ledger.holds(), self.ledger.all_pauses()
        seen = _Seen()
        turns = deque(self._work(one, server_now, holds, self._held(one, pauses), seen) for one in registered)
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
        seen.log(len(faults))
        if faults:
            raise ExceptionGroup("the reconciler could not see to every schedule", faults)

    def _registered(self) -> list[Registration]:
        """Every schedule ever seen, those of the file registered now where they were not."""
        now = self.clock.now()
        known = {one.schedule: one for one in self.ledger.registrations()}
        for name, schedule in self.config.schedules.items():
            if name not in known:
                watches = isinstance(schedule.trigger, ChangeTrigger)
                # Blobs are told apart by the second, so those from before the start are not ours.
                blobs_from = max(self.started_at, now - REGISTERED_WITHIN)
                first_seen = blobs_from if watches else first_sight(self.started_at, now)
                known[name] = self.ledger.register(name, first_seen)
        return list(known.values())

    def _work(
        self,
        registration: Registration,
        server_now: Callable[[], datetime],
        holds: dict[str, datetime],
        pauses: Sequence[Pause],
        seen: "_Seen",
    ) -> Iterator[Exception | None]:
        """Everything one schedule needs, a piece at a time; a run that cannot be seen to yields its fault."""
        schedule = self.config.schedules.get(registration.schedule)
        if schedule is not None and isinstance(schedule.trigger, ChangeTrigger):
            yield from _guarded(self.sweeping.see_to(schedule, registration.first_seen, server_now))
            yield from _guarded(self.batching.see_to(schedule, server_now, pauses))
        elif schedule is not None:
            yield from _guarded(self._undelivered(schedule))
        retry = schedule.retry if schedule else _RETRY_OF_REMOVED
        for one in self.ledger.open_work(registration.schedule):
            try:
                if isinstance(one, Notice):
                    self.webhooks.see_to(one, server_now())
                else:
                    seen.note(one, self.clock.now(), pauses)
                    self._see_to(one, retry, server_now(), holds, pauses)
            except Exception as error:  # noqa: BLE001  yielded: one run's fault shall not cost its neighbours
                yield error
            else:
                yield None
        if _is_pruned_now(registration.schedule, server_now()):
            self.ledger.prune(registration.schedule, server_now() - self.retention, _PRUNED_A_PASS)
            changes = self.batching.changes.rows
            changes.prune(registration.schedule, server_now() - self.retention, _CHANGES_PRUNED_A_PASS)

    def _held(self, registration: Registration, pauses: dict[str, tuple[Pause, ...]]) -> Sequence[Pause]:
        """A schedule's pauses; one that has left the file cannot be resumed, so its open runs are finished."""
        name = registration.schedule
        stays = name in self.config.schedules or name in self.config.left_out
        return pauses.get(name, ()) if stays or not self.config.schedules else ()

    def _undelivered(self, schedule: Schedule) -> Iterator[None]:
        fire_due(
            schedule,
            self.ledger,
            self.firing,
            self.clock,
            started_at=self.started_at,
            retention=self.retention,
            min_age=_LEFT_TO_TIMERS,
        )
        yield

    def _see_to(
        self, run: Run, retry: Retry, server_now: datetime, holds: dict[str, datetime], pauses: Sequence[Pause]
    ) -> None:
        """Do what one open run needs now; in a pause nothing is sent, but what was sent is followed."""
        now = self.clock.now()
        if run.state is RunState.UNKNOWN:
            self.unknown_runs.resolve(run, server_now)
        elif run.state is RunState.SUBMITTING:
            self._give_up_if_stale(run, server_now)
        elif (
            _is_due(run, server_now, now)
            and not _is_held(run, server_now, holds)
            and not (pause_at(pauses, now) and not run.by_person)
        ):
            held = paused_within(pauses, run.created_at, now)
            self.firing.submit_open(run, Retry(max_age=retry.max_age + held, max_attempts=retry.max_attempts))

    def _give_up_if_stale(self, run: Run, server_now: datetime) -> None:
        if run.written_at is None or server_now - run.written_at <= self.submit_deadline:
            return
        sentence = "the submitter fell silent after its claim; the service may have accepted the run"
        unknown = run.to(RunState.UNKNOWN, self.clock.now(), error=sentence, claimed_at=run.written_at)
        if self.ledger.update(run, unknown) is not None:
            log_run(unknown)


def _guarded(steps: Iterator[None]) -> Iterator[Exception | None]:
    """The steps of one part of the work; its fault shall not cost the schedule's other parts."""
    try:
        for _ in steps:
            yield None
    except Exception as error:  # noqa: BLE001  yielded, and raised with the others' at the end of the pass
        yield error


class _Seen:
    """What a pass met, for the line at its end that the alerts read."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._oldest = timedelta()

    def note(self, run: Run, now: datetime, pauses: Sequence[Pause]) -> None:
        """Count an open run; what a pause holds, or what is not due yet, does not age."""
        self._states[run.state.value] += 1
        due = max(run.created_at, run.due_at or run.created_at)
        self._oldest = max(self._oldest, now - due - paused_within(pauses, due, now))

    def log(self, faults: int) -> None:
        """Say that a pass has ended."""
        extra = {
            "action": "pass",
            "open": dict(self._states),
            "oldest_open_minutes": self._oldest // timedelta(minutes=1),
            "faults": faults,
        }
        log.info("a pass has ended, with %d open runs", self._states.total(), extra=extra)


class _ServerClock:
    """The ledger's clock within a pass: asked once, moved on by the monotonic clock."""

    def __init__(self, at: datetime, clock: Clock) -> None:
        self._at, self._clock, self._asked = at, clock, clock.monotonic()

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=self._clock.monotonic() - self._asked)


def _is_due(run: Run, server_now: datetime, now: datetime) -> bool:
    """Whether the wait is over: by the ledger's clock, since the writer's and the reader's may differ.

    The wait is the distance between two times of the writer's clock; it counts from the writing of the row.
    """
    due = run.next_attempt_at if run.state is RunState.UNSENT else run.due_at
    if due is None or run.written_at is None:
        return due is None or due <= now
    return server_now - run.written_at >= due - run.history[-1].at


def _is_held(run: Run, server_now: datetime, holds: dict[str, datetime]) -> bool:
    until = holds.get(target_id(run.request.target)) if run.request else None
    return until is not None and server_now < until


def _is_pruned_now(schedule: str, server_now: datetime) -> bool:
    """Once an hour a schedule, at a minute of its own."""
    return crc32(schedule.encode()) % 60 == server_now.minute
