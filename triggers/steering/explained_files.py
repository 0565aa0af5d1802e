"""Explains what happened to each known version of a file."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field

from ..ledger.change_ledger import OWN_RUN, ChangeLedger
from ..ledger.change_records import EarlierVersion
from ..ledger.rows import CorruptRow
from ..ledger.sweeps import Sweeps
from ..scheduling.batch import group_of
from ..scheduling.change import BlobChange, CopyStatus, FoundBlob, change_digest, out_of_scope, path_out_of_scope
from ..scheduling.complete_sets import waits_for
from ..scheduling.config import ChangeSchedule
from ..scheduling.instants import in_units, iso_utc
from ..scheduling.replacing import replace
from ..scheduling.run import Run
from ..scheduling.run_keys import change_key
from ..starting.lives import Lives
from ..storage.blobs import Blobs, BlobUnavailable
from .explained_runs import ExplainedRuns, verdict

_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class KnownVersion(Struct, frozen=True, kw_only=True):
    """A version of a file that storage shows or the ledger remembers."""

    change: BlobChange
    runs: list[Run] = field(default_factory=list)
    """The runs that it started, or the rows that say why not; the newest attempt is last."""
    batches: tuple[str, ...] = ()
    """The keys of the batches that contain it."""
    waits: str | None = None
    """What its open batch waits for; None if it is in no open batch."""

    @property
    def is_decided(self) -> bool:
        """True if it has a row."""
        return bool(self.runs or self.batches or self.waits)

    @property
    def reason(self) -> str | None:
        """Why it started nothing, or nothing yet."""
        if self.runs:
            return self.runs[-1].reason or self.runs[-1].error
        return f"it waits for its batch: {self.waits}" if self.waits else "no event and no sweep has reported it"


class ExplainedFile(Struct, frozen=True, kw_only=True):
    """What the ledger and storage know of a file."""

    seen: list[str]
    """Sentences about its blob in storage, and what happened to its earlier versions."""
    versions: list[KnownVersion]
    asked_about: KnownVersion | None
    """The current version, or the last known one; None if there is none in scope."""
    how_found: Iterable[str]
    """Sentences about how a version without a row will be found."""

    def decided(self) -> Iterator[str]:
        """Which batches contain the version, a sentence each."""
        if self.asked_about is not None:
            for batch in self.asked_about.batches:
                yield f"it is in the batch {batch}"

    def undecided(self) -> Iterator[str]:
        """What will happen next, if the version waits or has no row."""
        if self.asked_about is None:
            return
        if self.asked_about.waits:
            yield f"it waits until its batch is closed: {self.asked_about.waits}"
        elif not self.asked_about.is_decided:
            yield from self.how_found


class ExplainedFiles(Struct, frozen=True, kw_only=True):
    """Explains files from the ledger and storage."""

    runs: ExplainedRuns
    rows: ChangeLedger
    sweeps: Sweeps
    lives: Lives
    blobs: Blobs

    def of(self, schedule: ChangeSchedule, path: str) -> ExplainedFile:
        """A file by its path below the container. Raises StoreUnavailable."""
        trigger = schedule.trigger
        blank = BlobChange(
            host=self.blobs.host(trigger.connection),
            container=trigger.container,
            path=path,
            etag="",
            size=0,
            last_modified=_NO_TIME,
        )
        known = self._known(schedule, blank)
        if because := path_out_of_scope(trigger, path):
            hint = f"; a path begins below the container, without {trigger.container}/"
            is_whole = path.startswith(f"{trigger.container}/")
            said = f"{schedule.name} does not watch {path!r}: {because}{hint if is_whole else ''}"
            return _file([*_versions_in_words(known), said], known, None)
        try:
            found = self.blobs.of(trigger.connection, trigger.container, path)
        except BlobUnavailable as error:
            seen = [f"{error}; the rest comes only from the ledger", *_versions_in_words(known[1:])]
            return _file(seen, known, known[0] if known else None)
        if found is None:
            return self._gone(schedule, blank, known)
        return self._present(schedule, found, known)

    def _present(self, schedule: ChangeSchedule, found: FoundBlob, known: list[KnownVersion]) -> ExplainedFile:
        change = found.change
        own = next((one for one in known if one.change.etag == change.etag), None)
        present = replace(own or self._version(schedule, change), change=change)
        versions = [present, *(one for one in known if one is not own)]
        seen = [
            f"{change.path!r}, modified at {iso_utc(change.last_modified)}: {change.size} bytes, ETag {change.etag}",
            *_versions_in_words(versions[1:]),
        ]
        if because := out_of_scope(schedule.trigger, found):
            return _file([*seen, f"{schedule.name} does not watch it: {because}"], versions, None)
        seen.append(f"{schedule.name} watches it")
        start = schedule.trigger.start
        if start is not None and change.last_modified < start:
            seen.append(f"it is older than start_time, {iso_utc(start)}")
        return _file(seen, versions, present, self._how_found(schedule, found))

    def _gone(self, schedule: ChangeSchedule, blank: BlobChange, known: list[KnownVersion]) -> ExplainedFile:
        seen = [f"there is no blob {blank.path!r} in the container {blank.container}", *_versions_in_words(known[1:])]
        late = self.runs.of([change_key(schedule.name, blank)])
        seen += [
            f"it was already gone when the app looked for it, at {iso_utc(run.created_at)}: {run.key}" for run in late
        ]
        if not known:
            if not late:
                seen.append("no version of it is known: no event and no sweep has reported it")
            return _file(seen, [], None)
        last = known[0].change
        seen.append(f"its last known version is that of {iso_utc(last.last_modified)}, ETag {last.etag}")
        return _file(seen, known, known[0])

    def _known(self, schedule: ChangeSchedule, blank: BlobChange) -> list[KnownVersion]:
        """The versions that the ledger remembers, newest first."""
        newest = self.rows.newest(schedule.name, blank)
        if newest is None or not newest.etag:
            return []
        present = EarlierVersion(etag=newest.etag, last_modified=newest.last_modified)
        changes = [replace(blank, etag=one.etag, last_modified=one.last_modified) for one in (present, *newest.earlier)]
        return [self._version(schedule, change) for change in changes]

    def _version(self, schedule: ChangeSchedule, change: BlobChange) -> KnownVersion:
        """A version with the runs that it started: its own, a batch's, and those of backfills."""
        name, digest = schedule.name, change_digest(change)
        batches, waits = [], None
        for one in [digest, *(f"{digest}.r{number}" for number in self.rows.replays(name, digest))]:
            try:
                batch = self.rows.batch_of(name, one)
            except CorruptRow as error:
                batches.append(f"whose record cannot be read: {error}")
                continue
            if batch == "":
                waits = self._batch(schedule, change)
            elif batch not in (None, OWN_RUN):
                batches.append(batch)
        runs = self.runs.of([change_key(name, change), *batches])
        return KnownVersion(change=change, runs=runs, batches=tuple(batches), waits=waits)

    def _batch(self, schedule: ChangeSchedule, change: BlobChange) -> str:
        """What the batch of a pending change waits for."""
        batch = schedule.batch
        if batch is None:
            return "the schedule no longer has a batch: the reconciler starts a run within two minutes"
        group = group_of(batch, change)
        arrivals = [one for one in self.rows.all_pending(schedule.name) if one.member.group == group]
        return waits_for(batch, group or schedule.trigger.folder, arrivals) if arrivals else "it is being closed"

    def _how_found(self, schedule: ChangeSchedule, found: FoundBlob) -> Iterator[str]:
        trigger, change = schedule.trigger, found.change
        if found.copy_status is CopyStatus.PENDING:
            then = (
                "the first sweep after the copy finds it"
                if trigger.polling_interval
                else "its event will be delivered again"
            )
            yield f"it is still being copied, so an event about it has started nothing yet; {then}"
            return
        yield f"no run is recorded for this version ({change_key(schedule.name, change)}): no event has reported it yet"
        if not trigger.polling_interval:
            yield "polling_interval is 0, so no sweep finds it: check the event subscription; to start it, use backfill"
            return
        swept = self.sweeps.state(schedule.name, self.lives.id_of(schedule))
        if swept.mark is not None and change.last_modified < swept.mark:
            yield f"sweeps have handled everything before {iso_utc(swept.mark)}; to start older files, use backfill"
        else:
            begun = (
                "the first is still to come"
                if swept.started_at is None
                else f"the last one at {iso_utc(swept.started_at)}"
            )
            yield f"the next sweep finds it; sweeps run every {in_units(trigger.polling_interval)}, {begun}"


def _file(
    seen: list[str],
    versions: list[KnownVersion],
    asked_about: KnownVersion | None,
    how_found: Iterable[str] = (),
) -> ExplainedFile:
    return ExplainedFile(seen=seen, versions=versions, asked_about=asked_about, how_found=how_found)


def _versions_in_words(versions: Sequence[KnownVersion]) -> Iterator[str]:
    """A line for each of these versions, which the question is not about."""
    for one in versions:
        became = f"{one.runs[-1].key}: {verdict(one.runs[-1])}" if one.runs else one.reason
        yield f"the version of {iso_utc(one.change.last_modified)}, ETag {one.change.etag}: {became}"
