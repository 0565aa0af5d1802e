"""The JSON bodies and query parameters of requests; unknown fields are errors."""

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
    """Why; stored in the ledger."""
    by: Text | None = None
    """Who; with App Service authentication, the signed-in user is stored instead."""


class ReplayBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a replay."""

    note: Text | None = None
    """Why; stored in the ledger."""
    by: Text | None = None
    """Who, as in the other bodies."""
    force: bool = False
    """Also replay a run that has finished."""
    unless_replayed: bool = False
    """Refuse if the run has been replayed since."""


class CallbackBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who to notify when the run ends."""

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
    """The body of a trigger; `request_id` makes it safe to repeat."""

    request_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    """Repeating a request with the same id and body does not start another run."""
    pipeline_parameters: dict[Name, Scalar] = {}
    """In place of the schedule's own, as far as `trigger_overrides` allows."""
    experiment_name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    """In place of the schedule's."""
    description: Annotated[str, Meta(max_length=5000)] | None = None
    """In place of the schedule's."""
    tags: dict[Name, Annotated[str, Meta(max_length=5000)]] = {}
    """In addition to the schedule's, which cannot be replaced."""
    datapaths: dict[Name, DatapathBody] = {}
    """In place of the schedule's own, as far as `trigger_overrides` allows; a listed one keeps its datastore."""
    datasets: dict[Name, DatasetBody] = {}
    """In place of the schedule's own, as far as `trigger_overrides` allows."""
    parent_run_id: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """The parent run, under which the studio shows this one."""
    continue_on_step_failure: bool | None = None
    """Whether the pipeline continues after a failed step; only with `trigger_overrides: any`."""
    blob: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    """A file's path below the container; only for a change-based schedule."""
    upstream: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """For a chained schedule: the key of an ended run, for `{upstream.…}`, which is otherwise empty."""
    scheduled_time: Moment | None = None
    """The value of `{scheduled_time}`; by default the current time."""
    note: Text | None = None
    """Why; stored in the ledger."""
    by: Text | None = None
    """Who, as in the other bodies."""
    callback: CallbackBody | None = None
    """Notified when the run ends; its token is kept for at most three days and never shown."""


class SubmittedBody(TriggerBody, frozen=True, kw_only=True):
    """A trigger's body with the fields that only a published pipeline's body has."""

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
    """Also start occurrences that may have run, because they are older than the ledger's retention."""
    note: Text | None = None
    """Why; stored in the ledger."""
    by: Text | None = None
    """Who, as in the other bodies."""


class SchedulesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of each schedule to return; each of its newest runs costs a read of the ledger."""

    last_runs: Annotated[int, Meta(ge=0, le=5)] = 5
    """How many of each schedule's newest runs to return."""
    details: bool = False
    """Also return descriptions, parameters, rules and what a manual trigger may change."""


class RunsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs to return, by the time when their rows were created."""

    schedule: Annotated[str, Meta(max_length=100)] | None = None
    """Only runs of this schedule."""
    state: RunState | None = None
    """Only runs in this state."""
    since: Moment | None = None
    """Created then or later."""
    until: Moment | None = None
    """Created before then."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    """Runs per page. A page reads at most 1,000 rows, so it may be shorter or empty without being the last."""
    continuation: Annotated[str, Meta(max_length=600)] | None = None
    """The `continuation` of the page before."""


class RunQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait for the end of a run, in seconds."""

    wait: Annotated[int, Meta(ge=0, le=200)] = 0
    """Seconds to wait for the run's end."""


class ExplainQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to explain: exactly one of these."""

    at: Moment | None = None
    """A nominal time, for a time-based schedule."""
    blob: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    """A file's path below the container, for a change-based schedule."""
    upstream: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    """The key of a run that a chained schedule may follow."""


class NoBody(Struct, frozen=True, kw_only=True):
    """Any body is ignored."""


class NoQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There are no query parameters."""


_PLUS_AS_A_SPACE = re.compile(r"(?<=:\d\d) (?=\d\d:\d\d\Z)")
"""The offset of a time in a URL, if its + was not escaped."""


def checked_path(path: str) -> str:
    """Return a blob's path below the container; raises BadInput if it has a part . or .., or invalid characters."""
    if {".", ".."} & set(path.replace("\\", "/").split("/")):
        raise BadInput(f"blob: {path!r} has a part that is . or ..: it would refer to another blob")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in path):
        raise BadInput(f"blob: {path!r} contains characters that are not allowed in a blob's name")
    return path


def checked_instant(text: str, what: str) -> datetime:
    """A time from a request; `what` names the field in the error. Raises BadInput."""
    try:
        return instant_of(_PLUS_AS_A_SPACE.sub("+", text))
    except ValueError as error:
        raise BadInput(f"{what}: {error}") from None
