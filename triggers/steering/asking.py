"""Triggers, replays and cancels runs for people and programs.

As with every run, the claim comes first. Then the run is submitted at once; if that fails, the reconciler continues.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from msgspec import Struct

from ..clock import Clock
from ..ledger.change_ledger import ChangeLedger
from ..ledger.ledger import Ledger
from ..ledger.ports import LedgerUnavailable, Operation
from ..ledger.records import callback_of
from ..log_lines import logger
from ..reconciling.waiting_line import Service
from ..scheduling.azure_devops import callback_problem
from ..scheduling.batch import manifest_path
from ..scheduling.chain import upstream_of
from ..scheduling.change import BlobChange
from ..scheduling.complete_sets import batch_of_one
from ..scheduling.config import AfterSchedule, ChangeSchedule, DataPathKind, Schedule, TimeSchedule
from ..scheduling.replacing import replace
from ..scheduling.run import Run, RunKind, RunState, SkipReason, is_rerun
from ..scheduling.run_keys import is_run_key, replay_key, request_key
from ..scheduling.run_states import CANCELABLE, ENDED_STATES, REPLAYABLE, WITH_FORCE
from ..scheduling.times.occurrences import previous
from ..scheduling.upstream import Upstream
from ..starting.firing import Firing
from ..starting.occurrence import Occurrence, Requested
from ..starting.reported_changes import Changes
from ..storage.blobs import Blobs
from .declined import BadInput, NotKnown, WrongState
from .overrides import overrides_of
from .questions import HeldBody, ReplayBody, TriggerBody, checked_instant, checked_path
from .request_digests import request_digest, request_digests

log = logger(__name__)

_REQUEST_ID: Final = re.compile(r"(?!.*\.r\d+\Z)[A-Za-z0-9._-]{1,64}\Z", re.ASCII)
_TRIES: Final = 5


class Asking(Struct, frozen=True, kw_only=True):
    """Triggers, replays and cancels runs."""

    ledger: Ledger
    changes: Changes
    rows: ChangeLedger
    firing: Firing
    blobs: Blobs
    clock: Clock
    service: Service
    callback_hosts: Sequence[str]
    """CALLBACK_HOSTS."""

    def trigger(self, schedule: Schedule, body: TriggerBody, *, by_program: bool = False) -> tuple[Run, bool]:
        """Start a run on request; returns the run, and True if it is new. The same id with the same body is one run.

        A program's run is only claimed here, and is held while the schedule is paused. Raises Declined.
        """
        request_id = body.request_id or str(uuid4())
        if not _REQUEST_ID.match(request_id):  # the type's pattern allows a trailing newline
            raise BadInput(
                f"request_id: {request_id!r} must be 1 to 64 letters, digits, '.', '_' or '-', and must not end like "
                "a replay's key, such as .r1"
            )
        key = request_key(schedule.name, request_id)
        asked = Requested(
            by=body.by,
            note=body.note,
            request_id=request_id,
            digest=request_digest(body),
            is_held_by_pauses=by_program,
            parameters={name: str(value) for name, value in body.pipeline_parameters.items()},
        )
        if (present := self.ledger.get(key)) is not None:
            return _same(present, body), False
        asked = replace(asked, overrides=overrides_of(schedule, body))
        callback = self._callback(schedule, key, body)
        at = self.clock.now() if body.scheduled_time is None else checked_instant(body.scheduled_time, "scheduled_time")
        occurrence = self._requested(schedule, key, at, body)
        if body.upstream is not None:
            occurrence = replace(occurrence, upstream=self._upstream(schedule, body.upstream))
        occurrence = replace(occurrence, beside=callback)
        claimed = self._claimed(schedule, occurrence, asked, may_be_skipped=True)
        if claimed is None:
            present = self.ledger.get(key)
            if present is None:
                raise WrongState(f"{key} was claimed, but its record is gone; use another request_id")
            return _same(present, body), False
        # An Azure DevOps task waits 20 seconds for an answer (azure-pipelines-tasks #8655); Azure ML may take longer.
        return self.submitted(schedule, claimed, at_once=body.callback is None and not by_program), True

    def replay(self, schedule: Schedule, run: Run, body: ReplayBody) -> Run:
        """Start another run for the same occurrence, built from the current file. Raises Declined."""
        root = run.replay_of or run.key
        replays = self.ledger.replays(root)
        number = max(replays, default=0) + 1
        newest = (replays and self.ledger.get(replay_key(root, number - 1))) or run
        dropped = newest if is_rerun(newest) and newest.state is RunState.WAITING else None
        if dropped is not None:
            newest = self._before(dropped)
        if body.unless_replayed and newest.key != run.key:
            raise WrongState(f"{run.key} has already been replayed: {newest.key} is {newest.state.value}")
        if newest.state not in REPLAYABLE and not (newest.state in WITH_FORCE and body.force):
            hint = "; to run it again, use force" if newest.state in WITH_FORCE else "; wait for its end, or cancel it"
            raise WrongState(f"{newest.key} is {newest.state.value}{hint}")
        occurrence = self._again(schedule, newest, root, replay_key(root, number))
        if newest.state is RunState.UNKNOWN:
            # In the transaction of the claim, so that always exactly one of the two runs is open.
            given_up = self._canceled(newest, f"canceled in favor of its replay {occurrence.key}")
            occurrence = replace(occurrence, beside=self.ledger.update_operations(newest, given_up))
        if dropped is not None:
            sentence = f"dropped in favor of the replay {occurrence.key}"
            left_out = dropped.to(
                RunState.SKIPPED,
                self.clock.now(),
                reason=SkipReason.SUPERSEDED.value,
                error=sentence,
                ended_at=self.clock.now(),
            )
            occurrence = replace(occurrence, beside=self.ledger.update_operations(dropped, left_out))
        asked = Requested(by=body.by, note=body.note, parameters=newest.parameters, overrides=newest.overrides)
        claimed = self._claimed(schedule, occurrence, asked)
        if claimed is None:
            raise WrongState(f"{newest.key} has changed or been replayed in the meantime; check it again")
        return self.submitted(schedule, claimed)

    def _before(self, rerun: Run) -> Run:
        """The run that a rerun repeats."""
        assert rerun.reruns is not None
        assert rerun.reruns.previous is not None
        return self.ledger.get(rerun.reruns.previous.key) or rerun

    def cancel(self, run: Run, body: HeldBody) -> Run:
        """Cancel a run: at once if it was not sent, otherwise by requesting it from Azure ML.

        If the run has ended and a rerun is to follow, cancel the rerun. Raises Declined.
        """
        if run.reruns is not None and run.reruns.next_key is not None:
            following = self.ledger.get(run.reruns.next_key)
            if following is not None and following.state in CANCELABLE:
                run = following
        canceled = f"canceled by {body.by}" if body.by else "canceled on request"
        sentence = f"{canceled}: {body.note}" if body.note else canceled
        if run.state is RunState.UNKNOWN:
            sentence += f"; Azure ML may still run it: look for the tag trigger_run_key {run.key} in the studio"
        if run.state is RunState.SUBMITTING:
            raise WrongState(f"{run.key} is being submitted right now; try again")
        if run.state not in CANCELABLE:
            raise WrongState(f"{run.key} has already ended: {run.state.value}")
        if run.state is not RunState.SUBMITTED:
            return self._given_up(run, sentence)
        if refused := self.service.cancel(run):
            raise WrongState(f"{run.key}: {refused}")
        return self._given_up(replace(run, azureml_status="CancelRequested"), sentence)

    def _given_up(self, run: Run, sentence: str) -> Run:
        """The run, canceled. Tries again if its row was changed meanwhile without leaving its state."""
        present: Run | None = run
        for _ in range(_TRIES):
            if present is None or present.state is not run.state:
                break
            canceled = self._canceled(replace(present, azureml_status=run.azureml_status), sentence)
            written = self.ledger.update(present, canceled)
            if written is not None:
                return written
            present = self.ledger.get(run.key)
        if present is not None and present.state is RunState.CANCELED:
            return present
        raise WrongState(f"{run.key} has changed in the meantime; check it again")

    def _canceled(self, run: Run, sentence: str) -> Run:
        now = self.clock.now()
        return run.to(RunState.CANCELED, now, error=sentence, next_attempt_at=None, ended_at=now)

    def submitted(self, schedule: Schedule, claimed: Run, *, at_once: bool = True) -> Run:
        """Submit a claimed run at once, unless it has to wait. If the ledger fails, the reconciler continues."""
        if claimed.state is not RunState.WAITING or not at_once:
            return claimed
        try:
            return self.firing.submit_at_once(schedule, claimed)
        except LedgerUnavailable as error:
            extra = {"action": "left_to_the_reconciler", "run_key": claimed.key}
            log.warning("the run was claimed but could not be submitted at once: %s", error, extra=extra)
            return claimed

    def _claimed(
        self, schedule: Schedule, occurrence: Occurrence, asked: Requested, *, may_be_skipped: bool = False
    ) -> Run | None:
        self.ledger.register(schedule.name, self.clock.now())
        try:
            return self.firing.wait(schedule, occurrence, asked, may_be_skipped=may_be_skipped)
        except KeyError as error:
            raise WrongState(
                f"{schedule.name} has been edited since: its templates use {error.args[0]}, "
                "which this run does not have"
            ) from error

    def _callback(self, schedule: Schedule, key: str, body: TriggerBody) -> list[Operation]:
        """The row for the task to call back when the run ends; raises BadInput if its address is not allowed."""
        if body.callback is None:
            return []
        task = body.callback.azure_devops
        if problem := callback_problem(task, self.callback_hosts):
            raise BadInput(f"callback: {problem}")
        return [callback_of(schedule.name, key, task, self.ledger.now())]

    def _requested(self, schedule: Schedule, key: str, at: datetime, body: TriggerBody) -> Occurrence:
        """The occurrence of a requested run: a time, or a blob as it is now."""
        path = body.blob
        before = previous(schedule.trigger, at) if isinstance(schedule, TimeSchedule) else None
        occurrence = Occurrence(key=key, kind=RunKind.REQUEST, nominal_time=at, previous_time=before)
        if not isinstance(schedule, ChangeSchedule):
            if path is not None:
                raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: it does not take a blob")
            return occurrence
        if path is None and schedule.trigger.data_path_parameter_name in body.datapaths:
            return occurrence
        if path is None:
            raise BadInput(
                f"{schedule.name} is change-based: give a blob (`blob`; on the command line, --blob), "
                "as a path below the container"
            )
        trigger = schedule.trigger
        found = self.blobs.of(trigger.connection, trigger.container, checked_path(path))
        if found is None:
            raise NotKnown(f"there is no blob {path!r} in the container {trigger.container}")
        return self._of_blob(schedule, replace(occurrence, blob=found.change), found.change)

    def _upstream(self, schedule: Schedule, key: str) -> Upstream:
        """The ended run that a request names as `upstream` of a chained schedule."""
        if not isinstance(schedule, AfterSchedule):
            raise BadInput(f"{schedule.name} is {schedule.kind_in_words}: it does not take an upstream run")
        run = self.ledger.get(key) if is_run_key(key) else None
        if run is None:
            raise NotKnown(f"upstream: no run {key!r}")
        if run.schedule not in schedule.trigger.schedules:
            raise BadInput(f"upstream: {schedule.name} does not follow {run.schedule}")
        if run.state not in ENDED_STATES:
            raise WrongState(f"upstream: {key} is {run.state.value}; wait for its end")
        return upstream_of(run)

    def _of_blob(self, schedule: ChangeSchedule, occurrence: Occurrence, change: BlobChange) -> Occurrence:
        """The occurrence for a blob: its manifest written; a batch of one if the schedule has batches."""
        self.changes.write_manifest(schedule, occurrence.key, [change])
        if schedule.batch is None:
            return occurrence
        manifest = (
            manifest_path(schedule.name, occurrence.key)
            if schedule.trigger.data_path is DataPathKind.MANIFEST
            else None
        )
        return replace(occurrence, batch=batch_of_one(schedule.batch, schedule.trigger.folder, change, manifest))

    def _again(self, schedule: Schedule, run: Run, root: str, key: str) -> Occurrence:
        """The occurrence of a run, under a new key."""
        occurrence = Occurrence(
            key=key,
            kind=RunKind.REPLAY,
            nominal_time=run.nominal_time or run.created_at,
            previous_time=run.previous_time,
            moved_from=run.moved_from,
            upstream=run.upstream,
            blob=run.blob,
            replay_of=root,
        )
        if not isinstance(schedule, ChangeSchedule):
            return occurrence
        if run.blob is not None:
            return self._of_blob(schedule, occurrence, run.blob)
        if run.batch is None:
            raise WrongState(f"{run.key} is from a time when {schedule.name} was not change-based")
        members = [member.change for member in self.rows.members(schedule.name, root)]
        if not members:
            raise WrongState(f"the files of {root} are no longer known; start them with backfill")
        manifest = self.changes.write_manifest(schedule, key, members)
        return replace(occurrence, batch=replace(run.batch, manifest=manifest))


def _same(present: Run, body: TriggerBody) -> Run:
    if present.request_digest not in request_digests(body):
        raise WrongState(f"{present.key} was requested with another body; use another request_id")
    return present
