"""Maps a target to the implementation of its kind."""

from collections.abc import Mapping
from typing import Final

from ..scheduling.config import PipelineKind, Target
from .batch_endpoint import BatchEndpoint
from .component import Component
from .endpoint import RestEndpoint
from .kind import Kind
from .pipeline_endpoint import PipelineEndpoint
from .published_pipeline import PublishedPipeline

_KINDS: Final[Mapping[PipelineKind, Kind]] = {
    PipelineKind.ENDPOINT: RestEndpoint(),
    PipelineKind.PUBLISHED_PIPELINE: PublishedPipeline(),
    PipelineKind.PIPELINE_ENDPOINT: PipelineEndpoint(),
    PipelineKind.BATCH_ENDPOINT: BatchEndpoint(),
    PipelineKind.COMPONENT: Component(),
}


def kind_of(target: Target) -> Kind:
    """The implementation of a target's kind."""
    return _KINDS[target.kind]


def url_of(target: Target, settings: Mapping[str, str]) -> str:
    """The URL that a target's runs are submitted to; raises MissingSetting and UnfitAddress."""
    return kind_of(target).address(target, settings)
