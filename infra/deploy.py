"""Deploys an environment of infra/parameters with the Azure CLI, step by step; the pipelines run this.

python -m infra.deploy dev --what-if    only shows what would change
python -m infra.deploy dev              provisions, deploys the code, connects the events, and checks the app
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from . import connect_events, package, preflight, smoke_test
from .azure_cli import az, show
from .environment import ROOT, CannotDeploy, end, load, value


def main() -> None:
    """Run every step, or only those that change nothing."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Deploys an environment.")
    parser.add_argument("environment", metavar="ENVIRONMENT", help="the name of a file of infra/parameters: dev, prod")
    parser.add_argument("--what-if", action="store_true", help="only show what would change")
    options = parser.parse_args()
    load(options.environment)
    os.environ.setdefault("AZURE_ENV_NAME", options.environment)
    os.environ.setdefault("AZURE_SUBSCRIPTION_ID", az("account", "show")["id"])
    preflight.main()
    if options.what_if:
        show(*_subscription_deployment("what-if"), "--validation-level", "ProviderNoRbac")
        return
    schedules_file = os.environ.get("SCHEDULES_FILE", "schedules.yaml")
    if schedules_file not in package.packaged():
        raise CannotDeploy(f"{schedules_file} is not packaged: git does not track it, or .funcignore leaves it out")
    outputs: dict[str, Any] = az(*_subscription_deployment("create"))["properties"]["outputs"]
    for name, output in outputs.items():
        found = output["value"]
        # Azure Resource Manager changes the first letters of names to lower case.
        os.environ[name.upper()] = found if isinstance(found, str) else json.dumps(found)
    _put_code_in()
    connect_events.main()
    smoke_test.main()


def _subscription_deployment(verb: str) -> list[str]:
    where = ["--location", value("AZURE_LOCATION"), "--template-file", str(ROOT / "infra" / "main.bicep")]
    name = f"pipeline-triggers-{value('AZURE_ENV_NAME')}"
    parameters = str(ROOT / "infra" / "main.bicepparam")
    return ["deployment", "sub", verb, "--name", name, *where, "--parameters", parameters]


def _put_code_in() -> None:
    """Deploy the code; Azure installs requirements.txt on the platform that the app runs on."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "app.zip"
        package.write(archive)
        app = ("--resource-group", value("AZURE_RESOURCE_GROUP"), "--name", value("FUNCTION_APP_NAME"))
        az("functionapp", "deployment", "source", "config-zip", *app, "--src", str(archive), "--build-remote", "true")


if __name__ == "__main__":
    end(main)
