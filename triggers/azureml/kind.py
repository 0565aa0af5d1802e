"""The interface of a kind of target: how its runs are submitted, looked up, polled and canceled.

Each kind is a file: `endpoint`, `published_pipeline`, `pipeline_endpoint`, `batch_endpoint`, `component`. The first
three start pipeline runs (`pipeline_runs`), the others v2 jobs (`jobs`); `kinds` maps a target to its kind.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from ..scheduling.config import Target
from ..scheduling.run_request import RunRequest, Submission
from .call import Call


class ByTags(Struct, frozen=True):
    """Look up the runs of an experiment by tags, in run history."""

    url: str
    within: str
    """A URL that shows the workspace of the runs."""
    tags: Mapping[str, str]


class ByName(Struct, frozen=True):
    """Look up a job by the name that we gave it."""

    call: Call
    name: str
    is_proof: bool
    """True if a lookup that finds nothing proves that there is no such job."""


class Kind(Protocol):
    """One kind of target. Methods that build a URL raise MissingSetting and UnfitAddress."""

    ids: tuple[str, ...]
    """The keys that may hold the run id in the reply to a submission."""

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        """URL of submissions, without the parts that depend on the run."""

    def submission(self, submission: Submission, settings: Mapping[str, str]) -> Call:
        """The request that starts a run, with settings filled in."""

    def look_up(
        self, request: RunRequest, run_key: str, ledger_id: str, settings: Mapping[str, str]
    ) -> ByTags | ByName | None:
        """How to find a run that may have been accepted; None if the URL does not show where."""

    def status(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        """The request for a run's status; None if the URL does not show where."""

    def cancellation(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        """The request that cancels a run; None if neither the URL nor a `workspace` shows where."""
