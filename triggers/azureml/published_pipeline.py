"""Targets given by the id of a published pipeline."""

from collections.abc import Mapping
from urllib.parse import quote

from ..scheduling.config import Target
from ..scheduling.templates import expand
from .pipeline_runs import PipelineRuns, in_workspace


class PublishedPipeline(PipelineRuns):
    """Targets given by the key `published_pipeline`."""

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        return in_workspace(target, f"/PipelineSubmit/{quote(expand(target.name, settings), safe='')}", settings)
