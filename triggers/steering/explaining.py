"""Why something did, or did not, start: the decisions in the order in which they are made, a sentence each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import Clock
from ..ledger.change_ledger import ChangeLedger
from ..ledger.ledger import Ledger
from ..ledger.rows import CorruptRow
from ..ledger.sweeps import Sweeps
from ..scheduling.batch import group_of
from ..scheduling.change import BlobChange, change_digest, out_of_scope
from ..scheduling.complete_sets import waits_for
from ..scheduling.config import AfterSchedule, ChangeSchedule, ManualSchedule, Schedule, TimeSchedule
from ..scheduling.file.converted_times import converted_times
from ..scheduling.instants import iso_utc
from ..scheduling.pauses import pause_at
from ..scheduling.run import RunState
from ..scheduling.run_keys import chain_key, change_key, is_run_key, replay_key, time_key
from ..scheduling.shown import history_of
from ..scheduling.times.occurrences import excluded_at, moved_from, next_after
from ..starting.lives import Lives
from ..storage.blobs import Blobs
from .declined import BadInput
from .questions import checked_path

_SECOND = timedelta(seconds=1)
_STATES = {
    RunState.WAITING: "it waits, and the reconciler sends it when it is due and a slot is free",
    RunState.SUBMITTING: "it is being submitted",
    RunState.SUBMITTED: "Azure ML has accepted it, and its end is polled",
    RunState.UNSENT: "Azure ML certainly did not accept it; it is tried again",
    RunState.UNKNOWN: "it may have been accepted: it is looked up in run history, and never simply sent again",
    RunState.REJECTED: "Azure ML has refused it: fix the cause, then replay it",
    RunState.DEAD: "its attempts are used up: fix the cause, then replay it",
    RunState.SKIPPED: "it was decided not to start it",
    RunState.FINISHED: "Azure ML has finished it",
    RunState.FAILED: "it failed in Azure ML: its page in the studio says why; fix the cause, then replay it",
    RunState.CANCELED: "it was canceled",
    RunState.UNREADABLE: "its row cannot be read; a newer version of the app may have written it",
    RunState.UNTRACKED: "what became of it in Azure ML is unknown; look at its page in the studio",
}


@dataclass(frozen=True, kw_only=True)
class Explaining:
    """What explanations are read from."""

    ledger: Ledger
    rows: ChangeLedger
    sweeps: Sweeps
    lives: Lives
    blobs: Blobs
    clock: Clock

    def time(self, schedule: Schedule, at: datetime) -> Iterator[str]:
        """Of one nominal time. Raises BadInput, LedgerUnavailable."""
        if isinstance(schedule, ChangeSchedule):
            raise BadInput(f"{schedule.name} is change-based: it runs when a file changes; use --blob")
        if not isinstance(schedule, TimeSchedule):
            starts = "only people and programs start it" if isinstance(schedule, ManualSchedule) else "use --upstream"
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: {starts}")
        trigger, now = schedule.trigger, self.clock.now()
        yield from converted_times(schedule)
        if next_after(trigger, at - _SECOND, 1) != [at]:
            if excluded := excluded_at(trigger, at):
                moved = f"; it runs at {iso_utc(excluded.moved_to)} instead" if excluded.moved_to else ""
                yield f"{iso_utc(at)} is on an excluded day: {excluded.because}{moved}"
                yield from self._chain(time_key(schedule.name, at))
                return
            following = next(iter(next_after(trigger, at, 1)), None)
            later = f"the next one is {iso_utc(following)}" if following else "there is none later"
            yield f"{iso_utc(at)} is no occurrence of {schedule.name}; {later}"
            return
        yield f"{iso_utc(at)} is an occurrence of {schedule.name}"
        if original := moved_from(trigger, at):
            yield f"it is the one of {iso_utc(original)}, moved from an excluded day"
        yield from self._life(schedule, at)
        key = time_key(schedule.name, at)
        runs = list(self._chain(key))
        if runs:
            yield from runs
            return
        yield f"it has no row ({key})"
        mark = self.ledger.mark(schedule.name)
        if at > now:
            yield "it is not due yet"
        elif mark is None:
            yield "nothing of this schedule has been decided yet: its timer or the reconciler decides when it is due"
        elif at <= mark.until:
            yield (
                f"everything until {iso_utc(mark.until)} has been decided: its row was pruned, or it lies before the "
                "schedule's life or before an edit of its trigger; backfill starts it"
            )
        else:
            yield f"only what is until {iso_utc(mark.until)} has been decided; the reconciler is due within two minutes"

    def chain(self, schedule: Schedule, upstream_key: str) -> Iterator[str]:
        """Of the end of another schedule's run. Raises BadInput, LedgerUnavailable."""
        if not isinstance(schedule, AfterSchedule):
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: it follows no run")
        upstream = self.ledger.get(upstream_key) if is_run_key(upstream_key) else None
        if upstream is None:
            yield f"there is no run {upstream_key!r}"
            return
        yield f"{upstream.key} is {upstream.state.value}"
        states = ", ".join(sorted(schedule.trigger.states))
        if upstream.schedule not in schedule.trigger.schedules:
            yield f"{schedule.name} does not follow {upstream.schedule}"
            return
        yield f"{schedule.name} follows runs of {upstream.schedule} that end as {states}"
        yield from self._life(schedule, upstream.ended_at or self.clock.now())
        key = chain_key(schedule.name, upstream.key)
        runs = list(self._chain(key))
        yield from runs or [f"it has no row ({key})"]
        if not runs and upstream.state.value in schedule.trigger.states:
            yield "the reconciler is due within two minutes"

    def blob(self, schedule: Schedule, path: str) -> Iterator[str]:
        """Of the present version of a blob. Raises BadInput, LedgerUnavailable, BlobUnavailable."""
        if not isinstance(schedule, ChangeSchedule):
            instead = "use --at" if isinstance(schedule, TimeSchedule) else "no blob starts it"
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: {instead}")
        trigger = schedule.trigger
        found = self.blobs.of(trigger.connection, trigger.container, checked_path(path))
        if found is None:
            yield f"there is no blob {path!r} in the container {trigger.container}"
            return
        change = found.change
        yield f"{path!r}, modified at {iso_utc(change.last_modified)}: {change.size} bytes, ETag {change.etag}"
        if because := out_of_scope(trigger, found):
            yield f"{schedule.name} does not watch it: {because}"
            return
        yield f"{schedule.name} watches it"
        yield from converted_times(schedule)
        yield from self._life(schedule, change.last_modified)
        if trigger.start is not None and change.last_modified < trigger.start:
            yield f"it is older than start_time, {iso_utc(trigger.start)}"
        yield from self._change(schedule, change)

    def _batch(self, schedule: ChangeSchedule, change: BlobChange) -> str:
        """Why the batch that a change waits for is not closed yet, behind a sentence that says so."""
        batch = schedule.batch
        if batch is None:
            return ""
        group = group_of(batch, change)
        arrivals = [one for one in self.rows.all_pending(schedule.name) if one.member.group == group]
        return f": {waits_for(batch, group or schedule.trigger.folder, arrivals)}" if arrivals else ""

    def _change(self, schedule: ChangeSchedule, change: BlobChange) -> Iterator[str]:
        runs = list(self._chain(change_key(schedule.name, change)))
        try:
            batch = self.rows.batch_of(schedule.name, change_digest(change))
        except CorruptRow as error:
            yield f"{error}; it has been in a batch"
            return
        if batch:
            yield f"it is in the batch {batch}"
            runs = runs or list(self._chain(batch))
        elif batch is not None:
            yield f"it waits for its batch to be closed{self._batch(schedule, change)}"
        yield from runs
        if runs or batch is not None:
            return
        yield f"this version has no row ({change_key(schedule.name, change)}): no event has reported it yet"
        newest = self.rows.newest(schedule.name, change)
        if newest is not None:
            yield f"the newest version that was reported is that of {iso_utc(newest.last_modified)}, ETag {newest.etag}"
        trigger = schedule.trigger
        if not trigger.polling_interval:
            yield "polling_interval is 0, so no sweep finds it: look at the event subscription; backfill starts it"
            return
        swept = self.sweeps.state(schedule.name, self.lives.id_of(schedule))
        if swept.mark is not None and change.last_modified < swept.mark:
            yield f"sweeps have handled everything before {iso_utc(swept.mark)}; backfill starts what is older"
        else:
            begun = "never yet" if swept.started_at is None else f"last at {iso_utc(swept.started_at)}"
            yield f"the sweep finds it: every {trigger.polling_interval.total_seconds() / 60:.0f} minutes, {begun}"

    def _life(self, schedule: Schedule, at: datetime) -> Iterator[str]:
        """What concerns every occurrence of the schedule."""
        life = self.lives.id_of(schedule)
        own = next((one for one in self.ledger.lives(schedule.name) if one.id == life), None)
        seen = own or self.ledger.registration(schedule.name)
        if seen is None:
            yield "the schedule has not been seen by a reconciler yet: is the app deployed, and does it run?"
        elif at < seen.first_seen:
            yield f"that is before the schedule began, at {iso_utc(seen.first_seen)}"
        if not schedule.enabled:
            yield "the schedule is disabled"
        pauses = self.ledger.pauses(schedule.name).intervals
        for pause in {one for one in (pause_at(pauses, at), pause_at(pauses, self.clock.now())) if one is not None}:
            note = f" ({pause.note})" if pause.note else ""
            end = f"until {iso_utc(pause.end)}" if pause.end else "and is still paused"
            yield f"the schedule was paused from {iso_utc(pause.begin)} {end}{note}"

    def _chain(self, key: str) -> Iterator[str]:
        """A run, its history, and its replays; nothing for a key without rows."""
        keys = [key, *(replay_key(key, number) for number in self.ledger.replays(key))]
        for run in self.ledger.shown_runs(keys):
            yield f"{run.key}: {run.state.value}{f' ({run.reason})' if run.reason else ''}"
            for event in history_of(run):
                said = ": ".join(part for part in (event.state, event.reason) if part)
                yield f"  {event.at}  {said}" if event.at else f"  … {said}"
            if run.state is RunState.UNREADABLE:
                yield f"  {run.error}"
            if sentence := _STATES.get(run.state):
                yield f"  {sentence}"
            if run.run_id:
                yield f"  run {run.run_id}{f', {run.studio_url}' if run.studio_url else ''}"
