"""Small exports of other services, and their import."""

import json
from pathlib import Path
from typing import Any

from builders import utc

from triggers.migrate.importing import Result, imported

SAMPLES = Path(__file__).parent / "migrate" / "samples"
NOW = utc("2026-11-30T00:00")


def of_document(tmp_path: Path, kind: str, document: Any, name: str = "source.json") -> Result:
    (tmp_path / name).write_text(json.dumps(document))
    return imported([(kind, tmp_path / name)], NOW)


def workflow(trigger: Any, body: Any = None, actions: Any = None) -> Any:
    call = {
        "type": "Http",
        "inputs": {
            "method": "POST",
            "uri": "https://x.api.azureml.ms/PipelineRuns/PipelineSubmit/1",
            "body": body or {},
        },
    }
    return {"definition": {"triggers": {"T": trigger}, "actions": actions or {"HTTP": call}}}


HOURLY = {"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": 1, "startTime": "2026-01-01T00:15:00Z"}}


def execute(pipeline: str, **parameters: str) -> dict[str, Any]:
    return {
        "name": f"run-{pipeline}",
        "type": "ExecutePipeline",
        "typeProperties": {"pipeline": {"referenceName": pipeline}, "parameters": parameters},
    }


def ml(name: str, *after: str, **parameters: Any) -> dict[str, Any]:
    depends = [{"activity": one, "dependencyConditions": ["Succeeded"]} for one in after]
    properties = {"mlPipelineId": f"id-{name}", "mlPipelineParameters": parameters}
    return {"name": name, "type": "AzureMLExecutePipeline", "dependsOn": depends, "typeProperties": properties}


def pipeline(name: str, *activities: dict[str, Any], **parameters: str) -> dict[str, Any]:
    declared = {key: {"type": "string", "defaultValue": value} for key, value in parameters.items()}
    return {"name": name, "properties": {"activities": list(activities), "parameters": declared}}


def hourly(name: str, **parameters: str) -> dict[str, Any]:
    reference = {"pipelineReference": {"referenceName": name}, "parameters": parameters}
    rule = {"frequency": "Hour", "interval": "2", "startTime": "2026-01-01T00:00:00Z"}
    properties = {"type": "ScheduleTrigger", "pipelines": [reference], "typeProperties": {"recurrence": rule}}
    return {"name": f"hourly-{name}", "properties": properties}
