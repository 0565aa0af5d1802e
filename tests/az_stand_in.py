"""A stand-in for the Azure CLI: a program on PATH that keeps its own Azure in a JSON file.

It accepts only commands and options that `az` documents (https://learn.microsoft.com/cli/azure/reference-index), and
records every call, so that tests can check for text that must never appear on a command line.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

GLOBAL = {"--output", "--only-show-errors", "--subscription"}
COMMANDS = {
    "account show": set(),
    "provider show": {"--namespace"},
    "resource show": {"--ids"},
    "storage container-rm exists": {"--storage-account", "--name"},
    "eventgrid system-topic list": {"--resource-group"},
    "eventgrid system-topic event-subscription list": {"--resource-group", "--system-topic-name"},
    "eventgrid system-topic event-subscription delete": {
        "--resource-group",
        "--system-topic-name",
        "--name",
        "--yes",
    },
    "deployment sub create": {"--name", "--location", "--template-file", "--parameters"},
    "deployment sub what-if": {"--name", "--location", "--template-file", "--parameters", "--validation-level"},
    "deployment group create": {"--resource-group", "--name", "--template-file", "--parameters"},
    "functionapp keys list": {"--resource-group", "--name"},
    "functionapp function list": {"--resource-group", "--name"},
    "functionapp deployment source config-zip": {"--resource-group", "--name", "--src", "--build-remote"},
}
FLAGS = {"--yes", "--only-show-errors"}


class Failed(Exception):
    """Carries what az writes to stderr before it exits with 1."""


def parsed(arguments: list[str]) -> tuple[str, dict[str, str]]:
    words = []
    while arguments and not arguments[0].startswith("--"):
        words.append(arguments.pop(0))
    command = " ".join(words)
    options = {}
    while arguments:
        name = arguments.pop(0)
        options[name] = "" if name in FLAGS else arguments.pop(0)
    if command not in COMMANDS:
        sys.exit(f"'{command}' is misspelled or not recognized by the system.")
    if command != "account show" and "--ids" not in options and "--subscription" not in options:
        sys.exit(f"{command}: of which subscription? az may have another one selected")
    if unknown := set(options) - COMMANDS[command] - GLOBAL:
        sys.exit(f"unrecognized arguments: {' '.join(sorted(unknown))}")
    return command, options


def answer(command: str, options: dict[str, str], azure: dict[str, Any]) -> Any:
    """Carry out a command; returns its output."""
    if azure["fail"].get(command):
        if sentence := azure["fail"][command].pop(0):
            raise Failed(sentence)
    elif command == "deployment sub create":
        topics = json.loads(azure["outputs"]["EVENT_TOPICS"])
        azure["topics"] += [
            {
                "name": one["name"],
                "id": f"/topics/{one['name']}",
                "source": azure["watched"],
                "resourceGroup": one["resourceGroup"],
                "tags": {"azd-env-name": "dev"},
                "identity": {"type": "SystemAssigned"},
            }
            for one in topics
            if one["name"] not in {known["name"] for known in azure["topics"]}
        ]
        # Azure Resource Manager writes the first letters of output names in lower case.
        outputs = {name[0].lower() + name[1:]: {"value": value} for name, value in azure["outputs"].items()}
        return {"properties": {"provisioningState": "Succeeded", "outputs": outputs}}
    return PRINTED[command](options, azure)


def resource(options: dict[str, str], azure: dict[str, Any]) -> Any:
    if options["--ids"] not in azure["resources"]:
        raise Failed(f"(ResourceNotFound) The Resource '{options['--ids']}' was not found.")
    return azure["resources"][options["--ids"]]


def topics_of(options: dict[str, str], azure: dict[str, Any]) -> Any:
    group = options.get("--resource-group")
    found = [one for one in azure["topics"] if group in {None, one["resourceGroup"]}]
    return [nested(one, "source") for one in found] if azure.get("nested") else found


def deploy_subscriptions(options: dict[str, str], azure: dict[str, Any]) -> Any:
    """Deploy the subscriptions that the parameters file builds from the environment and schedules.json."""
    if options["--parameters"].endswith("run-events.bicepparam"):
        azure["run_events"] = f"{options['--resource-group']}/{os.environ['AZUREML_WORKSPACE_NAME']}"
        return {"properties": {"provisioningState": "Succeeded"}}
    told = json.loads((Path(options["--parameters"]).parent.parent / "schedules.json").read_text())
    app, host = os.environ["FUNCTION_APP_NAME"], os.environ["FUNCTION_APP_HOST"]
    for one in told["subscriptions"]:
        if one["connection"] == os.environ["TOPIC_CONNECTION"]:
            azure["subscriptions"].setdefault(os.environ["TOPIC_NAME"], {})[f"{app}-{one['name']}"] = {
                "name": f"{app}-{one['name']}",
                "provisioningState": "Succeeded",
                "filter": {"subjectBeginsWith": one["subjectBeginsWith"]},
                "destination": {"endpointType": "WebHook", "endpointBaseUrl": f"https://{host}/runtime/webhooks/blobs"},
                "key": os.environ["BLOBS_EXTENSION_KEY"],
            }
    for one in told["renames"]:
        if one["connection"] == os.environ["TOPIC_CONNECTION"]:
            function = f"/subscriptions/s/sites/{app}/functions/storage_renamed"
            destination = {"endpointType": "AzureFunction", "resourceId": function}
            right = {"provisioningState": "Succeeded", "destination": destination}
            if (made := azure.get("renames", right)) is not None:
                of_topic = azure["subscriptions"].setdefault(os.environ["TOPIC_NAME"], {})
                of_topic[f"{app}-storage-renamed"] = {"name": f"{app}-storage-renamed", **made}
    return {"properties": {"provisioningState": "Succeeded"}}


def subscriptions_of(options: dict[str, str], azure: dict[str, Any]) -> Any:
    found = list(azure["subscriptions"].get(options["--system-topic-name"], {}).values())
    if not azure.get("nested"):
        return found
    placed = [{**one, "destination": nested(one["destination"], "endpointBaseUrl")} for one in found]
    return [nested(one, "provisioningState", "filter", "destination") for one in placed]


def nested(one: dict[str, Any], *inner: str) -> dict[str, Any]:
    """The service's own format: a CLI that does not flatten its answers leaves these values in `properties`."""
    outer = {name: value for name, value in one.items() if name not in inner}
    return {**outer, "properties": {name: one[name] for name in inner if name in one}}


def delete_subscription(options: dict[str, str], azure: dict[str, Any]) -> None:
    del azure["subscriptions"][options["--system-topic-name"]][options["--name"]]


def keep_package(options: dict[str, str], azure: dict[str, Any]) -> None:
    Path(azure["package"]).write_bytes(Path(options["--src"]).read_bytes())


PRINTED = {
    "account show": lambda options, azure: {"id": azure["subscription"]},
    "provider show": lambda options, azure: {
        "registrationState": azure["providers"].get(options["--namespace"], "Registered")
    },
    "resource show": resource,
    "storage container-rm exists": lambda options, azure: {"exists": options["--name"] in azure["containers"]},
    "eventgrid system-topic list": topics_of,
    "eventgrid system-topic event-subscription list": subscriptions_of,
    "eventgrid system-topic event-subscription delete": delete_subscription,
    "deployment sub what-if": lambda options, azure: None,
    "deployment group create": deploy_subscriptions,
    "functionapp keys list": lambda options, azure: {
        "functionKeys": {"default": azure["function_key"]},
        "systemKeys": {"blobs_extension": azure["webhook_key"]},
    },
    "functionapp function list": lambda options, azure: [
        {"name": f"{options['--name']}/{name}"} for name in azure["functions"]
    ],
    "functionapp deployment source config-zip": keep_package,
}


def main() -> None:
    file = Path(os.environ["AZURE_STAND_IN"])
    azure = json.loads(file.read_text())
    azure["calls"].append(sys.argv[1:])
    try:
        printed = answer(*parsed(sys.argv[1:]), azure)
        failure = ""
    except Failed as error:
        printed, failure = None, f"ERROR: {error}"
    file.write_text(json.dumps(azure))
    if failure:
        sys.exit(failure)
    if printed is not None:
        sys.stdout.write(json.dumps(printed))


if __name__ == "__main__":
    main()
