"""Runs every check in order; a failed check doesn't stop the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from ..azureml.clouds import Audience, Cloud
from ..azureml.jobs import Jobs
from ..azureml.kinds import kind_of
from ..azureml.pipelines import Pipelines
from ..azureml.reading import Unread
from ..azureml.resource_manager import ResourceManager
from ..azureml.tokens import LateCredential, Tokens
from ..scheduling.config import ChangeSchedule, Config, DataPathKind, PipelineKind, Schedule
from ..scheduling.faults import Fault
from ..settings import Settings
from . import events, identity, published, renames, storage, version_two, workspaces
from .findings import Findings, fault, guarded, not_checked, ok, unreadable, warning
from .published import Entry
from .storage import Account
from .watched import account_name, datastores, workspace_of

_HOST = "AzureWebJobsStorage"
_Check: TypeAlias = tuple[str, Callable[[], Findings]]
"""A subject, and the function that checks it."""


_OF_VERSION_TWO: Final[Mapping[PipelineKind, Callable[[Entry, ResourceManager], Findings]]] = {
    PipelineKind.BATCH_ENDPOINT: version_two.check_batch_endpoint,
    PipelineKind.COMPONENT: version_two.check_component,
}
"""The check of an entry by its kind; `published` checks published pipelines and pipeline endpoints."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Checks the app's configuration and surroundings."""

    config: Config
    settings: Settings
    faults: Sequence[Fault]
    tokens: Tokens
    pipelines: Pipelines
    arm: ResourceManager
    cloud: Cloud
    _wirings: dict[str, events.Wiring | Unread] = field(default_factory=dict)
    """Connection → the subscriptions on its account, read once."""

    def findings(self) -> Findings:
        """Yield each finding as soon as it is known."""
        for subject, check in self._checks():
            yield from guarded(subject, check)

    def entries(self) -> list[Entry]:
        """The entries of `pipelines`, with the schedules that use them."""
        return [
            Entry(
                name=name,
                target=target,
                schedules=[one for one in self._schedules if one.pipeline == name],
                settings=self._values,
                file=self.config.file,
            )
            for name, target in self.config.pipelines.items()
        ]

    def _checks(self) -> Iterator[_Check]:
        yield "settings", self._file
        yield "identity", self._tokens
        for workspace_id in self._workspaces():
            yield f"workspace {workspace_id}", partial(workspaces.check, workspace_id, self.arm)
        for entry in self.entries():
            yield entry.subject, partial(self._entry, entry)
        for one in datastores(self._schedules, self._values, self.config.file):
            yield f"datastore {one.name}", partial(workspaces.check_datastore, one, self.arm)
        ledger = self.settings.ledger_connection
        yield f"ledger {ledger}", partial(storage.check_ledger, self._account(ledger))
        yield f"host storage {_HOST}", partial(storage.check_host, self._account(_HOST))
        yield from self._watched()
        for schedule in self._changes():
            yield f"events {schedule.name}", partial(self._events, schedule)
        for connection in dict.fromkeys(one.trigger.connection for one in self._changes()):
            yield f"renames {connection}", partial(self._renames, connection)

    def _watched(self) -> Iterator[_Check]:
        """A check for each watched container, and for each account's poison queue."""
        containers: dict[tuple[str, str], bool] = {}
        for schedule in self._changes():
            trigger = schedule.trigger
            key, writes = (trigger.connection, trigger.container), trigger.data_path is DataPathKind.MANIFEST
            containers[key] = containers.get(key, False) or writes
        for (connection, container), writes in containers.items():
            subject, account = f"storage {connection}/{container}", self._account(connection)
            yield subject, partial(storage.check_container, account, container, writes_manifests=writes)
        for connection in {connection: None for connection, _ in containers}:
            yield f"storage {connection}", partial(storage.check_poison_queue, self._account(connection))

    @property
    def _schedules(self) -> Sequence[Schedule]:
        return list(self.config.schedules.values())

    @property
    def _values(self) -> Mapping[str, str]:
        return self.settings.values

    def _changes(self) -> list[ChangeSchedule]:
        return [one for one in self._schedules if isinstance(one, ChangeSchedule)]

    def _workspaces(self) -> list[str]:
        found = (workspace_of(target, self._values) for target in self.config.pipelines.values())
        return list(dict.fromkeys(one for one in found if one is not None))

    def _account(self, connection: str) -> Account:
        return Account(connection=connection, settings=self._values, credential=LateCredential(self.tokens))

    def _file(self) -> Findings:
        for one in self.faults:
            yield fault("settings", str(one), f"correct it in {one.file}:{one.line}" if one.line else _remedy(one))
        for sentence in self.settings.warnings:
            yield warning("settings", sentence, "remove the setting, unless this is a test")
        if not self.faults:
            yield ok("settings", f"{self.config.file}, the app settings and the connections have no errors")

    def _tokens(self) -> Findings:
        yield identity.token(self.tokens, self.settings.token_scope or self.cloud.scopes[Audience.ARM])
        if any(isinstance(kind_of(one), Jobs) for one in self.config.pipelines.values()):
            yield identity.token(self.tokens, self.cloud.scopes[Audience.AZURE_ML])

    def _entry(self, entry: Entry) -> Findings:
        check = _OF_VERSION_TWO.get(entry.target.kind)
        return published.check(entry, self.pipelines) if check is None else check(entry, self.arm)

    def _events(self, schedule: ChangeSchedule) -> Findings:
        trigger = schedule.trigger
        subject = f"events {schedule.name}"
        if self.settings.blob_trigger_source != "EventGrid":
            yield ok(subject, f"BLOB_TRIGGER_SOURCE is {self.settings.blob_trigger_source}: no subscription is needed")
            return
        there = self._wiring_of(schedule, trigger.connection)
        if isinstance(there, Unread):
            yield unreadable(subject, there, events.BY_HAND)
        elif there is None:
            yield not_checked(
                subject, "neither the file nor the settings say in which account and subscription it is", events.BY_HAND
            )
        else:
            yield from events.check(schedule, there, self._values)

    def _renames(self, connection: str) -> Findings:
        """Check renames; yields nothing if the check of the events has already reported that it can see nothing."""
        mine = [one for one in self._changes() if one.trigger.connection == connection]
        there = self._wirings.get(connection)
        if self.settings.blob_trigger_source == "EventGrid" and isinstance(there, events.Wiring):
            yield from renames.check(connection, sorted({one.trigger.container for one in mine}), there)

    def _wiring_of(self, schedule: Schedule, connection: str) -> events.Wiring | Unread | None:
        """The subscriptions on a connection's account; None if the account or its Azure subscription is unknown."""
        if connection not in self._wirings:
            account = account_name(connection, self._values)
            workspace = workspace_of(schedule.target, self._values)
            if account is None or workspace is None:
                return None
            try:
                found = events.account_id(connection, account, self._values, workspace.split("/")[2], self.arm)
                self._wirings[connection] = events.wiring(found, self.arm)
            except Unread as error:
                self._wirings[connection] = error
        return self._wirings[connection]


def _remedy(one: Fault) -> str:
    return f"correct the app setting {one.path}" if one.file == "app settings" else f"correct {one.file}"
