"""Explains why something did or did not start: the decisions in the order in which they are made, a sentence each."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..scheduling.config import AfterSchedule, ChangeSchedule, ManualSchedule, Schedule, TimeSchedule
from ..scheduling.file.converted_times import converted_times
from ..scheduling.instants import iso_utc
from ..scheduling.pauses import pause_at
from ..scheduling.run import Run
from ..scheduling.run_keys import chain_key, is_run_key, time_key
from ..scheduling.times.occurrences import excluded_at, moved_from, next_after
from ..starting.lives import Lives
from .declined import BadInput
from .explained_files import ExplainedFiles, KnownVersion
from .explained_runs import ExplainedRuns, verdict
from .questions import ExplainQuery, checked_instant, checked_path

_SECOND = timedelta(seconds=1)


class Explanation(Struct, frozen=True, kw_only=True):
    """The explanation of one occurrence."""

    sentence: str
    """A summary."""
    decisions: list[str]
    """The decisions in the order in which they are made."""
    run: Run | None = None
    """The newest attempt; None if there is none."""
    versions: list[KnownVersion]
    """The known versions of a file, newest first; empty for anything else."""


class Explaining(Struct, frozen=True, kw_only=True):
    """Explains occurrences."""

    ledger: Ledger
    files: ExplainedFiles
    runs: ExplainedRuns
    lives: Lives
    clock: Clock

    def explain(self, schedule: Schedule, query: ExplainQuery) -> Explanation:
        """Explain the occurrence that the query names. Raises BadInput, StoreUnavailable."""
        if sum(one is not None for one in (query.at, query.blob, query.upstream)) != 1:
            raise BadInput("the query: give exactly one of at, blob and upstream")
        if query.at is not None:
            return self.time(schedule, checked_instant(query.at, "at"))
        if query.blob is not None:
            return self.blob(schedule, query.blob)
        return self.chain(schedule, query.upstream or "")

    def time(self, schedule: Schedule, at: datetime) -> Explanation:
        """Explain one nominal time. Raises BadInput, LedgerUnavailable."""
        if isinstance(schedule, ChangeSchedule):
            raise BadInput(
                f"{schedule.name} is change-based, so it has no scheduled times; "
                "ask about a file (`blob`; on the command line, --blob)"
            )
        if not isinstance(schedule, TimeSchedule):
            starts = "it starts only on request"
            instead = starts if isinstance(schedule, ManualSchedule) else "ask about the run that it follows (upstream)"
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: {instead}")
        runs = self.runs.of([time_key(schedule.name, at)])
        decisions = chain(converted_times(schedule), self._time(schedule, at, runs))
        return _explanation(f"{iso_utc(at)} of {schedule.name}", decisions, runs)

    def _time(self, schedule: TimeSchedule, at: datetime, runs: list[Run]) -> Iterator[str]:
        trigger = schedule.trigger
        if next_after(trigger, at - _SECOND, 1) != [at]:
            if excluded := excluded_at(trigger, at):
                moved = f"; it runs at {iso_utc(excluded.moved_to)} instead" if excluded.moved_to else ""
                yield f"{iso_utc(at)} is on an excluded day: {excluded.because}{moved}"
                yield from self.runs.sentences(schedule, runs)
                return
            following = next(iter(next_after(trigger, at, 1)), None)
            later = f"the next one is {iso_utc(following)}" if following else "there is no later one"
            yield f"{iso_utc(at)} is not an occurrence of {schedule.name}; {later}"
            yield from self.runs.sentences(schedule, runs)
            return
        yield f"{iso_utc(at)} is an occurrence of {schedule.name}"
        if original := moved_from(trigger, at):
            yield f"it was moved from {iso_utc(original)}, which is on an excluded day"
        yield from self._life(schedule, at)
        yield from self.runs.sentences(schedule, runs) if runs else self._undecided(schedule, at)

    def _undecided(self, schedule: TimeSchedule, at: datetime) -> Iterator[str]:
        """Why an occurrence has no row."""
        yield f"no run is recorded for it ({time_key(schedule.name, at)})"
        mark = self.ledger.mark(schedule.name)
        if at > self.clock.now():
            yield "it is not due yet"
        elif mark is None:
            yield "no time of this schedule has been handled yet: its timer or the reconciler does it when it is due"
        elif at <= mark.until:
            yield (
                f"all times up to {iso_utc(mark.until)} have been handled, so either its record was deleted after the "
                "retention time, or it is before the schedule was deployed or last edited; to start it, use backfill"
            )
        else:
            so_far = f"times up to {iso_utc(mark.until)} have been handled"
            yield f"{so_far}; the reconciler handles this one within two minutes"

    def chain(self, schedule: Schedule, upstream_key: str) -> Explanation:
        """Explain what followed the end of another schedule's run. Raises BadInput, LedgerUnavailable."""
        if not isinstance(schedule, AfterSchedule):
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: it does not follow other runs")
        key = chain_key(schedule.name, upstream_key)
        runs = self.runs.of([key]) if is_run_key(upstream_key) else []
        return _explanation(upstream_key, self._chain(schedule, upstream_key, key, runs), runs)

    def _chain(self, schedule: AfterSchedule, upstream_key: str, key: str, runs: list[Run]) -> Iterator[str]:
        upstream = next(iter(self.ledger.shown_runs([upstream_key])), None) if is_run_key(upstream_key) else None
        if upstream is None:
            yield f"there is no run {upstream_key!r}"
            yield from self.runs.sentences(schedule, runs)
            return
        yield f"{upstream.key} is {upstream.state.value}"
        states = ", ".join(sorted(schedule.trigger.states))
        if upstream.schedule not in schedule.trigger.schedules:
            yield f"{schedule.name} does not follow {upstream.schedule}"
            return
        yield f"{schedule.name} follows runs of {upstream.schedule} that end as {states}"
        yield from self._life(schedule, upstream.ended_at or self.clock.now())
        yield from self.runs.sentences(schedule, runs)
        if runs:
            return
        yield f"no run is recorded for it ({key})"
        if upstream.state.value in schedule.trigger.states:
            yield "the reconciler handles it within two minutes"

    def blob(self, schedule: Schedule, path: str) -> Explanation:
        """Explain a file's versions; query storage only if the path is in scope. Raises BadInput, StoreUnavailable."""
        if not isinstance(schedule, ChangeSchedule):
            instead = "ask about a time (at)" if isinstance(schedule, TimeSchedule) else "no blob starts it"
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: {instead}")
        file = self.files.of(schedule, checked_path(path))
        runs = [] if file.asked_about is None else file.asked_about.runs
        life = [] if file.asked_about is None else self._life(schedule, file.asked_about.change.changed_at)
        decisions = chain(file.seen, life, file.decided(), self.runs.sentences(schedule, runs), file.undecided())
        return _explanation(repr(path), decisions, runs, file.versions)

    def _life(self, schedule: Schedule, at: datetime) -> Iterator[str]:
        """What affects every occurrence of the schedule at `at`: its beginning, `status` and pauses."""
        yield from converted_times(schedule) if isinstance(schedule, ChangeSchedule) else ()
        life = self.lives.id_of(schedule)
        own = next((one for one in self.ledger.lives(schedule.name) if one.id == life), None)
        seen = own or self.ledger.registration(schedule.name)
        if seen is None:
            yield "no reconciler has seen the schedule yet: check that the app is deployed and running"
        elif at < seen.first_seen:
            yield f"that is before the app first saw the schedule, at {iso_utc(seen.first_seen)}"
        if not schedule.enabled:
            yield "the schedule is disabled"
        pauses = self.ledger.pauses(schedule.name).intervals
        for pause in {one for one in (pause_at(pauses, at), pause_at(pauses, self.clock.now())) if one is not None}:
            note = f" ({pause.note})" if pause.note else ""
            end = f"until {iso_utc(pause.end)}" if pause.end else "and is still paused"
            yield f"the schedule was paused from {iso_utc(pause.begin)} {end}{note}"


def _explanation(
    subject: str, decisions: Iterable[str], runs: list[Run], versions: Iterable[KnownVersion] = ()
) -> Explanation:
    told, run = list(decisions), runs[-1] if runs else None
    said = verdict(run) if run else told[-1]
    return Explanation(sentence=f"{subject}: {said}", decisions=told, run=run, versions=list(versions))
