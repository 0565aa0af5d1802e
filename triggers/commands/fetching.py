"""The command fetch-schedules: prints a workspace's SDK v1 schedules as the service has them, for `import sdk-v1`."""

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import Final

from ..azureml.reading import Reader, Unread
from ..azureml.wire import Wire
from ..diagnosis.identity import RequestedOnce
from ..scheduling.run_service import RunService
from ..settings import Settings
from .levers import Refused

_PATIENCE: Final = timedelta(seconds=60)
_PARTS: Final = {
    "subscription_id": "AZUREML_SUBSCRIPTION_ID",
    "resource_group": "AZUREML_RESOURCE_GROUP",
    "workspace": "AZUREML_WORKSPACE_NAME",
    "api": "AZUREML_API",
}


def fetch_schedules(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Print every schedule of a workspace, using your own sign-in."""
    parts = {name: getattr(options, name) or settings.values.get(setting) for name, setting in _PARTS.items()}
    if missing := [f"--{name.replace('_', '-')}" for name, value in parts.items() if not value]:
        raise Refused(
            f"the workspace is not known; give {', '.join(missing)}, or the app settings {', '.join(_PARTS.values())}"
        )
    path = (
        f"/subscriptions/{parts['subscription_id']}/resourceGroups/{parts['resource_group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{parts['workspace']}"
    )
    service = RunService(host=str(parts["api"]).rstrip("/"), workspace=path)
    try:
        found = _reader(settings).json(f"{service.pipelines}/Schedules?activeOnly=false")
    except Unread as error:
        raise Refused(f"the schedules of {parts['workspace']} cannot be read: {error}") from error
    if not isinstance(found, list):
        raise Refused(f"the schedules of {parts['workspace']} cannot be read: the service did not send a list")
    workspace = {
        "subscription_id": parts["subscription_id"],
        "resource_group": parts["resource_group"],
        "name": parts["workspace"],
    }
    print(json.dumps([{**one, "workspace": workspace} for one in found if isinstance(one, dict)], indent=2))
    return 0


def _reader(settings: Settings) -> Reader:
    wire = Wire(
        tokens=RequestedOnce(settings.client_id, has_managed_identity=settings.has_managed_identity),
        scope=settings.token_scope,
        patience=_PATIENCE,
        threads=1,
        ca_bundle=settings.ca_bundle,
        settings=settings.values,
    )
    return Reader(wire)
