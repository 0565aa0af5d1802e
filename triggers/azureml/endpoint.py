"""Targets given by a REST endpoint as the studio shows it: published pipelines and pipeline endpoints."""

from collections.abc import Mapping

from ..scheduling.config import Target
from ..scheduling.run_service import RunService
from ..scheduling.templates import expand
from .addresses import fit, service_in
from .pipeline_runs import PipelineRuns


class RestEndpoint(PipelineRuns):
    """Targets given by the key `endpoint`."""

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        return fit(expand(target.name, settings), target, settings)

    def run_service(self, target: Target, settings: Mapping[str, str]) -> RunService | None:
        """Where the runs are polled: the target's `workspace` if there is one, otherwise the workspace in its URL."""
        if target.workspace is None:
            return super().run_service(target, settings)
        service = service_in(target.workspace, settings)
        fit(service.host, target, settings)
        return service
