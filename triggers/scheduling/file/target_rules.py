"""The file's rules for each kind of target."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ..config import PipelineKind, Target
from ..run_service import shows_its_service

_SEGMENT: Final = re.compile(r"[^/?#\s]+\Z")
_COMPONENT: Final = re.compile(
    r"azureml:[^:/@\s]+:[^:/@\s]+\Z|azureml://registries/[^/\s]+/components/[^/\s]+/versions/[^/\s]+\Z"
    r"|(azureml:)?/subscriptions/\S+/components/[^/\s]+/versions/[^/\s]+\Z"
)
_PLACEHOLDER: Final = re.compile(r"<[^<>]*>|(?<![^/])(SUBSCRIPTION(_ID)?|PIPELINE_ID)(?![^/?])|…")
_V1: Final = "published pipelines and pipeline endpoints"
_NOT_OF_BATCHES: Final = "published pipelines, pipeline endpoints and components"


def placeholder_problem(text: str) -> str | None:
    """Report a placeholder of an example: `<region>`, SUBSCRIPTION or PIPELINE_ID, which no address contains."""
    found = _PLACEHOLDER.search(text)
    return f"{found[0]} is a placeholder; replace it with your own value" if found else None


def segment_problem(text: str) -> str | None:
    """None for a name or id that can be part of a path."""
    return None if _SEGMENT.match(text) else "expected a name or id, without spaces and slashes"


def _endpoint_name_problem(text: str) -> str | None:
    """None for a valid name; names of pipeline endpoints often contain spaces."""
    is_name = _SEGMENT.match(text.replace(" ", "_")) and text == text.strip()
    return None if is_name else "expected a name or id, without slashes, and without spaces at its ends"


def _component_problem(text: str) -> str | None:
    if _COMPONENT.match(text):
        return None
    hint = "; only the SDK resolves labels, so write the version" if "@" in text else ""
    return f"expected azureml:NAME:VERSION{hint}"


class TargetRules(NamedTuple):
    """The rules of one kind of target."""

    name_problem: Callable[[str], str | None] | None = segment_problem
    """Checks the name of a target; None if it is a URL, and checked as one."""
    extra: str | None = None
    """The key in `pipelines` that only this kind has."""
    refused: Mapping[str, str] = {}
    """The keys of a schedule that this kind cannot use, each with the kinds that can."""
    shape: str | None = None
    """A pattern of its URL as shown in the studio."""
    misshapen: str = ""
    """The warning about a URL that does not match."""

    @property
    def is_url(self) -> bool:
        """True if it is named by a URL, which needs no workspace."""
        return self.name_problem is None


RULES: Final[Mapping[PipelineKind, TargetRules]] = {
    PipelineKind.ENDPOINT: TargetRules(
        name_problem=None,
        shape=r"(?i)/PipelineRuns/Pipeline(Endpoint)?Submit/|/Experiments/\w*Submit/",
        misshapen=(
            "its endpoint does not look like …/PipelineRuns/PipelineSubmit/ID, as the studio shows it: "
            "runs may start, but the app may not be able to poll them"
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
    """True if there is no way to find out how its runs end."""
    is_url = target.kind is PipelineKind.ENDPOINT and target.workspace is None
    return is_url and not shows_its_service(target.name, settings)


def cannot_be_canceled(target: Target) -> bool:
    """True if there is no way to cancel its runs."""
    return target.kind is PipelineKind.BATCH_ENDPOINT and target.workspace is None
