"""Since when a schedule is what it is: its kind, and the folder that it watches. What is older starts nothing.

An edit of either begins another life with the process that reads it. In a rolling deployment the old and the new file
are alive at once, each with a row of its own, and a rollback within the hour goes on where it was. What returns later
begins anew: it shall not find everything that has gathered meanwhile.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ..clock import Clock
from ..ledger.change_records import SWEEP_0_1, SweepState, sweep_key, sweep_of
from ..ledger.ledger import Ledger
from ..ledger.lives import Life
from ..ledger.ports import Create, LedgerUnavailable, Operation, Replace
from ..ledger.rows import REGISTRY, columns_of, readable_or
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
from ..scheduling.times.occurrences import between
from ..settings import StoreUnavailable

REGISTERED_WITHIN: Final = timedelta(minutes=2)
"""How far back from its first sight a schedule's life may begin."""

LINGERS: Final = timedelta(hours=1)
"""How long a life goes on that nobody has seen, while another one of its schedule was."""

WOKEN_WITHIN: Final = timedelta(minutes=15)
"""How old the occurrence may be for which a timer that sees its schedule first was woken."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_RENEWED_EVERY: Final = timedelta(minutes=5)
_TRIES: Final = 5
_LIVES: Final[Mapping[type[Schedule], Callable[[], str]]] = {
    TimeSchedule: life_of_times,
    ManualSchedule: life_of_people,
    AfterSchedule: life_of_chains,
}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a process's own life of a schedule stands to the others."""

    own: str | None
    """None: its file has no such schedule, or its connection is not usable."""
    others: frozenset[str] = frozenset()
    """Lives that go on in other processes, and that this one has to leave alone."""

    def is_of_others(self, life: str | None) -> bool:
        """Whether something is of a life that other processes see to."""
        return life in self.others


def standing(own: Life | None, lives: Iterable[Life], server_now: datetime) -> Standing:
    """How a life stands to the others of its schedule, where it is in the file.

    Others are left alone that began later, for this process is the old one of a rolling deployment; and, where it has
    no life of the schedule, all that were seen within the hour.
    """
    recent = (one for one in lives if server_now - one.seen_at <= LINGERS and (own is None or one.id != own.id))
    others = frozenset(one.id for one in recent if own is None or one.began_at > own.began_at)
    return Standing(own=None if own is None else own.id, others=others)


@dataclass(frozen=True, kw_only=True)
class Lives:
    """The lives of the schedules in one process's file; safe to share between threads."""

    ledger: Ledger
    host: Callable[[str], str]
    """The account of a connection; raises StoreUnavailable."""
    clock: Clock
    started_at: datetime
    """The start of the worker process."""
    _known: dict[str, tuple[int, Life]] = field(default_factory=dict)
    """By schedule, with the incarnation of the table: without this, every firing would ask for it."""

    def id_of(self, schedule: Schedule) -> str:
        """What the schedule's life is called; raises StoreUnavailable for a connection that is not usable."""
        if isinstance(schedule, ChangeSchedule):
            return life_of_changes(schedule.trigger, self.host(schedule.trigger.connection))
        return _LIVES[type(schedule)]()

    def id_or_none(self, schedule: Schedule) -> str | None:
        """What the schedule's life is called; None where its connection is not usable."""
        try:
            return self.id_of(schedule)
        except StoreUnavailable:
            return None

    def of(self, schedule: Schedule, *, is_timer: bool = False) -> Life:
        """The life that this process continues, or begins; `is_timer`: the schedule's own timer has just fired."""
        incarnation, life = self._known.get(schedule.name, (-1, None))
        if life is None or incarnation != self.ledger.table.incarnation:
            life = self._found(schedule, self.ledger.lives(schedule.name), is_timer=is_timer)
            self._known[schedule.name] = self.ledger.table.incarnation, life
        return life

    def renew(self, schedules: Iterable[Schedule], present: Sequence[Life], server_now: datetime) -> None:
        """Note that the lives of these schedules are seen; one that is over begins anew when it is next asked for."""
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
        raise LedgerUnavailable(f"{name}: its lives begin and end all the time; try again")

    def _begun(self, schedule: Schedule, own: Life | None, *, is_timer: bool, is_known: bool) -> Life | None:
        """Write that a life begins now, or what version 0.1.0 has noted of it; None when somebody else was first."""
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
            first = Create(f"s:{life.schedule}", {"first_seen": first_seen.isoformat()})
            return self._written(schedule, life, SweepState(), first)
        return self._written(schedule, life, SweepState())

    def _written(self, schedule: Schedule, life: Life, swept: SweepState, *beside: Operation) -> Life | None:
        """Write the life with what belongs to it."""
        sweeps = isinstance(schedule, ChangeSchedule)
        own = [Replace(sweep_key(life.schedule, life.id), columns_of(replace(swept, row=None)))] if sweeps else []
        return self.ledger.begin_life(life, [*beside, *own])

    def _of_0_1(self, schedule: Schedule) -> SweepState | None:
        """How far version 0.1.0 had come with this life; None where its rows are about another one."""
        table = self.ledger.table
        mark, sweep = table.get(schedule.name, "mark"), table.get(REGISTRY, f"{SWEEP_0_1}{schedule.name}")
        # The schedule is of the kind whose row was written last.
        kinds = sorted((row for row in (mark, sweep) if row), key=lambda row: row.written_at or _LONG_AGO)
        newest = kinds[-1] if kinds else None
        if not isinstance(schedule, ChangeSchedule):
            return SweepState() if newest is mark and isinstance(schedule, TimeSchedule) else None
        if newest is None:
            return SweepState()
        swept = None if newest is mark else readable_or(sweep_of, newest, None)
        if swept is None or swept.of not in watched_0_1(schedule.trigger):
            return None
        is_present = swept.of in (watched_digest(schedule.trigger), listed_0_1(schedule.trigger))
        return replace(swept, of=watched_digest(schedule.trigger) if is_present else "")

    def _first_seen(self, schedule: Schedule, *, is_timer: bool) -> datetime:
        """Where a life begins: in the minute in which this process has started, or now for a file found later.

        Should a ledger be lost under an app that has run for days, nothing of those days shall start again.
        """
        now = self.clock.now()
        found = max(self.started_at, now - REGISTERED_WITHIN)
        if not isinstance(schedule, TimeSchedule):
            return found  # blobs are told apart by the second, so those from before the start are not ours
        if is_timer:
            return max(between(schedule.trigger, now - WOKEN_WITHIN, now), default=now)
        return found.replace(second=0, microsecond=0)


def _is_over(own: Life, lives: Iterable[Life], server_now: datetime) -> bool:
    """Whether another life of the schedule was seen since this one, and this one not for an hour."""
    return server_now - own.seen_at > LINGERS and any(one.seen_at > own.seen_at for one in lives)


def _by_schedule(lives: Iterable[Life]) -> Mapping[str, list[Life]]:
    found: dict[str, list[Life]] = {}
    for one in lives:
        found.setdefault(one.schedule, []).append(one)
    return found
