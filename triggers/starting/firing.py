"""Build → claim → submit → settle; the only module that defines this order."""

from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime, timedelta
from uuid import uuid4

from ..clock import Clock, Stopwatch
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable, Operation
from ..ledger.slots import Slots
from ..scheduling.config import Retry, Schedule
from ..scheduling.outcome import Answer, Outcome
from ..scheduling.overlap import KEEPS_NEWEST, Turn, has_a_slot, is_made_up_for, ranks_at, slots_of, turn_of
from ..scheduling.overrides import with_overrides
from ..scheduling.pauses import Pause
from ..scheduling.policies import retry_of
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunState, SkipReason
from ..scheduling.run_request import build_request, too_large
from .never_sent import in_the_way_of, newer_has_started, rejected, skipped, unfillable
from .occurrence import Occurrence, Requested
from .rebuilding import rebuilt
from .settling import Settling, log_run
from .submitting import Submitter, Submitting


class Firing:
    """Starts or skips occurrences, in the ledger and the endpoint. Every method raises LedgerUnavailable."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        endpoint: Submitter,
        life_of: Callable[[Schedule], str | None],
        clock: Clock,
        submit_deadline: timedelta,
        retry_first_delay: timedelta,
        spread: Callable[[], float],
    ) -> None:
        """`spread` returns numbers in [-1, 1], so that the retries of many runs do not coincide."""
        self._ledger = ledger
        self._endpoint = endpoint
        self._life_of = life_of
        self._clock = clock
        settling = Settling(ledger=ledger, clock=clock, retry_first_delay=retry_first_delay, spread=spread)
        self._submitting = Submitting(
            ledger=ledger, endpoint=endpoint, clock=clock, freshness=submit_deadline / 5, settling=settling
        )
        self._spread = spread

    def sparing(self) -> "Firing":
        """A copy for a pass, which sends nothing to a target that did not answer the last submission."""
        sparing = copy(self)
        sparing._submitting = self._submitting.sparing()  # noqa: SLF001  the same class
        return sparing

    def obstacle(self, run: Run) -> str | None:
        """The reason why a run certainly cannot be sent now; None if none is known."""
        return self._submitting.obstacle(run)

    def is_left_alone(self, run: Run) -> bool:
        """True if a pass should leave this run for later because its target or host recently did not answer."""
        return self._submitting.is_left_alone(run)

    def answers(self, target: str) -> bool | None:
        """True if a target answered the last submission, however long ago; None if there was none yet."""
        return self._submitting.answers(target)

    def fire(
        self, schedule: Schedule, occurrence: Occurrence, skip: SkipReason | None = None, because: str | None = None
    ) -> Run | None:
        """Start or skip an occurrence; None if its key was claimed before. A run that is due later waits.

        `because` explains a skip in addition to its reason.
        """
        if skip is not None:
            return self.skip(schedule.name, schedule, occurrence, skip, because)
        now = self._clock.now()
        run = self._unclaimed(schedule.name, schedule, occurrence, now)
        try:
            request = build_request(schedule, occurrence)
        except KeyError as error:
            return self._noted(rejected(run, unfillable(error), now), occurrence)
        if because := too_large(request):
            return self._noted(rejected(run, because, now), occurrence)
        run = replace(run, request=request)
        if occurrence.due_at is not None and occurrence.due_at > now:
            return self._noted(replace(run, state=RunState.WAITING, due_at=occurrence.due_at), occurrence)
        if slots_of(schedule) is not None:
            return self._in_turn(schedule, run, occurrence)
        return self._claimed(run, occurrence, schedule.retry)

    def skip(
        self,
        name: str,
        schedule: Schedule | None,
        occurrence: Occurrence,
        reason: SkipReason,
        because: str | None = None,
    ) -> Run | None:
        """Record that an occurrence starts nothing; `schedule` is None if it has left the file."""
        now = self._clock.now()
        run = self._unclaimed(name, schedule, occurrence, now)
        return self._noted(skipped(run, schedule, reason, because, now), occurrence)

    def notes(self, schedule: Schedule, occurrence: Occurrence, reason: SkipReason, because: str) -> list[Operation]:
        """Operations that record that an occurrence starts nothing, for the transaction of another one's claim."""
        now = self._clock.now()
        run = skipped(self._unclaimed(schedule.name, schedule, occurrence, now), schedule, reason, because, now)
        return self._ledger.insert_operations(run.first(now))

    def wait(
        self, schedule: Schedule, occurrence: Occurrence, asked: Requested, *, may_be_skipped: bool = False
    ) -> Run | None:
        """Claim a requested run, and leave its submission to the reconciler; None if its key was claimed before.

        With `may_be_skipped` and the overlap policy `skip`, it is skipped while another run is open.
        Also raises KeyError, for a template that the occurrence does not fill.
        """
        now = self._clock.now()
        request = build_request(schedule, occurrence)
        run = self._unclaimed(schedule.name, schedule, occurrence, now)
        request = with_overrides(request, asked.parameters, asked.overrides)
        waiting = replace(
            run,
            state=RunState.WAITING,
            request=request,
            requested_by=asked.by,
            note=asked.note,
            request_id=asked.request_id,
            request_digest=asked.digest,
            parameters=asked.parameters,
            overrides=asked.overrides,
            by_person=not asked.is_held_by_pauses,
        )
        if may_be_skipped and slots_of(schedule) is not None:
            slots, turn, now = self._turn(schedule)
            if turn is Turn.SKIP:
                waiting = skipped(waiting, schedule, SkipReason.OVERLAP, in_the_way_of(slots.open_runs, now), now)
        return self._noted(waiting, occurrence)

    def submit_at_once(self, schedule: Schedule, run: Run) -> Run:
        """Submit a run that was just claimed for a person; returns its state, even if the reconciler was first."""
        return self.submit_open(run, schedule) or self._ledger.get(run.key) or run

    def as_in_file(self, run: Run, schedule: Schedule | None) -> Run:
        """The run as an attempt would send it now; as it was decided if the file's templates do not fit it."""
        try:
            return rebuilt(run, schedule, self._life(schedule))
        except KeyError:
            return run

    def submit_open(
        self, run: Run, schedule: Schedule | None, pauses: Sequence[Pause] = (), known_slots: Slots | None = None
    ) -> Run | None:
        """Submit a run that waits or is unsent; None if another process has done so, or no slot is free for it.

        `schedule` is None if it has left the file; it then has no limits. Time in `pauses` does not use up its retries.
        `known_slots` are not read again: if another run has taken a slot meanwhile, the claim fails.
        """
        slots = None
        due_at = run.due_at
        if schedule is not None and slots_of(schedule) is not None:
            slots = known_slots or self._ledger.slots(schedule.name)
            if not has_a_slot(schedule, slots.open_runs, self._clock.now()):
                return None
            if run.state is RunState.WAITING:
                due_at = self._clock.now()  # retries are limited from the end of the wait for a slot
        missing = None
        try:
            present = rebuilt(run, schedule, self._life(schedule))
        except KeyError as error:
            present, missing = run, error
        ledger_id = self._ledger.ledger_id()
        claimed_at = Stopwatch(self._clock)
        now = self._clock.now()
        retry = retry_of(schedule, run, pauses, now)
        claim = run.claimed(str(uuid4())).to(
            RunState.SUBMITTING,
            now,
            remark=None if present.request == run.request else "rebuilt from the current file",
            request=present.request,
            claimed_at=None,
            sent_to=None if present.request is None else self._endpoint.place(present.request),
            unknown_since=None,
            first_look_up_at=None,
            attempts=run.attempts + 1,
            due_at=due_at,
            next_attempt_at=None,
            error=None,
        )
        claimed = self._ledger.update(run, claim, [] if slots is None else [slots.taken(claim)])
        if claimed is not None and missing is not None:
            outcome = Outcome(answer=Answer.REJECTED, sentence=unfillable(missing))
            return self._submitting.settle(claimed, outcome, retry)
        return claimed and self._submitting.submit(claimed, claimed_at, ledger_id, retry)

    def _in_turn(self, schedule: Schedule, run: Run, occurrence: Occurrence) -> Run | None:
        """Claim a run of a schedule that limits its open runs; decide again if another run took a slot first."""
        seen = None
        for tries in range(_SLOT_TRIES):
            slots, turn, now = self._turn(schedule)
            if seen is not None and seen.version == slots.version:
                return None  # no slot was taken, so the key has a row, or a condition of `beside` failed
            seen = slots
            if schedule.overlap in KEEPS_NEWEST and not is_made_up_for(run) and slots.is_superseded(ranks_at(run)):
                because = newer_has_started(slots, now)
                return self._noted(skipped(run, schedule, SkipReason.SUPERSEDED, because, now), occurrence)
            if turn is Turn.SKIP:
                because = in_the_way_of(slots.open_runs, now)
                return self._noted(skipped(run, schedule, SkipReason.OVERLAP, because, now), occurrence)
            if turn is Turn.WAIT:
                # Not later than its nominal time: a clock that is a day ahead must not make it wait for a day.
                due_at = min(now, run.nominal_time or now)
                return self._noted(replace(run, state=RunState.WAITING, due_at=due_at), occurrence)
            claimed = self._claimed(run, occurrence, schedule.retry, slots)
            if claimed is not None:
                return claimed
            self._clock.sleep(min(_FIRST_WAIT * 2**tries, _LONGEST_WAIT) * (1 + self._spread()) / 2)
        raise LedgerUnavailable(f"{run.key}: other runs keep taking the slots of {schedule.name}; try again")

    def _turn(self, schedule: Schedule) -> tuple[Slots, Turn, datetime]:
        """The turn of a new occurrence, and what it is based on; of many open runs, the first are often enough."""
        slots = self._ledger.slots(schedule.name, (slots_of(schedule) or 0) + _LINE)
        now = self._clock.now()
        turn = turn_of(schedule, slots.open_runs, now)
        if turn is not Turn.START or slots.is_all:
            return slots, turn, now
        slots = self._ledger.slots(schedule.name)
        return slots, turn_of(schedule, slots.open_runs, now), now

    def _claimed(self, run: Run, occurrence: Occurrence, retry: Retry, slots: Slots | None = None) -> Run | None:
        """Claim a run and submit it; None if its key was claimed before."""
        ledger_id = self._ledger.ledger_id()
        claimed_at = Stopwatch(self._clock)
        assert run.request is not None, "what is claimed has its request"
        sent_to = self._endpoint.place(run.request)
        claim = replace(run.claimed(str(uuid4())), state=RunState.SUBMITTING, attempts=1, sent_to=sent_to)
        first = claim.first(run.created_at, occurrence.remark)
        taken = [] if slots is None else [slots.taken(first)]
        claimed = self._ledger.insert(first, [*occurrence.beside, *taken])
        return claimed and self._submitting.submit(claimed, claimed_at, ledger_id, retry)

    def _unclaimed(self, name: str, schedule: Schedule | None, occurrence: Occurrence, now: datetime) -> Run:
        """The run of an occurrence before anything is decided."""
        return Run(
            key=occurrence.key,
            schedule=name,
            kind=occurrence.kind,
            state=RunState.SKIPPED,
            created_at=now,
            pipeline="" if schedule is None else schedule.pipeline,
            nominal_time=occurrence.nominal_time,
            previous_time=occurrence.previous_time,
            moved_from=occurrence.moved_from,
            blob=occurrence.blob,
            batch=occurrence.batch,
            replay_of=occurrence.replay_of,
            upstream=occurrence.upstream,
            webhook=None if schedule is None else schedule.webhook,
            life=self._life(schedule),
        )

    def _life(self, schedule: Schedule | None) -> str | None:
        return None if schedule is None else self._life_of(schedule)

    def _noted(self, run: Run, occurrence: Occurrence) -> Run | None:
        """Write a run that waits, or that ends without being sent."""
        written = self._ledger.insert(run.first(run.created_at, occurrence.remark), occurrence.beside)
        if written is not None:
            log_run(written)
        return written


_LINE = 50
_SLOT_TRIES = 40
"""Each failure means that another run has taken a slot, and slots are limited."""
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
"""Seconds between two tries, varied at random, because claims come in bursts."""
