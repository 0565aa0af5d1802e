"""Digests of trigger requests: a request id that comes again with another request is refused."""

import hashlib
from typing import Any, Final

import msgspec

from ..scheduling.identities import canonical_digest
from .questions import TriggerBody

_FIELDS_0_1: Final = (
    "request_id",
    "pipeline_parameters",
    "blob",
    "scheduled_time",
    "note",
    "by",
    "callback",
)
_TASK_0_1: Final = (
    "plan_url",
    "project_id",
    "hub_name",
    "plan_id",
    "job_id",
    "timeline_id",
    "task_instance_id",
    "auth_token",
)


def request_digest(body: TriggerBody) -> str:
    """The digest of the given fields; null and empty mappings count as absent."""
    return canonical_digest("request", _given(body))


def request_digests(body: TriggerBody) -> frozenset[str]:
    """The digests that a row may hold for this request, depending on the version of the app that wrote it."""
    given, present = _given(body), request_digest(body)
    return frozenset({present, _digest_0_1(given)} if given.keys() <= set(_FIELDS_0_1) else {present})


def _given(body: TriggerBody) -> dict[str, Any]:
    """The given fields, without the token of a waiting task: each attempt of the task has another one."""
    fields: dict[str, Any] = msgspec.to_builtins(body)
    given = {name: value for name, value in fields.items() if value not in (None, {})}
    if body.callback is not None:
        given["callback"]["azure_devops"]["auth_token"] = "-"  # noqa: S105  no token
    return given


def _digest_0_1(given: dict[str, Any]) -> str:
    """The digest as version 0.1.0 wrote it: every field in its order, absent ones as null."""
    body = {name: given.get(name) for name in _FIELDS_0_1}
    body["pipeline_parameters"] = dict(sorted(given.get("pipeline_parameters", {}).items()))
    if "callback" in given:
        task = given["callback"]["azure_devops"]
        body["callback"] = {"azure_devops": {name: task[name] for name in _TASK_0_1}}
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()
