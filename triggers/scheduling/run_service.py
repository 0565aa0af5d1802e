"""Finds out from a submit URL where its runs can be polled; no other module does."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from .templates import MissingSetting, expand

_FOLLOWED: Final = re.compile(
    r"(?P<host>https?://[^/?#]+)/pipelines/v1\.0(?P<workspace>/subscriptions/[^/?#]+/resourceGroups/[^/?#]+"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/?#]+)/",
    re.IGNORECASE,
)


class RunService(Struct, frozen=True, kw_only=True):
    """Where the runs of a workspace are polled, looked up and canceled."""

    host: str
    """`https://REGION.api.azureml.ms`."""
    workspace: str
    """The workspace's resource id, as in a URL."""

    @property
    def pipelines(self) -> str:
        """The root of the pipelines service."""
        return f"{self.host}/pipelines/v1.0{self.workspace}"

    @property
    def history(self) -> str:
        """The root of run history, on the same host (azureml-core 1.61, run history client)."""
        return f"{self.host}/history/v1.0{self.workspace}"


def shows_its_service(endpoint: str, settings: Mapping[str, str]) -> bool:
    """True if an endpoint, its settings not filled in, shows its service; also while a setting is missing."""
    try:
        return run_service(expand(endpoint, settings)) is not None
    except MissingSetting:
        return True


def run_service(submit_url: str) -> RunService | None:
    """The service in a submit URL; None for older hosts (`/api/v1.0/…`), gateways with a prefix, and anything else."""
    match = _FOLLOWED.match(submit_url)
    return match and RunService(host=match["host"], workspace=match["workspace"])
