"""What the file says, and cannot say, of each kind of target."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ..config import PipelineKind, Target
from ..run_service import tells_its_service

_SEGMENT: Final = re.compile(r"[^/?#\s]+\Z")
_COMPONENT: Final = re.compile(
    r"azureml:[^:/@\s]+:[^:/@\s]+\Z|azureml://registries/[^/\s]+/components/[^/\s]+/versions/[^/\s]+\Z"
    r"|(azureml:)?/subscriptions/\S+/components/[^/\s]+/versions/[^/\s]+\Z"
)
_PLACEHOLDER: Final = re.compile(r"<[^<>]*>|(?<![^/])(SUBSCRIPTION(_ID)?|PIPELINE_ID)(?![^/?])|…")
_V1: Final = "published pipelines and pipeline endpoints"
_NOT_OF_BATCHES: Final = "published pipelines, pipeline endpoints and components"


def placeholder_problem(text: str) -> str | None:
    """What of an example was never filled in: `<region>`, SUBSCRIPTION and PIPELINE_ID, which no address contains."""
    found = _PLACEHOLDER.search(text)
    return f"{found[0]} is a placeholder; put your own value in its place" if found else None


def segment_problem(text: str) -> str | None:
    """What is wrong with a name or an id, as a part of a path."""
    return None if _SEGMENT.match(text) else "expected a name or id, without spaces and slashes"


def _endpoint_name_problem(text: str) -> str | None:
    """Pipeline endpoints may have blanks in their names, as published ones often do."""
    is_name = _SEGMENT.match(text.replace(" ", "_")) and text == text.strip()
    return None if is_name else "expected a name or id, without slashes, and without blanks at its ends"


def _component_problem(text: str) -> str | None:
    if _COMPONENT.match(text):
        return None
    hint = "; a label is resolved by the SDK only, so write the version" if "@" in text else ""
    return f"expected azureml:NAME:VERSION{hint}"


class TargetRules(NamedTuple):
    """The rules of one kind."""

    name_problem: Callable[[str], str | None] | None = segment_problem
    """What is wrong with the name of a target; None: it is a URL, and checked as one."""
    extra: str | None = None
    """The key of an entry of `pipelines` that goes with this kind only."""
    refused: Mapping[str, str] = {}
    """The keys of a schedule that it has no place for, and what has."""
    shape: str | None = None
    """A pattern of how its URL looks in the studio."""
    misshapen: str = ""
    """What is said of another."""

    @property
    def is_url(self) -> bool:
        """Whether it is named by a URL, which needs no workspace."""
        return self.name_problem is None


RULES: Final[Mapping[PipelineKind, TargetRules]] = {
    PipelineKind.ENDPOINT: TargetRules(
        name_problem=None,
        shape=r"(?i)/PipelineRuns/Pipeline(Endpoint)?Submit/|/Experiments/\w*Submit/",
        misshapen=(
            "its endpoint does not look like …/PipelineRuns/PipelineSubmit/ID, as the studio shows it: "
            "runs may start, but how they end cannot be asked there"
        ),
    ),
    PipelineKind.PUBLISHED_PIPELINE: TargetRules(),
    PipelineKind.PIPELINE_ENDPOINT: TargetRules(name_problem=_endpoint_name_problem, extra="version"),
    PipelineKind.BATCH_ENDPOINT: TargetRules(
        name_problem=None,
        extra="deployment",
        refused={
            "datasets": _V1,
            "parent_run_id": _V1,
            "run_source": _V1,
            "continue_on_step_failure": _NOT_OF_BATCHES,
            "description": _NOT_OF_BATCHES,
        },
        shape=r"/jobs/?(\?|\Z)",
        misshapen="its scoring URL does not end in /jobs, as the studio shows it",
    ),
    PipelineKind.COMPONENT: TargetRules(
        name_problem=_component_problem, refused={"datasets": _V1, "parent_run_id": _V1, "run_source": _V1}
    ),
}


def cannot_be_followed(target: Target, settings: Mapping[str, str]) -> bool:
    """Whether nobody can be asked how its runs end."""
    is_url = target.kind is PipelineKind.ENDPOINT and target.workspace is None
    return is_url and not tells_its_service(target.name, settings)


def cannot_be_canceled(target: Target) -> bool:
    """Whether nobody can be asked to cancel its runs."""
    return target.kind is PipelineKind.BATCH_ENDPOINT and target.workspace is None
