"""Targets given by the name or id of a pipeline endpoint."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ..scheduling.config import Target
from ..scheduling.templates import expand
from .pipeline_runs import PipelineRuns, in_workspace

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


class PipelineEndpoint(PipelineRuns):
    """Targets given by the key `pipeline_endpoint`. With an id, its version goes into path and query, as in the SDK."""

    def address(self, target: Target, settings: Mapping[str, str]) -> str:
        name = expand(target.name, settings)
        version = quote(expand(target.version, settings), safe="") if target.version is not None else None
        if _GUID.match(name):
            path = f"/PipelineEndpointSubmit/Id/{quote(name, safe='')}"
            path = f"{path}/{version}?pipelineVersion={version}" if version else path
        else:
            query = f"&pipelineVersion={version}" if version else ""
            path = f"/PipelineEndpointSubmit/Name?name={quote(name, safe='')}{query}"
        return in_workspace(target, path, settings)
