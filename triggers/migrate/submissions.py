"""Translates a call to Azure ML, its address and body, to the file's keys."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from .drafts import Draft, unread
from .literals import literal
from .texts import Texts, lowered, note_flag, unwrapped

_SUBMITS: Final = re.compile(r"/PipelineRuns/(PipelineSubmit|PipelineEndpointSubmit)/", re.IGNORECASE)
_BATCH: Final = re.compile(r"\.inference\.ml\.(azure\.com|azure\.us|azure\.cn)$", re.IGNORECASE)
_DATASTORE: Final = re.compile(
    r"^azureml://(?P<elsewhere>.*/)?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)$", re.IGNORECASE
)

_TYPES: Final = ("type", "job_input_type", "jobinputtype")
_KEYS: Final = (
    "experimentname",
    "displayname",
    "description",
    "tags",
    "parameterassignments",
    "datapathassignments",
    "datasetdefinitionvalueassignments",
    "runsource",
    "runtype",
    "continuerunonstepfailure",
    "parentrunid",
    "properties",
)
_UNSENT: Final = ("displayname", "runtype", "properties")


def target_of(address: str, headers: Any) -> dict[str, Any] | None:
    """The entry of `pipelines` for an address; None if it does not submit to Azure ML."""
    parts = urlsplit(address)
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.scheme != "https" or not parts.netloc:
        return None
    if _SUBMITS.search(parts.path):
        return {"endpoint": literal(plain)}
    if _BATCH.search(parts.hostname or "") and parts.path.rstrip("/").endswith("/jobs"):
        deployment = lowered(headers).get("azureml-model-deployment")
        named = {"deployment": literal(str(deployment))} if deployment else {}
        return {"batch_endpoint": literal(plain), **named}
    return None


def read_body(texts: Texts, body: Any, place: str, parameters: Texts | None = None) -> None:
    """Put a body's values into the draft's keys; `parameters` is for parameters that have another syntax."""
    draft, given = texts.draft, _body_of(texts.draft, body, place)
    if given is None:
        return
    if "batch_endpoint" in draft.pipeline:
        _read_batch_body(texts, given, place)
        return
    found = lowered(given)
    unread(draft, place, found, _KEYS)
    for source, key in (
        ("experimentname", "experiment_name"),
        ("description", "description"),
        ("parentrunid", "parent_run_id"),
        ("runsource", "run_source"),
    ):
        if found.get(source) is not None and (text := texts.text(found[source], f"{place}.{source}")) is not None:
            draft.keys[key] = text
    for source, key, reader in (
        ("tags", "tags", texts),
        ("parameterassignments", "pipeline_parameters", parameters or texts),
    ):
        if values := reader.mapping(found.get(source), f"{place}.{source}"):
            draft.keys[key] = values
    for source in _UNSENT:
        if found.get(source) not in (None, {}, ""):
            draft.lost(f"{place}.{source}", "is not sent, because schedules have no key for it")
    note_flag(
        draft, found.get("continuerunonstepfailure"), f"{place}.continuerunonstepfailure", "continue_on_step_failure"
    )
    read_datapaths(texts, found.get("datapathassignments"), f"{place}.datapathassignments")
    _read_datasets(texts, found.get("datasetdefinitionvalueassignments"), f"{place}.datasetdefinitionvalueassignments")


def _body_of(draft: Draft, body: Any, place: str) -> Mapping[str, Any] | None:
    """The body as an object; None, with a note unless there is no body, if it is none."""
    given = unwrapped(body)
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            draft.lost(place, "the body is text that is not JSON")
            draft.decide.append(f"{place}: write its value")
            return None
    if isinstance(given, Mapping):
        return given
    if given is not None:
        draft.lost(place, "the body is not a JSON object")
    return None


def read_datapaths(texts: Texts, values: Any, place: str) -> None:
    """Read data paths; the one with the changed file becomes the trigger's."""
    given = unwrapped(values)
    if not isinstance(given, Mapping):
        texts.mapping(given, place)
        return
    for name, one in given.items():
        found = lowered(unwrapped(one))
        where = f"{place}.{name}"
        datastore = texts.text(found.get("datastorename", found.get("datastore")), f"{where}.DataStoreName")
        path = texts.text(found.get("relativepath", found.get("path")), f"{where}.RelativePath")
        if datastore is None or path is None:
            texts.draft.lost(where, "has no datastore or path that can be written in the file")
            continue
        _note_datapath(texts.draft, literal(str(name)), datastore, path, where)


def _note_datapath(draft: Draft, name: str, datastore: str, path: str, place: str) -> None:
    change = draft.trigger.get("change")
    if change is None or path not in _CHANGED:
        draft.keys.setdefault("datapaths", {})[name] = {"datastore": datastore, "path": path}
        if change is not None:
            change.setdefault("datastore", datastore)
        return
    if "data_path_parameter_name" in change:
        draft.lost(place, "only one parameter can receive the changed file; the first one does")
        return
    change["datastore"] = datastore
    change["data_path_parameter_name"] = name
    if path == "{blob.name}":
        draft.changed(
            place,
            "receives the file's path below the container, not only its name: a datastore's paths begin there",
        )


_CHANGED: Final = ("{blob.path}", "{blob.name}")


def _read_datasets(texts: Texts, values: Any, place: str) -> None:
    for name, one in lowered_once(values).items():
        reference = lowered(one)
        saved, registered = lowered(reference.get("saveddatasetreference")), lowered(reference.get("datasetreference"))
        found = {key: texts.text(value, f"{place}.{name}.{key}") for key, value in {**saved, **registered}.items()}
        kept = {key: value for key, value in found.items() if key in ("id", "name", "version") and value is not None}
        if kept:
            texts.draft.keys.setdefault("datasets", {})[literal(name)] = kept
        else:
            texts.draft.lost(f"{place}.{name}", "names neither a saved nor a registered dataset")


def lowered_once(value: Any) -> dict[str, Any]:
    """An object with its keys as they are; empty for anything else."""
    given = unwrapped(value)
    return {str(key): one for key, one in given.items()} if isinstance(given, Mapping) else {}


def _read_batch_body(texts: Texts, body: Mapping[str, Any], place: str) -> None:
    properties = lowered(lowered(body).get("properties"))
    unread(texts.draft, f"{place}.properties", properties, ("inputdata", "displayname", "description", "properties"))
    if (name := texts.text(properties.get("displayname"), f"{place}.displayName")) is not None:
        texts.draft.changed(f"{place}.displayName", f"{name}: this app names runs after their run keys")
    read_inputs(texts, properties.get("inputdata"), f"{place}.properties.InputData")


def read_inputs(texts: Texts, values: Any, place: str) -> None:
    """Read the inputs of a job: literals are parameters, paths of a datastore are data paths."""
    for name, one in lowered_once(values).items():
        where = f"{place}.{name}"
        if not isinstance(one, Mapping):
            _note_parameter(texts, name, one, place)
            continue
        found = lowered(one)
        unread(texts.draft, where, found, ("value", "uri", "path", *_TYPES))
        kind = next((str(found[key]) for key in _TYPES if found.get(key)), "")
        if "value" in found and "uri" not in found and "path" not in found:
            if kind:
                texts.draft.kept(f"{where}.type", f"{kind}: the type is defined by the pipeline itself")
            _note_parameter(texts, name, found["value"], place)
            continue
        uri = texts.text(found.get("uri", found.get("path")), where)
        match = _DATASTORE.match(uri or "")
        if match is None:
            texts.draft.lost(
                where, f"{uri or 'its value'} is not a path of a datastore (azureml://datastores/NAME/paths/PATH)"
            )
            texts.draft.decide.append(f"{where}: use a path of a datastore, or a literal value")
            continue
        if match["elsewhere"]:
            texts.draft.changed(
                where, f"{uri}: the datastore {match['datastore']} must exist in the pipeline's workspace"
            )
        if kind and not kind.replace("_", "").lower().startswith(("uri", "literal")):
            texts.draft.lost(f"{where}.type", f"{kind}: this app sends a path as a folder or a file")
        _note_datapath(texts.draft, literal(name), match["datastore"], match["path"].rstrip("/"), where)


def _note_parameter(texts: Texts, name: str, value: Any, place: str) -> None:
    """Note an input, whose place is below `place`."""
    found = texts.mapping({name: value}, place)
    if found:
        texts.draft.keys.setdefault("pipeline_parameters", {}).update(found)
