"""A schedule's life: how long it keeps its kind and watched folder. Whatever is older starts nothing.

An edit of either begins a new life when a process reads the file. In a rolling deployment, the old and the new life
exist at once, each with its own row, and a rollback within an hour continues the old one. After that a new life begins,
so that files from the time between start nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field

from ..clock import Clock
from ..ledger.change_records import SweepState
from ..ledger.ledger import Ledger
from ..ledger.lives import Life, left_by_0_1
from ..ledger.ports import LedgerUnavailable
from ..scheduling.config import AfterSchedule, ChangeSchedule, ManualSchedule, Schedule, TimeSchedule
from ..scheduling.identities import (
    life_of_chains,
    life_of_changes,
    life_of_people,
    life_of_times,
    listed_0_1,
    watched_0_1,
    watched_digest,
)
from ..scheduling.replacing import replace
from ..scheduling.times.occurrences import between
from ..settings import StoreUnavailable

REGISTERED_WITHIN: Final = timedelta(minutes=2)
"""How long before it is first seen a schedule's life may begin."""

LINGERS: Final = timedelta(hours=1)
"""How long a life continues without being seen while another life of its schedule is."""

WOKEN_WITHIN: Final = timedelta(minutes=15)
"""How old an occurrence may be if its timer is the first to see the schedule."""
_RENEWED_EVERY: Final = timedelta(minutes=5)
_TRIES: Final = 5
_LIVES: Final[Mapping[type[Schedule], Callable[[], str]]] = {
    TimeSchedule: life_of_times,
    ManualSchedule: life_of_people,
    AfterSchedule: life_of_chains,
}


class Standing(Struct, frozen=True, kw_only=True):
    """The life of a schedule in this process, and the lives that belong to other processes."""

    own: str | None
    """None if its file has no such schedule, or the connection is not usable."""
    others: frozenset[str] = frozenset()
    """Lives that continue in other processes and must be left to them."""

    def is_of_others(self, life: str | None) -> bool:
        """True if other processes handle this life."""
        return life in self.others


def standing(own: Life | None, lives: Iterable[Life], server_now: datetime) -> Standing:
    """The life of a schedule in this process, and those to be left to others; `own` is None if it is not in the file.

    Of the lives seen within an hour, those that began after `own` are left alone, because this process is then the old
    one of a rolling deployment. Without `own`, all of them are.
    """
    recent = (one for one in lives if server_now - one.seen_at <= LINGERS and (own is None or one.id != own.id))
    others = frozenset(one.id for one in recent if own is None or one.began_at > own.began_at)
    return Standing(own=None if own is None else own.id, others=others)


class Lives(Struct, frozen=True, kw_only=True):
    """The lives of the schedules in one process's file; safe to share between threads."""

    ledger: Ledger
    host: Callable[[str], str]
    """Returns the account of a connection; raises StoreUnavailable."""
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    _known: dict[str, tuple[int, Life]] = field(default_factory=dict)
    """By schedule, with the table's incarnation; cached because every firing needs it."""

    def id_of(self, schedule: Schedule) -> str:
        """The id of the schedule's life; raises StoreUnavailable if its connection is not usable."""
        if isinstance(schedule, ChangeSchedule):
            return life_of_changes(schedule.trigger, self.host(schedule.trigger.connection))
        return _LIVES[type(schedule)]()

    def id_or_none(self, schedule: Schedule) -> str | None:
        """The id of the schedule's life; None if its connection is not usable."""
        try:
            return self.id_of(schedule)
        except StoreUnavailable:
            return None

    def of(self, schedule: Schedule, *, is_timer: bool = False) -> Life:
        """The life that this process continues or begins; `is_timer`: the schedule's own timer has just fired."""
        incarnation, life = self._known.get(schedule.name, (-1, None))
        if life is None or incarnation != self.ledger.table.incarnation:
            life = self._found(schedule, self.ledger.lives(schedule.name), is_timer=is_timer)
            self._known[schedule.name] = self.ledger.table.incarnation, life
        return life

    def renew(self, schedules: Iterable[Schedule], present: Sequence[Life], server_now: datetime) -> None:
        """Record that the lives of these schedules are seen; one that is over starts again when it is next needed."""
        by_schedule = _by_schedule(present)
        seen = []
        for schedule in schedules:
            life, lives = self.id_or_none(schedule), by_schedule.get(schedule.name, ())
            own = next((one for one in lives if one.id == life), None)
            if own is None or _is_over(own, lives, server_now):
                self._known.pop(schedule.name, None)
            elif server_now - own.seen_at >= _RENEWED_EVERY:
                seen.append(own)
        self.ledger.renew_lives(seen, server_now)

    def _found(self, schedule: Schedule, lives: Sequence[Life], *, is_timer: bool) -> Life:
        name = schedule.name
        life = self.id_of(schedule)
        for _ in range(_TRIES):
            own = next((one for one in lives if one.id == life), None)
            if own is not None and not (len(lives) > 1 and _is_over(own, lives, self.ledger.now())):
                return own
            begun = self._begun(schedule, own, is_timer=is_timer, is_known=bool(lives))
            if begun is not None:
                return begun
            lives = self.ledger.lives(name)
        raise LedgerUnavailable(f"{name}: the schedule keeps being redefined by other processes; try again")

    def _begun(self, schedule: Schedule, own: Life | None, *, is_timer: bool, is_known: bool) -> Life | None:
        """Write a life that begins now, or that version 0.1.0 has begun; None if another process was first."""
        server_now = self.ledger.now()
        # A clock that is ahead must not silence the schedule until that time.
        first_seen = min(self._first_seen(schedule, is_timer=is_timer), server_now)
        life = Life(
            schedule=schedule.name,
            id=self.id_of(schedule),
            first_seen=first_seen,
            began_at=server_now,
            seen_at=server_now,
            is_first=not is_known,
            version=None if own is None else own.version,
        )
        registration = None if is_known else self.ledger.registration(life.schedule)
        if registration is not None:
            before = self._of_0_1(schedule)
            if before is not None:
                return self._written(schedule, replace(life, first_seen=registration.first_seen), before)
            life = replace(life, is_first=False)
        elif not is_known:
            return self._written(schedule, life, SweepState(), registers=True)
        return self._written(schedule, life, SweepState())

    def _written(self, schedule: Schedule, life: Life, swept: SweepState, *, registers: bool = False) -> Life | None:
        own = swept if isinstance(schedule, ChangeSchedule) else None
        return self.ledger.begin_life(life, own, registers=registers)

    def _of_0_1(self, schedule: Schedule) -> SweepState | None:
        """The progress of this life's sweep in version 0.1.0; None if its rows are about another life."""
        left = left_by_0_1(self.ledger.table, schedule.name)
        if isinstance(schedule, TimeSchedule):
            return None if isinstance(left, SweepState) else SweepState()
        if not isinstance(schedule, ChangeSchedule):
            return None
        if left is None:
            return SweepState()
        if not isinstance(left, SweepState) or left.of not in watched_0_1(schedule.trigger):
            return None
        is_present = left.of in (watched_digest(schedule.trigger), listed_0_1(schedule.trigger))
        return replace(left, of=watched_digest(schedule.trigger) if is_present else "")

    def _first_seen(self, schedule: Schedule, *, is_timer: bool) -> datetime:
        """When a life begins: when this process started, but at most two minutes ago.

        If the ledger is lost under an app that has run for days, runs of those days must not start again. A timer
        begins with the occurrence that woke it.
        """
        now = self.clock.now()
        found = max(self.started_at, now - REGISTERED_WITHIN)
        if not isinstance(schedule, TimeSchedule):
            return found  # blobs have times in whole seconds, so those from before the start are left out
        if is_timer:
            return max(between(schedule.trigger, now - WOKEN_WITHIN, now), default=now)
        return found.replace(second=0, microsecond=0)


def _is_over(own: Life, lives: Iterable[Life], server_now: datetime) -> bool:
    """True if this life was not seen for an hour, and another life of the schedule was seen since."""
    return server_now - own.seen_at > LINGERS and any(one.seen_at > own.seen_at for one in lives)


def _by_schedule(lives: Iterable[Life]) -> Mapping[str, list[Life]]:
    found: dict[str, list[Life]] = {}
    for one in lives:
        found.setdefault(one.schedule, []).append(one)
    return found
