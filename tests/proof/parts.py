"""The engine's faulty surroundings: ledger, endpoint, run history, blobs and clock of one instance."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from builders import MemoryBlobs
from msgspec import Struct

from triggers.ledger.ports import LedgerUnavailable, Operation, RowsRead, StoredRow, Table, Written
from triggers.scheduling.change import BlobChange, FoundBlob
from triggers.scheduling.outcome import Answer, FoundRun, LookUp, Outcome, Seen
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunState
from triggers.scheduling.run_keys import schedule_of
from triggers.scheduling.run_request import RunRequest, Submission
from triggers.storage.blobs import BlobUnavailable, ListingExpired, Page

from .world import Instance, World

Answered = TypeVar("Answered")
MUTE = {"mute"}
"""Schedules whose runs are never looked up, because a setting is missing."""


class SimClock:
    """The clocks of one instance. Its time of day is skewed; the others are not, but may stand still with it."""

    def __init__(self, world: World, instance: Instance) -> None:
        self._world, self._instance = world, instance
        self._newest = [0.0, 0.0]

    def now(self) -> datetime:
        return self._world.time + timedelta(seconds=self._instance.skew)

    def monotonic(self) -> float:
        return self._onwards(0, self._instance.monotonic_stood)

    def since_boot(self) -> float:
        return self._onwards(1, self._instance.boot_stood)

    def sleep(self, seconds: float) -> None:
        self._world.sleep(self._instance, seconds)

    def _onwards(self, which: int, stood: float) -> float:
        self._newest[which] = max(self._newest[which], self._world.now - stood)
        return self._newest[which]


class SimTable:
    """The store behind a network: a call may fail before or after its effect, and the caller may die during it."""

    incarnation = 0

    def __init__(self, world: World, instance: Instance, store: Table) -> None:
        self._world, self._instance, self._store = world, instance, store

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        return self._asked(f"get {row_key}", lambda: self._store.get(partition, row_key))

    def query(
        self,
        partition: str,
        first: str,
        before: str,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[StoredRow]:
        return iter(
            self._asked(f"query {first}", lambda: list(self._store.query(partition, first, before, limit, columns)))
        )

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        return self._asked(f"read {first}", lambda: self._store.read(partition, first, before, limit))

    def now(self) -> datetime:
        return self._asked("now", self._store.now)

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        world, what = self._world, _shown(operations)

        def write() -> Written | None:
            written = self._store.write(partition, operations)
            if written is not None:
                world.written(operations)
            return written

        written = self._asked(f"write {what}", write)
        if written is not None:
            world.note(f"{self._instance.name}: writes {what}")
        if world.happens(world.rates.answer_lost, "answer lost"):
            if world.rng.random() < 0.5:
                raise LedgerUnavailable(f"{what}: the answer was lost")
            return self._store.write(partition, operations)  # repeated by the client library: it may find its own rows
        return written

    def _asked(self, what: str, ask: Callable[[], Answered]) -> Answered:
        world, instance = self._world, self._instance
        world.step(instance, f"{what} goes out")
        if world.happens(world.rates.storage_error, "storage error"):
            raise LedgerUnavailable(f"{what}: the storage is away")
        answer = ask()
        world.step(instance, f"{what} comes back")
        return answer


def _shown(operations: Sequence[Operation]) -> str:
    first = operations[0]
    return f"{first.row_key} {first.columns.get('state', '')} {len(operations)} rows"


class Accepted(Struct, frozen=True):
    """A run that Azure ML started."""

    at: float
    key: str
    ledger_id: str
    run_id: str
    ends_at: float
    """Unless it is canceled earlier."""


@dataclass
class Service:
    """Azure ML: the runs it accepted, and up to what time its index knows them."""

    world: World
    accepted: list[Accepted] = field(default_factory=list)
    indexed_until: float = 0.0
    storm_until: float = 0.0
    lag: float = 5.0
    canceled: dict[str, float] = field(default_factory=dict)
    """Run id → time of cancellation."""
    at_once: Counter[str] = field(default_factory=Counter)
    """Schedule → the largest number of runs at the same time."""

    def most_at_once(self, schedule: str) -> None:
        """Record how many runs of a schedule run now."""
        running = sum(schedule_of(one.key) == schedule and self.status_of(one) == "Running" for one in self.accepted)
        self.at_once[schedule] = max(self.at_once[schedule], running)

    def status_of(self, one: Accepted) -> str:
        """The status that the service reports for a run."""
        if self.canceled.get(one.run_id, self.world.now + 1) <= self.world.now:
            return "Canceled"
        if self.world.now < one.ends_at:
            return "Running"
        return "Failed" if one.run_id.endswith("7") else "Finished"

    def accept(self, submission: Submission) -> Accepted:
        """Start a run; two identical submissions are two runs."""
        name = f"run-{len(self.accepted) + 1}"
        ends_at = self.world.now + self.world.rng.uniform(20, 240)
        one = Accepted(self.world.now, submission.run_key, submission.ledger_id, name, ends_at)
        self.accepted.append(one)
        self.most_at_once(schedule_of(one.key))
        self.world.note(f"service: accepts {one.key} as {one.run_id} attempt {submission.attempt[:4]}")
        return one

    def indexed(self) -> list[Accepted]:
        """The runs that history knows now: never fewer than before, in the order of acceptance."""
        self.indexed_until = max(self.indexed_until, self.world.now - self.lag)
        return [one for one in self.accepted if one.at <= self.indexed_until]


class SimEndpoint:
    """The published pipeline over a network that loses requests and replies."""

    def __init__(self, world: World, instance: Instance, service: Service) -> None:
        self._world, self._instance, self._service = world, instance, service

    def obstacle(self, request: RunRequest) -> str | None:
        return None

    def is_unreachable(self, request: RunRequest) -> bool:
        return False

    def place(self, request: RunRequest) -> str | None:
        return "azureml"

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        world, rates = self._world, self._world.rates
        # Between claim and POST: after a freeze here, only the freshness check prevents a second run.
        world.step(self._instance, "token for " + submission.run_key, freezes=8)
        if not is_fresh():
            return Outcome(answer=Answer.UNSENT, sentence="too late")
        if world.happens(rates.refused, "refused"):
            return Outcome(answer=Answer.UNSENT, sentence="refused")
        if world.now < self._service.storm_until:
            world.faults["429"] += 1
            return Outcome(
                answer=Answer.UNSENT, sentence="429", retry_after=timedelta(seconds=world.rng.choice((1, 90)))
            )
        return self._sent(submission)

    def _sent(self, submission: Submission) -> Outcome:
        """From here on the request is on the wire, even if the instance dies."""
        world, rates = self._world, self._world.rates
        wire: dict[str, Accepted] = {}
        on_the_wire = world.rng.uniform(0.05, 1) if world.rng.random() < 0.95 else world.rng.uniform(1, 110)
        rejected = world.happens(rates.rejected, "rejected")
        if not rejected and not world.happens(rates.cut_before, "request cut"):
            world.at(world.now + on_the_wire, lambda: wire.update(run=self._service.accept(submission)))
        world.step(self._instance, "the reply of " + submission.run_key, on_the_wire + 0.01)
        if rejected:
            return Outcome(answer=Answer.REJECTED, sentence="404")
        if "run" not in wire or world.happens(rates.reply_lost, "reply lost"):
            return Outcome(answer=Answer.UNKNOWN, sentence="no reply", is_silence=world.rng.random() < 0.5)
        return Outcome(answer=Answer.SUBMITTED, run_id=wire["run"].run_id)


class SimHistory:
    """Run history: sometimes unreachable, and late by the index's lag."""

    def __init__(self, world: World, instance: Instance, service: Service) -> None:
        self._world, self._instance, self._service = world, instance, service

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        self._world.step(self._instance, "look-up of " + run_key)
        if schedule_of(run_key) in MUTE:
            return LookUp(sentence="the app setting X does not exist; add it")
        if self._world.happens(self._world.rates.history_away, "history away"):
            return LookUp(sentence="history is away", is_away=True)
        known = self._service.indexed()
        found = tuple(FoundRun(one.run_id) for one in known if (one.key, one.ledger_id) == (run_key, ledger_id))
        self._world.step(self._instance, "answer of history")
        return LookUp(complete=True, runs=found)


class SimService:
    """The part of Azure ML that reports the status of accepted runs and cancels them."""

    def __init__(self, world: World, instance: Instance, service: Service) -> None:
        self._world, self._instance, self._service = world, instance, service

    def of(self, run: Run) -> Seen:
        word = self._asked("status of " + run.key, lambda: self._service.status_of(self._run(run)))
        return Seen(is_away=True, sentence="away") if word is None else Seen(status=word, end=_ENDS.get(word))

    def still_running(self, request: RunRequest, ledger_id: str, run_ids: Collection[str]) -> Collection[str]:
        known = self._asked("statuses", self._service.indexed) or []
        return {one.run_id for one in known if one.run_id in run_ids and self._service.status_of(one) == "Running"}

    def cancel(self, run: Run) -> str | None:
        run_id = str(run.run_id)
        done = self._asked(
            "cancel " + run.key, lambda: self._service.canceled.setdefault(run_id, self._world.now) is not None
        )
        return None if done else "the service is away"

    def _run(self, run: Run) -> Accepted:
        return next(one for one in self._service.accepted if one.run_id == run.run_id)

    def _asked(self, what: str, ask: Callable[[], Answered]) -> Answered | None:
        self._world.step(self._instance, what)
        if self._world.happens(self._world.rates.history_away, "history away"):
            return None
        answer = ask()
        self._world.step(self._instance, what + " comes back")
        return answer


_ENDS = {"Finished": RunState.FINISHED, "Failed": RunState.FAILED, "Canceled": RunState.CANCELED}


@dataclass
class Container:
    """The blobs: path → current version."""

    world: World
    present: dict[str, FoundBlob] = field(default_factory=dict)

    def upload(self, path: str) -> None:
        """Add or overwrite a blob; sometimes with the bytes of an earlier, deleted one."""
        before, now = self.present.get(path), self.world.time.replace(microsecond=0)
        md5 = f"{self.world.rng.getrandbits(64):x}"
        if before is not None and before.content_md5 is not None and before.created != now:
            md5 = self.world.rng.choice((md5, md5, md5, before.content_md5))
        self._put(path, md5, now)

    def touch(self, path: str) -> None:
        """Write a blob's metadata: a new version with the same content, without an event."""
        md5, created = self.present[path].content_md5, self.present[path].created
        assert md5 is not None
        assert created is not None
        self._put(path, md5, created)

    def rename(self, source: str, path: str) -> None:
        """Rename a directory: its files keep all their properties."""
        for name in [name for name in self.present if name.startswith(f"{source}/")]:
            found = self.present.pop(name)
            new_name = path + name.removeprefix(source)
            self.present[new_name] = replace(found, change=replace(found.change, path=new_name))

    def _put(self, path: str, md5: str, created: datetime) -> None:
        etag = f"0x{self.world.rng.getrandbits(48):x}"
        modified = self.world.time.replace(microsecond=0)
        change = BlobChange(host="h", container="ccc", path=path, etag=etag, size=1, last_modified=modified)
        self.present[path] = FoundBlob(
            change=change, content_md5=md5, copy_status=None, is_folder=False, created=created
        )


class SimBlobs:
    """Blob storage, for one delivery or one process on one instance."""

    def __init__(self, world: World, instance: Instance, container: Container) -> None:
        self._world, self._instance, self._container = world, instance, container
        self.seen: BlobChange | None = None

    def of(self, connection: str, container: str, path: str) -> FoundBlob | None:
        self._asked("properties of " + path)
        found = self._container.present.get(path)
        self.seen = None if found is None else found.change
        return found

    def host(self, connection: str) -> str:
        return "h"

    def account(self, connection: str) -> str:
        return "h"

    def reach(self, connection: str, container: str) -> None:
        self._asked(f"the container {container}")

    def page(self, connection: str, container: str, folder: str, *, recursive: bool, continuation: str | None) -> Page:
        self._asked(f"a page of {folder!r}")
        if continuation and self._world.happens(self._world.rates.storage_error, "continuation expired"):
            raise ListingExpired("what was that?")
        present = MemoryBlobs(page_size=10)
        present.present = dict(self._container.present)
        return present.page(connection, container, folder, recursive=recursive, continuation=continuation)

    def write(self, connection: str, container: str, path: str, content: bytes) -> None:
        self._asked("manifest " + path)

    def _asked(self, what: str) -> None:
        self._world.step(self._instance, what)
        if self._world.happens(self._world.rates.storage_error, "blob storage error"):
            raise BlobUnavailable(f"{what}: the storage is away")


class SimThreads:
    """The threads of one instance's pass: activities that take turns when one of them makes a call to the outside."""

    def __init__(self, world: World, instance: Instance, number: int) -> None:
        self._world, self._instance, self.number = world, instance, number

    def run(self, work: Callable[[], None]) -> None:
        running = self.number
        wake = self._world.waking()

        def ended(*, well: bool) -> None:
            nonlocal running
            running -= 1
            if not running or not self._instance.alive:
                wake()

        for _ in range(self.number):
            self._world.spawn(self._instance, work, ended)
        self._world.stay(self._instance)

    def condition(self) -> "SimCondition":
        return SimCondition(self._world, self._instance)


class SimCondition:
    """The condition they wait on. No thread is interrupted between two calls to the outside, so no lock is needed."""

    def __init__(self, world: World, instance: Instance) -> None:
        self._world, self._instance = world, instance
        self._waiting: list[Callable[[], None]] = []

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self) -> None:
        self._waiting.append(self._world.waking())
        self._world.stay(self._instance)

    def notify_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()
