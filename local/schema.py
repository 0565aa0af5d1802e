"""Generates the JSON schema of schedules.yaml, for editors, from the types that read it."""

import json
from typing import Any

import msgspec

from triggers.scheduling.config import PipelineKind
from triggers.scheduling.file.defaults import TRIGGERS
from triggers.scheduling.file.keys import FileKeys


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12; adds what the types cannot express: exactly one of several keys."""
    made = msgspec.json.schema(FileKeys)
    definitions = made["$defs"]
    definitions["PipelineKeys"]["oneOf"] = [_has(kind.value) for kind in PipelineKind]
    definitions["ScheduleKeys"]["oneOf"] = [_has(trigger) for trigger in TRIGGERS]
    definitions["ScheduleKeys"]["properties"]["pipeline"]["description"] = "an entry of pipelines"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "schedules.yaml", **made}


def _has(key: str) -> dict[str, Any]:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
