"""What one kind of target has to know: where its runs are submitted, looked up, followed and canceled.

Each kind is a file: `endpoint`, `published_pipeline`, `pipeline_endpoint`, `batch_endpoint`, `component`. The first
three start pipeline runs (`pipeline_runs`), the others v2 jobs (`jobs`); `kinds` finds the one of a target.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..scheduling.config import Target
from ..scheduling.run_request import RunRequest, Submission
from .call import Call


@dataclass(frozen=True)
class ByTags:
    """Look up the runs of an experiment by tags, in run history."""

    url: str
    within: str
    """The address that shows in which workspace they are."""
    tags: Mapping[str, str]


@dataclass(frozen=True)
class ByName:
    """Look up a job by the name that we gave it."""

    call: Call
    name: str
    is_proof: bool
    """Whether a job of another name cannot exist."""


class Kind(Protocol):
    """One kind of target. What makes an address raises MissingSetting and UnfitAddress."""

    ids: tuple[str, ...]
    """Where the reply to a submission has the id of the run."""

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        """Where submissions go, but for what is the run's own."""

    def submission(self, submission: Submission, settings: Mapping[str, str]) -> Call:
        """What starts a run, settings put in."""

    def look_up(
        self, request: RunRequest, run_key: str, ledger_id: str, settings: Mapping[str, str]
    ) -> ByTags | ByName | None:
        """How a run is found that may have been accepted; None: its address does not show where."""

    def status(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        """The question for a run's status; None: its address does not show where."""

    def cancellation(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        """What cancels a run; None: neither its address nor a `workspace` shows where."""
