"""What a deployment needs to know of the schedules."""

import argparse
import json
from pathlib import Path

from ..deployment import Undeployable, parameters
from ..settings import Settings, environment
from .named import Refused


def infra(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Print the parameter `schedules` of infra/main.bicep; a laptop's local.settings.json is not deployed."""
    values = environment()
    path = folder / (values.get("SCHEDULES_FILE") or "schedules.yaml")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path.name} cannot be read: {error}") from error
    try:
        found = parameters(text, path.name, values)
    except Undeployable as error:
        raise Refused(f"{error}\nnothing can be deployed until this is right") from error
    print(json.dumps(found, indent=2))
    return 0
