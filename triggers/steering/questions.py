"""The JSON and the query parameters that the app is asked with; unknown fields are faults."""

import re
from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from ..scheduling.azure_devops import AzureDevOps
from ..scheduling.instants import instant_of
from ..scheduling.run import RunState
from .declined import BadInput

Text: TypeAlias = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")]
Moment: TypeAlias = Annotated[str, Meta(max_length=40, description="ISO 8601; without offset it is UTC")]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
Scalar: TypeAlias = str | int | float | bool


class HeldBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of pause, resume and cancel."""

    note: Text | None = None
    """Why; kept in the ledger."""
    by: Text | None = None
    """Who; where App Service authentication is on, the signed-in user counts instead."""


class ReplayBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a replay."""

    note: Text | None = None
    """Why; kept in the ledger."""
    by: Text | None = None
    """Who, as in the other bodies."""
    force: bool = False
    """Also replay a run that has finished."""
    unless_replayed: bool = False
    """Refuse a run that has been replayed since."""


class CallbackBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who waits for the run's end."""

    azure_devops: AzureDevOps
    """The task that waits."""


class DatapathBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data path, as in the file."""

    datastore: Annotated[str, Meta(min_length=1, max_length=255)]
    path: Annotated[str, Meta(max_length=1024)]


class DatasetBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset, as in the file: exactly one of id and name."""

    id: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    version: Annotated[str, Meta(min_length=1, max_length=100)] | int | None = None


class TriggerBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a trigger; `request_id` makes a repetition harmless."""

    request_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    """The same id with the same body is the same run."""
    pipeline_parameters: dict[Name, Scalar] = {}
    """In place of the schedule's own, as far as `trigger_overrides` allows."""
    experiment_name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    """In place of the schedule's."""
    description: Annotated[str, Meta(max_length=5000)] | None = None
    """In place of the schedule's."""
    tags: dict[Name, Annotated[str, Meta(max_length=5000)]] = {}
    """Beside the schedule's, which cannot be replaced."""
    datapaths: dict[Name, DatapathBody] = {}
    """In place of the schedule's own, as far as `trigger_overrides` allows; a listed one keeps its datastore."""
    datasets: dict[Name, DatasetBody] = {}
    """In place of the schedule's own, as far as `trigger_overrides` allows."""
    parent_run_id: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """The run below which this one is shown."""
    continue_on_step_failure: bool | None = None
    """Whether the pipeline goes on after a failed step; only with `trigger_overrides: any`."""
    blob: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    """A file's path below the container; only for a change-based schedule."""
    upstream: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """The key of an ended run, for a chained schedule: what `{upstream.…}` stands for; empty if it is absent."""
    scheduled_time: Moment | None = None
    """What `{scheduled_time}` stands for; now if it is absent."""
    note: Text | None = None
    """Why; kept in the ledger."""
    by: Text | None = None
    """Who, as in the other bodies."""
    callback: CallbackBody | None = None
    """Told when the run ends; its token is kept for three days at most, and never shown."""


class SubmittedBody(TriggerBody, frozen=True, kw_only=True):
    """What only the published pipeline's own body can say."""

    run_source: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    display_name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


_FROM_TO = {"first": "from", "before": "to"}


class BackfillBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_FROM_TO):
    """The body of a backfill: [from, to) of nominal or modification times."""

    first: Moment
    """The first nominal time, or modification time of a file; inclusive."""
    before: Moment
    """Exclusive."""
    dry_run: bool = False
    """Only show what would start."""
    force: bool = False
    """Also start what is older than the ledger's memory and may have run."""
    note: Text | None = None
    """Why; kept in the ledger."""
    by: Text | None = None
    """Who, as in the other bodies."""


class SchedulesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of each schedule: of its newest runs, each costs a read of the ledger."""

    last_runs: Annotated[int, Meta(ge=0, le=5)] = 5
    """How many of each schedule's newest runs to return."""
    details: bool = False
    """Also its description, and what a person's trigger may change."""


class RunsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs; `since` is inclusive, `until` exclusive, both by the time of the row."""

    schedule: Annotated[str, Meta(max_length=100)] | None = None
    """Only runs of this schedule."""
    state: RunState | None = None
    """Only runs in this state."""
    since: Moment | None = None
    """Created then or later."""
    until: Moment | None = None
    """Created before then."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    """Runs per page. A page reads at most 1,000 rows, so it may be shorter, or empty, and not be the last."""
    continuation: Annotated[str, Meta(max_length=600)] | None = None
    """Where the page before has ended."""


class RunQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait for the end of a run, in seconds."""

    wait: Annotated[int, Meta(ge=0, le=200)] = 0
    """Seconds to wait for the run's end."""


class ExplainQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked about: exactly one of these."""

    at: Moment | None = None
    """A nominal time, of a time-based schedule."""
    blob: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    """A file's path below the container, of a change-based schedule."""
    upstream: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """The key of a run that a chained schedule may follow."""


class NoBody(Struct, frozen=True, kw_only=True):
    """Whatever is sent as a body is not looked at."""


class NoQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No query parameter is known."""


_PLUS_AS_A_SPACE = re.compile(r"(?<=:\d\d) (?=\d\d:\d\d\Z)")
"""An offset in an address whose + was not escaped."""


def checked_path(path: str) -> str:
    """A blob's path below the container; raises BadInput for one that would lead out of it, or is none."""
    if {".", ".."} & set(path.replace("\\", "/").split("/")):
        raise BadInput(f"blob: {path!r} has a part that is . or ..: it would name another blob")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in path):
        raise BadInput(f"blob: {path!r} has characters that no blob's name has")
    return path


def asked_instant(text: str, what: str) -> datetime:
    """A time that a person wrote; raises BadInput, which says what it was for."""
    try:
        return instant_of(_PLUS_AS_A_SPACE.sub("+", text))
    except ValueError as error:
        raise BadInput(f"{what}: {error}") from None
